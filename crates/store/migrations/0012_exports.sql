-- What exports by time of change walk along, and files on their way to a comment. Written as 0001 is.

-- customers and staff together; organizations
create index people_by_change on people (updated_at, id);
create index organizations_by_change on organizations (updated_at, id);

-- Files that were sent under one token, until a comment takes them.
create table uploads (
    id @id,
    -- Of the token: who has it may attach the files.
    token_hash @text not null,
    person_id bigint references people (id) on delete cascade,
    created_at bigint not null,
    expires_at bigint not null
);
create unique index uploads_by_token on uploads (token_hash);
create index uploads_by_person on uploads (person_id) where person_id is not null;
create index uploads_by_expiry on uploads (expires_at);

create table upload_files (
    upload_id bigint not null references uploads (id) on delete cascade,
    position bigint not null,
    file_id bigint not null references files (id) on delete cascade,
    primary key (upload_id, position)
);
create index upload_files_by_file on upload_files (file_id);

-- How a field's values are written, what its choices are called and what customers read (JSON).
alter table custom_fields add column details @text;
