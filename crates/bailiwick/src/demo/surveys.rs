//! The demo's surveys: what customers answered about closed tickets, and the setting that asks about those that are closed from now on.

use helpdesk::satisfaction_surveys::{self, NewSurvey, sending};
use helpdesk::{Error, account, follow};
use jiff::{SignedDuration, Timestamp};
use outside::Random;
use scope::permit::CanWrite;
use scope::resource::{Accounts, SatisfactionSurveys};
use serde_json::json;
use store::{Tx, transact};

/// Surveys in one transaction.
const AT_ONCE: usize = 250;

const COMMENTS: [(i64, &str); 10] = [
    (5, "So quick, thank you!"),
    (5, "You were very kind about my mistake."),
    (5, "Solved with the first answer. That is how it should be."),
    (4, "Good, but the parcel still took a week."),
    (4, "Friendly. I would have liked a phone call."),
    (3, "It works now. I had to explain it twice."),
    (3, "All right."),
    (2, "Nobody told me that the refund takes so long."),
    (1, "Three days for one sentence."),
    (1, "I am still waiting for the right colour."),
];

/// Has some of the customers answer whose tickets were closed, and those asked whose e-mail tickets are closed from now on.
pub async fn answer(
    db: &store::Db,
    may: &CanWrite<SatisfactionSurveys>,
    may_set: &CanWrite<Accounts>,
    today: Timestamp,
    random: &Random,
) -> anyhow::Result<()> {
    let closed = {
        let mut tx = db.read().await?;
        let sql = "select id, customer_id, closed_at from tickets
                   where closed_at is not null and spam = 0 and trashed_at is null order by id";
        let rows = tx.rows(sql, &[]).await?;
        let closed: Result<Vec<_>, store::StoreError> =
            rows.iter().map(|row| Ok((row.int("id")?, row.int("customer_id")?, row.time("closed_at")?))).collect();
        closed?
    };
    let surveys: Vec<NewSurvey> = closed.iter().filter_map(|closed| survey(*closed, today, random)).collect();
    for some in surveys.chunks(AT_ONCE) {
        transact!(db, |tx| {
            for new in some {
                let made_at = new.created_at.unwrap_or(today);
                satisfaction_surveys::create(tx, may, made_at, new).await?;
            }
            Ok::<_, Error>(())
        })?;
    }
    transact!(db, |tx| switch_on(tx, may_set, today).await)?;
    Ok(())
}

/// Two in five are asked, half of these answer.
fn survey(
    (ticket_id, customer_id, closed_at): (i64, i64, Timestamp),
    today: Timestamp,
    random: &Random,
) -> Option<NewSurvey> {
    let is_asked = random.below(5) < 2;
    let (answers, wrote, which, minutes) =
        (random.below(2) == 0, random.below(3) == 0, random.below(10), random.below(2000));
    let sent_at = closed_at + SignedDuration::from_hours(24);
    if !is_asked || today <= sent_at {
        return None;
    }
    let scored_at = sent_at + SignedDuration::from_mins(i64::try_from(minutes).unwrap_or_default());
    let answers = answers && scored_at < today;
    let (score, comment) = COMMENTS[usize::try_from(which).unwrap_or_default()];
    Some(NewSurvey {
        ticket_id,
        customer_id,
        score: answers.then_some(score),
        body_text: (answers && wrote).then(|| comment.to_owned()),
        created_at: Some(closed_at),
        should_send_at: Some(sent_at),
        sent_at: Some(sent_at),
        scored_at: answers.then_some(scored_at),
        ..NewSurvey::default()
    })
}

/// The follower starts behind what the demo made up: nobody is asked about that again.
async fn switch_on(tx: &mut Tx, may: &CanWrite<Accounts>, now: Timestamp) -> Result<(), Error> {
    let data = json!({
        "survey_interval": 24,
        "send_survey_for_email": true,
        "send_survey_for_chat": true,
        "send_survey_for_contact_form": true,
        "send_survey_for_help_center": false,
        "survey_email_text": "",
        "survey_email_html": "",
    });
    account::create_setting(tx, may, now, sending::SETTING, None, &data).await?;
    follow::pass_over(tx, sending::FOLLOWER, now).await
}
