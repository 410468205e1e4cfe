-- Who looks at a ticket or types in it just now. Nothing refers to it and nothing depends on it: rows end by themselves, and their loss is
-- no harm.

create table presence (
    ticket_id bigint not null,
    person_id bigint not null,
    -- looking, typing
    state @text not null,
    -- Of this state.
    since bigint not null,
    expires_at bigint not null,
    primary key (ticket_id, person_id)
);
create index presence_by_expiry on presence (expires_at);
