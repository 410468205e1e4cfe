//! The provider: each grant, each endpoint that apps call often, and the whole way of a person.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{
    Bench, N_CONNECTIONS, ROUNDS, get_request, insert_floor, journey, load, microseconds, print_row, repeat, start_bare,
};

/// Requests of one round that each count once, such as the redemption of a code.
type Once = Vec<Vec<u8>>;

pub async fn measure(bench: &Bench<'_>) {
    let credentials = format!("client_id={}&client_secret={}", bench.client_id, bench.secret);
    let most = (bench.time.as_secs_f64() * 6000.0) as usize;

    let own = format!("grant_type=client_credentials&scope=tickets%3Aread+tickets%3Awrite+tags%3Aread&{credentials}");
    let own = load::form_request("/oauth/token", &own);
    against_inserts(bench, "token: client_credentials", 200, |_round| vec![own.clone(); most * 4]).await;
    for (what, scope) in [("token: code", PLAIN), ("token: code with id_token", OPENID)] {
        against_inserts(bench, what, 200, |round| {
            let codes = codes(bench.data, &bench.client_id, scope, round, most);
            codes.iter().map(|code| load::form_request("/oauth/token", &code_form(code, &credentials))).collect()
        })
        .await;
    }
    for (what, rotates) in [("token: refresh, rotating", true), ("token: refresh, not rotating", false)] {
        against_inserts(bench, what, 200, |round| {
            let tokens = refresh_tokens(bench.data, &bench.client_id, PLAIN, rotates, round, most * 2);
            let form = |token: &String| format!("grant_type=refresh_token&refresh_token={token}&{credentials}");
            tokens.iter().map(|token| load::form_request("/oauth/token", &form(token))).collect()
        })
        .await;
    }
    let pushed = format!(
        "response_type=code&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&scope=tickets%3Aread&state=x&code_challenge={}&code_challenge_method=S256&{credentials}",
        challenge()
    );
    let pushed = load::form_request("/oauth/par", &pushed);
    against_inserts(bench, "pushed request", 201, |_round| vec![pushed.clone(); PUSHED]).await;

    let asked = format!("token={}&{credentials}", bench.token);
    against_bare(bench, "introspection", &load::form_request("/oauth/introspect", &asked)).await;
    let person = person_token(bench, &credentials).await;
    against_bare(bench, "userinfo", &get_request("/oauth/userinfo", &person)).await;
    against_bare(bench, "key set", &get_request("/oauth/jwks", &bench.token)).await;

    journey::measure(bench).await;
}

/// An app may have a thousand pushed requests that wait: all rounds together stay below.
const PUSHED: usize = 190;
pub const PLAIN: &str = "offline_access tickets:read";
pub const OPENID: &str = "offline_access openid tickets:read";

/// Each request of a round once, beside durable inserts.
async fn against_inserts(bench: &Bench<'_>, what: &str, expected: u16, mut requests: impl FnMut(usize) -> Once) {
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let requests = Arc::new(requests(round));
        let request = move |n: usize| requests.get(n).cloned();
        let ours = load::run(bench.demo.address, N_CONNECTIONS, bench.time, expected, Arc::new(request)).await;
        rounds.push((ours, insert_floor(bench.folder, &format!("{what}-{round}"), bench.time)));
    }
    print_row(&format!("{what} (durable insert)"), rounds);
}

/// The same request again and again, beside a bare route that takes the same request and gives the same answer.
async fn against_bare(bench: &Bench<'_>, what: &str, request: &[u8]) {
    let file = bench.folder.join("answer");
    std::fs::write(&file, load::answer_of(bench.demo.address, request).await).expect("write the answer");
    let (_bare, bare_address) = start_bare(&bench.token, &file);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let ours = load::run(bench.demo.address, N_CONNECTIONS, bench.time, 200, repeat(request)).await;
        let floor = load::run(bare_address, N_CONNECTIONS, bench.time, 200, repeat(request)).await;
        rounds.push((ours, floor.per_second));
    }
    print_row(&format!("{what} (bare axum route, same answer)"), rounds);
}

/// An access token of a person, for userinfo.
async fn person_token(bench: &Bench<'_>, credentials: &str) -> String {
    let code = codes(bench.data, &bench.client_id, OPENID, 2 * ROUNDS, 1).remove(0);
    let answer = load::post_form(bench.demo.address, "/oauth/token", &code_form(&code, credentials)).await;
    answer["access_token"].as_str().expect("a token").to_owned()
}

