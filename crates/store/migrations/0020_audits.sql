-- The ticket whose history an event is a part of (tickets/audits.rs); null for what is told elsewhere. What one request did to one ticket
-- at one time is one entry of it, whose id is that of its first event.
alter table events add column ticket_id bigint;
update events set ticket_id = object_id
where object_type = 'Ticket' and type in ('ticket-created', 'ticket-updated', 'ticket-unassigned', 'ticket-team-unassigned',
                                          'ticket-tags-added', 'ticket-tags-removed');
update events set ticket_id = (select m.ticket_id from messages m where m.id = events.object_id)
where object_type = 'TicketMessage' and type in ('ticket-message-created', 'ticket-message-failed');
update events set ticket_id = (select s.ticket_id from satisfaction_surveys s where s.id = events.object_id)
where object_type = 'SatisfactionSurvey' and type = 'satisfaction-survey-responded';
-- of a ticket, and of all
create index events_by_ticket on events (ticket_id, created_at, id) where ticket_id is not null;
create index events_of_tickets on events (created_at, id) where ticket_id is not null;

-- Whoever was offered a ticket and went on to the next one, and why.
create table ticket_skips (
    id @id,
    ticket_id bigint not null references tickets (id) on delete cascade,
    person_id bigint not null references people (id) on delete cascade,
    reason @text not null,
    created_at bigint not null
);
-- all by id; of a ticket; of a person
create index ticket_skips_by_ticket on ticket_skips (ticket_id, id);
create index ticket_skips_by_person on ticket_skips (person_id, id);

-- Files that a macro brings along; until it has a macro, whoever sent it may give it to one.
create table macro_files (
    id @id,
    macro_id bigint references macros (id) on delete cascade,
    file_id bigint not null references files (id) on delete cascade,
    created_at bigint not null
);
create index macro_files_by_macro on macro_files (macro_id, id) where macro_id is not null;
create index macro_files_by_file on macro_files (file_id);

-- What somebody of the staff has set for themselves (JSON).
create table person_settings (
    person_id bigint primary key references people (id) on delete cascade,
    settings @text not null,
    updated_at bigint not null
);

-- People of whom nothing is left but their number, and who asked for that.
create table erased_people (
    person_id bigint primary key,
    erased_by bigint,
    created_at bigint not null
);

-- The first message that had a file, and whether it may be opened though it is held to be harmful.
alter table files add column message_id bigint;
alter table files add column malware_override bigint not null default 0;
