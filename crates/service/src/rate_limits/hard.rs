//! Limits on what card testers are after, exact over all instances: setup intents, and cards that are refused.
//!
//! A token is taken before the work, so that racers cannot pass the limit together, and put back where the work did not
//! cost it: a card that was not refused, a setup intent that was not made. What refilled meanwhile is kept, so a limit is
//! exact but for the time that one use case takes.

use std::{collections::HashSet, time::Duration};

use billfold_domain::{ProjectScope, RateLimit, SetupIntentId, UserId};
use billfold_store::{
    Database, NewWebhookEvent, PaymentMethods, RateLimits, SetupIntents, StoreError, Token, TokenKind,
    Tokens, WebhookObject,
};
use billfold_stripe::EventType;

use super::{LimitReached, RateLimitOptions};
use crate::{Fulfilled, ServiceError, Tenant, Wish};

/// The limits that all instances keep together.
pub(crate) struct HardLimits {
    buckets: RateLimits,
    made_for_pages: SetupIntents,
    payment_methods: PaymentMethods,
    setup_intents: RateLimit,
    failed_cards: RateLimit,
    project_failed_cards: RateLimit,
}

/// The tokens that a wish may cost. All are taken before it is begun.
pub(crate) struct Cost {
    /// For a card that may be refused, of the user and of the project.
    failed_cards: Vec<Token>,
    /// For a setup intent.
    setup_intent: Option<Token>,
}

impl Cost {
    /// All of them, in the order in which everybody takes them.
    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.setup_intent
            .iter()
            .chain(&self.failed_cards)
            .cloned()
            .collect()
    }
}

impl HardLimits {
    pub(crate) fn new(database: Database, options: &RateLimitOptions) -> Self {
        Self {
            buckets: RateLimits::new(database.clone()),
            made_for_pages: SetupIntents::new(database.clone()),
            payment_methods: PaymentMethods::new(database),
            setup_intents: options.setup_intents,
            failed_cards: options.failed_cards,
            project_failed_cards: options.project_failed_cards,
        }
    }

    /// What a wish may cost. Whoever has had too many cards refused makes no setup intents either: with those, cards are
    /// tried past this server.
    pub(crate) fn cost(&self, wish: &Wish) -> Cost {
        let (user, makes_setup_intent) = match wish {
            Wish::SavePaymentMethod { user, .. } => (user, false),
            Wish::MakeSetupIntent { user } => (user, true),
            Wish::DeletePaymentMethod { .. } => {
                return Cost {
                    failed_cards: Vec::new(),
                    setup_intent: None,
                };
            }
        };
        Cost {
            failed_cards: self.failed_card(user),
            setup_intent: makes_setup_intent.then(|| Token {
                kind: TokenKind::SetupIntents,
                user: Some(user.clone()),
                limit: self.setup_intents,
            }),
        }
    }

    /// Takes what a wish may cost, before anything is done for it. [`ServiceError::TooManyRequests`] where that is not there.
    pub(crate) async fn take(&self, tenant: &Tenant, cost: &Cost) -> Result<(), ServiceError> {
        match self.buckets.take(tenant.scope(), &cost.tokens()).await? {
            Tokens::Taken => Ok(()),
            Tokens::Refused { lacking, wait } => Err(ServiceError::TooManyRequests(reached(&lacking, wait))),
        }
    }

    /// Puts back what the wish did not cost after all.
    pub(crate) async fn settle(&self, tenant: &Tenant, cost: Cost, result: &Result<Fulfilled, ServiceError>) {
        let mut unused = Vec::new();
        if result.is_err() {
            unused.extend(cost.setup_intent);
        }
        if !matches!(result, Err(ServiceError::Declined(_))) {
            unused.extend(cost.failed_cards);
        }
        if unused.is_empty() {
            return;
        }
        if let Err(error) = self.buckets.give_back(tenant.scope(), &unused).await {
            tracing::warn!(%error, "what a limit has too much of cannot be put back; time will");
        }
    }

    /// Counts cards that were refused on users' pages, past this server: Stripe has told of them, and of the events those
    /// named in `new` have just been stored for the first time. What cannot be counted is let go, since it is stored.
    pub(crate) async fn count_refused_on_pages(
        &self,
        scope: &ProjectScope,
        events: &[NewWebhookEvent],
        new: Vec<String>,
    ) {
        let mut new: HashSet<String> = new.into_iter().collect();
        for event in events {
            // The same event may have been delivered twice at once.
            let Some(setup_intent) = failed_on_page(event).filter(|_| new.remove(&event.id)) else {
                continue;
            };
            if let Err(error) = self.charge_owner(scope, setup_intent).await {
                tracing::warn!(%setup_intent, %error, "a refused card could not be counted");
            }
        }
    }

    async fn charge_owner(
        &self,
        scope: &ProjectScope,
        setup_intent: &SetupIntentId,
    ) -> Result<(), StoreError> {
        let made = self.made_for_pages.find(scope, setup_intent).await?;
        let owner = match made {
            Some(made) => Some(made.user),
            // One that waits for its owner's check, which has failed.
            None => self
                .payment_methods
                .find_by_setup_intent(scope, setup_intent)
                .await?
                .map(|waiting| waiting.user),
        };
        match owner {
            Some(user) => self.buckets.charge(scope, &self.failed_card(&user)).await,
            // A saving's own: whoever asked for it has paid for that.
            None => Ok(()),
        }
    }

    /// Forgets what is as if it had never been, and gives how much that was.
    pub(crate) async fn forget(&self, scope: &ProjectScope) -> Result<usize, StoreError> {
        self.buckets.forget_full(scope).await
    }

    /// The tokens of one refused card: the user's before the project's, as everywhere.
    fn failed_card(&self, user: &UserId) -> Vec<Token> {
        let kind = TokenKind::FailedCards;
        vec![
            Token {
                kind,
                user: Some(user.clone()),
                limit: self.failed_cards,
            },
            Token {
                kind,
                user: None,
                limit: self.project_failed_cards,
            },
        ]
    }
}

/// The setup intent with which a page tried a card that was refused, where an event tells of one.
fn failed_on_page(event: &NewWebhookEvent) -> Option<&SetupIntentId> {
    let failed = event.event_type == EventType::SetupIntentSetupFailed.as_str();
    match &event.work {
        Some(WebhookObject::SetupIntent(id)) if failed => Some(id),
        _ => None,
    }
}

/// The limit that is reached where a token is not there.
pub(crate) fn reached(lacking: &Token, wait: Duration) -> LimitReached {
    let policy = policy(lacking);
    tracing::warn!(policy, "a limit is reached");
    LimitReached {
        policy,
        limit: lacking.limit,
        retry_after: wait,
    }
}

/// What the limit is called.
const fn policy(token: &Token) -> &'static str {
    match (token.kind, &token.user) {
        (TokenKind::SetupIntents, _) => "user-setup-intents",
        (TokenKind::FailedCards, Some(_)) => "user-failed-cards",
        (TokenKind::FailedCards, None) => "project-failed-cards",
    }
}
