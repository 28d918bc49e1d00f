//! Who asks for what: the same for the same seed, but for names that Stripe gives.

use rand::{RngExt as _, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    clients::{Clients, Stock},
    sandbox::Tenant,
    scenarios::signature,
};

/// How many users there are, beside those who ask for too much.
const USERS: usize = 40;

/// Who asks for the list again and again.
const GREEDY: &str = "usr_greedy";

/// Who asks for one setup intent after another.
const TESTER: &str = "usr_tester";

/// One request, and what may be heard.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// The operation's name in the contract; `none` where there is no such.
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) signature: Option<String>,
    /// The event that a delivery tells of.
    pub(crate) event: Option<String>,
    pub(crate) may_hear: &'static [u16],
}

/// What is asked for, second by second.
pub(crate) struct Script<'a> {
    clients: &'a Clients,
    tenants: &'a [Tenant],
    cards: Vec<Stock>,
    /// Cards that somebody has asked to save, and for whom.
    saved: Vec<(Stock, String)>,
    /// Deliveries and writes with a key, which come again.
    again: Vec<Ask>,
    chance: StdRng,
    asked: usize,
}

impl<'a> Script<'a> {
    pub(crate) fn new(
        clients: &'a Clients,
        tenants: &'a [Tenant],
        cards: Vec<Stock>,
        chance: StdRng,
    ) -> Self {
        Self {
            clients,
            tenants,
            cards,
            saved: Vec::new(),
            again: Vec::new(),
            chance,
            asked: 0,
        }
    }

    /// What is asked for in the next second: one thing mostly, and now and then many at once.
    pub(crate) fn next(&mut self) -> Vec<Ask> {
        self.asked += 1;
        if self.asked.is_multiple_of(100) {
            let project = self.tenants[0].name.clone();
            let list = self.account(
                "listAccountPaymentMethods",
                Method::GET,
                &project,
                GREEDY,
                &[200, 429],
            );
            return vec![list; 30];
        }
        let tenant = self.tenants[self.chance.random_range(0..self.tenants.len())].clone();
        let user = format!("usr_{}", self.chance.random_range(0..USERS));
        vec![match self.chance.random_range(0..100) {
            0..40 => {
                let mut ask = self.project(
                    "listPaymentMethods",
                    Method::GET,
                    &tenant.name,
                    "/paymentMethods",
                    &[200],
                );
                ask.path = format!("{}?user={user}", ask.path);
                ask
            }
            40..50 => self.retrieve(&tenant.name),
            50..55 => self.account(
                "listAccountPaymentMethods",
                Method::GET,
                &tenant.name,
                &user,
                &[200, 429],
            ),
            55..67 => self.save(user),
            67..70 => {
                let ask = self.project(
                    "createPaymentMethod",
                    Method::POST,
                    &tenant.name,
                    "/paymentMethods",
                    &[422],
                );
                with_body(ask, &json!({"id": 7}))
            }
            70..74 => self.setup_intent(&tenant.name, &user, &[201, 429, 503]),
            74..75 => self.setup_intent(&self.tenants[0].name.clone(), TESTER, &[201, 429, 503]),
            75..80 => self.delete(),
            80..83 => {
                let mut ask = self.project(
                    "listPaymentMethods",
                    Method::GET,
                    &tenant.name,
                    "/paymentMethods",
                    &[401],
                );
                ask.token = None;
                ask
            }
            83..85 => self.project("none", Method::GET, &tenant.name, "/refunds", &[404]),
            85..87 => self.project("none", Method::PUT, &tenant.name, "/paymentMethods", &[405]),
            87..88 => plain("getLiveness", "/health/live"),
            88..97 => self.webhook(&tenant),
            _ => self.repeat(&tenant),
        }]
    }

    fn project(
        &self,
        operation: &'static str,
        method: Method,
        project: &str,
        rest: &str,
        may_hear: &'static [u16],
    ) -> Ask {
        Ask {
            method,
            path: format!("/projects/{project}{rest}"),
            token: Some(self.clients.tokens(project, "").0),
            may_hear,
            ..plain(operation, "")
        }
    }

    fn account(
        &self,
        operation: &'static str,
        method: Method,
        project: &str,
        user: &str,
        may_hear: &'static [u16],
    ) -> Ask {
        Ask {
            method,
            token: Some(self.clients.tokens(project, user).1),
            may_hear,
            ..plain(operation, "/v1/account/payment-methods")
        }
    }

