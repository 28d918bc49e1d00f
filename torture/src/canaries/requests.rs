//! Requests of every kind, good and bad, but for card numbers, which are in `card_requests`.

use serde_json::{Value, json};

use crate::{
    TortureError,
    canaries::{
        cards::Style::Plain,
        papers::Place,
        stage::{Asked, Heard, Stage},
    },
    scenarios::signature,
};

/// Whoever asks.
pub(crate) struct Callers {
    pub(super) backend: String,
    pub(super) user: String,
    pub(super) operator: String,
    pub(super) api_key: String,
}

pub(super) const METHODS: &str = "/projects/amber/paymentMethods";
pub(super) const INTENTS: &str = "/projects/amber/setupIntents";
pub(super) const ACCOUNT: &str = "/v1/account/payment-methods";

impl Stage {
    /// Tokens and a key that may do everything.
    pub(crate) fn callers(&mut self, api_key: &str) -> Callers {
        Callers {
            backend: self.token("amber", "backend", "project:read project:write"),
            user: self.token("amber", "usr_amber", "account:read account:write"),
            operator: self.operator_token("operator:write"),
            api_key: api_key.to_owned(),
        }
    }

    pub(super) async fn get(&mut self, target: &str, token: &str) -> Heard {
        self.ask(
            Asked {
                method: "GET",
                target,
                token,
                ..Asked::default()
            },
            false,
        )
        .await
    }

    pub(super) async fn post(&mut self, target: &str, token: &str, body: &Value, gives: bool) -> Heard {
        let body = body.to_string();
        self.ask(
            Asked {
                method: "POST",
                target,
                token,
                body: &body,
                headers: "",
            },
            gives,
        )
        .await
    }

    pub(super) async fn delete(&mut self, target: &str, token: &str) -> Heard {
        self.ask(
            Asked {
                method: "DELETE",
                target,
                token,
                ..Asked::default()
            },
            false,
        )
        .await
    }

    /// A card at Stripe.
    pub(crate) async fn card(&self, token: &str) -> Result<String, TortureError> {
        self.sandbox.make_card(&self.tenants[0], token).await
    }

