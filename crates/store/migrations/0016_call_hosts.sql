-- Hosts that the calls of macros and rules fail at. Written as 0001 is.

create table call_hosts (
    -- Name and port, such as crm.example:443.
    host @text primary key,
    -- One after the other.
    n_failures bigint not null,
    resting_until bigint,
    last_failure_at bigint not null
);
-- what is forgotten
create index call_hosts_by_failure on call_hosts (last_failure_at);
