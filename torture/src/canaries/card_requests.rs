//! Card numbers at each place of a request that has room for one.

use std::fmt::Write as _;

use serde_json::json;

use crate::{
    TortureError,
    canaries::{
        cards::Style::{Dashed, Plain, Spaced},
        requests::{ACCOUNT, Callers, INTENTS, METHODS, demand},
        stage::{Asked, Stage},
    },
};

impl Stage {
    /// Card numbers in each place, and requests that are wrong in other ways.
    pub(crate) async fn card_numbers(&mut self, callers: &Callers) -> Result<(), TortureError> {
        let Callers { backend, user, .. } = callers;
        self.numbers_in_targets(backend, user).await;
        self.numbers_in_headers(backend).await;
        for (place, style) in [("a property's name", Plain), ("a spaced property's name", Spaced)] {
            let number = self.card_number(place, style);
            self.post(
                METHODS,
                backend,
                &json!({"id": "pm_1", "user": "usr_1", number: 1}),
                false,
            )
            .await;
        }
        let number = self.card_number("values of properties that are unknown", Plain);
        let spaced = self.card_number("values that are spaced", Spaced);
        let unknown =
            json!({"id": "pm_1", "user": "usr_1", "metadata": {"pan": number}, "card": {"number": spaced}});
        for target in [METHODS, INTENTS] {
            self.post(target, backend, &unknown, false).await;
        }
        self.post(ACCOUNT, user, &unknown, false).await;
        let number = self.card_number("properties of a wrong type", Plain);
        self.post(
            METHODS,
            backend,
            &json!({"id": [number], "user": {"pan": number}, "object": number}),
            false,
        )
        .await;
        let digits: u64 = number.parse()?;
        self.post(METHODS, backend, &json!({"id": digits, "user": digits}), false)
            .await;
        let number = self.card_number("a body that is no JSON", Dashed);
        for target in [METHODS, INTENTS, ACCOUNT, "/v1/account/setup-intent"] {
            let token = if target.starts_with("/v1") { user } else { backend };
            let body = format!("number={number}&cvc=123");
            self.ask(
                Asked {
                    method: "POST",
                    target,
                    token,
                    body: &body,
                    ..Asked::default()
                },
                target.ends_with("intent"),
            )
            .await;
        }
        for (place, style) in [("a spaced id in a body", Spaced), ("a spaced user", Spaced)] {
            let number = self.card_number(place, style);
            self.post(METHODS, backend, &json!({"id": number, "user": number}), false)
                .await;
            self.post(INTENTS, backend, &json!({"user": number}), false).await;
        }
        self.numbers_as_names(callers).await
    }

    async fn numbers_in_targets(&mut self, backend: &str, user: &str) {
        for (place, before) in [
            (
                "a parameter that is unknown",
                "/projects/amber/paymentMethods?card=",
            ),
            ("a limit", "/projects/amber/paymentMethods?limit="),
            ("a type", "/projects/amber/paymentMethods?type="),
            ("a path that is unknown", "/cards/"),
            ("a fragment of a project", "/projects/amber%20"),
        ] {
            let number = self.card_number(place, Plain);
            self.get(&format!("{before}{number}"), backend).await;
        }
        for (place, before) in [
            ("a spaced id in a path", "/projects/amber/paymentMethods/"),
            ("a spaced user in a query", "/projects/amber/paymentMethods?user="),
        ] {
            let number = self.card_number(place, Spaced).replace(' ', "%20");
            self.get(&format!("{before}{number}"), backend).await;
            self.delete(&format!("{before}{number}"), backend).await;
        }
        let number = self
            .card_number("a path of the account API", Spaced)
            .replace(' ', "%20");
        self.delete(&format!("{ACCOUNT}/{number}"), user).await;
        let number = self.card_number("a webhook's project", Plain);
        let target = format!("/webhooks/stripe/{number}");
        self.ask(
            Asked {
                method: "POST",
                target: &target,
                headers: "Stripe-Signature: t=1,v1=00\r\n",
                body: "{}",
                ..Asked::default()
            },
            false,
        )
        .await;
    }

