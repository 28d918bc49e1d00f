//! The comparison with Stripe: what it mends, and what it leaves to others.

use billfold_domain::ProjectId;
use billfold_service::SweepReport;
use serde_json::{Value, json};

use crate::{
    stripe_faults::break_next,
    support::{Backend, Server, StripeAccount, on_every_database},
};

on_every_database!(
    what_agrees_is_left_as_it_is,
    a_changed_card_is_shown_as_it_is_now,
    what_was_detached_is_removed,
    what_a_deleted_customer_had_is_removed,
    what_a_replaced_customer_had_is_removed,
    a_check_that_was_passed_is_seen,
    a_check_that_was_not_passed_within_a_day_ends,
    what_we_attached_and_lost_is_adopted_once,
    what_a_page_attached_is_left_to_be_claimed,
    more_methods_than_stripe_gives_at_once,
    one_user_who_cannot_be_read_holds_up_no_other,
);

const DAY: i64 = 24 * 60 * 60;
pub(crate) const CHECKED: &str = "4000002500003155";

pub(crate) fn demo() -> ProjectId {
    ProjectId::parse("demo").expect("the project's name is valid")
}

pub(crate) async fn sweep(server: &Server, dry_run: bool) -> SweepReport {
    let swept = server.service().sweep(&demo(), dry_run).await;
    let report = swept.expect("the project can be compared");
    assert_eq!(report.dry_run, dry_run);
    assert!(report.whole);
    report
}

/// What a sweep does, after a dry run that says the same and does none of it.
pub(crate) async fn sweep_both_ways(server: &Server) -> SweepReport {
    let before = server.list("?limit=200").await.expect(200).json();
    let effects = server.stripe("demo").effects().await;
    let dry = sweep(server, true).await;
    assert_eq!(server.list("?limit=200").await.expect(200).json(), before);
    assert_eq!(server.stripe("demo").effects().await, effects);
    let done = sweep(server, false).await;
    let told = SweepReport {
        dry_run: false,
        ..dry
    };
    assert_eq!(told, done);
    done
}

/// A report in which nothing but the counts is told.
pub(crate) fn nothing_but(report: SweepReport) -> SweepReport {
    let SweepReport {
        project,
        dry_run,
        whole,
        users,
        payment_methods,
        ..
    } = report;
    SweepReport {
        project,
        dry_run,
        whole,
        users,
        payment_methods,
        updated: Vec::new(),
        confirmed: Vec::new(),
        removed: Vec::new(),
        removed_customers: Vec::new(),
        adopted: Vec::new(),
        unclaimed: Vec::new(),
        in_operation: Vec::new(),
        contradictions: Vec::new(),
        unread: Vec::new(),
    }
}

pub(crate) fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

pub(crate) async fn assert_gone(server: &Server, id: &str) {
    let page = server.list("").await.expect(200).json();
    let listed = page["items"].as_array().expect("a page has items");
    assert!(listed.iter().all(|item| item["id"] != id), "{page}");
    server.retrieve(id).await.expect(404);
    server.delete(id).await.expect(404);
}

/// Attaches a payment method as a saving of ours does, whose operation is forgotten. Gives the setup intent.
pub(crate) async fn attach_as_we_do(stripe: &StripeAccount, customer: &str, method: &str) -> Value {
    let form = [
        ("customer", customer),
        ("usage", "off_session"),
        ("payment_method_types[]", "card"),
        ("payment_method", method),
        ("confirm", "true"),
        ("metadata[project]", "demo"),
        ("metadata[user]", "usr_alice"),
        ("metadata[operation]", "01FORGOTTEN"),
    ];
    stripe.call("POST", "/v1/setup_intents", &form).await
}

pub(crate) async fn only_customer(stripe: &StripeAccount) -> String {
    let customers = stripe.customers().await;
    let [customer] = customers.as_slice() else {
        panic!("there should be one customer: {customers:?}");
    };
    customer["id"].as_str().expect("a customer has an id").to_owned()
}

