//! Lists of more than one page, both ways.

use billfold_client::{PaymentMethodQuery, PaymentMethodType};
use futures_util::TryStreamExt as _;

use crate::scene::{Scene, USER, ids};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_walked_in_both_directions_and_by_pages() {
    let scene = Scene::start().await;
    let project = scene.project().await;
    let mut saved = Vec::new();
    for name in [
        "visa",
        "mastercard",
        "applePay_visa",
        "amex",
        "googlePay_visa",
        "jcb",
        "discover",
    ] {
        let method = project
            .create_payment_method(&format!("pm_card_{name}"), USER)
            .await;
        saved.push(method.expect("a payment method").id);
    }
    project
        .create_payment_method("pm_card_visa", "usr_bob")
        .await
        .expect("somebody else's");
    let oldest_first = saved.clone();
    let newest_first: Vec<String> = saved.iter().rev().cloned().collect();

    let of_user = || PaymentMethodQuery::of_user(USER);
    assert_eq!(ids(&project, of_user()).await, newest_first);
    assert_eq!(ids(&project, of_user().limit(3)).await, newest_first);
    assert_eq!(
        ids(&project, of_user().limit(2).after(&newest_first[2])).await,
        newest_first[3..]
    );
    assert_eq!(
        ids(&project, of_user().limit(2).before(&oldest_first[0])).await,
        oldest_first[1..]
    );
    let wallets = [PaymentMethodType::ApplePay, PaymentMethodType::GooglePay];
    let of_wallets = ids(&project, of_user().limit(1).types(wallets)).await;
    assert_eq!(
        of_wallets,
        [&oldest_first[4], &oldest_first[2]].map(String::clone)
    );
    assert_eq!(ids(&project, PaymentMethodQuery::new()).await.len(), 8);
    assert_eq!(
        ids(&project, PaymentMethodQuery::of_user("usr_nobody")).await,
        [""; 0]
    );

    let pages: Vec<_> = project
        .list_payment_methods(of_user().limit(3))
        .pages()
        .try_collect()
        .await
        .expect("the pages");
    let lengths: Vec<usize> = pages.iter().map(|page| page.items.len()).collect();
    assert_eq!(lengths, [3, 3, 1]);
    let turned = pages[1].more_items_before.as_deref().expect("a page precedes");
    let first = project
        .payment_method_page(&of_user().limit(3).before(turned))
        .await
        .expect("the first page");
    assert_eq!(first.items[0].id, newest_first[0]);
    assert_eq!((first.items.len(), first.more_items_before), (3, None));
    scene.end().await;
}
