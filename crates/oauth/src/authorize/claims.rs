//! The `claims` parameter (OpenID Connect Core 5.5): single claims, and a level of sign-in that must be reached (AZ-20, AZ-21).
//!
//! It opens nothing by itself: a claim is told only within the granted scopes (ID-2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use store::{Row, StoreError};

use crate::clients::Client;
use crate::form::Params;
use crate::{Error, acr, claims};

/// Claims by name, as they are kept with the code. Names we do not know are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimsAsked {
    pub id_token: Vec<String>,
    pub userinfo: Vec<String>,
}

/// The levels of which one is to be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Demand {
    pub any_of: Vec<String>,
    /// Without it there is no code.
    pub is_essential: bool,
}

/// What a request says of claims and levels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    pub claims: ClaimsAsked,
    pub demand: Option<Demand>,
    /// Nobody else will do (OpenID Connect Core 3.1.2.2).
    pub sub: Option<String>,
}

impl ClaimsAsked {
    pub fn is_empty(&self) -> bool {
        self.id_token.is_empty() && self.userinfo.is_empty()
    }

    /// As a token family keeps them, in its column `claims`.
    pub fn stored(row: &Row) -> Result<ClaimsAsked, StoreError> {
        match row.text_or_null("claims")? {
            Some(text) => serde_json::from_str(&text).map_err(|_| StoreError::Column("claims")),
            None => Ok(ClaimsAsked::default()),
        }
    }
}

impl Demand {
    pub fn met_by(&self, reached: &str) -> bool {
        self.any_of.iter().any(|wanted| acr::meets(reached, wanted))
    }

    /// Whether signing in again could help.
    pub fn is_reachable(&self) -> bool {
        self.any_of.iter().any(|wanted| acr::is_known(wanted))
    }
}

/// Reads `claims` and `acr_values`. Malformed JSON and wrong shapes are the app's mistake; unknown claims are nobody's (AZ-21).
///
/// Of `acr_values` only our own words count: for OpenID Connect they are a wish that may stay open (AZ-19), for step-up they must be
/// reached, or the API would ask again for ever (RFC 9470, 5). A word of ours is meant so.
pub(crate) fn read(client: &Client, params: &Params) -> Result<Wishes, Error> {
    let mut wishes = match params.get("claims") {
        Some(text) => parse(text).ok_or_else(|| {
            Error::invalid_request("The claims parameter is not an object of the shape of OpenID Connect Core 5.5.")
        })?,
        None => Wishes::default(),
    };
    if wishes.demand.is_none() {
        let named = params.get("acr_values").map(|text| known(text.split_whitespace().map(str::to_owned)));
        let usual = known(client.metadata.default_acr_values.iter().cloned());
        wishes.demand = match named {
            Some(any_of) if any_of.is_empty() => None,
            Some(any_of) => Some(Demand { any_of, is_essential: true }),
            None if usual.is_empty() => None,
            None => Some(Demand { any_of: usual, is_essential: false }),
        };
    }
    Ok(wishes)
}

fn known(words: impl Iterator<Item = String>) -> Vec<String> {
    words.filter(|word| acr::is_known(word)).collect()
}

fn parse(text: &str) -> Option<Wishes> {
    let Ok(Json::Object(members)) = serde_json::from_str::<Json>(text) else { return None };
    let id_token = of_place(members.get("id_token"))?;
    // For its shape only: nothing in it changes what must be done.
    of_place(members.get("userinfo"))?;
    let mut wishes = Wishes::default();
    if let Some(Some(wish)) = id_token.get("acr") {
        let mut any_of = wish.values.clone();
        any_of.extend(wish.value.clone());
        wishes.demand = (!any_of.is_empty()).then_some(Demand { any_of, is_essential: wish.is_essential });
    }
    if let Some(Some(wish)) = id_token.get("sub") {
        wishes.sub = wish.value.clone();
    }
    let names = |place: Map<String, Json>| {
        place.into_iter().map(|(name, _)| name).filter(|name| claims::SUPPORTED.contains(&name.as_str())).collect()
    };
    wishes.claims.id_token = names(object_or_none(members.get("id_token"))?);
    wishes.claims.userinfo = names(object_or_none(members.get("userinfo"))?);
    Some(wishes)
}

/// What may stand beside a claim's name.
struct Wish {
    is_essential: bool,
    /// Of texts only: no claim of ours that can be asked for by value is anything else.
    value: Option<String>,
    values: Vec<String>,
}

fn of_place(place: Option<&Json>) -> Option<BTreeMap<String, Option<Wish>>> {
    object_or_none(place)?.into_iter().map(|(name, wish)| Some((name, of_claim(&wish)?))).collect()
}

fn object_or_none(place: Option<&Json>) -> Option<Map<String, Json>> {
    match place {
        None | Some(Json::Null) => Some(Map::new()),
        Some(Json::Object(claims)) => Some(claims.clone()),
        Some(_) => None,
    }
}

/// The outer None is a wrong shape, the inner one `null`: no more than the name.
fn of_claim(wish: &Json) -> Option<Option<Wish>> {
    let members = match wish {
        Json::Null => return Some(None),
        Json::Object(members) => members,
        _ => return None,
    };
    let is_essential = match members.get("essential") {
        None => false,
        Some(essential) => essential.as_bool()?,
    };
    let values = match members.get("values") {
        None => Vec::new(),
        Some(values) => values.as_array()?.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect(),
    };
    let value = members.get("value").and_then(Json::as_str).map(str::to_owned);
    Some(Some(Wish { is_essential, value, values }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shapes_are_checked_and_strangers_ignored() {
        // AZ-21
        let wishes = parse(
            r#"{"id_token":{"email":null,"acr":{"essential":true,"values":["gold"]},"shoe_size":null},
                "userinfo":{"name":{"essential":true}},"verified_claims":{}}"#,
        );

        let wishes = wishes.unwrap();
        assert_eq!(wishes.claims.id_token, ["acr", "email"]);
        assert_eq!(wishes.claims.userinfo, ["name"]);
        assert_eq!(wishes.demand, Some(Demand { any_of: vec!["gold".to_owned()], is_essential: true }));
        for bad in [
            "",
            "[]",
            "{",
            r#"{"id_token":[]}"#,
            r#"{"userinfo":"name"}"#,
            r#"{"id_token":{"acr":"gold"}}"#,
            r#"{"id_token":{"acr":{"essential":"yes"}}}"#,
            r#"{"id_token":{"acr":{"values":"gold"}}}"#,
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_no_trouble(text in ".{0,300}", json in r#"[\[\]{}":,a-z0-9 ]{0,200}"#) {
            let _any = parse(&text);
            let _any = parse(&json);
        }
    }
}
