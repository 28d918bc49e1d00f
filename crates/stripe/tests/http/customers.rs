use billfold_domain::{CustomerId, ProjectId, UserId, UtcTimestamp};
use billfold_stripe::{CustomerQuery, CustomerState, NewCustomer, StripeMetadata};
use serde_json::json;

use crate::{
    fixtures::{CREATED, answer, customer, final_answer, list},
    support::{SECRET_KEY, Stripe, key, pairs},
};

#[tokio::test]
async fn creating_sends_the_metadata_the_key_and_the_pinned_version() {
    let body = customer("cus_Wren", &json!({"project": "demo"}));
    let stripe = Stripe::answering([final_answer(200, &body)]).await;
    let new = NewCustomer {
        project: &ProjectId::parse("demo").unwrap(),
        user: &UserId::parse("user-1").unwrap(),
        operation: "01OPERATION",
    };
    let id = stripe
        .account()
        .create_customer(&new, &key("op.customer.0"))
        .await
        .unwrap();
    assert_eq!(id.as_str(), "cus_Wren");

    let request = stripe.only_received().await;
    assert_eq!(request.line(), "POST /v1/customers");
    assert_eq!(
        request.form(),
        pairs([
            ("metadata[project]", "demo"),
            ("metadata[user]", "user-1"),
            ("metadata[operation]", "01OPERATION"),
        ])
    );
    assert_eq!(
        request.header("authorization"),
        Some(format!("Bearer {SECRET_KEY}").as_str())
    );
    assert_eq!(
        request.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(request.header("idempotency-key"), Some("op.customer.0"));
    assert_eq!(request.header("stripe-version"), Some("2026-06-24.dahlia"));
    assert_eq!(request.header("stripe-account"), None);
    assert!(request.header("user-agent").unwrap().starts_with("billfold/"));
}

#[tokio::test]
async fn a_platform_names_the_connected_account_on_reads_and_on_writes() {
    let body = customer("cus_Wren", &json!({}));
    let stripe = Stripe::answering([answer(200, &body), answer(200, &body)])
        .await
        .for_connected_account("acct_1Wren");
    let id = CustomerId::parse("cus_Wren").unwrap();
    let new = NewCustomer {
        project: &ProjectId::parse("demo").unwrap(),
        user: &UserId::parse("user-1").unwrap(),
        operation: "01OPERATION",
    };
    stripe.account().retrieve_customer(&id).await.unwrap();
    stripe.account().create_customer(&new, &key("k")).await.unwrap();
    let requests = stripe.received().await;
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.header("stripe-account"), Some("acct_1Wren"));
    }
}

#[tokio::test]
async fn a_live_customer_has_its_metadata_and_no_more_than_identifiers() {
    let metadata =
        json!({"project": "demo", "user": "not a user id", "operation": "01OPERATION", "else": "x"});
    let stripe = Stripe::answering([answer(200, &customer("cus_Wren", &metadata))]).await;
    let id = CustomerId::parse("cus_Wren").unwrap();
    let CustomerState::Live(live) = stripe.account().retrieve_customer(&id).await.unwrap() else {
        panic!("the customer lives");
    };
    assert_eq!(live.id, id);
    assert_eq!(live.created, UtcTimestamp::from_seconds(CREATED));
    assert_eq!(
        live.metadata,
        StripeMetadata {
            project: Some(ProjectId::parse("demo").unwrap()),
            user: None,
            operation: Some("01OPERATION".to_owned()),
        }
    );
    let request = stripe.only_received().await;
    assert_eq!(request.line(), "GET /v1/customers/cus_Wren");
    assert!(request.body_is_empty());
    assert_eq!(request.header("idempotency-key"), None);
}

#[tokio::test]
async fn a_deleted_customer_is_an_answer_and_no_error() {
    let body = json!({"id": "cus_Wren", "object": "customer", "deleted": true});
    let stripe = Stripe::answering([answer(200, &body)]).await;
    let id = CustomerId::parse("cus_Wren").unwrap();
    let state = stripe.account().retrieve_customer(&id).await.unwrap();
    assert_eq!(state, CustomerState::Deleted);
}

#[tokio::test]
async fn listing_pages_by_time_and_by_the_last_customer() {
    let data = [
        customer("cus_B", &json!({"operation": "02"})),
        customer("cus_A", &json!({})),
    ];
    let stripe = Stripe::answering([answer(200, &list("/v1/customers", &data, true))]).await;
    let last = CustomerId::parse("cus_C").unwrap();
    let query = CustomerQuery {
        created_gte: Some(UtcTimestamp::from_seconds(CREATED)),
        starting_after: Some(&last),
    };
    let page = stripe.account().list_customers(&query).await.unwrap();
    assert!(page.has_more);
    let ids: Vec<_> = page.items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["cus_B", "cus_A"]);
    assert_eq!(page.items[0].metadata.operation.as_deref(), Some("02"));

    let request = stripe.only_received().await;
    assert_eq!(request.line(), "GET /v1/customers");
    assert_eq!(
        request.query(),
        pairs([
            ("limit", "100"),
            ("created[gte]", "1790000000"),
            ("starting_after", "cus_C")
        ])
    );
}
