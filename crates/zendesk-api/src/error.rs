//! How this dialect words a refusal (Zendesk contract, `conventions.errors`): one of five shapes, by what went wrong.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use endpoint::{Refused, Why};
use helpdesk::Error;
use serde_json::{Value, json};
use store::{StoreError, Transient};

/// What a handler of this dialect refuses with.
#[derive(Debug)]
pub enum ZendeskError {
    /// A record that cannot be stored: what, by field. 422, `record_invalid`.
    Invalid(Problems),
    /// A ticket cannot be solved, or asked for, so: one problem a field that is empty, as it is told. 422.
    Unfilled(Vec<Value>),
    /// The request is wrong before any record is: a word for programs, a sentence for people. `simple`.
    Simple(StatusCode, &'static str, String),
    /// Paging asked for what a list cannot do. 400, `json_api`.
    Paging { code: &'static str, title: &'static str, detail: String },
    /// A refusal of one of the newer resources: a list of errors. `json_api`.
    Listed(StatusCode, Vec<Value>),
    /// More values than one call takes. 400.
    TooManyValues { max: usize, description: String },
    /// The caller may not, as it turned out.
    Forbidden(Box<Refused>),
    /// The helpdesk refused.
    Refused(Error),
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Blank,
    Duplicate,
    Invalid,
    TooLong,
}

/// Problems by field; `base` is the record as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Problems(BTreeMap<String, Vec<(Kind, String)>>);

impl Problems {
    pub fn one(field: &str, kind: Kind, problem: impl Into<String>) -> Problems {
        let mut problems = Problems::default();
        problems.add(field, kind, problem);
        problems
    }

    pub fn add(&mut self, field: &str, kind: Kind, problem: impl Into<String>) {
        self.0.entry(field.to_owned()).or_default().push((kind, problem.into()));
    }