async fn what_agrees_is_left_as_it_is(backend: Backend) {
    let server = Server::start(backend).await;
    for user in ["usr_alice", "usr_alice", "usr_bob"] {
        server.saved_card(user).await;
    }
    let waiting = server.stripe("demo").card(CHECKED).await;
    server.save(&waiting, "usr_bob").await.expect(201);
    let report = sweep_both_ways(&server).await;
    assert_eq!((report.users, report.payment_methods), (2, 4));
    assert_eq!(report, nothing_but(report.clone()));
    let acme = ProjectId::parse("acme").expect("the project's name is valid");
    let other = server.service().sweep(&acme, false).await;
    let other = other.expect("a project without anything can be compared");
    assert_eq!((other.users, other.payment_methods), (0, 0));
}

async fn a_changed_card_is_shown_as_it_is_now(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = server.saved_card("usr_alice").await;
    let path = format!("/v1/payment_methods/{id}");
    let changed = stripe
        .call(
            "POST",
            &path,
            &[("card[exp_month]", "1"), ("card[exp_year]", "2041")],
        )
        .await;
    assert_eq!(changed["card"]["exp_year"], 2041, "{changed}");
    let report = sweep_both_ways(&server).await;
    assert_eq!(texts(&report.updated), [id]);
    let listed = server
        .account_request("GET", "usr_alice", "/payment-methods")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&listed[0]["exp_month"], &listed[0]["exp_year"]),
        (&json!(1), &json!(2041))
    );
    let again = sweep(&server, false).await;
    assert_eq!(again, nothing_but(again.clone()));
}

async fn what_was_detached_is_removed(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = server.saved_card("usr_alice").await;
    let kept = server.saved_card("usr_alice").await;
    let path = format!("/v1/payment_methods/{id}/detach");
    stripe.call("POST", &path, &[]).await;
    let report = sweep_both_ways(&server).await;
    assert_eq!(texts(&report.removed), [id.as_str()]);
    assert_gone(&server, &id).await;
    server.retrieve(&kept).await.expect(200);
    let again = sweep(&server, false).await;
    assert_eq!(again, nothing_but(again.clone()));
}

async fn what_a_deleted_customer_had_is_removed(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = server.saved_card("usr_alice").await;
    let customer = only_customer(&stripe).await;
    stripe
        .call("DELETE", &format!("/v1/customers/{customer}"), &[])
        .await;
    let report = sweep_both_ways(&server).await;
    assert_eq!(texts(&report.removed_customers), [customer]);
    assert_eq!(texts(&report.removed), [id.as_str()]);
    assert_gone(&server, &id).await;
    // The user begins anew, with a new customer.
    let anew = server.saved_card("usr_alice").await;
    let again = sweep(&server, false).await;
    assert_eq!(again, nothing_but(again.clone()));
    server.retrieve(&anew).await.expect(200);
}

async fn what_a_replaced_customer_had_is_removed(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = server.saved_card("usr_alice").await;
    let customer = only_customer(&stripe).await;
    stripe
        .call("DELETE", &format!("/v1/customers/{customer}"), &[])
        .await;
    // Saving another finds out that the customer is gone, and makes a new one; the first method still names the old.
    let anew = server.saved_card("usr_alice").await;
    server.retrieve(&id).await.expect(200);
    let report = sweep_both_ways(&server).await;
    assert_eq!(texts(&report.removed_customers), [customer]);
    assert_eq!(texts(&report.removed), [id.as_str()]);
    assert_gone(&server, &id).await;
    server.retrieve(&anew).await.expect(200);
}

async fn a_check_that_was_passed_is_seen(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card(CHECKED).await;
    let client_secret = server
        .save(&id, "usr_alice")
        .await
        .expect(201)
        .property("clientSecret");
    stripe.pass_challenge(&client_secret).await;
    let report = sweep_both_ways(&server).await;
    assert_eq!(texts(&report.confirmed), [id]);
    let listed = server.list("").await.expect(200).json();
    assert_eq!(
        listed["items"][0]["status"], "available",
        "a list asks nobody: the sweep has seen it"
    );
    let again = sweep(&server, false).await;
    assert_eq!(again, nothing_but(again.clone()));
}

