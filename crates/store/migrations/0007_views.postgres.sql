-- Words of tickets and customers, found by search.rs. What is no copy of anything is built anew after a move.
create table search_tickets (id bigint primary key, words tsvector not null);
create index search_tickets_by_words on search_tickets using gin (words);
create table search_customers (id bigint primary key, words tsvector not null);
create index search_customers_by_words on search_customers using gin (words);
