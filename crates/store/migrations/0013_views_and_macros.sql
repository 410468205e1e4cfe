-- What more is known of views and macros, and the orders that they are listed in. Written as 0001 is.

alter table views add column description @text;
alter table views add column name_key @text generated always as (lower(name)) @computed;
create index views_by_name on views (name_key, id);
create index views_by_updated on views (updated_at, id);

alter table macros add column description @text;
-- As people arranged them.
alter table macros add column position bigint not null default 0;
update macros set position = id;
create index macros_by_position on macros (archived, position, id);
-- the same of all, archived or not
create index macros_by_place on macros (position, id);
