//! One answer a key: a request that comes again with its idempotency key is given the first one's answer, byte for byte.
//!
//! The first request claims the key, works under the operation that the key names, and writes its answer before it tells
//! it. Whoever takes a key over, after a crash or an answer that is not kept, works under the same operation, so it
//! joins what was begun and finds what was done. An answer that passes (a conflict, an outage) is not kept.
//!
//! A client secret is taken out of an answer before it is written, and put back from Stripe when it is given again.

use std::sync::Arc;

use billfold_domain::{AuditObject, ClientSecret, SetupIntentId, UserId};
use billfold_store::{HeldKey, KeptAnswer, KeyClaim, NewKey, StoreError, TakenSecret};
use sha2::{Digest as _, Sha256};

use crate::{
    Attribution, Fulfilled, Service, ServiceError, Tenant, Wish,
    attendance::{Attendance, Show},
    audit::Trail,
    holding::holding,
    service::Parts,
    world::{Stripe as _, Surroundings as _},
};

/// The idempotency key of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The route that the request came by, its method included. The same key on another route is another key.
    pub route: String,
    /// The key: 1 to 255 visible ASCII characters.
    pub key: String,
}

/// An answer as data, which can be written down. May hold a client secret, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Where the new object is, if the answer says so.
    pub location: Option<String>,
    /// The body; empty where there is none.
    pub body: String,
}

/// An answer to give.
pub struct GivenAnswer {
    /// The answer.
    pub answer: Answer,
    /// Whether it was given to an earlier request with the same key, or would have been.
    pub replayed: bool,
    /// What the audit log tells beside it.
    pub(crate) noted: Noted,
}

/// What the audit log tells of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noted {
    /// The error's code.
    pub(crate) code: Option<&'static str>,
    /// The object that the answer shows.
    pub(crate) object: Option<AuditObject>,
    /// The user whose it is.
    pub(crate) user: Option<UserId>,
}

impl Service {
    /// Fulfils a wish of the caller's, once for each key, and gives the answer that `show` makes of the result. Runs to its end whether
    /// or not its caller stays.
    ///
    /// Errors are the answers that are never kept: [`ServiceError::Busy`] also while another request with the key is
    /// under way, [`ServiceError::KeyReused`], and what another try may mend.
    pub async fn fulfil(
        &self,
        tenant: Tenant,
        attribution: Attribution,
        wish: Wish,
        key: Option<RequestKey>,
        show: impl Fn(Result<&Fulfilled, ServiceError>) -> Answer + Send + Sync + 'static,
    ) -> Result<GivenAnswer, ServiceError> {
        let parts = Arc::clone(&self.parts);
        let scope = tenant.scope.clone();
        let user = wish.user().cloned();
        let trail = Trail::of(parts.audit.clone(), tenant.scope.clone(), attribution, &wish);
        // In a box, since it is large and moved several times on its way into its task.
        let use_case = Box::pin(async move {
            let operation = parts.engine.world.operation_name();
            let result = match key {
                None => parts
                    .work(&tenant, wish, &operation, &trail, &show)
                    .await
                    .map(given),
                Some(key) => parts.once(&tenant, wish, key, operation, &trail, &show).await,
            };
            trail.end(&result).await;
            result
        });
        self.run(&scope, user.as_ref(), use_case).await
    }
}

fn given(Worked { answer, noted, .. }: Worked) -> GivenAnswer {
    GivenAnswer {
        answer,
        replayed: false,
        noted,
    }
}

/// A definite answer, and the client secret in it.
pub(crate) struct Worked {
    pub(crate) answer: Answer,
    secret: Option<(SetupIntentId, ClientSecret)>,
    pub(crate) noted: Noted,
}

impl Worked {
    /// The answer to a wish that is fulfilled.
    pub(crate) fn of(answer: Answer, fulfilled: &Fulfilled) -> Self {
        let (object, user) = fulfilled.object();
        Self {
            answer,
            secret: fulfilled.client_secret(),
            noted: Noted {
                code: None,
                object: Some(object),
                user: Some(user),
            },
        }
    }
}

