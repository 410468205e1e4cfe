//! Chance: secrets, identifiers, salts. Seeded where the same data must come out twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A source of random bytes. Cheap to clone; clones of a seeded one draw from the same sequence.
#[derive(Debug, Clone)]
pub struct Random(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Seeded { seed: u64, drawn: Arc<AtomicU64> },
}

impl Random {
    pub fn system() -> Random {
        Random(Source::System)
    }

    /// The same bytes for the same seed. Never for anything that guards real data.
    pub fn seeded(seed: u64) -> Random {
        Random(Source::Seeded { seed, drawn: Arc::default() })
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for randomness")]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            Source::System => aws_lc_rs::rand::fill(&mut bytes)
                .expect("AWS-LC aborts the process itself when the system has no randomness, so this is not reached"),
            Source::Seeded { seed, drawn } => {
                for chunk in bytes.chunks_mut(32) {
                    let counter = drawn.fetch_add(1, Ordering::SeqCst);
                    let block = sha256(&[seed.to_be_bytes(), counter.to_be_bytes()].concat());
                    chunk.copy_from_slice(&block[..chunk.len()]);
                }
            }
        }
        bytes
    }

    /// 256 random bits in base64url: 43 characters of `A-Z a-z 0-9 - _`.
    pub fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    /// `n` characters of `a-z 0-9`, evenly drawn.
    pub fn letters(&self, n: usize) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        (0..n).map(|_| char::from(ALPHABET[usize::from(self.bytes::<1>()[0]) % ALPHABET.len()])).collect()
    }

    /// `n` lowercase hexadecimal characters.
    pub fn hex(&self, n: usize) -> String {
        (0..n).map(|_| char::from_digit(u32::from(self.bytes::<1>()[0] % 16), 16).unwrap_or('0')).collect()
    }

    /// A number from 0 to `below` - 1; 0 when `below` is 0.
    pub fn below(&self, below: u64) -> u64 {
        u64::from_be_bytes(self.bytes::<8>()).checked_rem(below).unwrap_or(0)
    }
}

/// SHA-256.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, data).as_ref());
    out
}

/// The same of everything that a reader gives, with how much that was.
pub fn sha256_of(mut reader: impl std::io::Read) -> std::io::Result<([u8; 32], u64)> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 64 * 1024];
    let mut n_bytes = 0;
    loop {
        let n = reader.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        context.update(&buffer[..n]);
        n_bytes += n as u64;
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    Ok((out, n_bytes))
}
