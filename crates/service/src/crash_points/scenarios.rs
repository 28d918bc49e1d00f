//! What is asked of the service, and what has happened before it is.

use billfold_domain::{PaymentMethodId, SetupIntent, UserId};

use super::{
    cases::{Answer, Request, Wish},
    child::scope,
    stripe::{ASKS_ITS_OWNER, Page, VISA},
};
use crate::{Confirmation, Service, attendance::Attendance, world::Surroundings as _};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scenario {
    /// The user's first payment method: the customer is made too.
    FirstMethod,
    AnotherMethod,
    /// The card's owner must pass a check, and may do so later.
    WaitingMethod,
    /// The card's owner must pass a check, and should have done so before: the setup intent is canceled again.
    UnconfirmedMethod,
    /// A page's setup intent has attached it.
    AttachedMethod,
    DeleteAvailable,
    DeleteWaiting,
    /// The user's first setup intent: the customer is made too.
    FirstSetupIntent,
    AnotherSetupIntent,
}

use Scenario::{
    AnotherMethod, AnotherSetupIntent, AttachedMethod, DeleteAvailable, DeleteWaiting, FirstMethod,
    FirstSetupIntent, UnconfirmedMethod, WaitingMethod,
};

/// How a payment method must be found when its request has been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Available,
    Waiting,
    /// Neither shown here nor attached at Stripe.
    Gone,
}

impl Scenario {
    pub(super) const ALL: [Self; 9] = [
        FirstMethod,
        AnotherMethod,
        WaitingMethod,
        UnconfirmedMethod,
        AttachedMethod,
        DeleteAvailable,
        DeleteWaiting,
        FirstSetupIntent,
        AnotherSetupIntent,
    ];

    /// Lets happen what comes before, for a user of its own, and gives the request.
    pub(super) async fn prepare(self, service: &Service, page: &Page, number: u32) -> Request {
        let user = UserId::parse(format!("usr_{number}")).unwrap();
        let wish = match self {
            FirstMethod => {
                let id = card(page, VISA).await;
                Wish::Create(id, user, Confirmation::MayFollow)
            }
            AnotherMethod => {
                setup_intent(service, &user).await;
                let id = card(page, VISA).await;
                Wish::Create(id, user, Confirmation::MayFollow)
            }
            WaitingMethod => {
                setup_intent(service, &user).await;
                let id = card(page, ASKS_ITS_OWNER).await;
                Wish::Create(id, user, Confirmation::MayFollow)
            }
            UnconfirmedMethod => {
                setup_intent(service, &user).await;
                let id = card(page, ASKS_ITS_OWNER).await;
                Wish::Create(id, user, Confirmation::MustPrecede)
            }
            AttachedMethod => {
                let made = setup_intent(service, &user).await;
                let id = card(page, VISA).await;
                page.confirm(made.client_secret.expose(), id.as_str()).await;
                Wish::Create(id, user, Confirmation::MustPrecede)
            }
            DeleteAvailable => Wish::Delete(saved(service, page, &user, VISA).await),
            DeleteWaiting => Wish::Delete(saved(service, page, &user, ASKS_ITS_OWNER).await),
            FirstSetupIntent => Wish::SetupIntent(user),
            AnotherSetupIntent => {
                setup_intent(service, &user).await;
                Wish::SetupIntent(user)
            }
        };
        Request {
            operation: format!("operation{number}"),
            wish,
        }
    }

    /// Whether an answer is the one that the request must get in the end.
    pub(super) fn is_definite(self, answer: &Answer) -> bool {
        match self {
            FirstMethod | AnotherMethod | WaitingMethod | AttachedMethod => *answer == Answer::Saved,
            UnconfirmedMethod => *answer == Answer::NeedsConfirmation,
            DeleteAvailable | DeleteWaiting => *answer == Answer::Deleted,
            FirstSetupIntent | AnotherSetupIntent => matches!(answer, Answer::SetupIntent(_)),
        }
    }

    /// What must have become of the payment method, where the request is about one.
    pub(super) fn outcome(self) -> Option<Outcome> {
        match self {
            FirstMethod | AnotherMethod | AttachedMethod => Some(Outcome::Available),
            WaitingMethod => Some(Outcome::Waiting),
            UnconfirmedMethod | DeleteAvailable | DeleteWaiting => Some(Outcome::Gone),
            FirstSetupIntent | AnotherSetupIntent => None,
        }
    }
}

async fn card(page: &Page, number: &str) -> PaymentMethodId {
    PaymentMethodId::parse(page.card(number).await).unwrap()
}

async fn setup_intent(service: &Service, user: &UserId) -> SetupIntent {
    let tenant = service.tenant(scope()).await.unwrap();
    let engine = &service.parts.engine;
    let operation = engine.world.operation_name();
    engine
        .create_setup_intent(&tenant, &operation, user.clone())
        .await
        .unwrap()
}

async fn saved(service: &Service, page: &Page, user: &UserId, number: &str) -> PaymentMethodId {
    let tenant = service.tenant(scope()).await.unwrap();
    let id = card(page, number).await;
    let engine = &service.parts.engine;
    let operation = engine.world.operation_name();
    let nobody = Attendance::nobody();
    let saving =
        engine.create_payment_method(&tenant, &operation, &id, user, Confirmation::MayFollow, &nobody);
    saving.await.unwrap();
    id
}
