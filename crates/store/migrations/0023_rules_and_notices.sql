-- The weekly hours that a ticket goes by. Null: the account's own. Written as 0001 is.
alter table tickets add column schedule_id bigint references schedules (id) on delete set null;
-- whether a schedule is used, and what goes with one
create index tickets_by_schedule on tickets (schedule_id) where schedule_id is not null;

-- Where people find this helpdesk, as the configuration said at the last start: one row.
create table public_address (
    id bigint primary key,
    url @text not null
);

-- Who subscribed to organizations, articles and sections is told of what happens from now on.
insert into event_cursors (reader, transaction_id, event_id, updated_at)
select 'subscribers', coalesce(max(transaction_id), 0), coalesce(max(id), 0), 0 from events having count(*) > 0;

-- how often a rule ran of late
create index rule_executions_that_ran on rule_executions (rule_id, created_at) where outcome = 'ran';
