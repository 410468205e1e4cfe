//! `bailiwick scopes`: both vendors' scope words and what each opens.

use std::fmt::Write;

use scope::Dialect;
use scope::identity::Identity;
use scope::permission::Permissions;
use scope::words::{self, Word};
use serde_json::{Value, json};

use super::output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON: for each dialect the list of its words
    #[arg(long)]
    json: bool,
    /// Print docs/scopes.md
    #[arg(long, hide = true, conflicts_with = "json")]
    markdown: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    output::print(&match args {
        Args { json: true, .. } => json(),
        Args { markdown: true, .. } => markdown(),
        Args { .. } => text(),
    })
}

const RULES: &str = "\
Writing does not include reading, with either vendor. `write:all` opens everything and is deprecated.
An app of one dialect may ask for the other's words too; a word that both have means what its own dialect says.
The dialect `standard` has openid, profile, email, offline_access, the Gorgias words, and the Zendesk words that Gorgias lacks.
With Zendesk's words, a resource alone (`tickets`) is both its words. Words unknown to both vendors open nothing: Zendesk apps may
carry them, others are refused with `invalid_scope`.
What a call may do is what its words open AND what the person's role allows at that moment.
";

fn text() -> String {
    let mut text = String::new();
    for (name, dialect) in VENDORS {
        let mut rows = vec![["WORD", "OPENS", "ON THE CONSENT PAGE"].map(str::to_owned)];
        for word in words::vocabulary(dialect) {
            let mark = if word.deprecated { " (deprecated)" } else { "" };
            rows.push([word.word.to_owned(), opens(word), format!("{}{mark}", word.sentence)]);
        }
        // Writing to a String does not fail.
        let _ = writeln!(text, "{name}: {} words\n\n{}", words::vocabulary(dialect).len(), output::columns(&rows));
    }
    text + RULES
}

fn json() -> String {
    let dialects: serde_json::Map<String, Value> = Dialect::ALL
        .iter()
        .map(|&dialect| {
            let words = words::vocabulary(dialect).iter().map(object).collect();
            (dialect.word().to_owned(), Value::Array(words))
        })
        .collect();
    format!("{:#}\n", Value::Object(dialects))
}

fn markdown() -> String {
    let mut text = String::from(
        "# Scopes\n\n\
         <!-- Generated: `bailiwick scopes --markdown > docs/scopes.md`. A test compares. -->\n\n\
         What an app may ask for, what each word opens, and what the person who decides reads on the consent page.\n\
         *Opens* is in our own permissions, which are finer than either vendor's words; [routes.md](routes.md) says which\n\
         call needs which word. The tables are `crates/scope/src/gorgias.rs` and `crates/scope/src/zendesk.rs`.\n\n",
    );
    text.push_str(RULES);
    for (name, dialect) in VENDORS {
        let _ = write!(text, "\n## {name}\n\n| word | opens | on the consent page |\n|---|---|---|\n");
        for word in words::vocabulary(dialect) {
            let mark = if word.deprecated { " **Deprecated.**" } else { "" };
            let _ = writeln!(text, "| `{}` | {} | {}.{mark} |", word.word, opens(word), word.sentence);
        }
    }
    text
}

const VENDORS: [(&str, Dialect); 2] = [("Gorgias", Dialect::Gorgias), ("Zendesk", Dialect::Zendesk)];

/// In our own permissions, `views:read` and the like; the broad words in words.
fn opens(word: &Word) -> String {
    match word.identity {
        Some(Identity::OpenId) => return "an id_token".to_owned(),
        Some(Identity::Offline) => return "a refresh token".to_owned(),
        Some(Identity::Impersonate) => return "the header X-On-Behalf-Of".to_owned(),
        Some(Identity::Email | Identity::Profile | Identity::Phone | Identity::Address) => return "claims".to_owned(),
        None => {}
    }
    let broad = [
        (Permissions::all(), "all reads and writes"),
        (Permissions::all_reads(), "all reads"),
        (Permissions::all_writes(), "all writes"),
    ];
    match broad.iter().find(|(permissions, _)| *permissions == word.permissions) {
        Some((_, name)) => (*name).to_owned(),
        None => spelled(word.permissions).join(" "),
    }
}

fn object(word: &Word) -> Value {
    json!({
        "word": word.word,
        "permissions": spelled(word.permissions),
        "opens": opens(word),
        "group": word.group,
        "sentence": word.sentence,
        "deprecated": word.deprecated,
    })
}

fn spelled(permissions: Permissions) -> Vec<String> {
    permissions.iter().map(|permission| permission.to_string()).collect()
}
