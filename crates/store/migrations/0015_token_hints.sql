-- The first characters of a token, for whoever lists tokens and wonders which is which. They open nothing.
alter table access_tokens add column hint @text;
alter table refresh_tokens add column hint @text;
