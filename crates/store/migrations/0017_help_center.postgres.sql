-- Words of articles' texts, as those of tickets.
create table search_articles (id bigint primary key, words tsvector not null);
create index search_articles_by_words on search_articles using gin (words);
