//! Identifiers that count once, on all nodes: of client assertions (CA-9), DPoP proofs (DP-3), authorization grants (JB-1), request
//! objects. Only a hash is kept, until the signed thing that carries the identifier is over; `cleanup.rs` removes it then.

use jiff::Timestamp;
use outside::sha256;
use store::{StoreError, Tx};

/// True the first time; false if `id` of `issuer` was used already and that use is not over. `kind` keeps identifiers of different things
/// apart. `expires_at` must lie after the last instant at which the thing is still accepted, its grace included.
pub async fn use_once(
    tx: &mut Tx,
    kind: &str,
    issuer: &str,
    id: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let hash = hash(kind, issuer, id);
    let n_written = tx
        .run(
            "insert into used_identifiers (hash, expires_at) values ($1, $2)
             on conflict (hash) do update set expires_at = excluded.expires_at where used_identifiers.expires_at <= $3",
            &[hash.as_slice().into(), expires_at.into(), now.into()],
        )
        .await?;
    Ok(n_written == 1)
}

/// Each part with its length before it, so that no two triples are one text.
fn hash(kind: &str, issuer: &str, id: &str) -> [u8; 32] {
    let mut text = String::new();
    for part in [kind, issuer, id] {
        text.push_str(&part.len().to_string());
        text.push(':');
        text.push_str(part);
    }
    sha256(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        // CA-9
        assert_ne!(hash("a", "bc", "d"), hash("a", "b", "cd"));
        assert_ne!(hash("a", "1:b", ""), hash("a", "", "1:b"));
    }
}
