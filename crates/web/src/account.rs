//! The account's name, which most pages show.

use endpoint::App;
use store::StoreError;

/// `Bailiwick` as long as there is no account.
pub async fn name(app: &App) -> Result<String, StoreError> {
    let _app = app;
    Ok("Bailiwick".to_owned())
}
