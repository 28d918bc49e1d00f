//! Each hostile text at each place where a request has room for one.

use super::{
    hostile_requests::{Case, Material, head},
    hostile_texts::{self, json, percent},
};

impl Material<'_> {
    /// All of them.
    pub(crate) fn everywhere(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for (name, text) in hostile_texts::all() {
            let mut add = |place: &str, bytes: Vec<u8>| cases.push((format!("{name} as {place}"), bytes));
            self.in_targets(&text, &mut add);
            self.in_headers(&text, &mut add);
            in_first_lines(&text, &mut add);
            self.in_bodies(&text, &mut add);
        }
        cases
    }

    fn in_targets(&self, text: &[u8], add: &mut impl FnMut(&str, Vec<u8>)) {
        for (form, text) in [
            ("", text.to_vec()),
            (", encoded", percent(text)),
            (", encoded twice", percent(&percent(text))),
        ] {
            for (place, before, after) in [
                ("a project", "/projects/", "/paymentMethods"),
                ("an id", &*format!("{}/", self.methods()), ""),
                (
                    "a setup intent's id",
                    &*format!("/projects/{}/setupIntents/", self.project),
                    "",
                ),
                ("a path", "/", ""),
                ("a page's path", "/v1/account/", ""),
                ("a query", &*format!("{}?", self.methods()), ""),
                ("a user to list", &*format!("{}?user=", self.methods()), ""),
                ("a type", &*format!("{}?type=", self.methods()), ""),
                ("a limit", &*format!("{}?limit=", self.methods()), ""),
                ("a cursor", &*format!("{}?after=", self.methods()), ""),
                (
                    "a cursor back",
                    &*format!("{}?before=", self.methods()),
                    "&limit=1",
                ),
                ("a parameter", &*format!("{}?", self.methods()), "=x"),
            ] {
                let target = [before.as_bytes(), &text, after.as_bytes()].concat();
                add(&format!("{place}{form}"), self.get(&target));
            }
            let account = [b"/v1/account/payment-methods/", text.as_slice()].concat();
            add(
                &format!("a user's id{form}"),
                [head("DELETE", &account, self.user, b""), b"\r\n".to_vec()].concat(),
            );
            let webhook = [b"/webhooks/stripe/", text.as_slice()].concat();
            add(
                &format!("a webhook's project{form}"),
                [
                    head("POST", &webhook, "", b"Stripe-Signature: t=1,v1=00\r\n"),
                    b"Content-Length: 2\r\n\r\n{}".to_vec(),
                ]
                .concat(),
            );
        }
    }

    fn in_headers(&self, text: &[u8], add: &mut impl FnMut(&str, Vec<u8>)) {
        for header in [
            "Host",
            "Authorization",
            "Content-Type",
            "Content-Length",
            "Transfer-Encoding",
            "Accept",
            "Origin",
            "Cookie",
            "X-Request-Id",
            "X-Forwarded-For",
            "Forwarded",
            "Range",
            "Expect",
            "Upgrade",
            "Idempotency-Key",
            "X-HTTP-Method-Override",
            "Traceparent",
        ] {
            let line = [header.as_bytes(), b": ", text, b"\r\n"].concat();
            add(
                &format!("the header {header}"),
                [
                    head("GET", self.methods().as_bytes(), self.backend, &line),
                    b"\r\n".to_vec(),
                ]
                .concat(),
            );
            add(
                &format!("the header {header} of a write"),
                Material::post(&self.methods(), self.backend, &line, b"{\"id\":1}"),
            );
        }
        let signature = [b"Stripe-Signature: ", text, b"\r\n"].concat();
        add(
            "a signature",
            Material::post(
                &format!("/webhooks/stripe/{}", self.project),
                "",
                &signature,
                b"{}",
            ),
        );
        add(
            "a header's name",
            [
                head("GET", b"/health/live", "", &[text, b": x\r\n"].concat()),
                b"\r\n".to_vec(),
            ]
            .concat(),
        );
    }

    fn in_bodies(&self, text: &[u8], add: &mut impl FnMut(&str, Vec<u8>)) {
        let quoted = json(text);
        // A user may be called nearly anything, so beside a hostile user stands an id that is none.
        for (place, body) in [
            (
                "an id in a body",
                [b"{\"user\":\"\",\"id\":", quoted.as_slice(), b"}"].concat(),
            ),
            (
                "a user in a body",
                [b"{\"id\":\"\",\"user\":", quoted.as_slice(), b"}"].concat(),
            ),
            ("a property", [b"{", quoted.as_slice(), b":1}"].concat()),
            ("a value", [b"{\"id\":", text, b",\"user\":1}"].concat()),
            ("a whole body", text.to_vec()),
            (
                "a member twice",
                [b"{\"id\":1,\"id\":", quoted.as_slice(), b",\"user\":1}"].concat(),
            ),
            (
                "a deep value",
                [b"{\"id\":[[[{\"a\":", quoted.as_slice(), b"}]]],\"user\":1}"].concat(),
            ),
        ] {
            add(place, Material::post(&self.methods(), self.backend, b"", &body));
            add(
                &format!("{place} of a setup intent"),
                Material::post(
                    &format!("/projects/{}/setupIntents", self.project),
                    self.backend,
                    b"",
                    &body,
                ),
            );
            add(
                &format!("{place} of a page"),
                Material::post("/v1/account/payment-methods", self.user, b"", &not_an_id(&body)),
            );
        }
    }
}

/// On the account API any text may be an id, so there it stands in a list, where it is none.
fn not_an_id(body: &[u8]) -> Vec<u8> {
    [b"{\"id\":[", body, b"]}"].concat()
}

fn in_first_lines(text: &[u8], add: &mut impl FnMut(&str, Vec<u8>)) {
    add(
        "a method",
        [
            text,
            b" /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        ]
        .concat(),
    );
    add(
        "a version",
        [
            b"GET /health/live ",
            text,
            b"\r\nHost: x\r\nConnection: close\r\n\r\n",
        ]
        .concat(),
    );
}
