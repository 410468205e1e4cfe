-- What an account is set up with besides people: brands, statuses of its own, several schedules, promised times, texts in several languages,
-- and the addresses that customers write to. Written as 0001 is.

-- The names under which the account deals with customers. The first one is the account itself: it has the account's name and domain until it
-- is given its own.
create table brands (
    id @id,
    name @text,
    -- As it is compared, unique among those that are not deleted.
    subdomain @text,
    active bigint not null default 1,
    -- Tickets that name no brand belong to this one.
    is_default bigint not null default 0,
    host_mapping @text,
    signature_template @text,
    created_at bigint not null default 0,
    updated_at bigint not null default 0,
    deleted_at bigint
);
create unique index brands_by_subdomain on brands (subdomain) where deleted_at is null and subdomain is not null;
create unique index brands_default on brands (is_default) where is_default = 1;
insert into brands (name, is_default) values (null, 1);

-- Names for the states between the six statuses. Each of the first five has one that stands for it.
create table custom_statuses (
    id @id,
    -- new, open, pending, on_hold, solved
    status @text not null,
    agent_label @text not null,
    -- What customers read instead.
    end_user_label @text,
    description @text,
    end_user_description @text,
    active bigint not null default 1,
    -- What a ticket of this status has unless it says otherwise.
    is_default bigint not null default 0,
    created_at bigint not null default 0,
    updated_at bigint not null default 0,
    deleted_at bigint
);
create unique index custom_statuses_default on custom_statuses (status) where is_default = 1;
insert into custom_statuses (status, agent_label, is_default) values ('new', 'New', 1);
insert into custom_statuses (status, agent_label, is_default) values ('open', 'Open', 1);
insert into custom_statuses (status, agent_label, is_default) values ('pending', 'Pending', 1);
insert into custom_statuses (status, agent_label, is_default) values ('on_hold', 'On-hold', 1);
insert into custom_statuses (status, agent_label, is_default) values ('solved', 'Solved', 1);

-- Null: the default one.
alter table tickets add column brand_id bigint references brands (id);
-- Null: the default one of the ticket's status.
alter table tickets add column custom_status_id bigint references custom_statuses (id);

-- Weekly hours. The first are the account's own: their hours and their zone stand in its setting, the rest is here.
create table schedules (
    id @id,
    name @text not null,
    timezone @text not null,
    -- Pairs of minutes since Sunday 00:00 in that zone (JSON).
    intervals @text not null,
    created_at bigint not null default 0,
    updated_at bigint not null default 0
);
insert into schedules (name, timezone, intervals) values ('Business hours', 'UTC', '[]');

create table schedule_holidays (
    id @id,
    schedule_id bigint not null references schedules (id) on delete cascade,
    name @text not null,
    -- Both included, such as 2026-12-24.
    first_day @text not null,
    last_day @text not null
);
create index schedule_holidays_by_schedule on schedule_holidays (schedule_id, first_day, id);

-- Times within which customers are promised an answer. Of the policies that a ticket fulfils, the first by position counts.
create table sla_policies (
    id @id,
    title @text not null,
    description @text,
    position bigint not null,
    -- helpdesk::filter::Condition (JSON).
    condition @text not null,
    -- Priority, metric, seconds, and whether they are business time (JSON).
    targets @text not null,
    created_at bigint not null,
    updated_at bigint not null
);
create index sla_policies_by_position on sla_policies (position, id);

-- Texts with a version for each language, which other texts name as {{dc.name}}.
create table dynamic_contents (
    id @id,
    name @text not null,
    -- What stands behind `dc.`
    placeholder @text not null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index dynamic_contents_by_placeholder on dynamic_contents (placeholder);

create table dynamic_content_variants (
    id @id,
    content_id bigint not null references dynamic_contents (id) on delete cascade,
    -- Such as en-US.
    locale @text not null,
    content @text not null,
    active bigint not null default 1,
    is_default bigint not null default 0,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index dynamic_content_variants_by_locale on dynamic_content_variants (content_id, locale);
create unique index dynamic_content_variants_default on dynamic_content_variants (content_id) where is_default = 1;

-- Where customers write to.
create table support_addresses (
    id @id,
    email @text not null,
    -- In lower case.
    email_key @text not null,
    name @text not null,
    -- Null: the default one.
    brand_id bigint references brands (id),
    is_default bigint not null default 0,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index support_addresses_by_email on support_addresses (email_key);
create unique index support_addresses_default on support_addresses (is_default) where is_default = 1;
