-- Who is copied in on a ticket and which tickets belong together, what more is known of people, teams and organizations, the ids of
-- memberships, and what calls that may be sent twice leave behind. Written as 0001 is.

-- The problem that an incident is one of, and the closed ticket that one goes on with.
alter table tickets add column problem_id bigint references tickets (id) on delete set null;
alter table tickets add column followup_of bigint references tickets (id) on delete set null;
create index tickets_by_problem on tickets (problem_id, id) where problem_id is not null;
create index tickets_by_followup on tickets (followup_of, id) where followup_of is not null;
-- tickets of one type, by id: problems that incidents are linked to
create index tickets_by_type on tickets (type, id) where type is not null;

-- the trash, by id
create index tickets_in_trash on tickets (id) where trashed_at is not null;

create table ticket_people (
    ticket_id bigint not null references tickets (id) on delete cascade,
    -- cc, follower
    part @text not null,
    person_id bigint not null references people (id) on delete cascade,
    created_at bigint not null,
    primary key (ticket_id, part, person_id)
);
create index ticket_people_by_person on ticket_people (person_id, part, ticket_id);

-- What customers read instead of the name.
alter table people add column alias @text;
alter table people add column details @text;
alter table people add column signature @text;
-- May not sign in, and what they write is held back: 1.
alter table people add column suspended bigint not null default 0;
-- Names in a JSON array.
alter table people add column tags @text;
-- The foreign id as it is compared here.
alter table people add column external_key @text generated always as (lower(external_id)) @computed;
-- customers and staff together, by foreign id
create index people_by_external_key on people (external_key, id) where external_key is not null;
-- the same by the beginning of the name
create index people_by_name_key on people (name_key, id) where name_key is not null;

alter table organizations add column shared_tickets bigint not null default 0;
alter table organizations add column shared_comments bigint not null default 0;
alter table organizations add column tags @text;
alter table organizations add column external_key @text generated always as (lower(external_id)) @computed;
create index organizations_by_external_key on organizations (external_key, id) where external_key is not null;

alter table teams add column is_public bigint not null default 1;
alter table teams add column updated_at bigint not null default 0;
update teams set updated_at = created_at;

create table team_memberships (
    id @id,
    team_id bigint not null references teams (id) on delete cascade,
    person_id bigint not null references people (id) on delete cascade,
    -- The team that the person's work is counted for unless they say otherwise.
    is_default bigint not null default 0,
    created_at bigint not null default 0
);
insert into team_memberships (team_id, person_id) select team_id, person_id from team_members order by team_id, person_id;
drop table team_members;
alter table team_memberships rename to team_members;
create unique index team_members_by_team on team_members (team_id, person_id);
create index team_members_by_person on team_members (person_id, id);

create table organization_memberships (
    id @id,
    organization_id bigint not null references organizations (id) on delete cascade,
    customer_id bigint not null references people (id) on delete cascade,
    -- The one that the customer's tickets belong to.
    is_default bigint not null default 0,
    created_at bigint not null
);
insert into organization_memberships (organization_id, customer_id, is_default, created_at)
    select organization_id, customer_id, is_default, created_at from organization_members order by created_at, organization_id, customer_id;
drop table organization_members;
alter table organization_memberships rename to organization_members;
create unique index organization_members_by_organization on organization_members (organization_id, customer_id);
create index organization_members_by_customer on organization_members (customer_id, organization_id);
create unique index organization_members_default on organization_members (customer_id) where is_default = 1;

-- What became of each row of a batch, in the rows' order (JSON).
create table job_results (
    job_id bigint not null references jobs (id) on delete cascade,
    number bigint not null,
    result @text not null,
    primary key (job_id, number)
);

-- The answer to a call that its caller may send again under the same key.
create table repeatable_calls (
    -- Whose key it is, and the key, hashed together.
    key_hash @text primary key,
    -- Of what was asked: another request under the same key is refused.
    request_hash @text not null,
    -- As its surface gave it (JSON).
    answer @text not null,
    created_at bigint not null
);
create index repeatable_calls_by_created on repeatable_calls (created_at);
