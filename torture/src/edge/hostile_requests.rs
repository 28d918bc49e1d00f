//! Requests that nobody should send: what they are made of, and damage done to good ones by chance. Each hostile text at each place is in
//! `hostile_places`, shapes made by hand in `hostile_shapes`.
//!
//! No one of them, rightly read, changes anything: what would write has a body that must be refused.

use rand::{RngExt as _, rngs::StdRng};

/// A name for a report, and the bytes that are sent.
pub(crate) type Case = (String, Vec<u8>);

/// What the requests are made of.
pub(crate) struct Material<'a> {
    pub(crate) project: &'a str,
    /// A token that may do everything in the project.
    pub(crate) backend: &'a str,
    /// A token that may do everything for a user.
    pub(crate) user: &'a str,
    /// A payment method that exists.
    pub(crate) method: &'a str,
}

/// A request's head, without the empty line that ends it.
pub(super) fn head(method: &str, target: &[u8], token: &str, more: &[u8]) -> Vec<u8> {
    let first = format!(" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n");
    [method.as_bytes(), b" ", target, first.as_bytes(), more].concat()
}

impl Material<'_> {
    /// A GET of a target, with a token that may do everything.
    pub(super) fn get(&self, target: &[u8]) -> Vec<u8> {
        [head("GET", target, self.backend, b""), b"\r\n".to_vec()].concat()
    }

    /// A POST with these headers and this body.
    pub(super) fn post(target: &str, token: &str, more: &[u8], body: &[u8]) -> Vec<u8> {
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        [
            head("POST", target.as_bytes(), token, more),
            length.into_bytes(),
            body.to_vec(),
        ]
        .concat()
    }

    /// Where the project's payment methods are.
    pub(super) fn methods(&self) -> String {
        format!("/projects/{}/paymentMethods", self.project)
    }

    /// Good requests that change nothing, damaged: bytes turned, put in, left out, repeated and moved.
    pub(crate) fn damaged(&self, number: usize, chance: &mut StdRng) -> Vec<Case> {
        let good = [
            self.get(format!("{}?limit=5&type=card&user=usr_1", self.methods()).as_bytes()),
            self.get(format!("{}/{}", self.methods(), self.method).as_bytes()),
            self.get(b"/health/ready"),
            Material::post(
                &self.methods(),
                self.backend,
                b"Content-Type: application/json\r\n",
                b"{\"id\":\"\",\"user\":\"\"}",
            ),
            Material::post(
                &format!("/webhooks/stripe/{}", self.project),
                "",
                b"Stripe-Signature: t=1700000000,v1=0123456789abcdef\r\n",
                b"{\"id\":\"evt_1\"}",
            ),
            [
                head(
                    "GET",
                    b"/v1/account/payment-methods",
                    self.user,
                    b"Origin: https://app.example.com\r\n",
                ),
                b"\r\n".to_vec(),
            ]
            .concat(),
        ];
        let mut cases = Vec::with_capacity(number);
        for number in 0..number {
            let mut bytes = good[number % good.len()].clone();
            for _ in 0..chance.random_range(1..6) {
                damage(&mut bytes, chance);
            }
            cases.push((format!("damage {number}"), bytes));
        }
        cases
    }
}

fn damage(bytes: &mut Vec<u8>, chance: &mut StdRng) {
    if bytes.is_empty() {
        return;
    }
    let place = chance.random_range(0..bytes.len());
    let end = (place + chance.random_range(1..40)).min(bytes.len());
    match chance.random_range(0..6) {
        0 => bytes[place] ^= 1 << chance.random_range(0..8),
        1 => bytes[place] = chance.random(),
        2 => bytes.insert(
            place,
            *[0, b'\r', b'\n', b' ', b':', b'%', b'"', 0xff]
                .get(chance.random_range(0..8))
                .unwrap_or(&0),
        ),
        3 => drop(bytes.drain(place..end)),
        4 => {
            let again = bytes[place..end].repeat(chance.random_range(1..20));
            drop(bytes.splice(place..place, again));
        }
        _ => bytes.truncate(place),
    }
}
