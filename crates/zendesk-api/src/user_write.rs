//! What clients write of a user, and carrying it out: on staff or on a customer, as the role says.

use endpoint::Later;
use helpdesk::custom_roles as domain_roles;
use helpdesk::customers::{self, NewCustomer};
use helpdesk::jobs::batch::By;
use helpdesk::organizations;
use helpdesk::people::AddressRef;
use helpdesk::profiles::{self, Extra, Profile};
use helpdesk::users::{self, NewUser, Proof};
use jiff::Timestamp;
use scope::permit::CanWrite;
use scope::resource::{Customers, Users};
use scope::role::Role;
use serde_json::{Map, Value};
use store::Tx;

use crate::custom_roles::{self, Meaning};
use crate::error::ZendeskError;
use crate::fields::Fields;
use crate::users::role_word;
use crate::{locales, object_fields};

const NAME_MAX_CHARS: usize = 255;
const EMAIL_MAX_CHARS: usize = 320;
const TEXT_MAX_CHARS: usize = 65_536;
const PHONE: &str = "phone";
const EMAIL: &str = "email";

const READ_ONLY: &[&str] = &[
    "active",
    "chat_only",
    "created_at",
    "iana_time_zone",
    "id",
    "last_login_at",
    "photo",
    "report_csv",
    "role_type",
    "shared",
    "shared_agent",
    "two_factor_auth_enabled",
    "updated_at",
    "url",
    "verified",
    "skip_verify_email",
    "moderator",
    "only_private_comments",
    "restricted_agent",
    "ticket_restriction",
    "default_group_id",
    "shared_phone_number",
    "remote_photo_url",
    "organization",
    "organization_ids",
];

/// Who shows that staff may be written: that is asked for only when it turns out that staff are meant.
pub(crate) enum Staff<'a> {
    Later(&'a Later),
    By(&'a By),
}

impl Staff<'_> {
    pub(crate) fn permit(&self) -> Result<CanWrite<Users>, ZendeskError> {
        match self {
            Staff::Later(later) => Ok(later.permit()?),
            Staff::By(by) => Ok(by.permit()?),
        }
    }
}

type MayWrite<'a> = (&'a CanWrite<Customers>, &'a Staff<'a>);

/// A user as it was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct SentUser {
    pub name: Option<String>,
    pub email: Option<String>,
    pub role: Option<&'static str>,
    pub phone: Option<Option<String>>,
    pub external_id: Option<Option<String>>,
    pub language: Option<Option<String>>,
    pub timezone: Option<Option<String>>,
    pub organization_id: Option<Option<i64>>,
    pub identities: Vec<AddressRef>,
    pub extra: Extra,
    /// Values of fields of the account's own, by key.
    pub fields: Map<String, Value>,
    /// As it is called here.
    pub custom_role_id: Option<i64>,
}

pub(crate) fn read(fields: &mut Fields) -> SentUser {
    fields.pass(READ_ONLY);
    let identities = fields.each("identities", |identity| {
        let kind = identity.some_text("type", 64).unwrap_or_default();
        let address = identity.some_text("value", EMAIL_MAX_CHARS).unwrap_or_default();
        let kind = if kind == "phone_number" { PHONE.to_owned() } else { kind };
        AddressRef { kind, address, preferred: false }
    });
    SentUser {
        name: fields.some_text("name", NAME_MAX_CHARS),
        email: fields.some_text("email", EMAIL_MAX_CHARS).map(|email| email.trim().to_owned()),
        role: fields.word("role", &["end-user", "agent", "admin"]).flatten(),
        phone: fields.text("phone", 64),
        external_id: fields.text("external_id", NAME_MAX_CHARS),
        language: fields.text("locale", 16).or(read_locale(fields)),
        timezone: fields.text("time_zone", 64),
        organization_id: fields.id("organization_id"),
        identities: identities.unwrap_or_default(),
        fields: object_fields::read_values(fields, "user_fields"),
        custom_role_id: fields.id("custom_role_id").flatten(),
        extra: Extra {
            alias: fields.text("alias", NAME_MAX_CHARS),
            details: fields.text("details", TEXT_MAX_CHARS),
            signature: fields.text("signature", TEXT_MAX_CHARS),
            note: fields.text("notes", TEXT_MAX_CHARS),
            suspended: fields.flag("suspended"),
            tags: fields.texts("tags", NAME_MAX_CHARS),
        },
    }
}

