//! `bailiwick migrate`: brings the schema up to this program's, or moves the account from SQLite to PostgreSQL.

use serde_json::json;
use store::dump::{self, CopiedTable};
use store::{Db, migrate};

use super::output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Copy the account from SQLite into this empty PostgreSQL schema, and compare every table
    #[arg(long, value_name = "postgres://...")]
    to: Option<String>,
    /// Print JSON: `schema`, or `tables` with `name`, `rows` and `checksum`
    #[arg(long)]
    json: bool,
}

pub async fn run(args: &Args, database_url: &str) -> anyhow::Result<()> {
    let db = match &args.to {
        Some(_) => Db::open_existing(database_url).await?,
        None => Db::open(database_url).await?,
    };
    let text = match &args.to {
        Some(url) => copied(&dump::copy_to(&db, url).await?, args.json),
        None => {
            db.migrate().await?;
            let schema = migrate::ALL.iter().map(|migration| migration.number).max().unwrap_or(0);
            if args.json {
                format!("{}\n", json!({ "schema": schema }))
            } else {
                format!("The database is at schema {schema}, which is this program's.\n")
            }
        }
    };
    output::print(&text)
}

fn copied(tables: &[CopiedTable], as_json: bool) -> String {
    if as_json {
        let object =
            |table: &CopiedTable| json!({ "name": table.name, "rows": table.n_rows, "checksum": table.checksum });
        return format!("{}\n", json!({ "tables": tables.iter().map(object).collect::<Vec<_>>() }));
    }
    let mut rows = vec![["TABLE", "ROWS", "CHECKSUM"].map(str::to_owned)];
    rows.extend(tables.iter().map(|table| [table.name.clone(), table.n_rows.to_string(), table.checksum.clone()]));
    format!(
        "{}\nCopied, and equal on both sides. Start the server with the new database address and the same secret key;\n\
         the SQLite file is as it was.\n",
        output::columns(&rows)
    )
}
