-- Saved lists, and what makes each of them a walk of an index.
-- One more word differs here: @computed is a column that the database works out itself, and never copies.

-- Where a ticket lies: in exactly one place, whatever a list asks for. A condition leaves few of the five to look into, and in each of
-- them an index gives the order.
alter table tickets add column folder @text generated always as (
    case when trashed_at is not null then 'trash' when spam = 1 then 'spam' when status not in ('solved', 'closed') then 'open'
         when snoozed_until is not null then 'snoozed' else 'done' end
) @computed;
alter table tickets add column priority_rank bigint generated always as (
    case priority when 'low' then 1 when 'normal' then 2 when 'high' then 3 else 4 end
) @computed;
-- Times that may be missing, as numbers that have an order: missing comes before the first.
alter table tickets add column last_message_key bigint generated always as (coalesce(last_message_at, -70000000000000000)) @computed;
alter table tickets add column last_received_key bigint generated always as (coalesce(last_received_message_at, -70000000000000000)) @computed;
alter table tickets add column closed_key bigint generated always as (coalesce(closed_at, -70000000000000000)) @computed;
alter table tickets add column snoozed_key bigint generated always as (coalesce(snoozed_until, -70000000000000000)) @computed;

-- a view in each of its orders
create index tickets_in_folder_by_created on tickets (folder, created_at, id);
create index tickets_in_folder_by_updated on tickets (folder, updated_at, id);
create index tickets_in_folder_by_last_message on tickets (folder, last_message_key, id);
create index tickets_in_folder_by_last_received on tickets (folder, last_received_key, id);
create index tickets_in_folder_by_closed on tickets (folder, closed_key, id);
create index tickets_in_folder_by_snoozed on tickets (folder, snoozed_key, id);
create index tickets_in_folder_by_priority on tickets (folder, priority_rank, id);
-- Unassigned; mine; my team's; and, for any order, how many tickets somebody has in a folder
create index tickets_unassigned on tickets (folder, updated_at, id) where assignee_user_id is null;
drop index tickets_by_assignee;
create index tickets_by_assignee on tickets (assignee_user_id, folder, updated_at, id) where assignee_user_id is not null;
drop index tickets_by_team;
create index tickets_by_team on tickets (assignee_team_id, folder, updated_at, id) where assignee_team_id is not null;
-- With it, SQLite would gather all tickets of a status and sort them.
drop index tickets_by_status;

create table views (
    id @id,
    slug @text not null,
    name @text not null,
    -- inbox, unassigned, all, snoozed, closed, spam, trash; null for views that people made
    system @text,
    -- tickets, customers
    lists @text not null,
    -- what the view holds, as JSON, and as its author wrote it in their vendor's language
    condition @text not null,
    source @text not null,
    search @text,
    -- JSON array of words
    fields @text not null,
    sort @text not null,
    descending bigint not null,
    -- public, shared, private
    visibility @text not null,
    decoration @text,
    section_id bigint,
    display_order bigint not null,
    created_by bigint references people (id),
    created_at bigint not null,
    updated_at bigint not null,
    -- Since when something that the condition names is gone.
    deactivated_at bigint
);
create index views_by_created on views (created_at, id);
create index views_by_order on views (display_order, id);
create unique index views_by_system on views (system) where system is not null;

-- Whom a view is shared with. Together few: a view has at most 100 of each.
create table view_people (
    view_id bigint not null references views (id) on delete cascade,
    person_id bigint not null references people (id) on delete cascade,
    primary key (view_id, person_id)
);
create index view_people_by_person on view_people (person_id, view_id);
create table view_teams (
    view_id bigint not null references views (id) on delete cascade,
    team_id bigint not null references teams (id) on delete cascade,
    primary key (view_id, team_id)
);
create index view_teams_by_team on view_teams (team_id, view_id);

insert into views (slug, name, system, lists, condition, source, fields, sort, descending, visibility, display_order, created_at, updated_at)
values
('inbox', 'Inbox', 'inbox', 'tickets',
 '{"not":{"any":[{"is":{"field":"status","operator":"equal","operand":{"text":"solved"}}},{"is":{"field":"status","operator":"equal","operand":{"text":"closed"}}}]}}',
 'eq(ticket.status, ''open'')', '["details","tags","subject","last_message"]', 'updated', 1, 'public', 1, 0, 0),
('unassigned', 'Unassigned', 'unassigned', 'tickets',
 '{"all":[{"not":{"any":[{"is":{"field":"status","operator":"equal","operand":{"text":"solved"}}},{"is":{"field":"status","operator":"equal","operand":{"text":"closed"}}}]}},{"is":{"field":"assignee_user_id","operator":"is_empty","operand":"nothing"}}]}',
 'eq(ticket.status, ''open'') && isEmpty(ticket.assignee_user.id)', '["details","tags","subject","last_message"]', 'updated', 1, 'public', 2, 0, 0),
('all', 'All', 'all', 'tickets', '{"all":[]}', '', '["details","tags","subject","last_message"]', 'updated', 1, 'public', 3, 0, 0),
('snoozed', 'Snoozed', 'snoozed', 'tickets',
 '{"is":{"field":"snoozed_until","operator":"is_not_empty","operand":"nothing"}}',
 'isNotEmpty(ticket.snooze_datetime)', '["details","tags","subject","snooze"]', 'snoozed', 0, 'public', 4, 0, 0),
('closed', 'Closed', 'closed', 'tickets',
 '{"all":[{"any":[{"is":{"field":"status","operator":"equal","operand":{"text":"solved"}}},{"is":{"field":"status","operator":"equal","operand":{"text":"closed"}}}]},{"is":{"field":"snoozed_until","operator":"is_empty","operand":"nothing"}}]}',
 'eq(ticket.status, ''closed'') && isEmpty(ticket.snooze_datetime)', '["details","tags","subject","closed"]', 'updated', 1, 'public', 5, 0, 0),
('spam', 'Spam', 'spam', 'tickets',
 '{"all":[{"is":{"field":"spam","operator":"equal","operand":{"flag":true}}},{"is":{"field":"trashed_at","operator":"is_empty","operand":"nothing"}}]}',
 'eq(ticket.spam, true) && isEmpty(ticket.trashed_datetime)', '["details","tags","subject","last_message"]', 'updated', 1, 'public', 6, 0, 0),
('trash', 'Trash', 'trash', 'tickets',
 '{"is":{"field":"trashed_at","operator":"is_not_empty","operand":"nothing"}}',
 'isNotEmpty(ticket.trashed_datetime)', '["details","tags","subject","last_message"]', 'updated', 1, 'public', 7, 0, 0);

-- An account that was there before is made searchable in the background.
insert into queue (kind, payload, dedupe_key, state, run_at, max_attempts, created_at)
select 'rebuild_search', '{}', 'all', 'ready', 0, 20, 0 where exists (select 1 from people where is_staff = 0);
