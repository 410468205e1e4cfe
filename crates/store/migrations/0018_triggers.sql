-- Rules as one vendor arranges them, webhooks with credentials of their own, every attempt of a call, and what concerns whom of the staff.
-- Written as 0001 is.

-- Groups of rules on events. Rules run by the place of their group, then by their own.
create table rule_categories (
    id @id,
    name @text not null,
    -- Lower comes first.
    position bigint not null,
    created_at bigint not null default 0,
    updated_at bigint not null default 0
);
insert into rule_categories (name, position) values ('Uncategorized', 1);

-- Null: a rule on time alone.
alter table rules add column category_id bigint references rule_categories (id);
update rules set category_id = (select min(id) from rule_categories) where event_kinds <> 'time-passed';
-- what a group holds
create index rules_by_category on rules (category_id) where category_id is not null;
-- Whether the rule was on when it was saved.
alter table rule_versions add column active bigint not null default 1;

-- Since when the ticket has its status. Null: since it was closed or, if it is open, created.
alter table tickets add column status_changed_at bigint;

-- What only a webhook has (JSON); null: made where integrations are called by another name.
alter table integrations add column webhook @text;
-- Password, token or key that its calls show, encrypted with the key from outside the database.
alter table integrations add column credentials @blob;
-- Who changed it last. Null: nobody since it was made.
alter table integrations add column updated_by bigint;
-- the list by name
create index integrations_by_name on integrations (type, name, id) where deleted_at is null;

-- When the last attempt ended; before the first, when the call was asked for.
alter table deliveries add column latest_at bigint not null default 0;
update deliveries set latest_at = coalesce(finished_at, created_at);
-- the calls of one integration by when they were tried last
create index deliveries_by_attempt on deliveries (integration_id, latest_at, id);
-- Attempts that were followed by another one: the last one stands in deliveries.
create table delivery_attempts (
    delivery_id bigint not null references deliveries (id) on delete cascade,
    number bigint not null,
    attempted_at bigint,
    request_headers @text,
    request_body @text,
    response_status bigint,
    response_headers @text,
    response_body @text,
    error @text,
    primary key (delivery_id, number)
);

-- Events that concern one of the staff, for 30 days: a ticket given to them, an answer on a ticket of theirs, one that became more urgent.
create table activities (
    event_id bigint not null,
    person_id bigint not null references people (id) on delete cascade,
    -- assignment, comment, priority_increase
    verb @text not null,
    ticket_id bigint not null references tickets (id) on delete cascade,
    created_at bigint not null,
    primary key (person_id, event_id)
);
-- the list of one person; what is old; what goes with a ticket
create index activities_by_person on activities (person_id, created_at, event_id);
create index activities_by_created on activities (created_at, event_id);
create index activities_by_ticket on activities (ticket_id);

-- What happened before is told nobody.
insert into event_cursors (reader, transaction_id, event_id, updated_at)
select 'activities', coalesce(max(transaction_id), 0), coalesce(max(id), 0), 0 from events having count(*) > 0;
