use helpdesk::actions::Action;
use helpdesk::filter::{Condition, Field, Operand, Operator, Test};
use helpdesk::rules::Step;
use proptest::prelude::*;
use serde_json::json;

use crate::*;

fn is(field: Field, operator: Operator, operand: Operand) -> Condition {
    Condition::Is(Test { field, operator, operand })
}

fn text(text: &str) -> Operand {
    Operand::Text(text.to_owned())
}

fn status(word: &str) -> Condition {
    is(Field::Status, Operator::Equal, text(word))
}

fn condition(code: &str) -> Condition {
    filter(code).unwrap_or_else(|error| panic!("{code}: {error}")).condition
}

fn refusal(code: &str) -> String {
    filter(code).expect_err(code).to_string()
}

#[test]
fn the_vendors_two_statuses_are_any_of_our_six() {
    let open = Condition::Any(["new", "open", "pending", "on_hold"].map(status).into());
    let closed = Condition::Any(["solved", "closed"].map(status).into());

    assert_eq!(condition("eq(ticket.status, 'open')"), open);
    assert_eq!(condition("neq(ticket.status, 'open')"), closed);
    assert_eq!(condition("containsAny(ticket.status, ['closed'])"), closed);
    assert_eq!(condition("ticket.status === \"pending\""), status("pending"));
    assert_eq!(print(&open).as_deref(), Some("eq(ticket.status, 'open')"));
    // The word `open` alone means four, so one of them has no spelling.
    assert_eq!(print(&status("open")), None);
}

#[test]
fn filters_of_clients_are_read() {
    assert_eq!(condition(""), Condition::All(Vec::new()));
    assert_eq!(condition("  // nothing\n;"), Condition::All(Vec::new()));
    assert_eq!(
        condition("eq(ticket.assignee_user.id, '{{current_user.id}}') && eq(ticket.priority, 'critical');"),
        Condition::All(vec![
            is(Field::AssigneeUserId, Operator::Equal, Operand::CurrentUser),
            is(Field::Priority, Operator::Equal, text("urgent")),
        ])
    );
    assert_eq!(
        condition("gteTimedelta(ticket.updated_datetime, '1d') && lteTimedelta(ticket.created_datetime, '2w')"),
        Condition::All(vec![
            is(Field::UpdatedAt, Operator::AtLeastAgo, Operand::Seconds(86_400)),
            is(Field::CreatedAt, Operator::AtMostAgo, Operand::Seconds(14 * 86_400)),
        ])
    );
    assert_eq!(
        condition("eq(ticket.custom_fields[12].value, 'Refund::Late') || isEmpty(ticket.assignee_team.id)"),
        Condition::Any(vec![
            is(Field::CustomField(12), Operator::Equal, text("Refund::Late")),
            is(Field::AssigneeTeamId, Operator::IsEmpty, Operand::Nothing),
        ])
    );
    assert_eq!(
        condition("gte(ticket.updated_datetime, '2024-01-01T00:00:00')"),
        is(Field::UpdatedAt, Operator::AtLeast, Operand::Time("2024-01-01T00:00:00Z".parse().unwrap()))
    );
    assert_eq!(condition("eq(ticket.tags.name, 'vip')"), is(Field::Tags, Operator::Contains, text("vip")));
    assert_eq!(
        condition("containsAny(ticket.assignee_user.id, [1, '2'])"),
        Condition::Any(vec![
            is(Field::AssigneeUserId, Operator::Equal, Operand::Int(1)),
            is(Field::AssigneeUserId, Operator::Equal, Operand::Int(2)),
        ])
    );
    assert_eq!(condition("eq(ticket.language, null)"), is(Field::Language, Operator::IsEmpty, Operand::Nothing));
}

#[test]
fn a_refusal_names_the_place() {
    for (code, wanted) in [
        ("eq(ticket.status 'open')", "Expected \",\" or \")\", found a text. (line 1, column 18)"),
        ("eq(ticket.status, 'open') &&\n  foo(ticket.id, 1)", "The function foo is not known. (line 2, column 3)"),
        ("eq(ticket.mood, 1)", "The path ticket.mood is not known. (line 1, column 4)"),
        ("eq(ticket.spam, 'x')", "Expected true or false. (line 1, column 17)"),
        ("eq(ticket.subject, 'abc", "The text is never closed. (line 1, column 20)"),
        ("eq(ticket.id)", "eq takes 2 arguments, not 1. (line 1, column 1)"),
        ("lt(ticket.subject, 'a')", "lt cannot be asked of this path. (line 1, column 1)"),
        (
            "gteTimedelta(ticket.created_datetime, '1x')",
            "Expected a span of time such as '30m', '12h', '1d', '2w' or '1y'. (line 1, column 39)",
        ),
        ("eq(ticket.subject, 'a\\0b')", "May not contain the NUL character. (line 1, column 22)"),
        ("eq(ticket.subject, '\\ud800')", "The escape does not name a character. (line 1, column 21)"),
        ("while (true) {}", "\"while\" cannot stand here. (line 1, column 1)"),
        ("ticket.status = 'open'", "The character '=' has no meaning here. (line 1, column 15)"),
        ("eq(ticket.id, 1) eq(ticket.id, 2)", "Expected the end of the statement, found \"eq\". (line 1, column 18)"),
    ] {
        assert_eq!(refusal(code), wanted, "{code}");
    }
}

