//! Walks through lists, page by page.

use billfold_client::{AuditAction, AuditEventQuery, Cursor, Error, PaymentMethodQuery, PaymentMethodType};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{Stub, answer, attempts, payment_method};

fn page(ids: &[&str], after: Option<&str>, before: Option<&str>) -> ResponseTemplate {
    let items: Vec<Value> = ids.iter().map(|id| payment_method(id)).collect();
    let body =
        json!({ "object": "list", "items": items, "moreItemsAfter": after, "moreItemsBefore": before });
    answer(200, &body)
}

/// The queries of what was asked so far.
async fn queries(stub: &Stub) -> Vec<String> {
    let seen = stub.seen().await;
    let query = |request: &wiremock::Request| request.url.query().unwrap_or_default().to_owned();
    seen.iter().map(query).collect()
}

#[tokio::test]
async fn a_walk_fetches_its_pages_as_it_comes_to_them() {
    let answers = [page(&["c", "b"], Some("b"), None), page(&["a"], None, Some("a"))];
    let stub = Stub::answering(answers).await;
    let list = stub
        .project()
        .list_payment_methods(PaymentMethodQuery::of_user("usr_1"));
    let mut items = list.items();
    assert_eq!(
        stub.seen().await.len(),
        0,
        "nothing is asked for before the walk begins"
    );
    assert_eq!(items.try_next().await.unwrap().unwrap().id, "c");
    assert_eq!(items.try_next().await.unwrap().unwrap().id, "b");
    assert_eq!(
        stub.seen().await.len(),
        1,
        "nothing is asked for that is not needed"
    );
    assert_eq!(items.try_next().await.unwrap().unwrap().id, "a");
    assert!(items.try_next().await.unwrap().is_none());
    assert_eq!(
        queries(&stub).await,
        ["user=usr_1&limit=100", "user=usr_1&limit=100&after=b"]
    );
}

#[tokio::test]
async fn a_walk_from_before_an_item_goes_towards_newer_ones() {
    let answers = [
        page(&["c", "b"], Some("b"), Some("c")),
        page(&["e", "d"], Some("d"), None),
    ];
    let stub = Stub::answering(answers.clone()).await;
    let types = [PaymentMethodType::Card, PaymentMethodType::GooglePay];
    let query = PaymentMethodQuery::new().types(types).limit(2).before("a");
    let list = stub.project().list_payment_methods(query);
    let items: Vec<_> = list
        .items()
        .map_ok(|method| method.id)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(items, ["b", "c", "d", "e"], "each is newer than the one before");
    let expected = [
        "type=card%2CgooglePay&limit=2&before=a",
        "type=card%2CgooglePay&limit=2&before=c",
    ];
    assert_eq!(queries(&stub).await, expected);

    stub.will_answer(answers);
    let pages: Vec<_> = list.pages().try_collect().await.unwrap();
    let ids: Vec<Vec<&str>> = pages
        .iter()
        .map(|page| page.items.iter().map(|method| method.id.as_str()).collect())
        .collect();
    assert_eq!(ids, [["c", "b"], ["e", "d"]], "a page is newest first");
    assert_eq!(pages[0].more_items_before.as_deref(), Some("c"));
}

#[tokio::test]
async fn a_walk_may_begin_anywhere_and_begins_anew_each_time() {
    let stub = Stub::answering([]).await;
    let query = PaymentMethodQuery::new().cursor(Cursor::After("c".to_owned()));
    let list = stub.project().list_payment_methods(query);
    for _ in 0..2 {
        stub.will_answer([page(&["b"], Some("b"), Some("b")), page(&["a"], None, Some("a"))]);
        let items: Vec<_> = list
            .clone()
            .items()
            .map_ok(|method| method.id)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(items, ["b", "a"]);
    }
    let once = ["limit=100&after=c", "limit=100&after=b"];
    assert_eq!(queries(&stub).await, [once, once].concat());
}

#[tokio::test]
async fn an_empty_page_ends_a_walk() {
    let stub = Stub::answering([page(&[], None, None)]).await;
    let list = stub
        .project()
        .list_payment_methods(PaymentMethodQuery::new().limit(0));
    assert_eq!(list.items().count().await, 0);
    assert_eq!(queries(&stub).await, ["limit=0"]);
}

#[tokio::test]
async fn an_error_ends_a_walk() {
    let stub = Stub::answering([page(&["b"], Some("b"), None), answer(503, &json!({}))]).await;
    let options = stub.options().retry(attempts(1));
    let project = billfold_client::ProjectClient::new(options, "demo").unwrap();
    let walked: Vec<Result<_, Error>> = project
        .list_payment_methods(PaymentMethodQuery::new())
        .items()
        .collect()
        .await;
    let told: Vec<_> = walked
        .iter()
        .map(|item| {
            item.as_ref()
                .map(|method| method.id.as_str())
                .map_err(Error::status)
        })
        .collect();
    assert_eq!(told, [Ok("b"), Err(Some(503))]);
}

#[tokio::test]
async fn a_single_page_has_the_size_that_billfold_gives_it() {
    let stub = Stub::answering([page(&["a"], None, Some("a")), page(&[], None, None)]).await;
    let project = stub.project();
    let single = project
        .payment_method_page(&PaymentMethodQuery::new().after("b"))
        .await
        .unwrap();
    assert_eq!(
        (single.items.len(), single.more_items_before.as_deref()),
        (1, Some("a"))
    );
    // Left out it would mean all.
    project
        .payment_method_page(&PaymentMethodQuery::new().types([]))
        .await
        .unwrap();
    assert_eq!(queries(&stub).await, ["after=b", "type="]);
}

#[tokio::test]
async fn the_audit_log_is_walked_in_the_same_way() {
    let event = |id: &str| {
        json!({
            "object": "auditEvent", "id": id, "action": "paymentMethod.create", "code": null, "operation": null,
            "caller": { "issuer": null, "keyId": null, "subject": "backend", "type": "token" },
            "outcome": "succeeded", "request": null, "status": 201, "target": null, "user": "usr_1",
            "createdAt": "2026-11-21T00:45:06.123456Z",
        })
    };
    let body = |id: &str, after: Option<&str>| {
        answer(
            200,
            &json!({ "object": "list", "items": [event(id)], "moreItemsAfter": after, "moreItemsBefore": null }),
        )
    };
    let stub = Stub::answering([body("aud_2", Some("aud_2")), body("aud_1", None)]).await;
    let query = AuditEventQuery::of_user("usr_1")
        .action(AuditAction::PaymentMethodCreate)
        .limit(1);
    let list = stub.project().list_audit_events(query);
    let events: Vec<_> = list.items().try_collect().await.unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!((events[1].id.as_str(), events[1].status), ("aud_1", Some(201)));
    assert_eq!(events[1].created_at.microsecond(), 123_456);
    let same = "user=usr_1&action=paymentMethod.create&limit=1";
    assert_eq!(
        queries(&stub).await,
        [same.to_owned(), format!("{same}&after=aud_2")]
    );
}
