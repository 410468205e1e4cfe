-- What more is found, and in more orders: phrases, words of one part of a record, tickets by status and type, who wrote on them, and
-- whose files they bring along. Written as 0001 is.

-- Places in an order: new comes first, no type before all types.
alter table tickets add column status_rank bigint generated always as (
    case status when 'new' then 1 when 'open' then 2 when 'pending' then 3 when 'on_hold' then 4 when 'solved' then 5 else 6 end
) @computed;
alter table tickets add column type_rank bigint generated always as (
    case type when 'question' then 1 when 'incident' then 2 when 'problem' then 3 when 'task' then 4 else 0 end
) @computed;
create index tickets_in_folder_by_status on tickets (folder, status_rank, id);
create index tickets_in_folder_by_type on tickets (folder, type_rank, id);
-- tasks by when they are due
create index tickets_by_due on tickets (due_at, id) where due_at is not null;

-- tickets that somebody wrote on, and whether they did on this one
drop index messages_by_sender;
create index messages_by_sender on messages (sender_id, ticket_id);
-- tickets with files
create index messages_with_files on messages (ticket_id) where attachments is not null;

-- the few who may not sign in, and those whose address is known to be theirs
create index people_suspended on people (id) where suspended = 1;
create index people_verified on people (id) where email_verified = 1;

-- An account that was there before is made searchable so in the background.
insert into queue (kind, payload, dedupe_key, state, run_at, max_attempts, created_at)
select 'rebuild_search', '{}', 'all', 'ready', 0, 20, 0
where exists (select 1 from people) and not exists (select 1 from queue where kind = 'rebuild_search' and state in ('ready', 'running'));
