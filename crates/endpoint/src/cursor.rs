//! The text of a cursor: a place in a list, in letters that stand in an address as they are. It is no secret and grants nothing; a
//! checksum has a damaged one, or one of another list, refused rather than read as another place.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `of` names what the place is in, and is not told.
pub fn write(place: &str, of: &str) -> String {
    URL_SAFE_NO_PAD.encode([&sum(place, of), place.as_bytes()].concat())
}

/// The place, if the cursor was written for the same.
pub fn read(cursor: &str, of: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor.trim_end_matches('=')).ok()?;
    let (known, place) = bytes.split_first_chunk::<8>()?;
    let place = str::from_utf8(place).ok()?;
    (sum(place, of) == *known).then(|| place.to_owned())
}

fn sum(place: &str, of: &str) -> [u8; 8] {
    checksum(of.bytes().chain(place.bytes())).to_be_bytes()
}

/// FNV-1a, 64 bits.
pub fn checksum(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
