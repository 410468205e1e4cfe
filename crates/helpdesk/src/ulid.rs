//! Numbers of records as ULIDs, for callers who know no others: 26 characters that sort as the numbers do.
//!
//! Where elsewhere are the time and chance, both parts are made of the number, so that nothing has to be stored.

/// Crockford's digits.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 26;
/// The time of number 0, in milliseconds since 1970: the start of 2020.
const EPOCH: u128 = 1_577_836_800_000;

pub fn of(id: i64) -> String {
    let id = u128::from(id.unsigned_abs());
    let milliseconds = (EPOCH + id) & ((1 << 48) - 1);
    let number = (milliseconds << 80) | id;
    let digit = |at: usize| {
        let digit = usize::try_from((number >> (5 * (LENGTH - 1 - at))) & 31).unwrap_or_default();
        char::from(DIGITS[digit])
    };
    (0..LENGTH).map(digit).collect()
}

/// The number, if the text is one of ours.
pub fn id_of(text: &str) -> Option<i64> {
    if text.len() != LENGTH {
        return None;
    }
    let mut number: u128 = 0;
    for byte in text.bytes() {
        let digit = DIGITS.iter().position(|known| *known == byte.to_ascii_uppercase())?;
        number = (number << 5) | u128::try_from(digit).ok()?;
    }
    let id = i64::try_from(number & ((1 << 80) - 1)).ok()?;
    of(id).eq_ignore_ascii_case(text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_and_later_ones_sort_behind() {
        assert_eq!((id_of(&of(7)), id_of(&of(i64::MAX))), (Some(7), Some(i64::MAX)));
        assert!(of(7).len() == LENGTH && of(7) < of(8) && of(8) < of(1_000_000));
        for text in ["", "7", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "UUUUUUUUUUUUUUUUUUUUUUUUUU", "ééééééééééééé"]
        {
            assert_eq!(id_of(text), None, "{text}");
        }
    }
}
