-- The whole provider: what clients say of themselves, sender-constrained tokens, more ways to sign in, and what apps are seen to do.

-- What an app says of itself besides its name and addresses, as RFC 7591 and OpenID Connect Registration call it, as JSON.
alter table clients add column metadata @text not null default '{}';
alter table clients add column require_par bigint not null default 0;
alter table clients add column require_dpop bigint not null default 0;
alter table clients add column require_signed_request bigint not null default 0;
-- opaque, jwt
alter table clients add column token_format @text not null default 'opaque';
-- Words of the ceiling that a person may untick (CO-8).
alter table clients add column optional_scopes @text not null default '';
-- Words that an administrator allowed for everybody, so that nobody is asked (CO-11).
alter table clients add column account_scopes @text not null default '';
-- approved, pending, refused: whether an administrator let it in (CM-7, CO-11)
alter table clients add column approval @text not null default 'approved';
-- Calls a minute, all tokens together. Null: the account's default.
alter table clients add column calls_per_minute bigint;
-- Opens the app's own registration (RFC 7592). Kept as a hash.
alter table clients add column registration_token_hash @blob;
-- Row of the initial access token it came with; null for one that registered itself without (RG-2).
alter table clients add column initial_token_id bigint;
-- A client ID metadata document: when it was read, and until when it may be believed (CM-4).
alter table clients add column document_fetched_at bigint;
alter table clients add column document_expires_at bigint;
-- Last successful authentication or authorization, to the hour; for the removal of clients nobody uses (RG-2).
alter table clients add column last_used_at bigint;
create index clients_by_registration on clients (registered_by, created_at, id) where status <> 'deleted';

-- Until when the person allowed it. Null: until withdrawn.
alter table grants add column expires_at bigint;
create index grants_by_expiry on grants (expires_at) where expires_at is not null and revoked_at is null;
-- Words that the person was asked for and unticked (CO-8): they are not asked for again.
alter table grants add column declined @text not null default '';
-- Fingerprint of what the app said of itself when it was allowed (CO-13).
alter table grants add column asked_by @text;
-- Space-separated resource identifiers that were granted (RI-4).
alter table grants add column resources @text not null default '';

-- JWK thumbprint of the DPoP key that the family's refresh tokens and codes are bound to (DP-7, DP-8).
alter table token_families add column jkt @text;
-- Space-separated resource identifiers (RI-4); empty: the API.
alter table token_families add column resources @text not null default '';
-- The `claims` parameter that was asked with, as JSON (OIDC Core 5.5).
alter table token_families add column claims @text;
-- Who acts for the person: the `act` chain, as JSON (RFC 8693, 4.1).
alter table token_families add column act @text;
-- The refresh tokens end with the session that began them (LO-6).
alter table token_families add column online bigint not null default 0;

alter table access_tokens add column jkt @text;
-- Space-separated resource identifiers this token is for; empty: the API.
alter table access_tokens add column audience @text not null default '';

-- The apps that a person used in a session: they are told when it ends (BL-2).
create table session_clients (
    session_id bigint not null references sessions (id) on delete cascade,
    client_id bigint not null references clients (id) on delete cascade,
    primary key (session_id, client_id)
);
create index session_clients_by_client on session_clients (client_id);

-- Authorization requests that were pushed (RFC 9126).
create table pushed_requests (
    hash @blob primary key,
    client_id bigint not null references clients (id) on delete cascade,
    -- The parameters as they came, form-encoded.
    params @text not null,
    jkt @text,
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint
);
create index pushed_requests_by_expiry on pushed_requests (expires_at);
create index pushed_requests_by_client on pushed_requests (client_id);

