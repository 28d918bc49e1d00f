//! The judge complains about each kind of broken history, and about nothing in a sound one.

use std::time::{Duration, Instant};

use crate::{
    history::{Asked, Card, Face, Told, Wish},
    judge::{Customer, Effect, Evidence, Intent, Invariant, Method, Row, Violation, events, judge},
};

fn wish(wish: Wish, told: Told, seconds: u64) -> Asked {
    let began = Instant::now() + Duration::from_secs(seconds);
    Asked {
        project: "demo".to_owned(),
        user: "anna".to_owned(),
        method: "pm_1".to_owned(),
        card: Card::Good,
        face: Face::Project,
        wish,
        told,
        began,
        ended: began + Duration::from_millis(10),
    }
}

fn effect(key: &str, request: &str, object: &str, kind: &str) -> Effect {
    Effect {
        project: "demo".to_owned(),
        key: Some(key.to_owned()),
        request: request.to_owned(),
        object: object.to_owned(),
        kind: kind.to_owned(),
    }
}

/// A user saved one card.
fn sound() -> Evidence {
    let row = Row {
        project: "demo".to_owned(),
        id: "pm_1".to_owned(),
        user: "anna".to_owned(),
        available: true,
    };
    Evidence {
        asked: vec![wish(Wish::Create, Told::Saved, 1)],
        rows: vec![row.clone()],
        table: Some(vec![row]),
        customers: vec![Customer {
            project: "demo".to_owned(),
            id: "cus_1".to_owned(),
            user: "anna".to_owned(),
            operation: "operation_1".to_owned(),
        }],
        methods: vec![Method {
            project: "demo".to_owned(),
            id: "pm_1".to_owned(),
            customer: Some("cus_1".to_owned()),
        }],
        intents: vec![Intent {
            project: "demo".to_owned(),
            id: "seti_1".to_owned(),
            operation: "operation_2".to_owned(),
            method: Some("pm_1".to_owned()),
            status: "succeeded".to_owned(),
        }],
        effects: vec![
            effect("operation_1.customer.0", "req_1", "cus_1", "customer.created"),
            effect(
                "operation_2.setup_intent.0",
                "req_2",
                "seti_1",
                "setup_intent.created",
            ),
            effect(
                "operation_2.setup_intent.0",
                "req_2",
                "pm_1",
                "payment_method.attached",
            ),
        ],
        ..Evidence::default()
    }
}

/// The same, after the card was deleted.
fn deleted() -> Evidence {
    let mut evidence = sound();
    evidence.asked.push(wish(Wish::Delete, Told::Deleted, 2));
    evidence.rows.clear();
    evidence.table = Some(Vec::new());
    evidence.methods[0].customer = None;
    evidence
}

fn complaints(evidence: &Evidence) -> Vec<Invariant> {
    let mut invariants: Vec<Invariant> = judge(evidence).iter().map(|found| found.invariant).collect();
    invariants.dedup();
    invariants
}

#[test]
fn sound_histories_are_left_in_peace() {
    assert_eq!(judge(&sound()), []);
    assert_eq!(judge(&deleted()), []);
}

#[test]
fn a_lost_create() {
    let mut evidence = deleted();
    evidence.asked.pop();
    assert_eq!(complaints(&evidence), [Invariant::CreateLost]);
    // A deletion that was over before the create began excuses nothing.
    evidence.asked.push(wish(Wish::Delete, Told::Gone, 0));
    assert_eq!(complaints(&evidence), [Invariant::CreateLost]);
}

#[test]
fn a_create_that_went_to_another_user() {
    let mut evidence = sound();
    evidence.rows[0].user = "bert".to_owned();
    evidence.table = None;
    evidence.customers[0].user = "bert".to_owned();
    assert_eq!(complaints(&evidence), [Invariant::CreateLost]);
}

#[test]
fn a_deletion_that_is_undone() {
    let mut shown = sound();
    shown.asked.push(wish(Wish::Delete, Told::Deleted, 2));
    assert_eq!(complaints(&shown), [Invariant::DeletionUndone]);
    let mut attached = deleted();
    attached.methods[0].customer = Some("cus_1".to_owned());
    assert_eq!(
        complaints(&attached),
        [Invariant::DeletionUndone, Invariant::Orphan]
    );
    let mut gone = sound();
    gone.asked = vec![
        wish(Wish::Create, Told::Nothing, 0),
        wish(Wish::Delete, Told::Gone, 1),
    ];
    assert_eq!(
        complaints(&gone),
        [Invariant::NotEnded, Invariant::DeletionUndone]
    );
}

