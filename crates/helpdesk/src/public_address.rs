//! Where this helpdesk is to be found, as its configuration says: texts that are sent away lead there.

use store::{Db, Tx};

use crate::Error;

/// Remembers it for whatever runs on the database. Without a slash at the end.
pub async fn set(db: &Db, url: &str) -> Result<(), Error> {
    let known = {
        let mut tx = db.read().await?;
        get(&mut tx).await?
    };
    if known == url {
        return Ok(());
    }
    store::transact!(db, |tx| {
        tx.run(
            "insert into public_address (id, url) values (1, $1) on conflict (id) do update set url = excluded.url",
            &[url.into()],
        )
        .await?;
        Ok::<_, Error>(())
    })
}

/// Empty before the first start.
pub(crate) async fn get(tx: &mut Tx) -> Result<String, Error> {
    let row = tx.row("select url from public_address where id = 1", &[]).await?;
    Ok(row.map(|row| row.text("url")).transpose()?.unwrap_or_default())
}
