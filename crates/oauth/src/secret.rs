//! How our codes, tokens and client secrets look, and how they are kept: as a hash (ALL-11).
//!
//! `bwa_` (access), `bwr_` (refresh), `bws_` (client secret), `bwm_` (registration access) or `bwi_` (initial access), then 43 letters and digits with 256 random bits (ALL-10), then 5 with
//! a CRC-32 of all before them. A secret scanner finds them by prefix and checksum (AT-1).
//! A code has no prefix: 48 letters and digits, as Gorgias' apps know it.

use outside::{Random, sha256};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Digits of base 62 that hold 256 bits.
const N_RANDOM: usize = 43;
const N_CHECKSUM: usize = 5;

/// Begins every access token.
pub const ACCESS: &str = "bwa_";

pub fn access_token(random: &Random) -> String {
    new(ACCESS, random)
}

pub fn refresh_token(random: &Random) -> String {
    new("bwr_", random)
}

/// A refresh token of these 256 bits, which only this provider can have come by.
pub fn refresh_token_of(bytes: [u8; 32]) -> String {
    with("bwr_", bytes)
}

pub fn client_secret(random: &Random) -> String {
    new("bws_", random)
}

/// Opens an app's own registration (RFC 7592).
pub fn registration_token(random: &Random) -> String {
    new("bwm_", random)
}

/// Lets an app register itself (RFC 7591, section 3).
pub fn initial_token(random: &Random) -> String {
    new("bwi_", random)
}

/// The first characters of a token, by which people tell it from others. They open nothing.
pub fn hint(token: &str) -> &str {
    token.get(..10).unwrap_or_default()
}

pub fn code(random: &Random) -> String {
    new("", random)
}

/// What the database keeps of a code or a token: SHA-256. A slow hash would add nothing to 256 random bits.
pub fn hash(secret: &str) -> [u8; 32] {
    sha256(secret.as_bytes())
}

/// Whether it could be one of ours. Spares a look into the database for what was mistyped or cut off.
pub fn is_well_formed(secret: &str) -> bool {
    if !secret.is_ascii() || secret.len() < N_RANDOM + N_CHECKSUM {
        return false;
    }
    let (body, checksum) = secret.split_at(secret.len() - N_CHECKSUM);
    checksum_of(body) == checksum
}

fn new(prefix: &str, random: &Random) -> String {
    with(prefix, random.bytes())
}

fn with(prefix: &str, bytes: [u8; 32]) -> String {
    let mut text = String::with_capacity(prefix.len() + N_RANDOM + N_CHECKSUM);
    text.push_str(prefix);
    push_base62(&mut text, bytes);
    let checksum = checksum_of(&text);
    text + &checksum
}

/// The number as 43 digits, lowest first.
fn push_base62(text: &mut String, bytes: [u8; 32]) {
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = chunk.iter().fold(0, |value, &byte| (value << 8) | u64::from(byte));
    }
    for _ in 0..N_RANDOM {
        let mut rest = 0u128;
        for limb in &mut limbs {
            let value = (rest << 64) | u128::from(*limb);
            *limb = (value / 62) as u64;
            rest = value % 62;
        }
        text.push(digit(rest as usize));
    }
}

fn checksum_of(text: &str) -> String {
    let mut rest = crc32(text.as_bytes()) as usize;
    let mut digits = String::with_capacity(N_CHECKSUM);
    for _ in 0..N_CHECKSUM {
        digits.push(digit(rest % 62));
        rest /= 62;
    }
    digits
}

fn digit(value: usize) -> char {
    char::from(ALPHABET[value % 62])
}

/// CRC-32 as in zip and gzip.
fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in data {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ ((crc & 1) * 0xedb8_8320);
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_prefix_and_a_checksum_that_a_typing_error_breaks() {
        // AT-1, ALL-10
        let token = access_token(&Random::seeded(1));

        assert!(token.starts_with("bwa_"));
        assert_eq!(token.len(), 52);
        assert!(is_well_formed(&token));
        let typo = token.replace(&token[9..10], if &token[9..10] == "x" { "y" } else { "x" });
        assert!(!is_well_formed(&typo));
        assert!(!is_well_formed("bwa_"));
        assert!(!is_well_formed(&"\u{e9}".repeat(40)));
    }

    #[test]
    fn a_code_is_48_letters_and_digits() {
        let code = code(&Random::seeded(2));

        assert_eq!(code.len(), 48);
        assert!(code.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!(is_well_formed(&code));
    }

    #[test]
    fn the_checksum_is_the_usual_crc32() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