#[test]
fn a_key_with_two_effects() {
    let mut evidence = sound();
    let again = effect(
        "operation_2.setup_intent.0",
        "req_3",
        "seti_2",
        "setup_intent.created",
    );
    evidence.effects.push(again);
    assert_eq!(complaints(&evidence), [Invariant::TwoEffects]);
}

#[test]
fn an_operation_with_two_objects() {
    let mut intents = sound();
    intents.intents.push(Intent {
        id: "seti_2".to_owned(),
        ..intents.intents[0].clone()
    });
    assert_eq!(complaints(&intents), [Invariant::TwoEffects]);
    let mut detached = deleted();
    for request in ["req_3", "req_4"] {
        let key = format!("operation_3.detach.{request}");
        let twice = effect(&key, request, "pm_1", "payment_method.detached");
        detached.effects.push(twice);
    }
    assert_eq!(complaints(&detached), [Invariant::TwoEffects]);
}

#[test]
fn orphans() {
    let mut attached = sound();
    attached.asked.clear();
    attached.rows.clear();
    attached.table = None;
    assert_eq!(complaints(&attached), [Invariant::Orphan]);
    let mut waiting = deleted();
    "requires_action".clone_into(&mut waiting.intents[0].status);
    assert_eq!(complaints(&waiting), [Invariant::Orphan]);
}

#[test]
fn a_row_whose_method_is_not_attached() {
    let mut evidence = sound();
    evidence.methods[0].customer = None;
    assert_eq!(complaints(&evidence), [Invariant::ShownButNotAttached]);
    evidence.rows[0].available = false;
    evidence.table = None;
    assert_eq!(complaints(&evidence), []);
}

#[test]
fn two_customers_of_a_user() {
    let mut evidence = sound();
    evidence.customers.push(Customer {
        id: "cus_2".to_owned(),
        operation: "operation_9".to_owned(),
        ..evidence.customers[0].clone()
    });
    assert_eq!(complaints(&evidence), [Invariant::TwoCustomers]);
}

#[test]
fn cards_that_are_treated_wrongly() {
    let mut refused = deleted();
    refused.asked = vec![wish(Wish::Create, Told::Refused(422, "no".to_owned()), 0)];
    assert_eq!(complaints(&refused), [Invariant::WronglyRefusedOrSaved]);
    refused.asked[0].card = Card::Challenged;
    assert_eq!(complaints(&refused), [Invariant::WronglyRefusedOrSaved]);
    refused.asked[0].face = Face::Account;
    assert_eq!(complaints(&refused), []);
    let mut saved = sound();
    saved.asked[0].card = Card::Declined;
    assert_eq!(complaints(&saved), [Invariant::WronglyRefusedOrSaved]);
}

#[test]
fn a_list_that_differs_from_the_table() {
    let mut evidence = sound();
    evidence.table = Some(Vec::new());
    assert_eq!(complaints(&evidence), [Invariant::Disagreement]);
    let mut twice = sound();
    twice.rows.push(twice.rows[0].clone());
    assert_eq!(complaints(&twice), [Invariant::Disagreement]);
}

#[test]
fn what_did_not_end_and_what_nobody_should_hear() {
    let mut evidence = sound();
    evidence.open_operations.push("operation_7".to_owned());
    evidence.wrong_answers.push("POST: 500".to_owned());
    assert_eq!(
        judge(&evidence),
        [
            Violation::new(Invariant::NotEnded, "operation_7"),
            Violation::new(Invariant::WrongAnswer, "POST: 500"),
        ]
    );
}

#[test]
fn events_that_are_forged_or_lost() {
    let of_shop = |ids: [&str; 2]| ids.map(|id| ("shop".to_owned(), id.to_owned())).into();
    let believed = of_shop(["evt_1", "evt_2"]);
    assert_eq!(events(&believed, None), []);
    assert_eq!(events(&believed, Some(&believed)), []);
    assert_eq!(
        events(&believed, Some(&of_shop(["evt_2", "evt_3"]))),
        [
            Violation::new(Invariant::EventLostOrForged, "evt_3 of shop is forged and stored"),
            Violation::new(
                Invariant::EventLostOrForged,
                "evt_1 of shop is good and not stored"
            ),
        ]
    );
}