    /// Puts the problems of what is inside a field under the field.
    pub fn nest(&mut self, field: &str, inner: Problems) {
        for (below, problems) in inner.0 {
            for (kind, problem) in problems {
                self.add(field, kind, format!("{} {problem}", said(&below)));
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Ok`, or the refusal that lists them.
    pub fn into_result(self) -> Result<(), ZendeskError> {
        if self.is_empty() { Ok(()) } else { Err(ZendeskError::Invalid(self)) }
    }

    /// As the help center tells them: texts by field.
    pub(crate) fn into_texts(self) -> Value {
        let texts =
            |problems: Vec<(Kind, String)>| problems.into_iter().map(|(_, problem)| Value::String(problem)).collect();
        Value::Object(self.0.into_iter().map(|(field, problems)| (field, Value::Array(texts(problems)))).collect())
    }

    /// All of them in one text, as results of jobs show it.
    fn text(&self) -> String {
        let all = self.0.iter().flat_map(|(field, problems)| problems.iter().map(move |(_, it)| described(field, it)));
        all.collect::<Vec<_>>().join(" ")
    }

    /// As the newer resources list them.
    fn into_list(self) -> Vec<Value> {
        let all = self.0.into_iter().flat_map(|(field, problems)| {
            problems.into_iter().map(move |(kind, problem)| {
                let mut error = listed_one(kind.word(), "Invalid attribute", &described(&field, &problem));
                error["source"] = json!({ "pointer": field });
                error
            })
        });
        all.collect()
    }

    fn into_value(self) -> Value {
        let details = self.0.into_iter().map(|(field, problems)| {
            let each = problems
                .into_iter()
                .map(|(kind, problem)| json!({ "description": described(&field, &problem), "error": kind.word() }));
            let list: Vec<Value> = each.collect();
            (field, Value::Array(list))
        });
        json!({ "error": "RecordInvalid", "description": "Record validation errors", "details": Value::Object(details.collect()) })
    }
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Kind::Blank => "BlankValue",
            Kind::Duplicate => "DuplicateValue",
            Kind::Invalid => "InvalidValue",
            Kind::TooLong => "ValueTooLong",
        }
    }
}

/// One error of a list.
fn listed_one(code: &str, title: &str, detail: &str) -> Value {
    json!({ "code": code, "title": title, "detail": detail })
}

/// `Status: closed prevents ticket update`.
fn described(field: &str, problem: &str) -> String {
    if field == "base" { problem.to_owned() } else { format!("{}: {problem}", said(field)) }
}

/// A field's name as people read it: `group_id` is `Group id`.
fn said(field: &str) -> String {
    let words = field.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The vendor's name of a field of ours.
fn field_here(field: &str) -> &str {
    let ours = field.strip_prefix("messages.0.").unwrap_or(field);
    match ours.split('.').next().unwrap_or(ours) {
        "assignee_user" | "assignee_user_id" => "assignee_id",
        "assignee_team" | "assignee_team_id" | "team_id" => "group_id",
        "customer" | "customer_id" => "requester",
        "messages" | "body_text" | "body_html" => "comment",
        "sender" => "author_id",
        "organization" => "organization_id",
        "form_id" => "ticket_form_id",
        "followup_of" => "via_followup_source_id",
        "domains" => "domain_names",
        "shared_with_teams" | "shared_with_users" => "restriction",
        "filters" => "conditions",
        "note" => "notes",
        "label" => "title",
        "pattern" => "regexp_for_validation",
        "target_filter" => "relationship_filter",
        "field_ids" => "ticket_field_ids",
        "customer_conditions" => "end_user_conditions",
        "brand_ids" => "restricted_brand_ids",
        "first_day" => "start_date",
        "last_day" => "end_date",
        "timezone" => "time_zone",
        "channels" | "address" => "identities",
        // The place of a value.
        place if place.bytes().all(|byte| byte.is_ascii_digit()) => "custom_fields",
        first => first,
    }
}

impl ZendeskError {
    /// A refusal of one field of a record.
    pub fn invalid(field: &str, problem: impl Into<String>) -> ZendeskError {
        ZendeskError::Invalid(Problems::one(field, Kind::Invalid, problem))
    }

    /// 400 with a sentence.
    pub fn bad_request(description: impl Into<String>) -> ZendeskError {
        ZendeskError::Simple(StatusCode::BAD_REQUEST, "BadRequest", description.into())
    }

    /// No record has this id, or none that the caller may know of.
    pub fn not_found() -> ZendeskError {
        ZendeskError::Simple(StatusCode::NOT_FOUND, "RecordNotFound", "Not found".to_owned())
    }

    /// No such address.
    pub fn no_endpoint() -> ZendeskError {
        ZendeskError::Simple(StatusCode::NOT_FOUND, "InvalidEndpoint", "Not found".to_owned())
    }

    /// The same 404 where refusals are lists of errors.
    pub fn not_listed() -> ZendeskError {
        ZendeskError::not_found().listed()
    }

    /// The refusal in the shape of the newer resources, which know no 422.
    pub fn listed(self) -> ZendeskError {
        let one = |status: StatusCode, code: &str, title: &str, detail: String| {
            ZendeskError::Listed(status, vec![listed_one(code, title, &detail)])
        };
        match self {
            ZendeskError::Invalid(problems) => ZendeskError::Listed(StatusCode::BAD_REQUEST, problems.into_list()),
            ZendeskError::Unfilled(problems) => {
                one(StatusCode::BAD_REQUEST, "RecordInvalid", "Invalid attribute", descriptions(&problems))
            }
            ZendeskError::Simple(status, error, description) => {
                let title = if status == StatusCode::NOT_FOUND { "Not found" } else { "Invalid request" };
                one(status, error, title, description)
            }
            ZendeskError::TooManyValues { description, .. } => {
                one(StatusCode::BAD_REQUEST, "TooManyValues", "Too many values", description)
            }
            ZendeskError::Refused(Error::NotFound { .. }) => {
                one(StatusCode::NOT_FOUND, "RecordNotFound", "Not found", "Not found".to_owned())
            }
            ZendeskError::Refused(Error::Invalid { field, problem }) if field != "cursor" => {
                let problems = Problems::one(field_here(&field), Kind::Invalid, problem);
                ZendeskError::Listed(StatusCode::BAD_REQUEST, problems.into_list())
            }
            ZendeskError::Refused(Error::InUse { problem, .. } | Error::Refused(problem)) => {
                one(StatusCode::BAD_REQUEST, "InvalidRequest", "Invalid request", problem)
            }
            other => other,
        }
    }

    /// The errors of it alone, for answers that tell of them without refusing. What is none of the caller's doing stays a refusal.
    pub fn into_list(self) -> Result<Vec<Value>, ZendeskError> {
        match self.listed() {
            ZendeskError::Listed(_, errors) => Ok(errors),
            other => Err(other),
        }
    }

    /// What became of a row of a batch, for the results of its job: the refusal without its shape.
    pub fn into_error(self) -> Error {
        match self {
            ZendeskError::Refused(error) => error,
            ZendeskError::Invalid(problems) => Error::Refused(problems.text()),
            ZendeskError::Unfilled(problems) => Error::Refused(descriptions(&problems)),
            ZendeskError::Simple(_, _, description) | ZendeskError::TooManyValues { description, .. } => {
                Error::Refused(description)
            }
            ZendeskError::Paging { detail, .. } => Error::Refused(detail),
            ZendeskError::Listed(_, errors) => {
                let details = errors.iter().filter_map(|error| error["detail"].as_str());
                Error::Refused(details.collect::<Vec<_>>().join(" "))
            }
            ZendeskError::Forbidden(refused) => Error::Refused(refused.why.to_string()),
        }
    }
}

impl From<Error> for ZendeskError {
    fn from(error: Error) -> ZendeskError {
        ZendeskError::Refused(error)
    }
}

impl From<Box<Refused>> for ZendeskError {
    fn from(refused: Box<Refused>) -> ZendeskError {
        ZendeskError::Forbidden(refused)
    }
}

impl From<StoreError> for ZendeskError {
    fn from(error: StoreError) -> ZendeskError {
        ZendeskError::Refused(Error::Store(error))
    }
}

impl Transient for ZendeskError {
    fn is_transient(&self) -> bool {
        matches!(self, ZendeskError::Refused(error) if error.is_transient())
    }
}

/// The body of a refusal that the guard makes (Zendesk contract, `oauth.using_a_token`, `auth_alternatives`).
pub fn refusal(_status: StatusCode, why: &Why) -> Value {
    let text = why.to_string();
    match why {
        Why::NoCredentials | Why::InvalidKey | Why::KeysOff => json!({ "error": "Couldn't authenticate you" }),
        Why::InvalidToken => json!({
            "error": "invalid_token",
            "error_description": "The access token provided is expired, revoked, malformed or invalid for other reasons.",
        }),
        Why::InvalidBoundToken | Why::InvalidProof(_) | Why::UseDpopNonce(_) | Why::NotFresh { .. } => {
            json!({ "error": "invalid_token", "error_description": text })
        }
        Why::InvalidRequest(_) => json!({ "error": "invalid_request", "error_description": text }),
        Why::MissingScope(_) | Why::Impersonation => json!({ "error": "Forbidden", "description": text }),
        Why::Role => json!({ "error": { "title": "Forbidden", "message": text } }),
        Why::TooMany(_) => json!({ "error": "APIRateLimitExceeded", "description": text }),
        Why::Unavailable => json!({ "error": "ServiceUnavailable", "description": text }),
        Why::Internal => json!({ "error": "InternalError", "description": text }),
    }
}

impl IntoResponse for ZendeskError {
    fn into_response(self) -> Response {
        let (status, error, description) = match self {
            ZendeskError::Forbidden(refused) => return refused.into_response(),
            ZendeskError::Invalid(problems) => return unprocessable(problems),
            ZendeskError::Unfilled(problems) => {
                let details = json!({ "base": problems });
                let body =
                    json!({ "error": "RecordInvalid", "description": "Record validation errors", "details": details });
                return (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
            }
            ZendeskError::Simple(status, error, description) => (status, error, description),
            ZendeskError::Paging { code, title, detail } => {
                let body = json!({ "errors": [{ "code": code, "title": title, "detail": detail }] });
                return (StatusCode::BAD_REQUEST, Json(body)).into_response();
            }
            ZendeskError::Listed(status, errors) => return (status, Json(json!({ "errors": errors }))).into_response(),
            ZendeskError::TooManyValues { max, description } => {
                let body = json!({ "error": "TooManyValues", "description": description, "max_count": max });
                return (StatusCode::BAD_REQUEST, Json(body)).into_response();
            }
            ZendeskError::Refused(Error::NotFound { .. }) => return ZendeskError::not_found().into_response(),
            ZendeskError::Refused(Error::Invalid { field, problem }) if field == "cursor" => {
                return ZendeskError::Paging {
                    code: "InvalidPaginationParameter",
                    title: "Invalid cursor",
                    detail: problem,
                }
                .into_response();
            }
            ZendeskError::Refused(Error::Invalid { field, problem }) => {
                return unprocessable(Problems::one(field_here(&field), Kind::Invalid, problem));
            }
            ZendeskError::Refused(Error::Taken { field, .. }) => {
                return unprocessable(Problems::one(field_here(field), Kind::Duplicate, "has already been taken"));
            }
            ZendeskError::Refused(Error::InUse { problem, .. }) => {
                return unprocessable(Problems::one("base", Kind::Invalid, problem));
            }
            ZendeskError::Refused(Error::Forbidden(rule)) => {
                let body = json!({ "error": { "title": "Forbidden", "message": rule } });
                return (StatusCode::FORBIDDEN, Json(body)).into_response();
            }
            ZendeskError::Refused(Error::Refused(rule)) => {
                return unprocessable(Problems::one("base", Kind::Invalid, rule));
            }
            ZendeskError::Refused(Error::Changed { .. } | Error::Stale { .. }) => (
                StatusCode::CONFLICT,
                "UpdateConflict",
                "Safe Update prevented the update due to outdated ticket data.".to_owned(),
            ),
            ZendeskError::Refused(Error::TooMany { what }) => {
                (StatusCode::TOO_MANY_REQUESTS, "TooManyJobs", format!("Too many {what} are queued or running."))
            }
            ZendeskError::Refused(Error::Store(StoreError::Unavailable(why))) => {
                tracing::warn!(why, "the database is not available");
                let body = Json(json!({ "error": "ServiceUnavailable", "description": "Try again in a second." }));
                return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], body).into_response();
            }
            ZendeskError::Refused(Error::Store(cause)) => {
                tracing::error!(%cause, "the database failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "Something broke on our side.".to_owned())
            }
        };
        (status, Json(json!({ "error": error, "description": description }))).into_response()
    }
}

/// The sentences of problems, as one text.
fn descriptions(problems: &[Value]) -> String {
    problems.iter().filter_map(|problem| problem["description"].as_str()).collect::<Vec<_>>().join(", ")
}

fn unprocessable(problems: Problems) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(problems.into_value())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_with_the_fields_name() {
        let problems = Problems::one("group_id", Kind::Invalid, "is not there");

        assert_eq!(
            problems.into_value(),
            json!({
                "error": "RecordInvalid",
                "description": "Record validation errors",
                "details": { "group_id": [{ "description": "Group id: is not there", "error": "InvalidValue" }] },
            })
        );
    }
}