/// A language that was sent by its number.
fn read_locale(fields: &mut Fields) -> Option<Option<String>> {
    let id = fields.id("locale_id")??;
    let locale = locales::of_id(id);
    if locale.is_none() {
        fields.problem("locale_id", "is not a locale");
    }
    locale.map(|locale| Some(locale.word.to_owned()))
}

fn role_given(word: &str) -> Role {
    if word == "admin" { Role::Admin } else { Role::Agent }
}

/// Creates staff or a customer, and answers the id.
pub(crate) async fn create(
    tx: &mut Tx,
    (may, staff): MayWrite<'_>,
    now: Timestamp,
    sent: &SentUser,
) -> Result<i64, ZendeskError> {
    let id = match sent.role {
        Some(word @ ("agent" | "admin")) => {
            let may = staff.permit()?;
            let Some(email) = &sent.email else { return Err(ZendeskError::invalid("email", "cannot be blank")) };
            let new = NewUser {
                role: role_given(word),
                external_id: sent.external_id.clone().flatten(),
                language: sent.language.clone().flatten(),
                timezone: sent.timezone.clone().flatten(),
                ..NewUser::named(sent.name.as_deref().unwrap_or(email), email)
            };
            let id = users::create(tx, &may, now, &new).await?.id;
            give_role(tx, &may, now, (id, new.role), sent).await?;
            id
        }
        _ => {
            let mut addresses = sent.identities.clone();
            addresses.extend(sent.phone.clone().flatten().map(phone));
            let new = NewCustomer {
                email: sent.email.clone(),
                name: sent.name.clone(),
                external_id: sent.external_id.clone().flatten(),
                language: sent.language.clone().flatten(),
                timezone: sent.timezone.clone().flatten(),
                addresses,
                ..NewCustomer::default()
            };
            let id = customers::create(tx, may, now, &new).await?.customer.id;
            if let Some(organization_id) = sent.organization_id.flatten() {
                organizations::set_only(tx, may, now, id, Some(organization_id)).await?;
            }
            id
        }
    };
    profiles::set_extra(tx, may, now, id, &sent.extra).await?;
    profiles::set_fields(tx, may, now, id, &sent.fields).await?;
    Ok(id)
}

/// Changes whoever has the address or the foreign id, else creates them. True: they are new.
pub(crate) async fn create_or_update(
    tx: &mut Tx,
    may: MayWrite<'_>,
    now: Timestamp,
    sent: &SentUser,
) -> Result<(i64, bool), ZendeskError> {
    let external_id = sent.external_id.as_ref().and_then(Option::as_deref);
    match profiles::find_by(tx, may.0, sent.email.as_deref(), external_id).await? {
        Some(id) => {
            update(tx, may, now, id, sent).await?;
            Ok((id, false))
        }
        None => {
            if sent.name.is_none() {
                return Err(ZendeskError::invalid("name", "cannot be blank"));
            }
            Ok((create(tx, may, now, sent).await?, true))
        }
    }
}

pub(crate) async fn update(
    tx: &mut Tx,
    (may, staff): MayWrite<'_>,
    now: Timestamp,
    id: i64,
    sent: &SentUser,
) -> Result<(), ZendeskError> {
    let before = profiles::written(tx, may, id).await?;
    if before.role.is_staff() {
        update_staff(tx, &staff.permit()?, now, &before, sent).await?;
    } else {
        if sent.role.is_some_and(|word| word != role_word(Role::Customer)) {
            return Err(ZendeskError::invalid("role", "of a customer cannot become one of staff: create a user"));
        }
        update_customer(tx, may, now, &before, sent).await?;
    }
    profiles::set_extra(tx, may, now, id, &sent.extra).await?;
    Ok(profiles::set_fields(tx, may, now, id, &sent.fields).await?)
}

