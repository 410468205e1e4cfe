//! Ids in paths. One that no object can have answers as one that no object has: 404, in this dialect's shape.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use endpoint::{App, Needs};

use crate::error::GorgiasError;
use crate::fields::ID_MAX;

/// The one id of a path; 0 is let through, since `/api/users/0` is the caller.
#[derive(Debug, Clone, Copy)]
pub struct Id(pub i64);

/// Two ids of a path, in its order.
#[derive(Debug, Clone, Copy)]
pub struct Pair(pub i64, pub i64);

impl Needs for Id {}
impl Needs for Pair {}

impl FromRequestParts<App> for Id {
    type Rejection = GorgiasError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Id, GorgiasError> {
        let Path(id) = Path::<String>::from_request_parts(parts, app).await.map_err(|_| GorgiasError::NotFound)?;
        Ok(Id(parse(&id)?))
    }
}

impl FromRequestParts<App> for Pair {
    type Rejection = GorgiasError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Pair, GorgiasError> {
        let path = Path::<(String, String)>::from_request_parts(parts, app).await;
        let Path((first, second)) = path.map_err(|_| GorgiasError::NotFound)?;
        Ok(Pair(parse(&first)?, parse(&second)?))
    }
}

fn parse(text: &str) -> Result<i64, GorgiasError> {
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_digit()) {
        return Err(GorgiasError::NotFound);
    }
    text.parse().ok().filter(|id| *id <= ID_MAX).ok_or(GorgiasError::NotFound)
}