impl Parts {
    async fn work(
        &self,
        tenant: &Tenant,
        wish: Wish,
        operation: &str,
        trail: &Trail,
        show: &Show,
    ) -> Result<Worked, ServiceError> {
        let cost = self.hard_limits.cost(&wish);
        let (result, worked) = if matches!(wish, Wish::MakeSetupIntent { .. }) {
            self.hard_limits.take(tenant, &cost).await?;
            let result = match trail.begin(operation).await {
                Ok(()) => {
                    wish.fulfil(&*self.engine, tenant, operation, &Attendance::nobody())
                        .await
                }
                Err(error) => Err(error),
            };
            self.hard_limits.settle(tenant, cost, &result).await;
            (result, None)
        } else {
            let tokens = cost.tokens();
            let attendance = Attendance::of(trail, operation, show, &tokens);
            let result = wish.fulfil(&*self.engine, tenant, operation, &attendance).await;
            if attendance.has_tokens() {
                self.hard_limits.settle(tenant, cost, &result).await;
            }
            (result, attendance.into_worked())
        };
        match result {
            Ok(fulfilled) => Ok(worked.unwrap_or_else(|| Worked::of(show(Ok(&fulfilled)), &fulfilled))),
            Err(error) if error.is_definite() => {
                let noted = Noted {
                    code: Some(trail.code(&error)),
                    ..Noted::default()
                };
                Ok(Worked {
                    answer: show(Err(error)),
                    secret: None,
                    noted,
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn once(
        &self,
        tenant: &Tenant,
        wish: Wish,
        RequestKey { route, key }: RequestKey,
        operation: String,
        trail: &Trail,
        show: &Show,
    ) -> Result<GivenAnswer, ServiceError> {
        let new = NewKey {
            fingerprint: fingerprint(&route, &wish),
            route,
            key,
            operation,
        };
        let now = self.engine.world.now();
        let held = match self.idempotency_keys.claim(&tenant.scope, &new, now).await? {
            KeyClaim::Held(held) => held,
            KeyClaim::Known(kept) => return self.replay(tenant, kept).await,
            KeyClaim::Busy => return Err(ServiceError::Busy),
            KeyClaim::Reused => return Err(ServiceError::KeyReused),
        };
        let work = Box::pin(self.work(tenant, wish, &held.operation, trail, show));
        let extend = || async {
            if let Err(error) = self.idempotency_keys.extend_lease(&tenant.scope, &held).await {
                tracing::debug!(%error, "the lease of an idempotency key could not be extended");
            }
        };
        let worked = match holding(|| self.engine.world.heartbeat(), extend, work).await {
            Ok(worked) => worked,
            Err(error) => {
                self.release(tenant, &held).await;
                return Err(error);
            }
        };
        let kept = without_secret(&worked)?;
        let now = self.engine.world.now();
        match self.idempotency_keys.keep(&tenant.scope, &held, &kept, now).await {
            Ok(()) => Ok(given(worked)),
            Err(StoreError::Fenced) => self.answer_of_another(tenant, &held).await,
            Err(error) => {
                self.release(tenant, &held).await;
                Err(error.into())
            }
        }
    }

    /// The answer that whoever took the key over has written.
    async fn answer_of_another(&self, tenant: &Tenant, held: &HeldKey) -> Result<GivenAnswer, ServiceError> {
        match self
            .idempotency_keys
            .kept(&tenant.scope, &held.route, &held.key)
            .await?
        {
            Some(kept) => self.replay(tenant, kept).await,
            None => Err(ServiceError::Busy),
        }
    }

    async fn release(&self, tenant: &Tenant, held: &HeldKey) {
        if let Err(error) = self.idempotency_keys.release(&tenant.scope, held).await {
            tracing::warn!(%error, "an idempotency key could not be released; its lease will run out");
        }
    }

    async fn replay(&self, tenant: &Tenant, kept: KeptAnswer) -> Result<GivenAnswer, ServiceError> {
        let KeptAnswer {
            status,
            location,
            mut body,
            taken_secret,
        } = kept;
        if let Some(TakenSecret { setup_intent, at }) = taken_secret {
            let found = self
                .engine
                .world
                .retrieve_setup_intent(tenant, &setup_intent)
                .await?;
            let secret = found
                .client_secret
                .filter(|_| body.is_char_boundary(at))
                .ok_or_else(|| ServiceError::internal("a kept answer's client secret cannot be put back"))?;
            body.insert_str(at, secret.expose());
        }
        Ok(GivenAnswer {
            answer: Answer {
                status,
                location,
                body,
            },
            replayed: true,
            noted: Noted::default(),
        })
    }
}

/// The answer as it may be written down.
fn without_secret(Worked { answer, secret, .. }: &Worked) -> Result<KeptAnswer, ServiceError> {
    let mut body = answer.body.clone();
    let taken_secret = match secret {
        None => None,
        Some((setup_intent, secret)) => {
            let secret = secret.expose();
            let missing = || ServiceError::internal("an answer does not show its client secret");
            let at = body.find(secret).ok_or_else(missing)?;
            body.replace_range(at..at + secret.len(), "");
            Some(TakenSecret {
                setup_intent: setup_intent.clone(),
                at,
            })
        }
    };
    Ok(KeptAnswer {
        status: answer.status,
        location: answer.location.clone(),
        body,
        taken_secret,
    })
}

/// What tells the request from another with the same key: SHA-256, in hexadecimal digits, of the route and of what is
/// asked for, each part after its length. It is stored, so it must not change from one version to the next.
fn fingerprint(route: &str, wish: &Wish) -> String {
    let mut digest = Sha256::new();
    for part in std::iter::once(route).chain(wish.parts()) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hex::encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use billfold_domain::{PaymentMethodId, UserId};

    use super::*;
    use crate::Confirmation;

    const ROUTE: &str = "POST /projects/{project}/paymentMethods";

    fn saving(id: &str, user: &str, confirmation: Confirmation) -> Wish {
        Wish::SavePaymentMethod {
            id: PaymentMethodId::parse(id).unwrap(),
            user: UserId::parse(user).unwrap(),
            confirmation,
        }
    }

    fn deleting(id: &str, owner: Option<&str>) -> Wish {
        Wish::DeletePaymentMethod {
            id: PaymentMethodId::parse(id).unwrap(),
            owner: owner.map(|owner| UserId::parse(owner).unwrap()),
        }
    }

    #[test]
    fn a_fingerprint_is_the_same_in_every_version() {
        // Made by another program from the description.
        assert_eq!(
            fingerprint(ROUTE, &saving("pm_1", "usr_1", Confirmation::MayFollow)),
            "d2e15ed4338dd65ab3da5c957c1e8193b9b2cfad3fa4a6d5365d83b5756355db"
        );
    }

    #[test]
    fn whatever_differs_has_another_fingerprint() {
        let wishes = [
            saving("pm_1", "usr_1", Confirmation::MayFollow),
            saving("pm_1", "usr_1", Confirmation::MustPrecede),
            saving("pm_1", "usr_2", Confirmation::MayFollow),
            saving("pm_2", "usr_1", Confirmation::MayFollow),
            // The same letters, divided elsewhere.
            saving("pm_1u", "sr_1", Confirmation::MayFollow),
            deleting("pm_1", None),
            deleting("pm_1", Some("usr_1")),
            deleting("pm_1", Some("usr_2")),
            Wish::MakeSetupIntent {
                user: UserId::parse("usr_1").unwrap(),
            },
        ];
        let mut seen = std::collections::HashSet::new();
        for route in [ROUTE, "POST /v1/account/payment-methods"] {
            for wish in &wishes {
                assert!(seen.insert(fingerprint(route, wish)), "{route} {wish:?}");
            }
        }
    }

    #[test]
    fn a_secret_is_taken_out_where_it_stands() {
        let worked = Worked {
            answer: Answer {
                status: 201,
                location: None,
                body: r#"{"clientSecret":"seti_1_secret_é","id":"seti_1"}"#.to_owned(),
            },
            secret: Some((
                SetupIntentId::parse("seti_1").unwrap(),
                ClientSecret::new("seti_1_secret_é"),
            )),
            noted: Noted::default(),
        };
        let kept = without_secret(&worked).unwrap();
        assert_eq!(kept.body, r#"{"clientSecret":"","id":"seti_1"}"#);
        assert_eq!(kept.taken_secret.unwrap().at, 17);
        let hidden = Worked {
            answer: Answer {
                body: "{}".to_owned(),
                ..worked.answer
            },
            ..worked
        };
        assert!(matches!(
            without_secret(&hidden),
            Err(ServiceError::Internal { .. })
        ));
    }
}
