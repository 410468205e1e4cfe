//! Changing a password or an address needs the current password. Hashing is slow, so it happens before the transaction that writes.

use jiff::Timestamp;
use outside::Random;
use scope::permit::Actor;
use store::{Db, Tx};

use super::find_credentials;
use crate::events::{self, Change};
use crate::{Error, passwords};

/// The secrets that came with a change of a user.
#[derive(Debug, Clone, Default)]
pub struct PasswordChange {
    pub new_password: Option<String>,
    /// The password of the user who is changed; needed for a new one.
    pub old_password: Option<String>,
    /// The password of whoever asks; needed for a new address.
    pub confirmation: Option<String>,
}

/// What those secrets proved. Only `prove` makes one.
#[derive(Debug, Default)]
pub struct Proof {
    /// The hash to store, and the one it replaces.
    new_hash: Option<(String, String)>,
    confirmed: bool,
}

/// Checks the secrets. `Invalid` on the one that is wrong or missing. `caller_id` is whoever asks, `id` the user who is changed.
pub async fn prove(
    db: &Db,
    random: &Random,
    caller_id: Option<i64>,
    id: i64,
    change: &PasswordChange,
) -> Result<Proof, Error> {
    let mut proof = Proof::default();
    if let Some(confirmation) = &change.confirmation {
        let caller = match caller_id {
            Some(caller_id) => find_credentials(&mut db.read().await?, caller_id).await?,
            None => None,
        };
        let hash = caller.and_then(|caller| caller.password_hash);
        if !passwords::verify(hash.as_deref(), confirmation).await {
            return Err(Error::invalid("password_confirmation", "The password is wrong."));
        }
        proof.confirmed = true;
    }
    if let Some(new_password) = &change.new_password {
        let Some(old_password) = &change.old_password else {
            return Err(Error::invalid("old_password", "Missing data for required field."));
        };
        let user = find_credentials(&mut db.read().await?, id).await?;
        let old_hash = user.and_then(|user| user.password_hash);
        let right = passwords::verify(old_hash.as_deref(), old_password).await;
        let (true, Some(old_hash)) = (right, old_hash) else {
            return Err(Error::invalid("old_password", "The password is wrong."));
        };
        let new_hash = passwords::hash(random, new_password).await.map_err(|error| error.on_field("new_password"))?;
        proof.new_hash = Some((new_hash, old_hash));
    }
    Ok(proof)
}

impl Proof {
    pub(super) fn confirms_address(&self) -> bool {
        self.confirmed
    }

    /// Stores the new password, if one was proven. `Invalid` if another call changed it meanwhile.
    pub(super) async fn store(&self, tx: &mut Tx, actor: &Actor, now: Timestamp, id: i64) -> Result<(), Error> {
        let Some((new_hash, old_hash)) = &self.new_hash else { return Ok(()) };
        let changed = tx
            .run(
                "update passwords set hash = $1, changed_at = $2 where person_id = $3 and hash = $4",
                &[new_hash.into(), now.into(), id.into(), old_hash.into()],
            )
            .await?;
        if changed == 0 {
            return Err(Error::invalid("old_password", "The password was changed meanwhile."));
        }
        let change = Change {
            kind: "user-password-changed",
            object_type: "User",
            object_id: id,
            before: None,
            after: None,
            data: None,
        };
        events::record(tx, actor, now, change).await
    }
}

/// Stores a stronger hash of the same password, at sign-in (LS-4). No event: the password is the same.
pub async fn store_rehash(tx: &mut Tx, id: i64, old_hash: &str, new_hash: &str) -> Result<(), Error> {
    tx.run(
        "update passwords set hash = $1 where person_id = $2 and hash = $3",
        &[new_hash.into(), id.into(), old_hash.into()],
    )
    .await?;
    Ok(())
}
