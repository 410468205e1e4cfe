-- Jobs that people start and watch: bulk edits, exports, imports, and the undoing of a bulk edit. The queue runs them.
create table jobs (
    id @id,
    -- update_tickets, apply_macro, delete_tickets, export_tickets, export_macros, import_macros, import
    type @text not null,
    -- pending, scheduled, running, done, cancel_requested, canceled, errored, fatal_errored
    status @text not null,
    -- What to do, as our own value (JSON).
    work @text not null,
    -- The parameters and the free data as the caller sent them (JSON).
    params @text not null,
    meta @text,
    -- Who asked, through what.
    person_id bigint,
    client_id bigint,
    grant_id bigint,
    impersonator_id bigint,
    -- The agent that acted for the person (JSON: its `sub`, its name).
    acting @text,
    request_id @text not null,
    queue_id bigint,
    -- The run that may write: one that lost the job finds another name here and stops.
    run @text,
    checkpoint @text,
    progress_done bigint not null default 0,
    progress_total bigint,
    error_count bigint not null default 0,
    -- Of how many tickets something can be put back.
    changed_count bigint not null default 0,
    last_error @text,
    -- What an import leaves behind: counts, hashes (JSON).
    receipt @text,
    -- The job that this one undoes, and the other way round.
    undoes bigint,
    undone_by bigint,
    created_at bigint not null,
    scheduled_at bigint,
    locked_at bigint,
    started_at bigint,
    ended_at bigint,
    failed_at bigint,
    cancel_requested_at bigint,
    canceled_at bigint,
    -- When the result file and the values from before were removed.
    cleaned_at bigint
);
create index jobs_by_created on jobs (created_at, id);
create index jobs_by_status on jobs (status, created_at, id);
create index jobs_by_type on jobs (type, created_at, id);
create index jobs_to_clean on jobs (created_at) where cleaned_at is null;

-- What each slice of a bulk edit changed: for every ticket the changed fields as they were and as the job left them (JSON).
create table job_changes (
    job_id bigint not null references jobs (id) on delete cascade,
    number bigint not null,
    changes @text not null,
    primary key (job_id, number)
);

-- What could not be done, row by row.
create table job_errors (
    job_id bigint not null references jobs (id) on delete cascade,
    number bigint not null,
    -- The ticket, or none where a row of a file is meant.
    ticket_id bigint,
    row_number bigint,
    problem @text not null,
    primary key (job_id, number)
);

-- The file that a job writes, piece by piece.
create table job_pieces (
    job_id bigint not null references jobs (id) on delete cascade,
    number bigint not null,
    content @blob not null,
    primary key (job_id, number)
);