fn code_form(code: &str, credentials: &str) -> String {
    let code = code.replace(' ', "+");
    format!(
        "grant_type=authorization_code&code={code}&code_verifier={VERIFIER}&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&{credentials}"
    )
}

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(outside::sha256(VERIFIER.as_bytes()))
}

const VERIFIER: &str = "bench-verifier-bench-verifier-bench-verifier-0";

/// Puts codes into the demo's database as consent would have left them, and returns them.
fn codes(data: &Path, client_id: &str, scope: &str, round: usize, n_codes: usize) -> Vec<String> {
    let mut connection = rusqlite::Connection::open(data.join("bailiwick.db")).expect("open");
    connection.busy_timeout(Duration::from_secs(10)).expect("a timeout");
    let tx = connection.transaction().expect("begin");
    let (client, person): (i64, i64) = tx
        .query_row("select id, owner_id from clients where client_id = ?1", [client_id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("the client");
    let now = microseconds();
    tx.execute(
        "insert into grants (client_id, person_id, scope, created_at, updated_at) values (?1, ?2, ?3, ?4, ?4) on conflict do nothing",
        rusqlite::params![client, person, scope, now],
    )
    .expect("a grant");
    let grant: i64 = tx
        .query_row(
            "select id from grants where client_id = ?1 and person_id = ?2 and revoked_at is null",
            [client, person],
            |row| row.get(0),
        )
        .expect("the grant");
    let challenge = URL_SAFE_NO_PAD.encode(outside::sha256(VERIFIER.as_bytes()));
    let codes = (0..n_codes)
        .map(|n| {
            let code = format!("bench-code-{scope}-{round}-{n}");
            tx.prepare_cached(
                "insert into token_families (client_id, grant_id, person_id, scope, auth_time, acr, amr, created_at)
                 values (?1, ?2, ?3, ?4, ?5, 'urn:bailiwick:acr:pwd', 'pwd', ?5)",
            )
            .and_then(|mut it| it.execute(rusqlite::params![client, grant, person, scope, now]))
            .expect("a family");
            let family = tx.last_insert_rowid();
            tx.prepare_cached(
                "insert into authorization_codes (hash, family_id, redirect_uri, redirect_uri_sent, code_challenge, created_at, expires_at)
                 values (?1, ?2, 'http://127.0.0.1/callback', 1, ?3, ?4, ?5)",
            )
            .and_then(|mut it| {
                let hash = outside::sha256(code.as_bytes());
                it.execute(rusqlite::params![hash.as_slice(), family, challenge, now, now + 3_600_000_000])
            })
            .expect("a code");
            code
        })
        .collect();
    tx.commit().expect("commit");
    codes
}

/// Puts refresh tokens into the demo's database, each of a family of its own, and returns them.
pub fn refresh_tokens(
    data: &Path,
    client_id: &str,
    scope: &str,
    rotates: bool,
    round: usize,
    n_tokens: usize,
) -> Vec<String> {
    let families = codes(data, client_id, scope, 1000 + 10 * usize::from(rotates) + round, n_tokens);
    let connection = rusqlite::Connection::open(data.join("bailiwick.db")).expect("open");
    connection.busy_timeout(Duration::from_secs(10)).expect("a timeout");
    let rotation = if rotates { "rotate" } else { "none" };
    connection
        .execute("update clients set refresh_rotation = ?1 where client_id = ?2", [rotation, client_id])
        .expect("the rotation");
    let tx = connection.unchecked_transaction().expect("begin");
    let tokens = families
        .iter()
        .map(|code| {
            let token = format!("bench-refresh-{rotates}-{}", code.replace(' ', "-"));
            tx.prepare_cached(
                "insert into refresh_tokens (hash, family_id, created_at, expires_at)
                 select ?1, family_id, ?2, ?3 from authorization_codes where hash = ?4",
            )
            .and_then(|mut it| {
                let (hash, of) = (outside::sha256(token.as_bytes()), outside::sha256(code.as_bytes()));
                let now = microseconds();
                it.execute(rusqlite::params![hash.as_slice(), now, now + 3_600_000_000, of.as_slice()])
            })
            .expect("a refresh token");
            token
        })
        .collect();
    tx.commit().expect("commit");
    tokens
}
