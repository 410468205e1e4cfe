-- Integrations and what they call, widgets, voice calls, files.

create table integrations (
    id @id,
    -- http, email, app ...
    type @text not null,
    name @text not null,
    description @text,
    -- Of type http: address, method and formats; texts with places to fill in.
    url @text,
    method @text,
    request_content_type @text,
    response_content_type @text,
    -- A JSON object, or null.
    form @text,
    -- A JSON object of texts.
    headers @text,
    oauth2 @text,
    -- The key that calls are signed with, encrypted with the key from outside the database.
    secret @blob,
    meta @text,
    -- Who made it: a person, and the app that acted for them.
    person_id bigint,
    client_id bigint,
    managed bigint not null default 0,
    business_hours_id bigint,
    created_at bigint not null,
    updated_at bigint not null,
    deactivated_at bigint,
    -- Why: null by hand, failures, app
    deactivated_by @text,
    deleted_at bigint,
    -- Calls that failed one after the other; a success sets it to 0.
    n_failures bigint not null default 0,
    -- While this lies ahead the circuit is open: nothing is called. Null: closed.
    resting_until bigint,
    last_success_at bigint,
    last_failure_at bigint,
    last_error @text
);
-- the list, of one type and of all; what an app made
create index integrations_by_created on integrations (created_at, id) where deleted_at is null;
create index integrations_by_type on integrations (type, created_at, id) where deleted_at is null;
create index integrations_by_client on integrations (client_id) where client_id is not null;

-- Which events an integration is called for.
create table integration_triggers (
    trigger_word @text not null,
    integration_id bigint not null references integrations (id) on delete cascade,
    primary key (trigger_word, integration_id)
);
create index integration_triggers_by_integration on integration_triggers (integration_id);

-- What a customer's data says at an integration that is read with GET.
create table integration_data (
    person_id bigint not null references people (id) on delete cascade,
    integration_id bigint not null references integrations (id) on delete cascade,
    data @text not null,
    updated_at bigint not null,
    primary key (person_id, integration_id)
);
create index integration_data_by_integration on integration_data (integration_id);

-- Calls: one row for each event and integration, and one for each call of a macro or rule. Kept for 30 days.
create table deliveries (
    id @id,
    integration_id bigint references integrations (id) on delete cascade,
    -- The event that asks for it; with a replay it is null, and replay_of names the first one.
    event_id bigint,
    replay_of bigint,
    -- Such as ticket-created; of a macro or rule, its name.
    trigger_word @text not null,
    ticket_id bigint,
    -- What groups the events of one request.
    context @text,
    -- What is filled in, or the whole call of a macro or rule. JSON.
    input @text not null,
    -- waiting, delivered, failed, skipped
    state @text not null,
    attempts bigint not null default 0,
    created_at bigint not null,
    next_at bigint,
    finished_at bigint,
    -- The last attempt, without secrets and cut to size.
    method @text,
    url @text,
    request_headers @text,
    request_body @text,
    response_status bigint,
    response_headers @text,
    response_body @text,
    milliseconds bigint,
    error @text
);
-- one row for each event and integration, whatever crashes
create unique index deliveries_by_event on deliveries (integration_id, event_id) where event_id is not null;
-- the log: of one integration, of one state, of both, of all; what is old
create index deliveries_by_created on deliveries (created_at, id);
create index deliveries_by_integration on deliveries (integration_id, created_at, id);
create index deliveries_by_state on deliveries (state, created_at, id);
create index deliveries_by_integration_and_state on deliveries (integration_id, state, created_at, id);
-- the order about one ticket, and how many there were lately
create index deliveries_by_ticket on deliveries (integration_id, ticket_id, created_at) where ticket_id is not null;

-- What happened before there was anybody to tell is not told.
insert into event_cursors (reader, transaction_id, event_id, updated_at)
select 'integrations', coalesce(max(transaction_id), 0), coalesce(max(id), 0), 0 from events having count(*) > 0;

create table widgets (
    id @id,
    type @text not null,
    context @text not null,
    -- Lower comes first.
    sort_order bigint not null default 0,
    integration_id bigint references integrations (id) on delete set null,
    app_id @text,
    template @text not null,
    -- The app that made it.
    client_id bigint,
    created_at bigint not null,
    updated_at bigint not null,
    deactivated_at bigint
);
-- the list by age and by order; of one integration, of one app; what an app made
create index widgets_by_created on widgets (created_at, id);
create index widgets_by_order on widgets (sort_order, id);
create index widgets_by_integration on widgets (integration_id, created_at, id) where integration_id is not null;
create index widgets_by_app on widgets (app_id, created_at, id) where app_id is not null;
create index widgets_by_client on widgets (client_id) where client_id is not null;

create table voice_calls (
    id @id,
    integration_id bigint references integrations (id) on delete set null,
    ticket_id bigint references tickets (id) on delete set null,
    phone_number_id bigint not null,
    external_id @text,
    provider @text,
    status @text,
    direction @text not null,
    termination_status @text,
    phone_number_source @text,
    country_source @text,
    phone_number_destination @text,
    country_destination @text,
    duration_seconds bigint,
    started_at bigint not null,
    created_at bigint not null,
    updated_at bigint,
    initiated_by_agent_id bigint,
    last_answered_by_agent_id bigint,
    customer_id bigint not null references people (id) on delete cascade
);
create index voice_calls_by_created on voice_calls (created_at, id);
create index voice_calls_by_ticket on voice_calls (ticket_id, created_at, id) where ticket_id is not null;
create index voice_calls_by_customer on voice_calls (customer_id);
create index voice_calls_by_integration on voice_calls (integration_id) where integration_id is not null;
-- the same call of a provider is stored once
create unique index voice_calls_by_external_id on voice_calls (provider, external_id) where external_id is not null;

create table voice_call_events (
    id @id,
    call_id bigint not null references voice_calls (id) on delete cascade,
    type @text not null,
    user_id bigint,
    customer_id bigint,
    meta @text,
    created_at bigint not null
);
create index voice_call_events_by_created on voice_call_events (created_at, id);
create index voice_call_events_by_call on voice_call_events (call_id, created_at, id);

create table voice_call_recordings (
    id @id,
    call_id bigint not null references voice_calls (id) on delete cascade,
    external_id @text,
    -- call-recording, voicemail
    type @text not null,
    url @text,
    duration_seconds bigint,
    error_code @text,
    created_at bigint not null,
    deleted_at bigint,
    deleted_by_user_id bigint
);
create index voice_call_recordings_by_created on voice_call_recordings (created_at, id);
create index voice_call_recordings_by_call on voice_call_recordings (call_id, created_at, id);

create table files (
    id @id,
    -- The part of the address that nobody guesses.
    key @text not null,
    -- attachment, public_attachment, profile_picture, widget_picture
    purpose @text not null,
    name @text not null,
    content_type @text not null,
    size_bytes bigint not null,
    sha256 @text not null,
    -- database, folder or bucket: where its bytes were put
    place @text not null,
    person_id bigint,
    created_at bigint not null,
    -- Set when something points at it: what nobody took is removed after a week.
    used_at bigint
);
create unique index files_by_key on files (key);
-- what nobody took
create index files_unused on files (created_at, id) where used_at is null;

create table file_bytes (
    file_id bigint primary key references files (id) on delete cascade,
    bytes @blob not null
);
