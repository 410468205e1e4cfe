//! Signature Version 4 of requests to a bucket, for one object and no query (AWS, "Authenticating Requests: Using the Authorization
//! Header"). Also what MinIO, Ceph, Garage and the other services of this protocol ask for.

use aws_lc_rs::hmac;
use jiff::Timestamp;

use crate::sha256;

/// What is signed. The path is percent-encoded already.
pub(crate) struct Request<'a> {
    pub method: &'a str,
    /// With its port, if that is not the scheme's own.
    pub host: &'a str,
    pub path: &'a str,
    pub body: &'a [u8],
    pub region: &'a str,
    pub access_key_id: &'a str,
    pub secret_access_key: &'a str,
    pub now: Timestamp,
}

/// The headers that make it a signed request.
pub(crate) fn sign(request: &Request<'_>) -> [(&'static str, String); 3] {
    let time = request.now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = time.get(..8).unwrap_or_default();
    let body_hash = hex(&sha256(request.body));
    let signed_headers = "host;x-amz-content-sha256;x-amz-date";
    let canonical = format!(
        "{}\n{}\n\nhost:{}\nx-amz-content-sha256:{body_hash}\nx-amz-date:{time}\n\n{signed_headers}\n{body_hash}",
        request.method, request.path, request.host
    );
    let scope = format!("{day}/{}/s3/aws4_request", request.region);
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&sha256(canonical.as_bytes())));
    let mut key = hmac_of(format!("AWS4{}", request.secret_access_key).as_bytes(), day.as_bytes());
    for part in [request.region, "s3", "aws4_request"] {
        key = hmac_of(&key, part.as_bytes());
    }
    let signature = hex(&hmac_of(&key, text.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={signed_headers},Signature={signature}",
        request.access_key_id
    );
    [("authorization", authorization), ("x-amz-content-sha256", body_hash), ("x-amz-date", time)]
}

fn hmac_of(key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_signed_as_an_independent_computation_signs_it() {
        let signed = sign(&Request {
            method: "PUT",
            host: "files.example:9000",
            path: "/bucket/0123",
            body: b"Hello",
            region: "eu-west-1",
            access_key_id: "AKIDEXAMPLE",
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            now: "2026-03-02T09:00:00Z".parse().unwrap(),
        });

        assert_eq!(signed[0].1, EXPECTED);
        assert_eq!(signed[2].1, "20260302T090000Z");
    }

    // By botocore's algorithm written down in Python's hmac and hashlib.
    const EXPECTED: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260302/eu-west-1/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=504bcc7788e26051a80b8cdfb658ac3de9ec98b7e365815605498ec08a833da6";
}
