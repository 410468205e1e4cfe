//! What tables a database has, in words that are the same for both engines. For copies, and for the test that the two do not drift.

use std::fmt;

use crate::{EngineTx, Row, StoreError, Tx};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    /// In the order of their definition, without those that the database works out itself.
    pub columns: Vec<Column>,
    pub primary_key: Vec<String>,
    /// By name.
    pub indexes: Vec<Index>,
    pub references: Vec<Reference>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// `integer`, `text`, `bytes` or `real`; anything else is the database's own word for a type that we do not use.
    pub class: String,
    pub nullable: bool,
    /// Numbered by the database, never with the same number twice.
    pub identity: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    pub name: String,
    pub columns: Vec<String>,
    pub unique: bool,
    /// Holds only the rows that fulfil a condition.
    pub partial: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub column: String,
    pub table: String,
    pub on_delete: String,
}

/// All tables of the account, by name. What only makes it searchable (`search.rs`) is not among them: each engine has its own.
pub async fn tables(tx: &mut Tx) -> Result<Vec<Table>, StoreError> {
    let words = match tx.engine {
        EngineTx::Reading(_) | EngineTx::Writing(_) => &SQLITE,
        EngineTx::Postgres(_) => &POSTGRES,
    };
    let mut tables = Vec::new();
    for row in tx.rows(words.tables, &[]).await? {
        let name = row.text("name")?;
        let columns = tx.rows(words.columns, &[name.as_str().into()]).await?;
        let primary_key = tx.rows(words.primary_key, &[name.as_str().into()]).await?;
        let references = tx.rows(words.references, &[name.as_str().into()]).await?;
        let mut indexes = Vec::new();
        for index in tx.rows(words.indexes, &[name.as_str().into()]).await? {
            let name = index.text("name")?;
            let columns = tx.rows(words.index_columns, &[name.as_str().into()]).await?;
            indexes.push(Index {
                name,
                columns: texts(&columns, "name")?,
                unique: index.flag("is_unique")?,
                partial: index.flag("is_partial")?,
            });
        }
        let mut references = references.iter().map(Reference::from_row).collect::<Result<Vec<_>, _>>()?;
        references.sort();
        tables.push(Table {
            name,
            columns: columns.iter().map(Column::from_row).collect::<Result<_, _>>()?,
            primary_key: texts(&primary_key, "name")?,
            indexes,
            references,
        });
    }
    Ok(tables)
}

/// Every table after those it refers to.
pub fn in_order(tables: Vec<Table>) -> Result<Vec<Table>, StoreError> {
    let mut rest = tables;
    let mut ordered: Vec<Table> = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let waits_for = |table: &Table| {
            let open = |reference: &Reference| {
                reference.table != table.name && ordered.iter().all(|done| done.name != reference.table)
            };
            table.references.iter().any(open)
        };
        let (blocked, free): (Vec<Table>, Vec<Table>) = rest.iter().cloned().partition(waits_for);
        if free.is_empty() {
            let names: Vec<String> = blocked.into_iter().map(|table| table.name).collect();
            return Err(StoreError::Copy(format!("the tables {} refer to each other in a circle", names.join(", "))));
        }
        ordered.extend(free);
        rest = blocked;
    }
    Ok(ordered)
}

/// One line a column and an index, for a golden file.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (primary key {})", self.name, self.primary_key.join(", "))?;
        for column in &self.columns {
            let identity = if column.identity { " identity" } else { "" };
            let null = if column.nullable { " null" } else { "" };
            writeln!(f, "    {} {}{identity}{null}", column.name, column.class)?;
        }
        for Reference { column, table, on_delete } in &self.references {
            writeln!(f, "    reference {column} -> {table} on delete {on_delete}")?;
        }
        for index in &self.indexes {
            let unique = if index.unique { "unique " } else { "" };
            let partial = if index.partial { " partial" } else { "" };
            writeln!(f, "    {unique}index {} ({}){partial}", index.name, index.columns.join(", "))?;
        }
        Ok(())
    }
}

