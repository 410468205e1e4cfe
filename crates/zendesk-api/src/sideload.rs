//! `include=users,groups`: records beside those that were asked for, each once, a kind a statement (Zendesk contract,
//! `conventions.sideloads`). Whoever may read the records may see what they refer to.

use std::collections::BTreeSet;

use helpdesk::{brands, custom_statuses, organizations, profiles, teams, ticket_forms};
use scope::permit::Permit;
use scope::resource::{Access, Resource};
use serde_json::{Map, Value};
use store::Tx;

use crate::error::ZendeskError;
use crate::query::Params;
use crate::{Site, groups, users};
use crate::{
    brands as brands_here, custom_statuses as custom_statuses_here, organizations as organizations_here,
    ticket_forms as ticket_forms_here,
};

/// What to load: the ids of each kind that the call has asked for.
#[derive(Debug, Default)]
pub struct Beside {
    users: Option<BTreeSet<i64>>,
    groups: Option<BTreeSet<i64>>,
    organizations: Option<BTreeSet<i64>>,
    brands: Option<BTreeSet<i64>>,
    custom_statuses: Option<BTreeSet<i64>>,
    ticket_forms: Option<BTreeSet<i64>>,
}

impl Beside {
    /// What comes with the tickets of a view, whatever was asked for.
    pub fn of_view() -> Beside {
        let asked = || Some(BTreeSet::new());
        Beside { users: asked(), groups: asked(), organizations: asked(), ..Beside::default() }
    }

    /// The kinds that `include` names.
    pub fn of(params: &Params) -> Beside {
        let wanted = |kind: &str| params.includes(kind).then(BTreeSet::new);
        Beside {
            users: wanted("users"),
            groups: wanted("groups"),
            organizations: wanted("organizations"),
            brands: wanted("brands"),
            custom_statuses: wanted("custom_statuses"),
            ticket_forms: wanted("ticket_forms"),
        }
    }

    /// Organizations, whatever the call has asked for.
    pub fn organizations_only() -> Beside {
        Beside { organizations: Some(BTreeSet::new()), ..Beside::default() }
    }

    pub fn users(&mut self, ids: impl IntoIterator<Item = i64>) {
        if let Some(users) = &mut self.users {
            users.extend(ids);
        }
    }

    pub fn groups(&mut self, ids: impl IntoIterator<Item = i64>) {
        if let Some(groups) = &mut self.groups {
            groups.extend(ids);
        }
    }

    pub fn organizations(&mut self, ids: impl IntoIterator<Item = i64>) {
        if let Some(organizations) = &mut self.organizations {
            organizations.extend(ids);
        }
    }

    pub fn brands(&mut self, ids: impl IntoIterator<Item = i64>) {
        if let Some(brands) = &mut self.brands {
            brands.extend(ids);
        }
    }

    pub fn custom_statuses(&mut self, ids: impl IntoIterator<Item = i64>) {
        if let Some(statuses) = &mut self.custom_statuses {
            statuses.extend(ids);
        }
    }

    pub fn ticket_forms(&mut self, ids: impl IntoIterator<Item = i64>) {
        if let Some(forms) = &mut self.ticket_forms {
            forms.extend(ids);
        }
    }

    /// Loads them into the answer.
    pub async fn load<R: Resource, A: Access>(
        self,
        tx: &mut Tx,
        may: &Permit<R, A>,
        site: &Site,
        body: &mut Map<String, Value>,
    ) -> Result<(), ZendeskError> {
        let list = |ids: BTreeSet<i64>| ids.into_iter().collect::<Vec<i64>>();
        if let Some(ids) = self.users.map(list) {
            let users = profiles::beside(tx, may, &ids).await?;
            body.insert("users".to_owned(), users.iter().map(|user| users::view(site, user)).collect());
        }
        if let Some(ids) = self.groups.map(list) {
            let teams = teams::beside(tx, may, &ids).await?;
            body.insert("groups".to_owned(), teams.iter().map(|team| groups::view(site, team)).collect());
        }
        if let Some(ids) = self.organizations.map(list) {
            let found = organizations::beside(tx, may, &ids).await?;
            let views = found.iter().map(|organization| organizations_here::view(site, organization));
            body.insert("organizations".to_owned(), views.collect());
        }
        if let Some(ids) = self.brands.map(list) {
            let found = brands::beside(tx, may, &ids).await?;
            let views = brands_here::views(tx, may, site, &found).await?;
            body.insert("brands".to_owned(), Value::Array(views));
        }
        if let Some(ids) = self.custom_statuses.map(list) {
            let found = custom_statuses::beside(tx, may, &ids).await?;
            let views = found.iter().map(|status| custom_statuses_here::view(site, status));
            body.insert("custom_statuses".to_owned(), views.collect());
        }
        if let Some(ids) = self.ticket_forms.map(list) {
            let found = ticket_forms::beside(tx, may, &ids).await?;
            body.insert("ticket_forms".to_owned(), Value::Array(ticket_forms_here::views(tx, site, &found).await?));
        }
        Ok(())
    }
}
