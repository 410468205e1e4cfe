//! What was said on a ticket, as templates tell it: single comments, and many of them one below the other, the newest first.

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use store::{Row, Tx};

use crate::Error;

/// Comments that are told one below the other, at most, and their length in characters.
const COMMENTS_MAX: i64 = 20;
const COMMENTS_MAX_CHARS: usize = 64 * 1024;
const LINE: &str = "----------------------------------------------";

/// The newest message of the customer.
pub(super) async fn last_received(tx: &mut Tx, ticket_id: i64) -> Result<Json, Error> {
    let row = tx
        .row(
            "select id, subject, stripped_text, body_text, channel, created_at from messages
             where ticket_id = $1 and from_agent = 0 order by created_at desc, id desc limit 1",
            &[ticket_id.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(json!({})) };
    Ok(json!({
        "id": row.int("id")?, "subject": row.text_or_null("subject")?.unwrap_or_default(),
        "body_text": row.text_or_null("body_text")?.unwrap_or_default(),
        "stripped_text": row.text_or_null("stripped_text")?.unwrap_or_default(),
        "channel": row.text("channel")?, "created_datetime": row.time("created_at")?.to_string(),
    }))
}

/// The names of a ticket that tell what was said, each with its text. Served by `messages_by_ticket`.
pub(super) async fn names(tx: &mut Tx, ticket_id: i64) -> Result<Map<String, Json>, Error> {
    const SELECT: &str = "select m.body_text, m.public, m.created_at, p.name
                          from messages m left join people p on p.id = m.sender_id
                          where m.ticket_id = $1 and m.deleted_at is null";
    let first = format!("{SELECT} order by m.created_at, m.id limit 1");
    let first_public = format!("{SELECT} and m.public = 1 order by m.created_at, m.id limit 1");
    let newest = format!("{SELECT} order by m.created_at desc, m.id desc limit $2");
    let public = format!("{SELECT} and m.public = 1 order by m.created_at desc, m.id desc limit $2");
    let comments = |rows: &[Row]| rows.iter().map(Comment::from_row).collect::<Result<Vec<_>, Error>>();
    let first = comments(&tx.rows(&first, &[ticket_id.into()]).await?)?;
    let first_public = comments(&tx.rows(&first_public, &[ticket_id.into()]).await?)?;
    let all = comments(&tx.rows(&newest, &[ticket_id.into(), COMMENTS_MAX.into()]).await?)?;
    let public = comments(&tx.rows(&public, &[ticket_id.into(), COMMENTS_MAX.into()]).await?)?;
    let text = |comments: &[Comment]| comments.first().map(|comment| comment.text.clone()).unwrap_or_default();
    let whole = |comments: &[Comment]| comments.first().map(Comment::formatted).unwrap_or_default();
    let told = [
        ("description", text(&first)),
        ("verbatim_description", text(&first)),
        ("public_description", text(&first_public)),
        ("latest_comment", text(&all)),
        // As plain text: the mails that tell it are made of plain text.
        ("latest_comment_html", text(&all)),
        ("latest_comment_rich", text(&all)),
        ("latest_comment_formatted", whole(&all)),
        ("latest_public_comment", text(&public)),
        ("latest_public_comment_html", text(&public)),
        ("latest_public_comment_rich", text(&public)),
        ("latest_public_comment_formatted", whole(&public)),
        ("comments_formatted", many(&all)),
        ("public_comments_formatted", many(&public)),
    ];
    let list = |comments: &[Comment]| comments.iter().map(Comment::fields).collect::<Json>();
    let lists = [("comments", list(&all)), ("public_comments", list(&public))];
    let texts = told.into_iter().map(|(name, text)| (name.to_owned(), json!(text)));
    Ok(texts.chain(lists.into_iter().map(|(name, list)| (name.to_owned(), list))).collect())
}

/// Names that tell internal notes, too, and each beside it the one that tells the same without them.
const PUBLIC: &[(&str, &str)] = &[
    ("description", "public_description"),
    ("verbatim_description", "public_description"),
    ("latest_comment", "latest_public_comment"),
    ("latest_comment_html", "latest_public_comment_html"),
    ("latest_comment_rich", "latest_public_comment_rich"),
    ("latest_comment_formatted", "latest_public_comment_formatted"),
    ("comments_formatted", "public_comments_formatted"),
    ("comments", "public_comments"),
];

/// Has the names of a ticket tell what its customers may read.
pub(super) fn leave_out_private(ticket: &mut Json) {
    for (name, public) in PUBLIC {
        if let Some(told) = ticket.get(*public).cloned() {
            ticket[*name] = told;
        }
    }
}

struct Comment {
    author: String,
    at: Timestamp,
    text: String,
    public: bool,
}

impl Comment {
    fn from_row(row: &Row) -> Result<Comment, Error> {
        Ok(Comment {
            author: row.text_or_null("name")?.unwrap_or_default(),
            at: row.time("created_at")?,
            text: row.text_or_null("body_text")?.unwrap_or_default(),
            public: row.flag("public")?,
        })
    }

    /// Who said it and when, above what they said.
    fn formatted(&self) -> String {
        let at = self.at.strftime("%b %-d, %Y, %H:%M");
        let private = if self.public { "" } else { " (internal)" };
        format!("{LINE}\n\n{}, {at}{private}\n\n{}", self.author, self.text)
    }

    fn fields(&self) -> Json {
        json!({
            "author": { "name": self.author }, "created_at": self.at.to_string(), "value": self.text, "body": self.text,
            "is_public": self.public,
        })
    }
}

fn many(comments: &[Comment]) -> String {
    let text = comments.iter().map(Comment::formatted).collect::<Vec<_>>().join("\n\n");
    text.chars().take(COMMENTS_MAX_CHARS).collect()
}
