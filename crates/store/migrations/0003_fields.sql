-- Fields that an account adds to tickets and customers, forms of them, and organizations. Written as 0001 is.

create table custom_fields (
    id @id,
    -- ticket, customer
    object_type @text not null,
    external_id @text,
    label @text not null,
    -- In lower case, for search.
    label_key @text not null,
    description @text,
    -- Place in lists: the greatest comes first.
    priority bigint not null default 0,
    -- visible, required, conditional
    requirement @text not null,
    -- What a built-in field is for, such as contact_reason.
    managed_type @text,
    -- text, number, flag: which column of the values is filled. Never changes.
    data_type @text not null,
    -- How it is filled in, with its choices: JSON.
    input @text not null,
    -- What the customer may do with it on a form of theirs.
    shown_to_customers bigint not null default 0,
    editable_by_customers bigint not null default 0,
    created_at bigint not null,
    updated_at bigint not null,
    archived_at bigint
);
-- fields of one sort of object in their order
create index custom_fields_by_priority on custom_fields (object_type, priority, id);

-- Exactly one of the three values is there. text_key is the start of the text in lower case: a whole text is too long for an index.
create table ticket_field_values (
    ticket_id bigint not null references tickets (id) on delete cascade,
    field_id bigint not null references custom_fields (id) on delete cascade,
    text_value @text,
    text_key @text,
    number_value @real,
    flag_value bigint,
    updated_at bigint not null,
    primary key (ticket_id, field_id)
);
-- tickets with a value, by its beginning, its size, its truth; how many tickets have which value
create index ticket_field_values_by_text on ticket_field_values (field_id, text_key, ticket_id) where text_key is not null;
create index ticket_field_values_by_number on ticket_field_values (field_id, number_value, ticket_id) where number_value is not null;
create index ticket_field_values_by_flag on ticket_field_values (field_id, flag_value, ticket_id) where flag_value is not null;

create table customer_field_values (
    customer_id bigint not null references people (id) on delete cascade,
    field_id bigint not null references custom_fields (id) on delete cascade,
    text_value @text,
    text_key @text,
    number_value @real,
    flag_value bigint,
    updated_at bigint not null,
    primary key (customer_id, field_id)
);
create index customer_field_values_by_text on customer_field_values (field_id, text_key, customer_id) where text_key is not null;
create index customer_field_values_by_number on customer_field_values (field_id, number_value, customer_id) where number_value is not null;
create index customer_field_values_by_flag on customer_field_values (field_id, flag_value, customer_id) where flag_value is not null;

-- Companies that customers belong to.
create table organizations (
    id @id,
    external_id @text,
    name @text not null,
    -- In lower case, for search and so that no two differ by case alone.
    name_key @text not null,
    details @text,
    notes @text,
    -- Whose tickets these are, unless they say otherwise.
    team_id bigint references teams (id) on delete set null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index organizations_by_name on organizations (name_key);
create index organizations_by_external_id on organizations (external_id) where external_id is not null;
create index organizations_by_created on organizations (created_at, id);
create index organizations_by_team on organizations (team_id) where team_id is not null;

-- New customers with an address there become members.
create table organization_domains (
    domain @text primary key,
    organization_id bigint not null references organizations (id) on delete cascade
);
create index organization_domains_by_organization on organization_domains (organization_id, domain);

create table organization_members (
    organization_id bigint not null references organizations (id) on delete cascade,
    customer_id bigint not null references people (id) on delete cascade,
    -- The one that the customer's tickets belong to.
    is_default bigint not null default 0,
    created_at bigint not null,
    primary key (organization_id, customer_id)
);
create index organization_members_by_customer on organization_members (customer_id, organization_id);
create unique index organization_members_default on organization_members (customer_id) where is_default = 1;

-- Which fields a kind of request asks for.
create table ticket_forms (
    id @id,
    name @text not null,
    -- What customers read instead of the name.
    display_name @text,
    shown_to_customers bigint not null default 1,
    active bigint not null default 1,
    is_default bigint not null default 0,
    position bigint not null,
    -- Which fields show only with which values of others: JSON.
    conditions @text not null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index ticket_forms_default on ticket_forms (is_default) where is_default = 1;
create index ticket_forms_by_position on ticket_forms (position, id);

create table ticket_form_fields (
    form_id bigint not null references ticket_forms (id) on delete cascade,
    field_id bigint not null references custom_fields (id) on delete cascade,
    position bigint not null,
    primary key (form_id, field_id)
);
create index ticket_form_fields_by_field on ticket_form_fields (field_id);

alter table tickets add column organization_id bigint references organizations (id) on delete set null;
alter table tickets add column form_id bigint references ticket_forms (id) on delete set null;
-- question, incident, problem, task
alter table tickets add column type @text;
-- Of a task.
alter table tickets add column due_at bigint;
create index tickets_by_organization on tickets (organization_id, created_at, id) where organization_id is not null;
create index tickets_by_form on tickets (form_id) where form_id is not null;

-- Staff who are away: 1. They sort after those who are there.
alter table people add column is_away bigint not null default 0;

-- teams by created
create index teams_by_created on teams (created_at, id);