    /// Each operation of both faces, as it should be used.
    pub(crate) async fn good_requests(&mut self, callers: &Callers) -> Result<(), TortureError> {
        let Callers {
            backend,
            user,
            api_key,
            ..
        } = callers;
        let (visa, challenged) = (
            self.card("tok_visa").await?,
            self.card("tok_authenticationRequired").await?,
        );
        let saved = self
            .post(METHODS, backend, &json!({"id": visa, "user": "usr_amber"}), false)
            .await;
        demand(&saved, 201)?;
        self.papers.expect(Place::Answers, visa.as_str());
        for place in self.stores() {
            self.papers.expect(place, visa.as_str());
        }
        for attempt in 0..2 {
            let body = json!({"id": challenged, "user": "usr_amber"}).to_string();
            let headers = "Idempotency-Key: canary-of-a-challenge\r\n";
            let asked = Asked {
                method: "POST",
                target: METHODS,
                token: api_key,
                headers,
                body: &body,
            };
            let heard = self.ask(asked, true).await;
            demand(&heard, 201)?;
            if heard.body["clientSecret"].is_null() {
                return Err(format!("attempt {attempt} at a challenged card gives no client secret").into());
            }
        }
        let of = |id: &str| format!("{METHODS}/{id}");
        self.ask(
            Asked {
                method: "GET",
                target: &of(&challenged),
                token: backend,
                ..Asked::default()
            },
            true,
        )
        .await;
        let intent = self
            .post(INTENTS, backend, &json!({"user": "usr_amber"}), true)
            .await;
        demand(&intent, 201)?;
        self.papers
            .expect(Place::Answers, self.tenants[0].publishable_key.clone());
        let secret = intent.body["clientSecret"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let intent = intent.body["id"].as_str().unwrap_or_default().to_owned();
        let target = format!("{INTENTS}/{intent}");
        self.ask(
            Asked {
                method: "GET",
                target: &target,
                token: api_key,
                ..Asked::default()
            },
            true,
        )
        .await;
        // A client secret in the place of an id, as a page may mistake one for the other.
        self.get(&format!("{INTENTS}/{secret}"), backend).await;
        self.get(&format!("{METHODS}?limit=2&type=card&user=usr_amber"), api_key)
            .await;
        self.get("/projects/amber/auditEvents?limit=50", backend).await;
        self.ask(
            Asked {
                method: "POST",
                target: "/v1/account/setup-intent",
                token: user,
                ..Asked::default()
            },
            true,
        )
        .await;
        let mastercard = self.card("tok_mastercard").await?;
        for _ in 0..2 {
            self.post(ACCOUNT, user, &json!({"id": mastercard}), false).await;
        }
        self.get(ACCOUNT, user).await;
        self.delete(&format!("{ACCOUNT}/{mastercard}"), user).await;
        self.delete(&of(&challenged), backend).await;
        self.get(&of(&challenged), backend).await;
        self.decline(callers).await?;
        self.look_from_outside().await;
        Ok(())
    }

    /// What needs no token.
    async fn look_from_outside(&mut self) {
        for target in [
            "/health/live",
            "/health/ready",
            "/openapi.yaml",
            "/metrics",
            "/docs",
        ] {
            self.get(target, "").await;
        }
    }

    async fn decline(&mut self, callers: &Callers) -> Result<(), TortureError> {
        for token in ["tok_chargeDeclined", "tok_chargeDeclinedInsufficientFunds"] {
            let id = self.card(token).await?;
            let heard = self
                .post(
                    METHODS,
                    &callers.backend,
                    &json!({"id": id, "user": "usr_amber"}),
                    false,
                )
                .await;
            demand(&heard, 422)?;
            self.post(ACCOUNT, &callers.user, &json!({"id": id}), false).await;
        }
        Ok(())
    }

    /// Callers who are nobody, may not, or are mistaken.
    pub(crate) async fn bad_callers(&mut self, callers: &Callers) {
        let expired = json!({"aud": "billfold", "sub": "x", "project": "amber", "scope": "project:read", "iat": 1, "exp": 2});
        let others = [
            self.token("birch", "backend", "project:read project:write"),
            self.token("nowhere", "backend", "project:read project:write"),
            self.token("amber", "backend", "project:read"),
            self.signed(&expired),
            self.signed(&json!({"aud": 7, "sub": ["x"], "project": {}, "scope": 1})),
            self.mistaken("API key that nobody made", "bfk_"),
            self.mistaken("secret key as a token", "sk_live_"),
            self.mistaken("webhook secret as a token", "whsec_"),
            mistyped(&callers.api_key),
            format!("{}x", callers.backend),
            callers.operator.clone(),
        ];
        for token in &others {
            self.get(METHODS, token).await;
            self.post(METHODS, token, &json!({"id": "pm_1", "user": "usr_1"}), false)
                .await;
            self.post(ACCOUNT, token, &json!({"id": "pm_1"}), false).await;
            self.get("/operator/projects", token).await;
            // In the places where a token does not belong.
            let target = format!("{METHODS}?access_token={token}");
            let headers =
                format!("Cookie: token={token}\r\nX-Api-Key: {token}\r\nAuthorization: Basic {token}\r\n");
            self.ask(
                Asked {
                    method: "GET",
                    target: &target,
                    headers: &headers,
                    ..Asked::default()
                },
                false,
            )
            .await;
        }
    }

    /// Projects by program, with good secrets and with those that do not belong where they stand.
    pub(crate) async fn operate(&mut self, callers: &Callers) -> Result<(), TortureError> {
        let operator = &callers.operator;
        let key = self.mistaken("secret key of cedar", "sk_test_");
        let hook = self.mistaken("webhook secret of cedar", "whsec_");
        let good = json!({"id": "cedar", "secretKey": key, "publishableKey": "pk_test_cedar", "webhookSecret": hook});
        demand(
            &self.post("/operator/projects", operator, &good, false).await,
            201,
        )?;
        self.post("/operator/projects", operator, &good, false).await;
        let live = self.mistaken("live key for a test project", "sk_live_");
        let restricted = self.mistaken("restricted key that Stripe refuses", "rk_live_");
        for wrong in [
            json!({"id": "dogwood", "secretKey": "pk_test_x", "publishableKey": live}),
            json!({"id": "dogwood", "secretKey": live, "publishableKey": "pk_test_x"}),
            json!({"id": "dogwood", "secretKey": restricted, "publishableKey": "pk_live_x"}),
            json!({"id": live, "secretKey": 7, "publishableKey": null, "webhookSecret": live}),
            json!({"id": "dogwood", "secretKey": format!("{live} "), "webhookSecret": [hook], "connectedAccount": restricted}),
            json!({"id": "dogwood", live.as_str(): true}),
        ] {
            self.post("/operator/projects", operator, &wrong, false).await;
        }
        let another = self.mistaken("second webhook secret of cedar", "whsec_");
        for change in [
            json!({"webhookSecret": another}),
            json!({"secretKey": live}),
            json!({"webhookSecret": live}),
        ] {
            let body = change.to_string();
            let target = "/operator/projects/cedar";
            self.ask(
                Asked {
                    method: "PATCH",
                    target,
                    token: operator,
                    headers: "",
                    body: &body,
                },
                false,
            )
            .await;
        }
        for end in ["/disable", "/enable"] {
            self.post(
                &format!("/operator/projects/cedar{end}"),
                operator,
                &json!({}),
                false,
            )
            .await;
        }
        self.get("/operator/projects/cedar", operator).await;
        self.get("/operator/projects?limit=5", operator).await;
        self.delete("/operator/projects/cedar", operator).await;
        Ok(())
    }

    /// Events, signed by each secret that is live, by one that is not, and by none.
    pub(crate) async fn webhooks(&mut self) -> Result<(), TortureError> {
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let mut secrets = self.tenants[0].webhook_secrets.to_vec();
        secrets.push(self.tenants[1].webhook_secrets[0].clone());
        for (number, secret) in secrets.iter().enumerate() {
            let pan = self.card_number(&format!("a field of event {number}"), Plain);
            let body = json!({
                "id": format!("evt_canary_{number}"), "object": "event", "api_version": "2026-06-24.dahlia", "created": now,
                "data": {"object": {"id": "pm_canary", "object": "payment_method", "customer": null, "metadata": {"pan": pan}}},
                "livemode": false, "type": "payment_method.updated", "account": null,
            })
            .to_string();
            let headers = format!(
                "Stripe-Signature: t={now},v1={}\r\n",
                signature(secret, now, &body)
            );
            let target = "/webhooks/stripe/amber";
            let heard = self
                .ask(
                    Asked {
                        method: "POST",
                        target,
                        headers: &headers,
                        body: &body,
                        ..Asked::default()
                    },
                    false,
                )
                .await;
            demand(&heard, if number < 2 { 200 } else { 400 })?;
            self.ask(
                Asked {
                    method: "POST",
                    target,
                    headers: &format!("Stripe-Signature: {secret}\r\n"),
                    body: &body,
                    ..Asked::default()
                },
                false,
            )
            .await;
        }
        Ok(())
    }

    /// Requests while something does not work, however they are answered.
    pub(crate) async fn through_trouble(&mut self, callers: &Callers, card: &str) -> Vec<u16> {
        let mut statuses = Vec::new();
        let heard = self
            .post(
                METHODS,
                &callers.backend,
                &json!({"id": card, "user": "usr_amber"}),
                false,
            )
            .await;
        statuses.push(heard.status);
        let heard = self
            .post(INTENTS, &callers.api_key, &json!({"user": "usr_amber"}), true)
            .await;
        statuses.push(heard.status);
        statuses.push(
            self.post(ACCOUNT, &callers.user, &json!({"id": card}), false)
                .await
                .status,
        );
        statuses.push(self.get(METHODS, &callers.api_key).await.status);
        statuses
    }
}

/// A key with a wrong last character.
fn mistyped(key: &str) -> String {
    let (start, last) = key.split_at(key.len().saturating_sub(1));
    format!("{start}{}", if last == "0" { "1" } else { "0" })
}

pub(super) fn demand(heard: &Heard, status: u16) -> Result<(), TortureError> {
    if heard.status == status {
        return Ok(());
    }
    Err(format!("{} in the place of {status}: {}", heard.status, heard.body).into())
}
