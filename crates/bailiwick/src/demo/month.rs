//! What else happened in the last month of the demo: rules are made and changed and look at what waits, many tickets are edited at once, a
//! tag is merged away, a list is exported. The product does all of it, with its clock set to the day; `seed` carries out the plan's steps
//! in between.

use helpdesk::filter::{Condition, Field, Operand, Operator, Test};
use helpdesk::jobs::job::{self, Format, Job, NewJob, Work};
use helpdesk::jobs::merge_tags;
use helpdesk::jobs::run::{self, Hands};
use helpdesk::jobs::selection::Selection;
use helpdesk::rules::on_time;
use helpdesk::tickets::bulk::Set;
use helpdesk::{Error, tags};
use jiff::{SignedDuration, Timestamp};
use outside::{Blobs, Clock, Random};
use scope::permit::Permit;
use scope::resource::{Access, Resource};
use serde_json::json;
use store::{Db, transact};

use super::people::STAFF;
use super::plan::DAY;
use super::rules;
use super::seed::{People, acting, refused, uuid};

/// Of `STAFF`.
const LEAD: usize = 2;
const BILLING: usize = 3;

/// The tag that somebody puts on tickets that have `KEPT_TAG` already, and that is merged away.
const SPARE_TAG: &str = "parcel missing";
const KEPT_TAG: &str = "lost-parcel";

#[derive(Debug, Clone, Copy)]
enum Deed {
    MakeRules,
    AmendRule,
    LookAtWhatWaits,
    TagMany,
    MergeTags,
    RaiseMany,
    LowerThemAgain,
    Export,
}

/// From then on staff fill in the custom fields and use macros, in seconds from the plan's beginning.
pub const TOOLS_FROM: i64 = 60 * DAY;
/// There are rules from then on, in seconds from the plan's beginning.
pub const RULES_FROM: i64 = 60 * DAY + 32_400;

/// When, in seconds from the plan's beginning.
const DEEDS: [(i64, Deed); 7] = [
    (RULES_FROM, Deed::MakeRules),
    (68 * DAY + 51_137, Deed::AmendRule),
    (70 * DAY + 40_211, Deed::TagMany),
    (79 * DAY + 36_020, Deed::MergeTags),
    (84 * DAY + 41_900, Deed::RaiseMany),
    (84 * DAY + 43_325, Deed::LowerThemAgain),
    (89 * DAY + 60_007, Deed::Export),
];
/// On these days rules look at what waits.
const LOOKS_FROM: i64 = 61;
const LOOKS_UNTIL: i64 = 90;
const LOOKS_EVERY: usize = 7;
const LOOK_AT: i64 = 28_800;

pub struct Month<'a> {
    db: &'a Db,
    people: &'a People,
    begin: Timestamp,
    random: Random,
    /// The next one last.
    deeds: Vec<(i64, Deed)>,
    amended_rule: i64,
    raised: Option<Job>,
}

