-- Rules: what happens to a ticket by itself. The row is the rule as it is; every save leaves a row in rule_versions too.
create table rules (
    id @id,
    name @text not null,
    description @text,
    -- Free word that groups rules in a vendor's rooms.
    category @text,
    -- The code in the words of whoever wrote it, as it came.
    source @text not null,
    -- What it means: JSON.
    steps @text not null,
    -- Kinds of events, separated by commas; time-passed is looked at again and again.
    event_kinds @text not null,
    -- Higher runs first, then the older one.
    priority bigint not null,
    version bigint not null,
    -- Staff who saved it last.
    author_id bigint,
    created_at bigint not null,
    updated_at bigint not null,
    deactivated_at bigint,
    -- Events before are none of its business.
    active_since bigint not null,
    runs bigint not null default 0,
    last_run_at bigint,
    -- Failures since it last ran well.
    failures bigint not null default 0,
    last_error @text,
    last_error_at bigint
);
create index rules_by_created on rules (created_at, id);
create index rules_by_priority on rules (priority, id);

create table rule_versions (
    rule_id bigint not null references rules (id) on delete cascade,
    version bigint not null,
    name @text not null,
    description @text,
    source @text not null,
    steps @text not null,
    event_kinds @text not null,
    author_id bigint,
    created_at bigint not null,
    primary key (rule_id, version)
);

-- Why a ticket changed: each time a rule did something, or failed to. Outlives the rule.
create table rule_executions (
    id @id,
    rule_id bigint not null,
    rule_name @text not null,
    rule_version bigint not null,
    ticket_id bigint not null references tickets (id) on delete cascade,
    -- The event that it ran on; none as time passes.
    event_id bigint,
    event_kind @text not null,
    -- Groups what one request did: of the event it ran on, and of the events that it wrote itself.
    cause @text,
    context @text not null,
    -- ran, failed, over_budget
    outcome @text not null,
    -- JSON: which branches, the values seen, the actions taken.
    branches @text not null,
    seen @text not null,
    actions @text not null,
    error @text,
    -- Rules that led here, this one last: JSON.
    chain @text not null,
    created_at bigint not null
);
create index rule_executions_by_ticket on rule_executions (ticket_id, id);
create index rule_executions_by_rule on rule_executions (rule_id, id);
create index rule_executions_by_context on rule_executions (context);

-- A rule on time acts once on a ticket in each of its versions.
create table rule_marks (
    rule_id bigint not null references rules (id) on delete cascade,
    version bigint not null,
    ticket_id bigint not null references tickets (id) on delete cascade,
    primary key (rule_id, version, ticket_id)
);
create index rule_marks_by_ticket on rule_marks (ticket_id);

-- What a rule would have done, had it been there before.
create table rule_dry_runs (
    id @id,
    rule_id bigint references rules (id) on delete cascade,
    source @text not null,
    steps @text not null,
    event_kinds @text not null,
    -- Events from then until then.
    since bigint not null,
    until bigint not null,
    -- running, done
    state @text not null,
    -- The last event that was looked at.
    at_created bigint not null,
    at_event bigint not null,
    n_events bigint not null default 0,
    n_hits bigint not null default 0,
    n_tickets bigint not null default 0,
    author_id bigint,
    created_at bigint not null,
    finished_at bigint
);
create index rule_dry_runs_by_rule on rule_dry_runs (rule_id, id);

create table rule_dry_run_hits (
    dry_run_id bigint not null references rule_dry_runs (id) on delete cascade,
    event_id bigint not null,
    event_kind @text not null,
    ticket_id bigint not null references tickets (id) on delete cascade,
    branches @text not null,
    seen @text not null,
    actions @text not null,
    happened_at bigint not null,
    primary key (dry_run_id, event_id)
);
create index rule_dry_run_hits_by_ticket on rule_dry_run_hits (ticket_id);

-- Rules begin with what happens from now on.
insert into event_cursors (reader, transaction_id, event_id, updated_at)
select 'rules', coalesce(max(transaction_id), 0), coalesce(max(id), 0), 0 from events having count(*) > 0;
