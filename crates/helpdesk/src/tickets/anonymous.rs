//! Requests of people who have shown no token. The account says whether there can be any; unless it does, there are none.
//!
//! Whoever asks is the customer of the address that they give. Nobody has proven that it is theirs, as with a mail: they may write one new
//! request, and read nothing.

use jiff::Timestamp;
use scope::permit::{Acting, Actor, CanWrite, Permit};
use scope::resource::{Accounts, Requests};
use scope::role::Role;
use store::Tx;

use crate::customers::find_or_create;
use crate::people::PersonRef;
use crate::{Error, account};

/// The kind of the setting, and its switch.
const SETTING: &str = "anonymous-requests";
const ALLOWED: &str = "allowed";
/// What the event log says of who acted.
const ACTING: &str = "anonymous";

/// Whether anybody may ask. Not unless the account said so.
pub async fn are_allowed(tx: &mut Tx) -> Result<bool, Error> {
    account::setting_flag(tx, SETTING, ALLOWED).await
}

/// Lets anybody ask, or nobody any more.
pub async fn allow(tx: &mut Tx, may: &CanWrite<Accounts>, now: Timestamp, allowed: bool) -> Result<(), Error> {
    account::change_setting(tx, may, now, SETTING, |data| data[ALLOWED] = allowed.into()).await
}

/// The permit to write a request as whoever this is, who is made a customer if they are none. None where nobody may. `Invalid` on `requester`
/// without an address.
pub async fn admit(
    tx: &mut Tx,
    now: Timestamp,
    request_id: &str,
    who: &PersonRef,
) -> Result<Option<CanWrite<Requests>>, Error> {
    if !are_allowed(tx).await? {
        return Ok(None);
    }
    if who.email.as_deref().is_none_or(|email| email.trim().is_empty()) {
        return Err(Error::invalid("requester", "must have an email"));
    }
    // Nothing but who they are: a number or a foreign id would name somebody of whom they know nothing else.
    let who = PersonRef {
        email: who.email.clone(),
        name: who.name.clone(),
        language: who.language.clone(),
        ..PersonRef::default()
    };
    let acting = Acting { sub: ACTING.to_owned(), name: "Somebody who has not signed in".to_owned() };
    let nobody = Actor { acting: Some(acting), request_id: request_id.to_owned(), ..Actor::default() };
    let person_id = find_or_create(tx, &nobody, now, &who).await.map_err(|error| error.on_field("requester"))?;
    let actor = Actor { person_id: Some(person_id), role: Some(Role::Customer), ..nobody };
    Ok(Some(Permit::of_anybody(actor)))
}