    async fn numbers_in_headers(&mut self, backend: &str) {
        let number = self.card_number("headers that nobody reads", Plain);
        let mut headers = String::new();
        for name in [
            "User-Agent",
            "Referer",
            "Cookie",
            "X-Card",
            "Traceparent",
            "Forwarded",
            "Accept-Language",
            "Content-Type",
        ] {
            let _ = write!(headers, "{name}: {number}\r\n");
        }
        let body = "{\"id\":\"pm_1\",\"user\":\"\"}";
        self.ask(
            Asked {
                method: "POST",
                target: METHODS,
                token: backend,
                headers: &headers,
                body,
            },
            false,
        )
        .await;
        for (place, name, style) in [
            ("a spaced idempotency key", "Idempotency-Key", Spaced),
            ("an origin", "Origin", Plain),
            ("a signature", "Stripe-Signature", Plain),
            ("a spaced request id", "X-Request-Id", Spaced),
        ] {
            let headers = format!("{name}: {}\r\n", self.card_number(place, style));
            for target in [METHODS, ACCOUNT, "/webhooks/stripe/amber"] {
                self.ask(
                    Asked {
                        method: "POST",
                        target,
                        token: backend,
                        headers: &headers,
                        body,
                    },
                    false,
                )
                .await;
            }
        }
        let number = self.card_number("a token", Plain);
        self.get(METHODS, &number).await;
    }

    /// Where the contract lets clients choose a name, a card number is one.
    async fn numbers_as_names(&mut self, callers: &Callers) -> Result<(), TortureError> {
        let Callers {
            backend,
            user,
            operator,
            ..
        } = callers;
        let number = self.card_number("a user", Plain);
        let card = self.card("tok_visa").await?;
        demand(
            &self
                .post(METHODS, backend, &json!({"id": card, "user": number}), false)
                .await,
            201,
        )?;
        self.get(&format!("{METHODS}?user={number}"), backend).await;
        let number = self.card_number("an idempotency key", Dashed);
        let headers = format!("Idempotency-Key: {number}\r\n");
        let body = json!({"user": "usr_amber"}).to_string();
        for _ in 0..2 {
            self.ask(
                Asked {
                    method: "POST",
                    target: INTENTS,
                    token: backend,
                    headers: &headers,
                    body: &body,
                },
                true,
            )
            .await;
        }
        let number = self.card_number("a payment method", Plain);
        self.post(
            METHODS,
            backend,
            &json!({"id": number, "user": "usr_amber"}),
            false,
        )
        .await;
        self.post(ACCOUNT, user, &json!({"id": number}), false).await;
        self.delete(&format!("{METHODS}/{number}"), backend).await;
        self.get(&format!("{METHODS}/{number}"), backend).await;
        self.get(&format!("{METHODS}?after={number}"), backend).await;
        let number = self.card_number("a setup intent", Plain);
        self.get(&format!("{INTENTS}/{number}"), backend).await;
        let number = self.card_number("a project", Plain);
        self.post(
            &format!("/projects/{number}/paymentMethods"),
            backend,
            &json!({}),
            false,
        )
        .await;
        let number = self.card_number("a request id", Plain);
        let headers = format!("X-Request-Id: {number}\r\n");
        self.ask(
            Asked {
                method: "GET",
                target: METHODS,
                token: backend,
                headers: &headers,
                body: "",
            },
            false,
        )
        .await;
        let number = self.card_number("a subject and a time zone", Plain);
        let token = self.signed(&json!({
            "aud": "billfold", "sub": number, "project": "amber", "scope": "account:read account:write", "timezone": number,
        }));
        self.get(ACCOUNT, &token).await;
        self.post(ACCOUNT, &token, &json!({"id": "pm_1"}), false).await;
        let number = self.card_number("an operator's project", Plain);
        let target = format!("/operator/projects/{number}");
        self.get(&target, operator).await;
        self.delete(&target, operator).await;
        Ok(())
    }
}