-- Device authorizations (RFC 8628).
create table device_codes (
    hash @blob primary key,
    -- Keyed hash of the code that a person types, without its hyphen.
    user_code_hash @blob not null,
    client_id bigint not null references clients (id) on delete cascade,
    scope @text not null,
    resources @text not null default '',
    jkt @text,
    address @text,
    user_agent @text,
    -- pending, allowed, denied, redeemed
    state @text not null,
    -- Of the consent, once it was given.
    family_id bigint references token_families (id) on delete cascade,
    interval_seconds bigint not null,
    last_polled_at bigint,
    created_at bigint not null,
    expires_at bigint not null
);
create unique index device_codes_by_user_code on device_codes (user_code_hash);
create index device_codes_by_expiry on device_codes (expires_at);
create index device_codes_by_client on device_codes (client_id);
create index device_codes_by_family on device_codes (family_id) where family_id is not null;

-- Identifiers that count once: of client assertions, DPoP proofs, authorization grants, request objects.
create table used_identifiers (
    -- Hash of kind, issuer and identifier.
    hash @blob primary key,
    expires_at bigint not null
);
create index used_identifiers_by_expiry on used_identifiers (expires_at);

-- Whose signed assertions are taken as authorization grants (JB-1).
create table trusted_issuers (
    id @id,
    issuer @text not null,
    name @text not null,
    jwks @text,
    jwks_uri @text,
    -- Row of the one app that may present them. Null: every app that has the grant.
    client_id bigint references clients (id) on delete cascade,
    created_at bigint not null
);
create unique index trusted_issuers_by_issuer on trusted_issuers (issuer);
create index trusted_issuers_by_client on trusted_issuers (client_id) where client_id is not null;

-- Who may exchange which tokens for what (TX-2). Nothing is allowed that no row says.
create table exchange_rules (
    id @id,
    client_id bigint not null references clients (id) on delete cascade,
    -- Row of the app whose tokens may be exchanged. Null: its own only.
    subject_client_id bigint references clients (id) on delete cascade,
    -- Resource identifier that the new token may be for.
    resource @text not null,
    -- Whether an actor token may stand beside it (delegation).
    delegation bigint not null default 0,
    created_at bigint not null
);
create index exchange_rules_by_client on exchange_rules (client_id, id);
create index exchange_rules_by_subject on exchange_rules (subject_client_id) where subject_client_id is not null;

-- What lets a developer register an app without an administrator (RG-2). Kept as a hash.
create table initial_access_tokens (
    id @id,
    hash @blob not null,
    name @text not null,
    uses_left bigint not null,
    created_by bigint not null references people (id),
    created_at bigint not null,
    expires_at bigint not null
);
create unique index initial_access_tokens_by_hash on initial_access_tokens (hash);
create index initial_access_tokens_by_creator on initial_access_tokens (created_by);

-- Our copy of an app's logo (CO-1, CM-9).
create table client_logos (
    client_id bigint primary key references clients (id) on delete cascade,
    source @text not null,
    content_type @text not null,
    bytes @blob not null,
    fetched_at bigint not null
);

-- Settings of the provider that an administrator changes while it runs, as JSON by name.
create table provider_settings (
    name @text primary key,
    value @text not null,
    updated_at bigint not null
);

-- Standard claims about people beyond name and e-mail, as JSON (OIDC Core 5.1).
alter table people add column claims @text;

-- One-time passwords by an app (RFC 6238). The secret is encrypted with the key from outside the database.
create table totp (
    person_id bigint primary key references people (id) on delete cascade,
    secret_encrypted @blob not null,
    -- The last step that was used, so that no code counts twice.
    last_step bigint not null default 0,
    created_at bigint not null,
    confirmed_at bigint
);

create table recovery_codes (
    id @id,
    person_id bigint not null references people (id) on delete cascade,
    hash @blob not null,
    used_at bigint
);
create unique index recovery_codes_by_hash on recovery_codes (person_id, hash);

create table passkeys (
    id @id,
    person_id bigint not null references people (id) on delete cascade,
    name @text not null,
    -- Base64url, as authenticators name it.
    credential_id @text not null,
    -- Public key, counter and flags, as JSON.
    credential @text not null,
    created_at bigint not null,
    last_used_at bigint
);
create unique index passkeys_by_credential on passkeys (credential_id);
create index passkeys_by_person on passkeys (person_id, id);