#[test]
fn depth_and_length_have_limits() {
    for code in [
        format!("{}true{}", "(".repeat(5_000), ")".repeat(5_000)),
        "!".repeat(5_000),
        vec!["true"; 5_000].join(" && "),
        format!("eq(ticket{}, 1)", ".a".repeat(5_000)),
        format!("{}{}", "if (true) {".repeat(5_000), "}".repeat(5_000)),
        format!("if (true) {{}} {}", "else if (true) {} ".repeat(5_000)),
        format!("eq(ticket.id, {}1{})", "[".repeat(5_000), "]".repeat(5_000)),
    ] {
        let problem = rule(&code).expect_err("too deep").problem;
        assert_eq!(problem, "The code is nested or chained more than 100 times.");
    }
    let long = format!("eq(ticket.subject, '{}')", "x".repeat(LENGTH_MAX_CHARS));
    assert_eq!(filter(&long).unwrap_err().problem, "The code is longer than 100000 characters.");
}

#[test]
fn the_tree_is_estree() {
    let program = parse("if (eq(ticket.spam, false)) { Action('addTags', { tags: 'a' }); } else { }").unwrap();
    let name = |name: &str| json!({ "type": "Identifier", "name": name });
    let text = |text: &str| json!({ "type": "Literal", "value": text, "raw": format!("'{text}'") });

    assert_eq!(
        estree::program(&program),
        json!({
            "type": "Program",
            "sourceType": "script",
            "body": [{
                "type": "IfStatement",
                "test": {
                    "type": "CallExpression",
                    "callee": name("eq"),
                    "arguments": [
                        { "type": "MemberExpression", "computed": false, "object": name("ticket"), "property": name("spam") },
                        { "type": "Literal", "value": false, "raw": "false" },
                    ],
                },
                "consequent": {
                    "type": "BlockStatement",
                    "body": [{
                        "type": "ExpressionStatement",
                        "expression": {
                            "type": "CallExpression",
                            "callee": name("Action"),
                            "arguments": [text("addTags"), {
                                "type": "ObjectExpression",
                                "properties": [{
                                    "type": "Property", "key": name("tags"), "computed": false, "value": text("a"),
                                    "kind": "init", "method": false, "shorthand": false,
                                }],
                            }],
                        },
                    }],
                },
                "alternate": { "type": "BlockStatement", "body": [] },
            }],
        })
    );
}

#[test]
fn a_tree_of_another_parser_is_compared_by_what_it_says() {
    let program = parse("eq(ticket.id, 5)").unwrap();
    let theirs = json!({
        "type": "Program", "loc": { "start": 0 },
        "body": [{ "type": "ExpressionStatement", "expression": {
            "type": "CallExpression", "optional": false, "callee": { "type": "Identifier", "name": "eq", "range": [0, 2] },
            "arguments": [
                { "type": "MemberExpression", "object": { "type": "Identifier", "name": "ticket" }, "property": { "type": "Identifier", "name": "id" } },
                { "type": "Literal", "value": 5.0, "raw": "5.0" },
            ],
        } }],
    });
    let mut other = theirs.clone();
    other["body"][0]["expression"]["arguments"][1]["value"] = json!(6);

    assert!(estree::says_the_same(&theirs, &program));
    assert!(!estree::says_the_same(&other, &program));
    assert!(!estree::says_the_same(&json!([]), &program));
}

#[test]
fn a_rule_is_steps_and_branches() {
    let steps = rule(
        "if (eq(ticket.from_agent, false) && containsAny(message.body_text, ['refund'])) {
             Action('addTags', { tags: 'refund, late' });
             if (eq(ticket.spam, true)) { Action('trashTicket') }
         } else if (eq(message.public, true)) Action('setStatus', {status: 'closed'})
         else { Action('setAssignee', { assignee_user: { id: 7, name: 'Sam' } }) }
         Action('stopProcessing')",
    )
    .unwrap()
    .steps;

    let [Step::Choose(branches), Step::Stop] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!(branches.len(), 3);
    assert_eq!(branches[0].steps[0], Step::Act(Action::AddTags(vec!["refund".to_owned(), "late".to_owned()])));
    assert!(matches!(&branches[0].steps[1], Step::Choose(inner) if inner[0].steps == [Step::Act(Action::Trash)]));
    assert_eq!(branches[1].steps, [Step::Act(Action::SetStatus("done".to_owned()))]);
    assert_eq!(branches[2].condition, Condition::All(Vec::new()));
    assert_eq!(branches[2].steps, [Step::Act(Action::AssignUser(Some(7)))]);
}