async fn a_check_that_was_not_passed_within_a_day_ends(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = stripe.card(CHECKED).await;
    server.save(&id, "usr_alice").await.expect(201);
    server.clock.advance(DAY);
    let young = sweep_both_ways(&server).await;
    assert_eq!(young, nothing_but(young.clone()));
    server.clock.advance(1);
    let dry = sweep(&server, true).await;
    assert_eq!(texts(&dry.removed), [id.as_str()]);
    assert_eq!(stripe.setup_intents().await[0]["status"], "requires_action");
    let report = sweep(&server, false).await;
    assert_eq!(texts(&report.removed), [id.as_str()]);
    assert_gone(&server, &id).await;
    assert_eq!(stripe.setup_intents().await[0]["status"], "canceled");
}

async fn what_we_attached_and_lost_is_adopted_once(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    server.saved_card("usr_alice").await;
    let customer = only_customer(&stripe).await;
    let id = stripe.card("5555555555554444").await;
    server.clock.advance(60);
    let made = attach_as_we_do(&stripe, &customer, &id).await;
    assert_eq!(made["status"], "succeeded", "{made}");
    server.clock.advance(3_600);
    server.retrieve(&id).await.expect(404);

    let report = sweep_both_ways(&server).await;
    assert_eq!(texts(&report.adopted), [id.as_str()]);
    let adopted = server.retrieve(&id).await.expect(200).json();
    assert_eq!(adopted["user"], "usr_alice");
    assert_eq!(adopted["status"], "available");
    assert_eq!(adopted["brand"], "mastercard");
    // When it was attached, not when it was found.
    assert_eq!(adopted["createdAt"], "2026-01-15T10:01:01Z");
    let again = sweep(&server, false).await;
    assert_eq!(again, nothing_but(again.clone()));

    server.delete(&id).await.expect(200);
    let deleted = sweep_both_ways(&server).await;
    assert_eq!(deleted, nothing_but(deleted.clone()));
    assert_gone(&server, &id).await;
}

async fn what_a_page_attached_is_left_to_be_claimed(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    let id = server.collected_card("usr_alice", "4242424242424242").await;
    let report = sweep_both_ways(&server).await;
    assert_eq!(texts(&report.unclaimed), [id.as_str()]);
    assert!(!report.needs_a_person());
    server.retrieve(&id).await.expect(404);
    assert_eq!(stripe.effect("payment_method.detached").await, 0);
    server.save(&id, "usr_alice").await.expect(201);
    let claimed = sweep(&server, false).await;
    assert_eq!(claimed, nothing_but(claimed.clone()));
}

async fn more_methods_than_stripe_gives_at_once(backend: Backend) {
    let server = Server::with(backend).maximum_payment_methods(200).start().await;
    let mut first = None;
    for _ in 0..102 {
        let id = server.saved_card("usr_alice").await;
        first.get_or_insert(id);
    }
    let stripe = server.stripe("demo");
    stripe.reset_request_count().await;
    let report = sweep(&server, false).await;
    assert_eq!(report.payment_methods, 102);
    assert_eq!(report, nothing_but(report.clone()));
    assert_eq!(stripe.request_count().await, 2, "two pages of one list");
    // The oldest is on the second page.
    let first = first.expect("some were saved");
    let path = format!("/v1/payment_methods/{first}");
    stripe.call("POST", &path, &[("card[exp_year]", "2044")]).await;
    let report = sweep(&server, false).await;
    assert_eq!(texts(&report.updated), [first]);
}

async fn one_user_who_cannot_be_read_holds_up_no_other(backend: Backend) {
    let server = Server::start(backend).await;
    let stripe = server.stripe("demo");
    for user in ["usr_1", "usr_2", "usr_3", "usr_4"] {
        server.saved_card(user).await;
    }
    let lists = "/v1/customers/*/payment_methods";
    // One call, with its repetition.
    break_next(&stripe, ("error_500_before", 2), "GET", lists).await;
    let report = sweep(&server, false).await;
    let unread: Vec<&str> = report.unread.iter().map(|unread| unread.user.as_str()).collect();
    assert_eq!((unread, report.users), (vec!["usr_1"], 4));
    assert_eq!(report.payment_methods, 3);

    // When none can be read it is Stripe that is away, and there is no report.
    break_next(&stripe, ("error_500_before", 1_000), "GET", lists).await;
    let failed = server.service().sweep(&demo(), false).await;
    failed.expect_err("Stripe is away");
    stripe.clear_faults().await;
    let again = sweep(&server, false).await;
    assert_eq!(again, nothing_but(again.clone()));
}
