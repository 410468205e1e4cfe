-- The address that somebody wrote to when the ticket began, in lower case: of mails, and as whoever made the ticket says. Null: nobody knows, as
-- of every ticket before this.
alter table tickets add column recipient @text;
-- the tickets that came to an address
create index tickets_by_recipient on tickets (recipient, id) where recipient is not null;
