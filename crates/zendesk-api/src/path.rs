//! Ids in paths. One that no record can have answers as one that no record has: 404.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use endpoint::{App, Needs};

use crate::error::ZendeskError;

/// The one id of a path.
#[derive(Debug, Clone, Copy)]
pub struct Id(pub i64);

/// Two ids of a path, in its order.
#[derive(Debug, Clone, Copy)]
pub struct Pair(pub i64, pub i64);

/// Three ids of a path, in its order.
#[derive(Debug, Clone, Copy)]
pub struct Triple(pub i64, pub i64, pub i64);

/// The one part of a path that is no number.
#[derive(Debug, Clone)]
pub struct Word(pub String);

/// Two parts of a path that are no numbers, in its order.
#[derive(Debug, Clone)]
pub struct Words(pub String, pub String);

impl Needs for Id {}
impl Needs for Words {}
impl Needs for Pair {}
impl Needs for Triple {}
impl Needs for Word {}

impl FromRequestParts<App> for Id {
    type Rejection = ZendeskError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Id, ZendeskError> {
        let Word(id) = Word::from_request_parts(parts, app).await?;
        Ok(Id(parse(&id)?))
    }
}

impl FromRequestParts<App> for Pair {
    type Rejection = ZendeskError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Pair, ZendeskError> {
        let path = Path::<(String, String)>::from_request_parts(parts, app).await;
        let Path((first, second)) = path.map_err(|_| ZendeskError::not_found())?;
        Ok(Pair(parse(&first)?, parse(&second)?))
    }
}

impl FromRequestParts<App> for Triple {
    type Rejection = ZendeskError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Triple, ZendeskError> {
        let path = Path::<(String, String, String)>::from_request_parts(parts, app).await;
        let Path((first, second, third)) = path.map_err(|_| ZendeskError::not_found())?;
        Ok(Triple(parse(&first)?, parse(&second)?, parse(&third)?))
    }
}

impl FromRequestParts<App> for Word {
    type Rejection = ZendeskError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Word, ZendeskError> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        path.map(|Path(word)| Word(word)).map_err(|_| ZendeskError::not_found())
    }
}

impl FromRequestParts<App> for Words {
    type Rejection = ZendeskError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Words, ZendeskError> {
        let path = Path::<(String, String)>::from_request_parts(parts, app).await;
        path.map(|Path((first, second))| Words(first, second)).map_err(|_| ZendeskError::not_found())
    }
}

pub(crate) fn parse(text: &str) -> Result<i64, ZendeskError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ZendeskError::not_found());
    }
    text.parse().map_err(|_| ZendeskError::not_found())
}
