//! The signature of a call, by which its receiver knows that it comes from here and when it was made.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

/// HMAC-SHA256 of the raw body, in hexadecimal digits (Gorgias contract, `http_delivery.signature`).
pub const OF_BODY: &str = "x-gorgias-signature";
/// `t=<seconds>,v1=<hex>`: HMAC-SHA256 of the seconds since 1970, a full stop and the raw body. An old call sent again is told by it.
pub const OF_TIME_AND_BODY: &str = "x-bailiwick-signature";

/// HMAC-SHA256 of the time below and the raw body, in base64 (Zendesk contract, `webhooks.delivery`).
pub const OF_WEBHOOK: &str = "x-zendesk-webhook-signature";
/// `2026-03-02T09:00:00Z`
pub const WEBHOOK_TIME: &str = "x-zendesk-webhook-signature-timestamp";

pub fn of_webhook(secret: &[u8], time: &str, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(time.as_bytes());
    context.update(body);
    STANDARD.encode(context.sign())
}

pub fn of_body(secret: &[u8], body: &[u8]) -> String {
    hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body).as_ref())
}

pub fn of_time_and_body(secret: &[u8], now: Timestamp, body: &[u8]) -> String {
    let seconds = now.as_second();
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    format!("t={seconds},v1={}", hex(context.sign().as_ref()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_hmac_sha256() {
        // RFC 4231, test case 2
        assert_eq!(
            of_body(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
