//! Where a request's parameters are: in the address, pushed before (RFC 9126), or in a signed object (RFC 9101).
//!
//! Whatever is found replaces the rest: with a `request_uri` nothing but `client_id` counts (PA-5), and beside a request object nothing
//! does (JA-1).

use store::StoreError;

use super::check::{Asked, Push};
use super::request;
use super::respond::{Reply, ResponseMode};
use super::{Next, UNKNOWN_APP};
use crate::clients::Client;
use crate::form::Params;
use crate::par::{self, Pushed};
use crate::redirect_uri::RedirectUri;
use crate::{Code, Error, Provider};

impl Provider {
    /// The parameters that count. A refusal is answered already.
    pub(super) async fn asked(&self, client: &Client, sent: Params) -> Result<Result<Asked, Next>, StoreError> {
        // Sent twice, they are refused among the other repetitions.
        let is_plain = ["request", "request_uri"].iter().any(|name| request::is_repeated(&sent, name));
        let (object, uri) = (sent.get("request"), sent.get("request_uri"));
        let refused = match (object, uri) {
            _ if is_plain => return Ok(Ok(Asked { params: sent, ..Asked::default() })),
            (None, None) => return Ok(Ok(Asked { params: sent, ..Asked::default() })),
            (Some(_), Some(_)) => Error::invalid_request("A request has either request or request_uri."),
            (None, Some(uri)) if uri.starts_with(par::PREFIX) => match self.pushed(client, uri).await? {
                Pushed::Waiting(params, push) => {
                    return Ok(Ok(Asked { params, is_signed: true, push: Some(push) }));
                }
                Pushed::Over(params) => {
                    let error = Error::of(Code::InvalidRequestUri, "The request_uri is expired or was used.");
                    return self.refuse(client, &params, &error).await.map(Err);
                }
                Pushed::OfAnother => {
                    let text = "The request was handed in by another app than the one that asks now.";
                    return Ok(Err(request::page(UNKNOWN_APP, text)));
                }
                Pushed::Unknown => Error::of(Code::InvalidRequestUri, "The request_uri is unknown."),
            },
            (None, Some(_)) => Error::of(
                Code::RequestUriNotSupported,
                "A request_uri must come from the pushed authorization request endpoint.",
            ),
            (Some(object), None) => match self.request_object(client, object).await {
                Ok(params) => return Ok(Ok(Asked { params, is_signed: true, push: None })),
                Err(Error::Store(error)) => return Err(error),
                Err(error) => {
                    let way_back = crate::request_object::way_back(object, &sent);
                    return self.refuse(client, &way_back, &error).await.map(Err);
                }
            },
        };
        self.refuse(client, &sent, &refused).await.map(Err)
    }

    /// Tells the app, if its return address can be told from these parameters; else the person (AZ-2).
    async fn refuse(&self, client: &Client, params: &Params, error: &Error) -> Result<Next, StoreError> {
        let mut tx = self.db.read().await?;
        let uri = match (request::redirect_uri(&mut tx, client, params).await?, client.redirect_uris.as_slice()) {
            (Ok((uri, _)), _) => uri,
            (Err(_), [only]) if params.get("redirect_uri").is_none() => only.clone(),
            (Err(detail), _) => return Ok(request::page(super::WRONG_ADDRESS, detail)),
        };
        drop(tx);
        let state = request::state(params);
        self.reply_at(client, uri, params, state.as_deref()).error(error).await
    }

    /// The way back by the words of a request that was not checked further.
    pub(super) fn reply_at<'a>(
        &'a self,
        client: &'a Client,
        uri: RedirectUri,
        params: &Params,
        state: Option<&'a str>,
    ) -> Reply<'a> {
        let mode = request::response_mode(params).unwrap_or(ResponseMode::USUAL);
        Reply { provider: self, client, uri, mode, state }
    }
}

impl Push {
    /// Of a request that is being handed in.
    pub(crate) fn now(jkt: Option<String>) -> Push {
        Push { hash: None, jkt }
    }
}