impl Column {
    fn from_row(row: &Row) -> Result<Column, StoreError> {
        let class = match row.text("type")?.as_str() {
            "INTEGER" | "bigint" => "integer".to_owned(),
            "TEXT" | "text collate C" => "text".to_owned(),
            "BLOB" | "bytea" => "bytes".to_owned(),
            "REAL" | "double precision" => "real".to_owned(),
            other => format!("[{other}]"),
        };
        Ok(Column {
            name: row.text("name")?,
            class,
            nullable: row.flag("is_nullable")?,
            identity: row.flag("is_identity")?,
        })
    }
}

impl Reference {
    fn from_row(row: &Row) -> Result<Reference, StoreError> {
        Ok(Reference {
            column: row.text("name")?,
            table: row.text("target")?,
            on_delete: row.text("on_delete")?.to_lowercase(),
        })
    }
}

fn texts(rows: &[Row], column: &'static str) -> Result<Vec<String>, StoreError> {
    rows.iter().map(|row| row.text(column)).collect()
}

/// The catalogue of an engine, with the same columns of answers.
struct Catalogue {
    tables: &'static str,
    columns: &'static str,
    primary_key: &'static str,
    indexes: &'static str,
    index_columns: &'static str,
    references: &'static str,
}

const SQLITE: Catalogue = Catalogue {
    tables: "select name from sqlite_schema where type = 'table' and substr(name, 1, 7) not in ('sqlite_', 'search_')
             order by name",
    columns: "select name, type, \"notnull\" = 0 and pk = 0 as is_nullable,
                  pk = 1 and exists (
                      select 1 from sqlite_schema where type = 'table' and name = $1 and sql like '%autoincrement%'
                  ) as is_identity
              from pragma_table_xinfo($1) where hidden = 0 order by cid",
    primary_key: "select name from pragma_table_xinfo($1) where pk > 0 order by pk",
    indexes: "select name, \"unique\" as is_unique, partial as is_partial
              from pragma_index_list($1) where origin = 'c' order by name",
    index_columns: "select name from pragma_index_xinfo($1) where key = 1 order by seqno",
    references: "select \"from\" as name, \"table\" as target, on_delete from pragma_foreign_key_list($1)",
};

const POSTGRES: Catalogue = Catalogue {
    tables: "select c.relname as name from pg_class c
             where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
                 and substr(c.relname, 1, 7) <> 'search_' order by c.relname",
    columns: "select a.attname as name,
                  format_type(a.atttypid, null) || coalesce(' collate ' || l.collname, '') as type,
                  not a.attnotnull as is_nullable, a.attidentity <> '' as is_identity
              from pg_attribute a left join pg_collation l on l.oid = a.attcollation
              where a.attrelid = cast($1 as text)::regclass and a.attnum > 0 and not a.attisdropped
                  and a.attgenerated = '' order by a.attnum",
    primary_key: "select a.attname as name
                  from pg_index i
                  cross join unnest(i.indkey) with ordinality as k (attnum, position)
                  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
                  where i.indrelid = cast($1 as text)::regclass and i.indisprimary order by k.position",
    indexes: "select c.relname as name, i.indisunique as is_unique, i.indpred is not null as is_partial
              from pg_index i join pg_class c on c.oid = i.indexrelid
              where i.indrelid = cast($1 as text)::regclass and not i.indisprimary order by c.relname",
    index_columns: "select trim(both '\"' from pg_get_indexdef(i.indexrelid, k, true)) as name
                    from pg_index i cross join generate_series(1, i.indnkeyatts) as k
                    where i.indexrelid = cast($1 as text)::regclass order by k",
    references: "select a.attname as name, t.relname as target,
                     case c.confdeltype when 'a' then 'no action' when 'r' then 'restrict' when 'c' then 'cascade'
                                        when 'n' then 'set null' else 'set default' end as on_delete
                 from pg_constraint c
                 join pg_class t on t.oid = c.confrelid
                 join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
                 where c.conrelid = cast($1 as text)::regclass and c.contype = 'f'",
};
