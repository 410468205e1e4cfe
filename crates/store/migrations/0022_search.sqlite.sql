-- Words of organizations, as those of customers.
create virtual table search_organizations using fts5 (words, content='', contentless_delete=1, detail=none, tokenize='ascii');