impl<'a> Month<'a> {
    pub fn begin(db: &'a Db, people: &'a People, begin: Timestamp, random: Random) -> Month<'a> {
        let looks =
            (LOOKS_FROM..LOOKS_UNTIL).step_by(LOOKS_EVERY).map(|day| (day * DAY + LOOK_AT, Deed::LookAtWhatWaits));
        let mut deeds: Vec<_> = DEEDS.into_iter().chain(looks).collect();
        deeds.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        Month { db, people, begin, random, deeds, amended_rule: 0, raised: None }
    }

    /// When something happens next, in seconds from the plan's beginning.
    pub fn next_at(&self) -> i64 {
        self.deeds.last().map_or(i64::MAX, |(at, _)| *at)
    }

    /// Does it. False if nothing is left to be done.
    pub async fn go_on(&mut self) -> anyhow::Result<bool> {
        let Some((at, deed)) = self.deeds.pop() else { return Ok(false) };
        let now = self.begin + SignedDuration::from_secs(at);
        match deed {
            Deed::MakeRules => {
                let may = self.may(0)?;
                self.amended_rule = transact!(self.db, |tx| rules::create(tx, &may, now).await)?;
            }
            Deed::AmendRule => {
                let may = self.may(LEAD)?;
                transact!(self.db, |tx| rules::amend(tx, &may, now, self.amended_rule).await)?;
            }
            Deed::LookAtWhatWaits => on_time::run(self.db, &Clock::manual(now)).await?,
            Deed::TagMany => {
                let selection = Selection::of(Condition::Is(Test {
                    field: Field::Tags,
                    operator: Operator::Contains,
                    operand: Operand::Text(KEPT_TAG.to_owned()),
                }));
                let sets = vec![Set::AddTags(vec![SPARE_TAG.to_owned()])];
                let view = format!("eq(ticket.tags.name, '{KEPT_TAG}')");
                let params = json!({
                    "view": { "type": "ticket-list", "filters": view }, "updates": { "add_tags": [SPARE_TAG] },
                });
                self.job(LEAD, now, Work::UpdateTickets { selection, sets }, params).await?;
            }
            Deed::MergeTags => self.merge_tags(now).await?,
            Deed::RaiseMany => {
                let selection = Selection::of(self.people.view.condition.clone());
                let sets = vec![Set::Priority("high".to_owned())];
                let params = json!({ "view_id": self.people.view.id, "updates": { "priority": "high" } });
                self.raised = Some(self.job(BILLING, now, Work::UpdateTickets { selection, sets }, params).await?);
            }
            Deed::LowerThemAgain => {
                // There are demos of few tickets.
                if let Some(raised) = self.raised.take().filter(|raised| job::why_not_undo(raised, now).is_none()) {
                    let (may, id) = (self.may(LEAD)?, raised.id);
                    let undoing = transact!(self.db, |tx| job::undo(tx, &may, now, id).await)?;
                    self.run(undoing.id, now).await?;
                }
            }
            Deed::Export => {
                let selection = Selection::of(self.people.view.condition.clone());
                let params = json!({ "view_id": self.people.view.id, "format": "csv" });
                self.job(BILLING, now, Work::ExportTickets { selection, format: Format::Csv }, params).await?;
            }
        }
        Ok(true)
    }

    async fn merge_tags(&self, now: Timestamp) -> anyhow::Result<()> {
        let (may, may_read) = (self.may(0)?, self.may(0)?);
        transact!(self.db, |tx| {
            let spare = tags::named(tx, &may_read, SPARE_TAG).await?;
            let kept = tags::named(tx, &may_read, KEPT_TAG).await?;
            if let (Some(spare), Some(kept)) = (spare, kept) {
                merge_tags::start(tx, &may, now, kept, &[spare]).await?;
            }
            Ok::<_, Error>(())
        })?;
        Ok(())
    }

    /// Starts a job and runs it to its end, as the worker would a moment later. As it is then.
    async fn job(&self, staff: usize, now: Timestamp, work: Work, params: serde_json::Value) -> anyhow::Result<Job> {
        let may = self.may(staff)?;
        let new = NewJob { work, params, meta: None, scheduled_at: None };
        let made = transact!(self.db, |tx| job::create(tx, &may, now, new.clone()).await)?;
        self.run(made.id, now).await?;
        let may = self.may(staff)?;
        let mut tx = self.db.read().await?;
        Ok(job::find(&mut tx, &may, made.id).await?)
    }

    async fn run(&self, job_id: i64, now: Timestamp) -> Result<(), Error> {
        let clock = Clock::manual(now + SignedDuration::from_secs(2));
        let (read_actions, carry) = (gorgias_api::macros::read_actions, zendesk_api::bulk::carry);
        let hands = Hands { clock: &clock, blobs: &Blobs::Database, read_actions, carry };
        run::run(self.db, &hands, &json!({ "job_id": job_id }), &uuid(&self.random), true).await
    }

    fn may<R: Resource, A: Access>(&self, staff: usize) -> Result<Permit<R, A>, Error> {
        acting(self.people.staff[staff], STAFF[staff].role, &self.random).map_err(refused)
    }
}
