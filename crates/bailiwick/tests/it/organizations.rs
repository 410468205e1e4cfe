//! Organizations and ticket forms, which no address shows yet: through the domain, on a real database.

use std::collections::BTreeMap;

use helpdesk::custom_fields::{self, Carrier, FieldValue, Input, NewField, Requirement};
use helpdesk::customers::{self, NewCustomer};
use helpdesk::organizations::{self, Changes, Membership, NewOrganization};
use helpdesk::page::Slice;
use helpdesk::people::PersonRef;
use helpdesk::ticket_forms::{self, Answers, FormCondition, FormDraft, Parent, ShownField};
use helpdesk::tickets::message_draft::NewMessage;
use helpdesk::tickets::write::{self, NewTicket};
use helpdesk::{Error, tickets};
use serde_json::json;

use crate::support::Server;

fn named(name: &str, domains: &[&str]) -> NewOrganization {
    let domains = domains.iter().map(|&domain| domain.to_owned()).collect();
    NewOrganization { name: name.to_owned(), domains, ..NewOrganization::default() }
}

fn customer(email: &str) -> NewCustomer {
    NewCustomer { email: Some(email.to_owned()), ..NewCustomer::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_customer_joins_the_organization_of_their_domain_and_brings_their_tickets_there() {
    let server = Server::start().await;
    let now = server.clock.now();
    let mut tx = server.db.write().await.expect("begin");
    let acme = organizations::create(&mut tx, &server.may(), now, &named("Acme", &["Acme.example"])).await.unwrap();
    let other = organizations::create(&mut tx, &server.may(), now, &named("Other", &[])).await.unwrap();

    let ada = customers::create(&mut tx, &server.may(), now, &customer("ada@acme.example")).await.unwrap().customer;
    let bo = customers::create(&mut tx, &server.may(), now, &customer("bo@else.example")).await.unwrap().customer;

    let joined = organizations::of_customer(&mut tx, &server.may(), ada.id).await.unwrap();
    assert_eq!(joined, [Membership { organization_id: acme.id, customer_id: ada.id, is_default: true }]);
    assert_eq!(organizations::of_customer(&mut tx, &server.may(), bo.id).await.unwrap(), []);
    let message = NewMessage {
        channel: "email".to_owned(),
        via: "api".to_owned(),
        sender: Some(PersonRef::by_id(ada.id)),
        body_text: Some("Hello".to_owned()),
        ..NewMessage::default()
    };
    let new = NewTicket { messages: vec![message], ..NewTicket::default() };
    let ticket_id = write::create(&mut tx, &server.may(), now, new).await.unwrap();
    let ticket = tickets::find(&mut tx, &server.may(), ticket_id).await.unwrap().ticket;
    assert_eq!(ticket.organization_id, Some(acme.id));

    // Another becomes the default one, and the first again when that ends.
    let membership = Membership { organization_id: other.id, customer_id: ada.id, is_default: true };
    organizations::add_member(&mut tx, &server.may(), now, membership).await.unwrap();
    let both = organizations::of_customer(&mut tx, &server.may(), ada.id).await.unwrap();
    assert_eq!(both.iter().map(|it| it.is_default).collect::<Vec<_>>(), [false, true]);
    organizations::remove_member(&mut tx, &server.may(), now, other.id, ada.id).await.unwrap();
    assert_eq!(organizations::of_customer(&mut tx, &server.may(), ada.id).await.unwrap(), joined);

    organizations::delete(&mut tx, &server.may(), now, acme.id).await.unwrap();
    let ticket = tickets::find(&mut tx, &server.may(), ticket_id).await.unwrap().ticket;
    assert_eq!(ticket.organization_id, None);
    tx.commit().await.expect("commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_domains_belong_to_one_organization() {
    let server = Server::start().await;
    let now = server.clock.now();
    let mut tx = server.db.write().await.expect("begin");
    let acme = organizations::create(&mut tx, &server.may(), now, &named("Acme", &["acme.example"])).await.unwrap();
    let other = organizations::create(&mut tx, &server.may(), now, &named("Other", &[])).await.unwrap();

    let same = organizations::create(&mut tx, &server.may(), now, &named("ACME", &[])).await;
    assert!(matches!(same, Err(Error::Taken { field: "name", .. })), "{same:?}");
    let wrong = organizations::create(&mut tx, &server.may(), now, &named("Third", &["no domain"])).await;
    assert!(matches!(wrong, Err(Error::Invalid { .. })), "{wrong:?}");
    tx.commit().await.expect("commit");

    let mut tx = server.db.write().await.expect("begin");
    let changes = Changes { domains: Some(vec!["acme.example".to_owned()]), ..Changes::default() };
    let taken = organizations::update(&mut tx, &server.may(), now, other.id, &changes).await;
    assert!(matches!(taken, Err(Error::Taken { field: "domains", .. })), "{taken:?}");
    drop(tx);
    let mut tx = server.db.read().await.expect("begin");
    let slice = Slice { limit: 10, from: None };
    let page = organizations::list(&mut tx, &server.may(), Some("CM"), false, &slice).await.unwrap();
    assert_eq!(page.items, [acme]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_asks_for_what_the_values_so_far_call_for() {
    let server = Server::start().await;
    let now = server.clock.now();
    let mut tx = server.db.write().await.expect("begin");
    let mut ids = Vec::new();
    for label in ["Reason", "Which part", "Note"] {
        let choices = vec!["Damaged".to_owned(), "Late".to_owned()];
        let new = NewField {
            carrier: Carrier::Ticket,
            label: label.to_owned(),
            input: Input::Choice { choices, default: None },
            description: None,
            external_id: None,
            priority: None,
            requirement: Requirement::Visible,
            managed_type: None,
            shown_to_customers: true,
            editable_by_customers: true,
            archived_at: None,
        };
        ids.push(custom_fields::create(&mut tx, &server.may(), now, &new).await.unwrap().id);
    }
    let shows = vec![ShownField { field_id: ids[1], required: true, required_on: None }];
    let draft = FormDraft {
        name: "Return".to_owned(),
        display_name: None,
        shown_to_customers: true,
        active: true,
        is_default: true,
        position: 1,
        field_ids: ids.clone(),
        conditions: vec![FormCondition { parent: Parent::Field(ids[0]), value: json!("Damaged"), shows }],
        ..FormDraft::default()
    };

    let form = ticket_forms::create(&mut tx, &server.may(), now, &draft).await.unwrap();

    let none = ticket_forms::asked(&mut tx, &server.may(), &form, &Answers::default()).await.unwrap();
    assert_eq!(none.iter().map(|it| it.field.id).collect::<Vec<_>>(), [ids[0], ids[2]]);
    let values = BTreeMap::from([(ids[0], FieldValue::Text("Damaged".to_owned()))]);
    let answers = Answers { values, ..Answers::default() };
    let all = ticket_forms::asked(&mut tx, &server.may(), &form, &answers).await.unwrap();
    assert_eq!(
        all.iter().map(|it| (it.field.id, it.required)).collect::<Vec<_>>(),
        [(ids[0], false), (ids[1], true), (ids[2], false)]
    );
    let second = FormDraft { name: "Other".to_owned(), conditions: Vec::new(), position: 0, ..draft.clone() };
    let second = ticket_forms::create(&mut tx, &server.may(), now, &second).await.unwrap();
    let forms = ticket_forms::list(&mut tx, &server.may()).await.unwrap();
    let shown: Vec<(i64, bool)> = forms.iter().map(|form| (form.id, form.is_default)).collect();
    assert_eq!(shown, [(second.id, true), (form.id, false)]);
    for wrong in [
        FormDraft { name: String::new(), ..draft.clone() },
        FormDraft { field_ids: vec![999], conditions: Vec::new(), ..draft.clone() },
        FormDraft { field_ids: vec![ids[0], ids[0]], ..draft.clone() },
        FormDraft {
            conditions: vec![FormCondition { parent: Parent::Field(ids[0]), value: json!("Gone"), shows: Vec::new() }],
            ..draft.clone()
        },
    ] {
        let refused = ticket_forms::update(&mut tx, &server.may(), now, form.id, &wrong).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    }
    ticket_forms::delete(&mut tx, &server.may(), now, form.id).await.unwrap();
    assert!(ticket_forms::find(&mut tx, &server.may(), form.id).await.is_err());
    tx.commit().await.expect("commit");
}
