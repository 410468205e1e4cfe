-- Forms of some brands and what customers see of them, fields of organizations, mails that are held back, who hears of an organization's
-- tickets, organizations that became one, roles of the account's own, and pictures of brands. Written as 0001 is.

alter table ticket_forms add column in_all_brands bigint not null default 1;
-- What customers see of the conditions (JSON). Null: none.
alter table ticket_forms add column customer_conditions @text;
-- Places of what every ticket has, among the other fields (JSON). Null: all of it, before them.
alter table ticket_forms add column built_in @text;

create table ticket_form_brands (
    form_id bigint not null references ticket_forms (id) on delete cascade,
    brand_id bigint not null references brands (id) on delete cascade,
    primary key (form_id, brand_id)
);
create index ticket_form_brands_by_brand on ticket_form_brands (brand_id);

-- Which of the account's own statuses a form offers. Of a form without any: all.
create table ticket_form_statuses (
    id @id,
    form_id bigint not null references ticket_forms (id) on delete cascade,
    custom_status_id bigint not null references custom_statuses (id) on delete cascade
);
create unique index ticket_form_statuses_by_form on ticket_form_statuses (form_id, custom_status_id);
create index ticket_form_statuses_by_status on ticket_form_statuses (custom_status_id);

-- What programs call a field, and never changes.
alter table custom_fields add column key @text;
create unique index custom_fields_by_key on custom_fields (object_type, key) where key is not null;

create table organization_field_values (
    organization_id bigint not null references organizations (id) on delete cascade,
    field_id bigint not null references custom_fields (id) on delete cascade,
    text_value @text,
    text_key @text,
    number_value @real,
    flag_value bigint,
    updated_at bigint not null,
    primary key (organization_id, field_id)
);
create index organization_field_values_by_text on organization_field_values (field_id, text_key, organization_id) where text_key is not null;
create index organization_field_values_by_number on organization_field_values (field_id, number_value, organization_id) where number_value is not null;
create index organization_field_values_by_flag on organization_field_values (field_id, flag_value, organization_id) where flag_value is not null;

-- Messages that did not become tickets until somebody has looked at them.
create table held_messages (
    id @id,
    -- helpdesk::held_messages::Cause
    cause @text not null,
    author_id bigint references people (id) on delete set null,
    author_name @text,
    -- In lower case; empty where it is not known.
    author_email @text not null,
    subject @text,
    -- The start of the subject in lower case: a whole one is too long for an index.
    subject_key @text not null,
    body_text @text not null,
    body_html @text,
    -- The address that it was sent to.
    recipient @text,
    brand_id bigint references brands (id),
    channel @text not null,
    source @text,
    message_id @text,
    -- The ticket that it was meant for.
    ticket_id bigint references tickets (id) on delete set null,
    -- As messages have them (JSON).
    attachments @text,
    sent_at bigint,
    created_at bigint not null,
    updated_at bigint not null
);
create index held_messages_by_created on held_messages (created_at, id);
create index held_messages_by_author on held_messages (author_email, id);
create index held_messages_by_cause on held_messages (cause, id);
create index held_messages_by_subject on held_messages (subject_key, id);
create index held_messages_by_message_id on held_messages (message_id) where message_id is not null;

create table held_message_files (
    held_message_id bigint not null references held_messages (id) on delete cascade,
    file_id bigint not null references files (id) on delete cascade,
    primary key (held_message_id, file_id)
);
create index held_message_files_by_file on held_message_files (file_id);

create table organization_subscriptions (
    id @id,
    organization_id bigint not null references organizations (id) on delete cascade,
    person_id bigint not null references people (id) on delete cascade,
    created_at bigint not null
);
create unique index organization_subscriptions_by_person on organization_subscriptions (person_id, organization_id);
create index organization_subscriptions_by_organization on organization_subscriptions (organization_id, id);

-- Organizations that go into others. The row stays when they are gone.
create table organization_merges (
    id @id,
    -- new, in_progress, complete, error
    status @text not null,
    winner_id bigint not null,
    loser_id bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
create index organization_merges_by_winner on organization_merges (winner_id, id);
create index organization_merges_by_loser on organization_merges (loser_id, id);
-- of two merges at once, the second is refused
create unique index organization_merges_under_way on organization_merges (loser_id) where status in ('new', 'in_progress');

-- Roles of the account's own: each is one of the program's, less some permissions.
create table custom_roles (
    id @id,
    name @text not null,
    -- In lower case.
    name_key @text not null,
    description @text not null,
    role @text not null,
    -- The switches that it was made with (JSON).
    configuration @text not null,
    -- What it takes away, such as `macros:write`, with blanks between.
    denied @text not null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index custom_roles_by_name on custom_roles (name_key);

-- Null: the role alone.
alter table people add column custom_role_id bigint references custom_roles (id);
-- The role's, beside the role that every call reads.
alter table people add column denied @text;
create index people_by_custom_role on people (custom_role_id, id) where custom_role_id is not null;

-- Null: none.
alter table brands add column logo_file_id bigint references files (id) on delete set null;
-- unknown, waiting
alter table support_addresses add column forwarding_status @text not null default 'unknown';
