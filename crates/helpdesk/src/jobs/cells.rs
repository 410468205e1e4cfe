//! Lines of CSV that table programs open: a cell that they would run as a formula is made text, and read back as it was.

use crate::Error;

/// A table program takes what begins like this for a formula and runs it: customers write what stands there.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

pub(super) fn harmless(text: Option<String>) -> String {
    match text {
        Some(text) if is_risky(&text) => format!("'{text}"),
        Some(text) => text,
        None => String::new(),
    }
}

/// A cell as it was before `harmless`.
pub(super) fn plain(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_risky(rest)).unwrap_or(cell)
}

/// Apostrophes before a formula count too: else one that somebody wrote could not be told from ours.
fn is_risky(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA)
}

pub(super) fn write_record(out: &mut Vec<u8>, cells: &[String]) -> Result<(), Error> {
    let broken = |_| Error::Refused("A row of the file could not be written.".to_owned());
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(cells).map_err(broken)?;
    writer.flush().map_err(|_| Error::Refused("A row of the file could not be written.".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_a_table_would_run_is_made_text_and_read_back() {
        for formula in ["=1+1", "+1", "-1", "@sum", "\t=1", "'=1", "''@x"] {
            let written = harmless(Some(formula.to_owned()));

            assert_eq!(written, format!("'{formula}"));
            assert_eq!(plain(&written), formula);
        }
        for text in ["Order = 1", "'n Sync", "'", ""] {
            assert_eq!((harmless(Some(text.to_owned())).as_str(), plain(text)), (text, text));
        }
    }

    #[test]
    fn quotes_commas_and_lines_stay_in_their_cell() {
        let mut out = Vec::new();

        write_record(&mut out, &["a,b".to_owned(), "say \"hi\"\nbye".to_owned()]).unwrap();

        assert_eq!(String::from_utf8(out).unwrap(), "\"a,b\",\"say \"\"hi\"\"\nbye\"\r\n");
    }
}