    fn retrieve(&mut self, project: &str) -> Ask {
        if self.saved.is_empty() || self.chance.random_range(0..3) == 0 {
            return self.project(
                "retrievePaymentMethod",
                Method::GET,
                project,
                "/paymentMethods/pm_none",
                &[404],
            );
        }
        let (stock, _) = self.saved[self.chance.random_range(0..self.saved.len())].clone();
        let rest = format!("/paymentMethods/{}", stock.id);
        // One that waits for its owner's check is looked up at Stripe.
        self.project(
            "retrievePaymentMethod",
            Method::GET,
            &stock.project,
            &rest,
            &[200, 404, 503],
        )
    }

    fn save(&mut self, user: String) -> Ask {
        let Some(stock) = self.cards.pop() else {
            return plain("getOpenApiDocument", "/openapi.yaml");
        };
        let ask = if self.chance.random_range(0..2) == 0 {
            let ask = self.project(
                "createPaymentMethod",
                Method::POST,
                &stock.project,
                "/paymentMethods",
                SAVING,
            );
            with_body(ask, &json!({"id": stock.id, "user": user}))
        } else {
            let ask = self.account(
                "saveAccountPaymentMethod",
                Method::POST,
                &stock.project,
                &user,
                SAVING,
            );
            with_body(ask, &json!({"id": stock.id}))
        };
        self.saved.push((stock, user));
        self.keyed(ask)
    }

    fn delete(&mut self) -> Ask {
        if self.saved.is_empty() {
            return plain("getLiveness", "/health/live");
        }
        let place = self.chance.random_range(0..self.saved.len());
        let (stock, _) = self.saved.swap_remove(place);
        let rest = format!("/paymentMethods/{}", stock.id);
        self.project(
            "deletePaymentMethod",
            Method::DELETE,
            &stock.project,
            &rest,
            &[200, 404, 409, 503],
        )
    }

    fn setup_intent(&mut self, project: &str, user: &str, may_hear: &'static [u16]) -> Ask {
        let ask = self.project(
            "createSetupIntent",
            Method::POST,
            project,
            "/setupIntents",
            may_hear,
        );
        with_body(ask, &json!({"user": user}))
    }

    /// A delivery: one in five forged.
    fn webhook(&mut self, tenant: &Tenant) -> Ask {
        let event = format!("evt_hour_{}", self.asked);
        let object = self
            .saved
            .last()
            .map_or("pm_none", |(stock, _)| stock.id.as_str());
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let body = json!({
            "id": event, "object": "event", "api_version": "2026-06-24.dahlia", "created": now,
            "data": {"object": {"id": object, "object": "payment_method", "customer": null}},
            "livemode": false, "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null},
            "type": "payment_method.updated",
        })
        .to_string();
        let good = self.chance.random_range(0..5) > 0;
        let secret = if good {
            tenant.webhook_secrets[0].as_str()
        } else {
            "whsec_guessed"
        };
        let ask = Ask {
            method: Method::POST,
            path: format!("/webhooks/stripe/{}", tenant.name),
            signature: Some(format!("t={now},v1={}", signature(secret, now, &body))),
            body: Some(body),
            event: Some(event),
            may_hear: if good { &[200] } else { &[400] },
            ..plain("receiveStripeWebhook", "")
        };
        // Stripe delivers an event again within a while; an old signature would be refused.
        if good && self.chance.random_range(0..4) == 0 {
            self.again.push(ask.clone());
        }
        ask
    }

    /// The same request once more, with its key or its signature.
    fn repeat(&mut self, tenant: &Tenant) -> Ask {
        match self.again.pop() {
            Some(ask) => ask,
            None => self.project(
                "listAuditEvents",
                Method::GET,
                &tenant.name,
                "/auditEvents",
                &[200],
            ),
        }
    }

    fn keyed(&mut self, mut ask: Ask) -> Ask {
        ask.key = Some(format!("key-{}", self.asked));
        if self.chance.random_range(0..4) == 0 {
            self.again.push(ask.clone());
        }
        ask
    }
}

/// What whoever saves a card may hear: Stripe fails now and then, and some cards are bad.
const SAVING: &[u16] = &[200, 201, 409, 422, 429, 503];

fn plain(operation: &'static str, path: &str) -> Ask {
    Ask {
        operation,
        method: Method::GET,
        path: path.to_owned(),
        body: None,
        token: None,
        key: None,
        signature: None,
        event: None,
        may_hear: &[200],
    }
}

fn with_body(ask: Ask, body: &Value) -> Ask {
    Ask {
        body: Some(body.to_string()),
        ..ask
    }
}