async fn update_staff(
    tx: &mut Tx,
    may: &CanWrite<Users>,
    now: Timestamp,
    before: &Profile,
    sent: &SentUser,
) -> Result<(), ZendeskError> {
    let same_email = |email: &String| before.email.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(email));
    if sent.email.as_ref().is_some_and(|email| !same_email(email)) {
        return Err(ZendeskError::invalid("email", "of staff is changed by themselves, with their password"));
    }
    // A word that they have already changes nothing: it stands for several of our roles.
    let role = sent.role.filter(|word| *word != role_word(before.role));
    if role == Some(role_word(Role::Customer)) {
        return Err(ZendeskError::invalid("role", "of staff cannot become that of a customer: delete the user"));
    }
    let changes = users::Changes {
        role: role.map(role_given),
        name: sent.name.clone(),
        external_id: sent.external_id.clone(),
        language: sent.language.clone(),
        timezone: sent.timezone.clone(),
        ..users::Changes::default()
    };
    let after = users::update(tx, may, now, before.id, &changes, &Proof::default()).await?;
    give_role(tx, may, now, (before.id, after.role), sent).await
}

/// A custom role that was sent says more exactly what one of the staff may do. The one that they have changes nothing.
async fn give_role(
    tx: &mut Tx,
    may: &CanWrite<Users>,
    now: Timestamp,
    (id, role): (i64, Role),
    sent: &SentUser,
) -> Result<(), ZendeskError> {
    match sent.custom_role_id.map(custom_roles::meaning) {
        None => Ok(()),
        // Who is to be an administrator has no other role besides.
        Some(Some(Meaning::OwnRole(_))) if sent.role == Some("admin") => Ok(()),
        Some(Some(Meaning::OwnRole(own))) => Ok(domain_roles::assign(tx, may, now, id, own).await?),
        // Several roles are one here.
        Some(Some(Meaning::Roles(roles))) if roles.contains(&role) => {
            Ok(domain_roles::withdraw(tx, may, now, id).await?)
        }
        Some(Some(Meaning::Roles(roles))) => {
            let changes = users::Changes { role: roles.first().copied(), ..users::Changes::default() };
            users::update(tx, may, now, id, &changes, &Proof::default()).await?;
            Ok(())
        }
        Some(None) => Err(ZendeskError::invalid("custom_role_id", "is not a custom role")),
    }
}

async fn update_customer(
    tx: &mut Tx,
    may: &CanWrite<Customers>,
    now: Timestamp,
    before: &Profile,
    sent: &SentUser,
) -> Result<(), ZendeskError> {
    let changes = customers::Changes {
        name: sent.name.clone().map(Some),
        external_id: sent.external_id.clone(),
        language: sent.language.clone(),
        timezone: sent.timezone.clone(),
        ..customers::Changes::default()
    };
    let known = customers::update(tx, may, now, before.id, &changes).await?.addresses;
    let mut addresses: Vec<AddressRef> = known.iter().map(AddressRef::from).collect();
    if let Some(phone_now) = &sent.phone {
        addresses.retain(|address| !(address.kind == PHONE && Some(&address.address) == before.phone.as_ref()));
        addresses.extend(phone_now.clone().map(phone));
    }
    if let Some(email) = &sent.email {
        let is_first = !addresses.iter().any(|address| address.kind == EMAIL);
        // A further address does not take the place of the first one.
        addresses.push(AddressRef { kind: EMAIL.to_owned(), address: email.clone(), preferred: is_first });
    }
    let changes = customers::Changes { addresses: Some(addresses), ..customers::Changes::default() };
    customers::update(tx, may, now, before.id, &changes).await?;
    if let Some(organization_id) = sent.organization_id {
        organizations::set_only(tx, may, now, before.id, organization_id).await?;
    }
    Ok(())
}

pub(crate) async fn delete(
    tx: &mut Tx,
    (may, staff): MayWrite<'_>,
    now: Timestamp,
    id: i64,
) -> Result<(), ZendeskError> {
    if profiles::is_staff(tx, id).await?.ok_or_else(ZendeskError::not_found)? {
        Ok(users::delete(tx, &staff.permit()?, now, id).await?)
    } else {
        Ok(profiles::deactivate(tx, may, now, id).await?)
    }
}

fn phone(number: String) -> AddressRef {
    AddressRef { kind: PHONE.to_owned(), address: number, preferred: true }
}
