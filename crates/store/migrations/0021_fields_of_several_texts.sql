-- Values that are several texts: a line end before, between and after them. Of the four values of a row exactly one is there; which, the
-- field's data_type says (text, number, flag, list). Always read by whose values they are.
alter table ticket_field_values add column list_value @text;
alter table customer_field_values add column list_value @text;
alter table organization_field_values add column list_value @text;
create index ticket_field_values_by_list on ticket_field_values (field_id, ticket_id) where list_value is not null;
create index customer_field_values_by_list on customer_field_values (field_id, customer_id) where list_value is not null;
create index organization_field_values_by_list on organization_field_values (field_id, organization_id) where list_value is not null;
