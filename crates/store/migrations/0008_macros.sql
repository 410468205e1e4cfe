-- Prepared replies with their actions, and whose turn it is in a team. Written as 0001 is.

create table macros (
    id @id,
    external_id @text,
    name @text not null,
    -- In lower case, for search and for the order by name.
    name_key @text not null,
    -- What the customer wants, such as refund/request.
    intent @text,
    language @text,
    -- The language, or nothing, for the order.
    language_key @text not null default '',
    -- The actions as they came, in the words of the app that wrote them: JSON. Null if they were written in our own room.
    source @text,
    -- What it does, in our words: JSON.
    actions @text not null,
    -- Its reply in lower case, for search.
    reply_key @text not null default '',
    -- Times that it was applied.
    usage bigint not null default 0,
    created_at bigint not null,
    updated_at bigint not null,
    archived bigint not null default 0,
    archived_at bigint
);
-- In each, whether it is archived comes first: lists show the one sort or the other.
create index macros_by_usage on macros (archived, usage, id);
create index macros_by_name on macros (archived, name_key, id);
create index macros_by_created on macros (archived, created_at, id);
create index macros_by_updated on macros (archived, updated_at, id);
create index macros_by_language on macros (archived, language_key, id);
create index macros_by_external_id on macros (external_id) where external_id is not null;

-- The tags that a macro puts on tickets.
create table macro_tags (
    macro_id bigint not null references macros (id) on delete cascade,
    name @text not null,
    primary key (macro_id, name)
);
create index macro_tags_by_name on macro_tags (name, macro_id);

-- The member who was last given a ticket in turn.
alter table teams add column last_turn_id bigint;

-- Tickets that were merged away lead to the one that has their messages now.
alter table tickets add column merged_into bigint;
-- What has been in the trash for long is deleted.
create index tickets_by_trashed on tickets (trashed_at, id) where trashed_at is not null;
