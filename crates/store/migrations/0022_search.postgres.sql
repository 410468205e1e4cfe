-- Words of organizations, as those of customers.
create table search_organizations (id bigint primary key, words tsvector not null);
create index search_organizations_by_words on search_organizations using gin (words);
