//! A client that was not answered asks again under the same name, when others have undone meanwhile what it did.

use billfold_domain::{PaymentMethodId, UserId};
use billfold_sandbox::Sandbox;

use super::{
    cases::{Answer, Request, Wish, ask},
    child::scope,
    judge::Truths,
    place::{Backend, Place, make_project},
    stripe::{ASKS_ITS_OWNER, Page, VISA},
};
use crate::{Confirmation, Service};

/// How often a client asks before it must have an answer.
const MOST_QUESTIONS: usize = 5;

struct Clients {
    service: Service,
    page: Page,
    _sandbox: Sandbox,
    _place: Place,
}

impl Clients {
    async fn new() -> Self {
        let sandbox = Sandbox::start(billfold_sandbox::Options::default())
            .await
            .unwrap();
        let place = Place::fresh(Backend::Sqlite).await;
        Self {
            service: make_project(&place.url(), &sandbox.url()).await,
            page: Page::new(sandbox.url()),
            _sandbox: sandbox,
            _place: place,
        }
    }

    async fn card(&self, number: &str) -> PaymentMethodId {
        PaymentMethodId::parse(self.page.card(number).await).unwrap()
    }

    async fn create(&self, operation: &str, id: &PaymentMethodId) -> Answer {
        let user = UserId::parse("usr_1").unwrap();
        let wish = Wish::Create(id.clone(), user, Confirmation::MayFollow);
        self.ask(operation, wish).await
    }

    async fn delete(&self, operation: &str, id: &PaymentMethodId) -> Answer {
        self.ask(operation, Wish::Delete(id.clone())).await
    }

    /// Asks until the answer is definite.
    async fn ask(&self, operation: &str, wish: Wish) -> Answer {
        let tenant = self.service.tenant(scope()).await.unwrap();
        let operation = operation.to_owned();
        let request = Request { operation, wish };
        for _ in 0..MOST_QUESTIONS {
            let answer = ask(&self.service.parts.engine, &tenant, &request).await;
            if answer != Answer::TryAgain {
                return answer;
            }
        }
        panic!("{request:?} is never answered");
    }

    async fn require_unbroken(&self) {
        let broken = Truths::look(&self.service, &self.page).await.judge(&[]);
        assert!(broken.is_empty(), "{broken:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_and_deleted_is_not_saved_by_asking_again() {
    for number in [VISA, ASKS_ITS_OWNER] {
        let clients = Clients::new().await;
        let id = clients.card(number).await;
        assert_eq!(clients.create("create", &id).await, Answer::Saved);
        assert_eq!(clients.delete("delete", &id).await, Answer::Deleted);
        let again = clients.create("create", &id).await;
        assert!(matches!(again, Answer::Refused(_)), "{number}: {again:?}");
        clients.require_unbroken().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_is_asked_for_again_ends_though_another_has_saved_meanwhile() {
    let clients = Clients::new().await;
    let id = clients.card(ASKS_ITS_OWNER).await;
    assert_eq!(clients.create("first", &id).await, Answer::Saved);
    assert_eq!(clients.delete("delete", &id).await, Answer::Deleted);
    assert_eq!(clients.create("second", &id).await, Answer::Saved);
    assert_eq!(clients.delete("delete", &id).await, Answer::Deleted);
    clients.require_unbroken().await;
}
