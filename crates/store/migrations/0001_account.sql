-- The first schema. One file for both databases; the words that differ begin with an at sign: id, text, blob, transaction_id.
-- Times are microseconds since 1970 UTC, truth is 0 or 1, JSON is text. Every index names the query it serves.

create table account (
    id bigint primary key check (id = 1),
    name @text not null,
    domain @text not null,
    status @text not null default 'active',
    owner_id bigint,
    meta @text not null default '{}',
    created_at bigint not null,
    deactivated_at bigint
);

create table settings (
    id @id,
    type @text not null,
    name @text,
    data @text not null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index settings_by_type on settings (type);

-- Staff and customers. One table, so that their ids never overlap.
create table people (
    id @id,
    role @text not null,
    -- Place of the role in a list of staff ordered by role.
    role_rank bigint not null default 9,
    is_staff bigint not null,
    active bigint not null default 1,
    email @text,
    -- The address in lower case, for lookups.
    email_key @text,
    email_verified bigint not null default 0,
    name @text,
    -- The name in lower case, for search.
    name_key @text,
    firstname @text not null default '',
    lastname @text not null default '',
    external_id @text,
    language @text,
    timezone @text,
    country @text,
    bio @text,
    note @text,
    meta @text,
    data @text,
    data_version bigint,
    created_at bigint not null,
    updated_at bigint not null,
    deactivated_at bigint,
    -- Staff only: the row stays for the messages they wrote, without address and credentials.
    deleted_at bigint
);
create unique index people_by_email on people (is_staff, email_key) where email_key is not null;
-- In each, equal columns come first and the order's columns last: SQLite, which keeps no statistics, then takes it for both.
-- customers and staff of one foreign id; customers of one name, of one language, of one zone, by created
create index people_by_external_id on people (is_staff, external_id, created_at, id) where external_id is not null;
create index people_by_whole_name on people (is_staff, name, created_at, id);
create index people_by_language on people (is_staff, language, created_at, id) where language is not null;
create index people_by_timezone on people (is_staff, timezone, created_at, id) where timezone is not null;
-- staff, who are few beside customers, by name, by address, by role
create index people_by_name on people (is_staff, name, id) where is_staff = 1;
create index people_by_email_sorted on people (is_staff, email_key, id) where is_staff = 1;
create index people_by_role on people (is_staff, role_rank, id) where is_staff = 1;
-- customers and staff by created; customers by updated
create index people_by_created on people (is_staff, created_at, id);
create index people_by_updated on people (is_staff, updated_at, id);

create table passwords (
    person_id bigint primary key references people (id) on delete cascade,
    -- Argon2id as a PHC string, with its parameters (LS-4).
    hash @text not null,
    changed_at bigint not null
);

-- How a customer can be reached.
create table addresses (
    id @id,
    person_id bigint not null references people (id) on delete cascade,
    type @text not null,
    address @text not null,
    -- The address as compared: lower case for email, digits for phone.
    address_key @text not null,
    preferred bigint not null default 0,
    verified bigint not null default 0,
    created_at bigint not null,
    updated_at bigint
);
create unique index addresses_by_key on addresses (type, address_key);
create index addresses_by_person on addresses (person_id, id);

create table teams (
    id @id,
    name @text not null,
    description @text,
    decoration @text,
    created_at bigint not null
);
create unique index teams_by_name on teams (name);

create table team_members (
    team_id bigint not null references teams (id) on delete cascade,
    person_id bigint not null references people (id) on delete cascade,
    primary key (team_id, person_id)
);
create index team_members_by_person on team_members (person_id);

create table tags (
    id @id,
    name @text not null,
    -- In lower case, for search.
    name_key @text not null,
    description @text,
    -- #rrggbb, or null to let the page choose
    color @text,
    -- Tickets that carry it, kept with each change of ticket_tags.
    usage bigint not null default 0,
    -- The tag that this one is being merged into, while the job moves its tickets.
    merged_into bigint,
    created_at bigint not null
);
create unique index tags_by_name on tags (name);
create index tags_by_created on tags (created_at, id);
create index tags_by_usage on tags (usage, name, id);

create table tickets (
    id @id,
    external_id @text,
    -- new, open, pending, on_hold, solved, closed
    status @text not null,
    -- low, normal, high, urgent
    priority @text not null default 'normal',
    channel @text not null,
    via @text not null,
    from_agent bigint not null default 0,
    subject @text,
    -- Start of the last message.
    excerpt @text,
    language @text,
    customer_id bigint not null references people (id),
    assignee_user_id bigint references people (id),
    assignee_team_id bigint references teams (id),
    messages_count bigint not null default 0,
    is_unread bigint not null default 1,
    spam bigint not null default 0,
    imported bigint not null default 0,
    last_sent_message_not_delivered bigint not null default 0,
    meta @text,
    split_from bigint,
    created_at bigint not null,
    opened_at bigint,
    last_received_message_at bigint,
    last_message_at bigint,
    updated_at bigint not null,
    closed_at bigint,
    snoozed_until bigint,
    trashed_at bigint
);
create index tickets_by_created on tickets (created_at, id);
create index tickets_by_updated on tickets (updated_at, id);
create index tickets_by_customer on tickets (customer_id, created_at, id);
create index tickets_by_customer_updated on tickets (customer_id, updated_at, id);
create index tickets_by_external_id on tickets (external_id) where external_id is not null;
create index tickets_by_assignee on tickets (assignee_user_id, created_at, id) where assignee_user_id is not null;
create index tickets_by_team on tickets (assignee_team_id, created_at, id) where assignee_team_id is not null;
create index tickets_by_status on tickets (status, updated_at, id);

create table ticket_tags (
    ticket_id bigint not null references tickets (id) on delete cascade,
    tag_id bigint not null references tags (id) on delete cascade,
    primary key (ticket_id, tag_id)
);
create index ticket_tags_by_tag on ticket_tags (tag_id, ticket_id);

create table messages (
    id @id,
    ticket_id bigint not null references tickets (id) on delete cascade,
    -- The id at the origin, such as Message-ID.
    message_id @text,
    external_id @text,
    public bigint not null default 1,
    channel @text not null,
    via @text not null,
    source @text,
    sender_id bigint not null references people (id),
    receiver_id bigint references people (id),
    from_agent bigint not null,
    integration_id bigint,
    rule_id bigint,
    subject @text,
    body_text @text,
    body_html @text,
    stripped_text @text,
    stripped_html @text,
    stripped_signature @text,
    attachments @text,
    macros @text,
    actions @text,
    headers @text,
    mention_ids @text,
    meta @text,
    imported bigint not null default 0,
    last_sending_error @text,
    created_at bigint not null,
    sent_at bigint,
    failed_at bigint,
    opened_at bigint,
    deleted_at bigint
);
create index messages_by_ticket on messages (ticket_id, created_at, id);
create index messages_by_created on messages (created_at, id);
create index messages_by_sender on messages (sender_id);
create index messages_by_receiver on messages (receiver_id) where receiver_id is not null;
create index messages_by_message_id on messages (message_id) where message_id is not null;

-- Append-only. Written in the transaction of the change it tells of.
create table events (
    id @id,
    -- Orders commits where ids do not: a reader stops before the oldest transaction that is still open.
    transaction_id @transaction_id,
    type @text not null,
    object_type @text not null,
    object_id bigint not null,
    -- Who, through which app and grant, for whom, or which of our own workers.
    person_id bigint,
    client_id bigint,
    grant_id bigint,
    impersonator_id bigint,
    worker @text,
    request_id @text,
    -- Groups what one action caused.
    context @text not null,
    before @text,
    after @text,
    data @text,
    created_at bigint not null
);
create index events_in_commit_order on events (transaction_id, id);
create index events_by_created on events (created_at, id);
create index events_by_object on events (object_type, object_id, created_at, id);
create index events_by_type on events (type, created_at, id);
create index events_by_person on events (person_id, created_at, id) where person_id is not null;

-- How far each reader of the event log has come.
create table event_cursors (
    reader @text primary key,
    transaction_id bigint not null,
    event_id bigint not null,
    updated_at bigint not null
);

-- Durable background work.
create table queue (
    id @id,
    kind @text not null,
    payload @text not null,
    -- At most one unfinished job of a kind with the same key.
    dedupe_key @text,
    -- ready, running, done, dead, canceled
    state @text not null,
    run_at bigint not null,
    attempts bigint not null default 0,
    max_attempts bigint not null,
    leased_by @text,
    leased_until bigint,
    cancel_requested bigint not null default 0,
    -- Enqueued again while it ran: when to run once more.
    run_again_at bigint,
    progress_done bigint not null default 0,
    progress_total bigint,
    -- Where a sliced job goes on after a restart.
    checkpoint @text,
    last_error @text,
    created_at bigint not null,
    finished_at bigint
);
create index queue_to_claim on queue (run_at, id) where state = 'ready';
create index queue_leases on queue (leased_until) where state = 'running';
create unique index queue_unfinished on queue (kind, dedupe_key) where dedupe_key is not null and state in ('ready', 'running');
create index queue_finished on queue (finished_at) where finished_at is not null;

-- Sign-in sessions of people. The cookie's value is kept only as a hash (ALL-11).
create table sessions (
    id @id,
    hash @blob not null,
    -- The `sid` claim.
    sid @text not null,
    person_id bigint not null references people (id) on delete cascade,
    amr @text not null,
    acr @text not null,
    auth_time bigint not null,
    address @text,
    user_agent @text,
    created_at bigint not null,
    last_seen_at bigint not null,
    expires_at bigint not null
);
create unique index sessions_by_hash on sessions (hash);
create index sessions_by_person on sessions (person_id, id);
create index sessions_by_expiry on sessions (expires_at);

-- Failed sign-ins and failed client authentications, by account and by address (LS-6, CA-8).
create table failed_attempts (
    -- Such as `person:ada@example.com`, `address:203.0.113.9`, `client:...`
    subject @text primary key,
    failures bigint not null,
    blocked_until bigint not null,
    expires_at bigint not null
);
create index failed_attempts_by_expiry on failed_attempts (expires_at);

-- The legacy credential of both vendors: Basic authentication with an address and a key. Kept as a hash.
create table api_keys (
    id @id,
    person_id bigint not null references people (id) on delete cascade,
    name @text not null,
    hash @blob not null,
    -- First characters, to recognise it by.
    hint @text not null,
    created_at bigint not null,
    last_used_at bigint,
    revoked_at bigint
);
create unique index api_keys_by_hash on api_keys (hash);
create index api_keys_by_person on api_keys (person_id, id);

-- OAuth clients ("apps").
create table clients (
    id @id,
    client_id @text not null,
    name @text not null,
    publisher @text,
    description @text,
    client_uri @text,
    -- standard, gorgias, zendesk: whose words its scopes are
    dialect @text not null,
    -- standard, public-native, fapi2, fapi2-ms, zendesk, gorgias (section 0 of the contract)
    policy @text not null,
    -- confidential, public
    type @text not null,
    -- web, native
    application_type @text not null,
    -- active, disabled, deleted
    status @text not null,
    -- Space-separated. A disabled grant type is `unauthorized_client`.
    grant_types @text not null,
    -- The ceiling: no token of this app ever carries more (SC-11).
    allowed_scopes @text not null,
    default_scopes @text not null,
    token_endpoint_auth_method @text not null,
    id_token_signed_response_alg @text not null,
    require_pkce bigint not null,
    first_party bigint not null default 0,
    -- none, rotate
    refresh_rotation @text not null,
    code_seconds bigint not null,
    access_token_seconds bigint not null,
    refresh_idle_seconds bigint,
    refresh_absolute_seconds bigint,
    refresh_grace_seconds bigint not null,
    -- admin, api, dcr, cimd
    registered_by @text not null,
    verified bigint not null default 0,
    -- Who registered it; a client_credentials token acts as this person.
    owner_id bigint not null references people (id),
    created_at bigint not null,
    updated_at bigint not null
);
create unique index clients_by_client_id on clients (client_id);
-- the list of apps
create index clients_by_name on clients (name, id) where status <> 'deleted';

create table client_secrets (
    id @id,
    client_id bigint not null references clients (id) on delete cascade,
    hash @blob not null,
    hint @text not null,
    created_at bigint not null,
    last_used_at bigint,
    expires_at bigint
);
create index client_secrets_by_client on client_secrets (client_id, id);

create table client_redirect_uris (
    id @id,
    client_id bigint not null references clients (id) on delete cascade,
    uri @text not null
);
create unique index client_redirect_uris_by_client on client_redirect_uris (client_id, uri);

-- What a person allowed an app: one living grant for a pair (CO-6).
create table grants (
    id @id,
    client_id bigint not null references clients (id) on delete cascade,
    person_id bigint not null references people (id) on delete cascade,
    scope @text not null,
    address @text,
    created_at bigint not null,
    updated_at bigint not null,
    last_used_at bigint,
    last_used_address @text,
    revoked_at bigint
);
create unique index grants_living on grants (client_id, person_id) where revoked_at is null;
create index grants_by_person on grants (person_id, id);
create index grants_by_client on grants (client_id, id);

-- An authorization request that waits for sign-in or consent. Bound to the browser, single use, 10 minutes (AZ-23).
create table authorization_requests (
    id @id,
    hash @blob not null,
    browser_hash @blob not null,
    client_id bigint not null references clients (id) on delete cascade,
    -- The checked parameters, as JSON.
    request @text not null,
    created_at bigint not null,
    expires_at bigint not null,
    finished_at bigint
);
create unique index authorization_requests_by_hash on authorization_requests (hash);
create index authorization_requests_by_expiry on authorization_requests (expires_at);
create index authorization_requests_by_client on authorization_requests (client_id);

-- The tokens that descend from one code: revoked together (RT-4).
create table token_families (
    id @id,
    client_id bigint not null references clients (id) on delete cascade,
    -- Null for client_credentials.
    grant_id bigint references grants (id) on delete cascade,
    person_id bigint not null references people (id) on delete cascade,
    sid @text,
    scope @text not null,
    nonce @text,
    auth_time bigint,
    acr @text,
    amr @text,
    created_at bigint not null,
    -- Null: without end.
    expires_at bigint,
    revoked_at bigint,
    revoked_because @text
);
create index token_families_by_grant on token_families (grant_id, id);
create index token_families_by_client on token_families (client_id, id);
-- the family of an app's own tokens
create index token_families_of_apps on token_families (client_id, person_id) where grant_id is null;
create index token_families_by_person on token_families (person_id, id);
create index token_families_by_sid on token_families (sid) where sid is not null;

create table authorization_codes (
    hash @blob primary key,
    family_id bigint not null references token_families (id) on delete cascade,
    redirect_uri @text not null,
    -- Whether the authorization request carried it (AC-2).
    redirect_uri_sent bigint not null,
    code_challenge @text,
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint
);
create index authorization_codes_by_family on authorization_codes (family_id);
create index authorization_codes_by_expiry on authorization_codes (expires_at);

create table refresh_tokens (
    id @id,
    hash @blob not null,
    family_id bigint not null references token_families (id) on delete cascade,
    parent_id bigint,
    created_at bigint not null,
    expires_at bigint,
    used_at bigint,
    -- First use of an access token that came with it: then its answer did arrive (RT-11).
    pair_used_at bigint,
    revoked_at bigint
);
create unique index refresh_tokens_by_hash on refresh_tokens (hash);
create index refresh_tokens_by_family on refresh_tokens (family_id, id);
create index refresh_tokens_by_expiry on refresh_tokens (expires_at) where expires_at is not null;

create table access_tokens (
    hash @blob primary key,
    family_id bigint not null references token_families (id) on delete cascade,
    -- The refresh token that came with it, for the lost-answer rule (RT-11).
    refresh_id bigint,
    scope @text not null,
    created_at bigint not null,
    expires_at bigint not null,
    last_used_at bigint,
    revoked_at bigint
);
create index access_tokens_by_family on access_tokens (family_id);
create index access_tokens_by_expiry on access_tokens (expires_at);

-- Keys that sign id_tokens. The private half is encrypted with a key from outside the database (KEY-4).
create table signing_keys (
    kid @text primary key,
    alg @text not null,
    private_encrypted @blob not null,
    public_jwk @text not null,
    created_at bigint not null,
    -- Signs from here on; published before.
    active_from bigint not null,
    -- No longer signs; published until `expires_at`.
    retired_at bigint,
    expires_at bigint
);
