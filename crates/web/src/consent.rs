//! `/consent`: who asks, for what, and where the answer goes (section 8 of the contract). The facts are the provider's.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::App;
use helpdesk::reach::{self, Reach};
use oauth::authorize::{Asked, Choice, ConsentPage, Decision, ScopeLine, Standing};
use oauth::consents::Lasting;
use scope::permission::Permissions;
use scope::{Dialect, words};
use store::StoreError;

use crate::pages::{Link, PersonLine, page_that_leads_away};
use crate::scopes::{Kind, kind_of};
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, authorize, errors, text};

#[derive(Template)]
#[template(path = "consent.html")]
pub struct Consent {
    pub csrf: String,
    pub account: String,
    pub request: String,
    pub app: String,
    pub initials: String,
    pub publisher: Option<String>,
    /// The app's own page, named by its host.
    pub website: Option<Link>,
    /// Its privacy policy and its terms of service (RG-8).
    pub links: Vec<Link>,
    pub standing: Standing,
    pub person: PersonLine,
    pub groups: Vec<Group>,
    pub is_offline: bool,
    /// Only what is new is asked (CO-7).
    pub is_incremental: bool,
    /// Our copy of its logo.
    pub logo: Option<String>,
    /// Host of the metadata document that is its client id (CM-9).
    pub document_host: Option<String>,
    /// Any program on the person's computer could say that it is this app (CO-14).
    pub is_any_program: bool,
    /// Something can be unticked (CO-8).
    pub has_optional: bool,
    /// An administrator may answer for everybody (CO-11).
    pub may_allow_for_everybody: bool,
    /// In the provider's words: a host, or an app on this computer.
    pub destination: String,
}

pub struct Group {
    pub name: String,
    pub lines: Vec<Line>,
}

pub struct Line {
    pub word: String,
    pub sentence: String,
    pub kind: Kind,
    pub deprecated: bool,
    pub is_optional: bool,
    pub is_ticked: bool,
    /// What that is in this account, in numbers.
    pub reach: Option<String>,
}

/// `GET /consent`
pub async fn show(State(app): State<App>, visitor: Visitor, Query(query): Query) -> Response {
    let asked = match app.provider.consent(query.value("request"), &visitor.browser()).await {
        Ok(Asked::Page(asked)) => asked,
        Ok(Asked::Next(next)) => return authorize::answer(Ok(next)),
        Err(error) => return errors::database(&error),
    };
    let counted = match counted(&app, &asked).await {
        Ok(counted) => counted,
        Err(error) => return errors::database(&error),
    };
    match account::name(&app).await {
        Ok(account) => {
            let csrf = visitor.csrf(&asked.request);
            page_that_leads_away(StatusCode::OK, &Consent::new(*asked, csrf, account, &counted))
        }
        Err(error) => errors::database(&error),
    }
}

/// `POST /consent`. Anything but a clear "allow" is a no.
pub async fn decide(State(app): State<App>, posted: Posted) -> Response {
    let Posted { visitor, form } = posted;
    let decision = match form.value("decision") {
        answer @ ("allow" | "allow-for-everybody") => Decision::Allow(Choice {
            ticked: form.all("optional").into_iter().map(str::to_owned).collect(),
            lasting: Lasting::parse(form.value("lasting")),
            for_everybody: answer == "allow-for-everybody",
        }),
        _ => Decision::Deny,
    };
    authorize::answer(app.provider.decide(form.value("request"), &visitor.browser(), decision).await)
}

/// How much there is of what is asked for and the person may reach.
async fn counted(app: &App, asked: &ConsentPage) -> Result<Vec<Reach>, StoreError> {
    let lines = asked.groups.iter().flat_map(|group| &group.lines);
    let permissions = lines.fold(Permissions::NONE, |all, line| all.union(line.permissions));
    let mut tx = app.db.read().await?;
    reach::count(&mut tx, permissions).await
}

impl Consent {
    pub fn new(asked: ConsentPage, csrf: String, account: String, counted: &[Reach]) -> Consent {
        let website = asked.client_uri.as_deref().and_then(website);
        let groups = asked.groups.into_iter().map(|group| {
            let lines = group.lines.into_iter().filter(|line| !asked.incremental || line.new);
            let lines = lines.map(|line| Line::new(line, counted));
            // Lasting access is said below the list, with what it means.
            Group { name: group.heading, lines: lines.filter(|line| line.kind != Kind::Stay).collect() }
        });
        let groups: Vec<Group> = groups.filter(|group| !group.lines.is_empty()).collect();
        Consent {
            csrf,
            account,
            request: asked.request,
            initials: text::initials(&asked.client_name),
            app: text::shown(&asked.client_name, 60),
            publisher: asked.publisher.map(|it| text::shown(&it, 60)),
            website,
            links: links(asked.policy_uri.as_deref(), asked.tos_uri.as_deref()),
            standing: asked.standing,
            person: PersonLine::new(&asked.person_name, &asked.person_email),
            has_optional: groups.iter().flat_map(|group| &group.lines).any(|line| line.is_optional),
            may_allow_for_everybody: asked.may_allow_for_everybody,
            groups,
            is_offline: asked.offline,
            is_incremental: asked.incremental,
            logo: asked.logo.map(|id| format!("/logos/{id}")),
            document_host: asked.client_id_host.map(|host| text::shown(&host, 80)),
            is_any_program: asked.is_any_program,
            destination: text::shown(&asked.destination, 120),
        }
    }
}

impl Line {
    fn new(line: ScopeLine, counted: &[Reach]) -> Line {
        let kind = words::find(Dialect::Standard, &line.word).map_or(Kind::Read, kind_of);
        Line {
            kind: if line.write { Kind::Write } else { kind },
            word: text::shown(&line.word, 60),
            sentence: line.sentence,
            deprecated: line.deprecated,
            is_optional: line.optional,
            is_ticked: line.ticked,
            reach: crate::reach::of(counted, line.permissions),
        }
    }
}

fn links(policy: Option<&str>, terms: Option<&str>) -> Vec<Link> {
    let on_the_web = |address: &&str| text::host_of(address).is_some();
    [(policy, "Privacy policy"), (terms, "Terms of service")]
        .into_iter()
        .filter_map(|(address, label)| Some((address.filter(on_the_web)?, label)))
        .map(|(href, label)| Link { href: href.to_owned(), label: label.to_owned() })
        .collect()
}

/// A link to an app's own page, if that is on the web.
pub fn website(address: &str) -> Option<Link> {
    text::host_of(address).map(|host| Link { href: address.to_owned(), label: text::shown(&host, 60) })
}