-- A sign-in that is under way: the password was right and a second factor is due, or a passkey or another provider was asked.
create table sign_in_steps (
    hash @blob primary key,
    browser_hash @blob not null,
    -- second_factor, second_passkey, passkey, passkey_registration, upstream
    kind @text not null,
    person_id bigint references people (id) on delete cascade,
    -- What the step must remember, as JSON, encrypted with the key from outside the database.
    state_encrypted @blob not null,
    created_at bigint not null,
    expires_at bigint not null
);
create index sign_in_steps_by_expiry on sign_in_steps (expires_at);
create index sign_in_steps_by_person on sign_in_steps (person_id) where person_id is not null;

-- One-time links that were mailed. Kept as hashes.
create table mailed_links (
    hash @blob primary key,
    -- verify, reset, invite, sign_up
    purpose @text not null,
    person_id bigint not null references people (id) on delete cascade,
    email_key @text not null,
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint
);
create index mailed_links_by_expiry on mailed_links (expires_at);
create index mailed_links_by_person on mailed_links (person_id);

-- Browsers in which somebody has signed in before, by the hash of their cookie: a sign-in from another one is worth a notice.
create table known_browsers (
    person_id bigint not null references people (id) on delete cascade,
    browser_hash @blob not null,
    expires_at bigint not null,
    primary key (person_id, browser_hash)
);
create index known_browsers_by_expiry on known_browsers (expires_at);

-- Upstream OpenID providers (LS-10).
create table identity_providers (
    id @id,
    name @text not null,
    issuer @text not null,
    client_id @text not null,
    client_secret_encrypted @blob,
    -- active, disabled
    status @text not null,
    -- Whether a person nobody knows yet becomes a customer.
    creates_customers bigint not null default 0,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index identity_providers_by_issuer on identity_providers (issuer, client_id);

create table upstream_identities (
    id @id,
    provider_id bigint not null references identity_providers (id) on delete cascade,
    sub @text not null,
    person_id bigint not null references people (id) on delete cascade,
    created_at bigint not null,
    last_used_at bigint
);
create unique index upstream_identities_by_sub on upstream_identities (provider_id, sub);
create index upstream_identities_by_person on upstream_identities (person_id, id);

-- Words that an API key may use at most; null: everything its person may do.
alter table api_keys add column allowed_scopes @text;

-- What apps were seen to use: calls of a day by permission, such as `tickets:read`.
create table app_usage (
    client_id bigint not null references clients (id) on delete cascade,
    -- Days since 1970, UTC.
    day bigint not null,
    permission @text not null,
    calls bigint not null,
    primary key (client_id, day, permission)
);
create index app_usage_by_day on app_usage (day);

-- Calls and failures of an app on a day.
create table app_calls (
    client_id bigint not null references clients (id) on delete cascade,
    day bigint not null,
    calls bigint not null,
    -- Answers of 400 and above, without 429
    failures bigint not null,
    refused_by_limit bigint not null,
    primary key (client_id, day)
);
create index app_calls_by_day on app_calls (day);

-- The last failures of each app, for its developer.
create table app_errors (
    id @id,
    client_id bigint not null references clients (id) on delete cascade,
    status bigint not null,
    method @text not null,
    -- The route's pattern, never the address that was called.
    route @text not null,
    code @text,
    request_id @text not null,
    created_at bigint not null
);
create index app_errors_by_client on app_errors (client_id, id);
create index app_errors_by_created on app_errors (created_at);

-- Whether an event belongs into the audit room: everything but the daily work.
alter table events add column audited bigint not null default 0;
update events set audited = 1
    where object_type not in ('Ticket', 'TicketMessage', 'Customer', 'Tag') or type = 'customer-password-changed';
create index events_audited on events (created_at, id) where audited = 1;
create index events_audited_by_client on events (client_id, created_at, id) where audited = 1 and client_id is not null;
create index events_audited_by_person on events (person_id, created_at, id) where audited = 1 and person_id is not null;
