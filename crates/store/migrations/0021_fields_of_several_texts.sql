-- Values that are several texts: a line end before, between and after them. Of the four values of a row exactly one is there; which, the
-- field's data_type says (text, number, flag, list). Always read by whose values they are.
alter table ticket_field_values add column list_value @text;
alter table customer_field_values add column list_value @text;
alter table organization_field_values add column list_value @text;