#[test]
fn what_a_rule_cannot_do_is_refused_with_its_place() {
    for (code, wanted) in [
        ("Action('explode', {})", "The action explode is not known. (line 1, column 8)"),
        ("Action('addTags', {})", "addTags needs the argument tags. (line 1, column 8)"),
        ("Action('addTags', { tags: 'a', colour: 'red' })", "addTags has no argument colour. (line 1, column 40)"),
        (
            "Action('setStatus', { status: 'asleep' })",
            "Expected one of: open, closed, new, pending, on_hold, solved. (line 1, column 31)",
        ),
        (
            "Action('snoozeTicket', { snooze_timedelta: 1 })",
            "Expected a span of time such as '30m', '12h', '1d' or '2w'. (line 1, column 44)",
        ),
        ("fetch('https://example.com')", "Expected if (...) { ... } or Action('name', { ... }). (line 1, column 1)"),
        ("if (eq(ticket.spam, true)) {", "Expected \"}\", found the end. (line 1, column 29)"),
    ] {
        assert_eq!(rule(code).expect_err(code).to_string(), wanted, "{code}");
    }
}

fn tests() -> impl Strategy<Value = Condition> {
    let words = "[ -~é😀\n\\\\']{0,12}";
    prop_oneof![
        words.prop_map(|word| is(Field::Subject, Operator::Contains, Operand::Text(word))),
        proptest::collection::vec(words, 0..4).prop_map(|words| {
            is(Field::Tags, Operator::NotContainsAny, Operand::List(words.into_iter().map(Operand::Text).collect()))
        }),
        (1..1_000_000_i64).prop_map(|id| is(Field::CustomField(id), Operator::AtLeast, Operand::Int(-id))),
        any::<bool>().prop_map(|flag| is(Field::Spam, Operator::NotEqual, Operand::Flag(flag))),
        (0..100_000_000_i64).prop_map(|seconds| is(Field::ClosedAt, Operator::AtMostAgo, Operand::Seconds(seconds))),
        (0..253_402_207_200_000_000_i64).prop_map(|micros| {
            let at = jiff::Timestamp::from_microsecond(micros).unwrap();
            is(Field::SnoozedUntil, Operator::Less, Operand::Time(at))
        }),
        Just(is(Field::AssigneeUserId, Operator::Equal, Operand::CurrentUser)),
        Just(is(Field::AssigneeTeamId, Operator::IsNotEmpty, Operand::Nothing)),
        Just(is(Field::Priority, Operator::Equal, text("urgent"))),
        Just(Condition::Any(["new", "open", "pending", "on_hold"].map(status).into())),
        Just(Condition::Any(["solved", "closed"].map(status).into())),
        Just(status("pending")),
    ]
}

fn conditions() -> impl Strategy<Value = Condition> {
    tests().prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Condition::All),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Condition::Any),
            inner.prop_map(|one| Condition::Not(Box::new(one))),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_that_is_sent_makes_it_panic(code in "\\PC{0,80}") {
        let _ = filter(&code);
        let _ = rule(&code);
    }

    #[test]
    fn words_of_the_language_in_any_order_do_not_make_it_panic(
        words in proptest::collection::vec(prop_oneof![
            Just("if"), Just("else"), Just("("), Just(")"), Just("{"), Just("}"), Just("["), Just("]"), Just(","), Just("."), Just(":"),
            Just("&&"), Just("||"), Just("!"), Just("-"), Just("=="), Just("ticket"), Just("status"), Just("eq"), Just("'open'"), Just("1e9"),
            Just("Action"), Just("'addTags'"), Just("tags"), Just(";"), Just("null"), Just("\n"), Just("'\\u"), Just("/*"),
        ], 0..40),
    ) {
        let code = words.join(" ");
        let _ = filter(&code);
        let _ = rule(&code);
    }

    #[test]
    fn a_condition_that_was_printed_reads_as_the_same_and_prints_the_same(condition in conditions()) {
        // Reading flattens lists of one and nested lists of the same sign, so the second reading is compared with the first.
        let code = print(&condition).expect("the language says all of these");
        let read = filter(&code).map_err(|error| TestCaseError::fail(format!("{code}: {error}")))?.condition;
        let again = print(&read).expect("so does it what was read");
        prop_assert_eq!(filter(&again).unwrap().condition, read, "{} / {}", code, again);
    }

    #[test]
    fn one_test_that_was_printed_reads_as_itself(condition in tests()) {
        let code = print(&condition).expect("the language says all of these");
        prop_assert_eq!(filter(&code).unwrap().condition, condition, "{}", code);
    }
}
