-- Surveys of satisfaction, and the numbers that are kept of the event log. Written as 0001 is.

create table satisfaction_surveys (
    id @id,
    ticket_id bigint not null references tickets (id) on delete cascade,
    customer_id bigint not null references people (id) on delete cascade,
    -- 1 worst, 5 best
    score bigint,
    body_text @text,
    meta @text,
    created_at bigint not null,
    -- Null: never.
    should_send_at bigint,
    sent_at bigint,
    scored_at bigint
);
-- one of a ticket; the list; those of a customer who goes or is merged
create unique index satisfaction_surveys_by_ticket on satisfaction_surveys (ticket_id);
create index satisfaction_surveys_by_created on satisfaction_surveys (created_at, id);
create index satisfaction_surveys_by_customer on satisfaction_surveys (customer_id);

-- Tickets that were closed before there were surveys get none.
insert into event_cursors (reader, transaction_id, event_id, updated_at)
select 'surveys', coalesce(max(transaction_id), 0), coalesce(max(id), 0), 0 from events having count(*) > 0;

-- What the event log says of each ticket: one row a ticket, made of events alone, so that it can be made again.
create table statistics_tickets (
    ticket_id bigint primary key,
    channel @text not null,
    assignee_user_id bigint,
    assignee_team_id bigint,
    -- Of the first message that has one.
    integration_id bigint,
    spam bigint not null,
    trashed bigint not null,
    -- Neither spam nor in the trash: only these are counted.
    counted bigint not null,
    created_at bigint not null,
    closed_at bigint,
    resolution_seconds bigint,
    n_reopened bigint not null,
    -- Messages that are not deleted: all, public ones of staff, those of them that no rule wrote, public ones of customers.
    n_messages bigint not null,
    n_replies bigint not null,
    n_human_replies bigint not null,
    n_received bigint not null,
    first_reply_at bigint,
    first_reply_seconds bigint,
    first_human_reply_at bigint,
    first_human_reply_seconds bigint,
    handle_seconds bigint not null
);
-- by time: created, closed, first answered, first answered by a person
create index statistics_tickets_by_created on statistics_tickets (created_at, ticket_id);
create index statistics_tickets_by_closed on statistics_tickets (closed_at, ticket_id) where closed_at is not null;
create index statistics_tickets_by_reply on statistics_tickets (first_reply_at, ticket_id) where first_reply_at is not null;
create index statistics_tickets_by_human_reply on statistics_tickets (first_human_reply_at, ticket_id)
    where first_human_reply_at is not null;
-- the value in the middle, within the few values that the counts leave
create index statistics_tickets_by_resolution_seconds on statistics_tickets (counted, resolution_seconds, created_at);
create index statistics_tickets_by_reply_seconds on statistics_tickets (counted, first_reply_seconds, first_reply_at);
create index statistics_tickets_by_human_reply_seconds on statistics_tickets (counted, first_human_reply_seconds, first_human_reply_at);

create table statistics_messages (
    message_id bigint primary key,
    ticket_id bigint not null,
    sent_at bigint not null,
    sender_id bigint not null,
    channel @text not null,
    integration_id bigint,
    from_agent bigint not null,
    public bigint not null,
    -- A rule or another worker of ours wrote it.
    automated bigint not null,
    -- The first macro that it was written with.
    macro_id bigint,
    -- Of its ticket.
    counted bigint not null,
    -- Of a public message of staff that answers: since the customer's first message that was still unanswered.
    response_seconds bigint
);
-- those of a ticket; by time; the value in the middle
create index statistics_messages_by_ticket on statistics_messages (ticket_id, sent_at, message_id);
create index statistics_messages_by_sent on statistics_messages (sent_at, message_id);
create index statistics_messages_by_response_seconds on statistics_messages (counted, response_seconds, sent_at);

create table statistics_ticket_tags (
    ticket_id bigint not null,
    tag_id bigint not null,
    -- When it was put on.
    tagged_at bigint not null,
    counted bigint not null,
    primary key (ticket_id, tag_id)
);
create index statistics_ticket_tags_by_tag on statistics_ticket_tags (tag_id, ticket_id);
create index statistics_ticket_tags_by_time on statistics_ticket_tags (tagged_at, ticket_id, tag_id);

create table statistics_surveys (
    ticket_id bigint primary key,
    created_at bigint not null,
    sent_at bigint,
    scored_at bigint,
    score bigint,
    counted bigint not null
);
create index statistics_surveys_by_created on statistics_surveys (created_at, ticket_id);

-- The same, counted: by quarters of an hour in UTC, in which the days of every time zone begin. 0 and '' stand for nobody and nothing.
create table statistics_counts (
    -- Such as created, which tells everything apart, created@all, which tells nothing apart but the part, and created@day, which counts
    -- a whole day in its first quarter.
    measure @text not null,
    -- Quarters of an hour since 1970.
    quarter bigint not null,
    user_id bigint not null,
    team_id bigint not null,
    channel @text not null,
    integration_id bigint not null,
    -- What else is told apart: the tag, the score, the size of a time.
    part bigint not null,
    n bigint not null,
    -- Sum of what is measured, such as seconds.
    total bigint not null,
    primary key (measure, quarter, user_id, team_id, channel, integration_id, part)
);
