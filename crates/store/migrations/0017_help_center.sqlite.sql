-- Words of articles' texts, as those of tickets.
create virtual table search_articles using fts5 (words, content='', contentless_delete=1, detail=none, prefix='3 4 5', tokenize='ascii');
