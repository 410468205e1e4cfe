-- Words of tickets and customers, found by search.rs. They are cut by us, so this tokenizer only takes them apart at spaces again.
-- Nothing but the index is kept, without places: a row says which words an object has. What is no copy of anything is built anew after a move.
create virtual table search_tickets using fts5 (words, content='', contentless_delete=1, detail=none, prefix='3 4 5', tokenize='ascii');
create virtual table search_customers using fts5 (words, content='', contentless_delete=1, detail=none, tokenize='ascii');
