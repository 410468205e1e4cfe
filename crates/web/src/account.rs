//! The account's name, which most pages show.

use endpoint::App;
use store::StoreError;

/// `Bailiwick` as long as there is no account.
pub async fn name(app: &App) -> Result<String, StoreError> {
    let mut tx = app.db.read().await?;
    let name = helpdesk::account::name(&mut tx).await?;
    Ok(name.map_or_else(|| "Bailiwick".to_owned(), |name| crate::text::shown(&name, 60)))
}
