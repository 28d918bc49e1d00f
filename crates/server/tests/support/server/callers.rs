//! Those who call the server: their tokens, their requests, and what they usually do.

use std::net::SocketAddr;

use billfold_auth::{OperatorTokenRequest, Scopes, TokenRequest};
use billfold_domain::Clock as _;
use serde_json::{Value, json};

use super::{
    super::{ACCOUNT_SCOPES, PROJECT_SCOPES, Request, Response},
    Server, project_id,
};

impl Server {
    /// Signs any token.
    pub(crate) fn sign(
        &self,
        project: &str,
        subject: &str,
        scopes: &str,
        timezone: Option<&str>,
        lifetime: time::Duration,
    ) -> String {
        let request = TokenRequest {
            project: project_id(project),
            subject: subject.to_owned(),
            scopes: Scopes::parse(scopes).expect("the scopes should be known"),
            timezone: timezone.map(str::to_owned),
            lifetime,
        };
        self.issuer
            .issue(&request, self.clock.now())
            .expect("the token can be signed")
    }

    /// A backend's token, good for an hour, with these scopes.
    pub(crate) fn project_token(&self, project: &str, scopes: &str) -> String {
        self.sign(project, "backend", scopes, None, time::Duration::HOUR)
    }

    /// A user's token, good for an hour, with these scopes and this time zone.
    pub(crate) fn user_token(
        &self,
        project: &str,
        user: &str,
        scopes: &str,
        timezone: Option<&str>,
    ) -> String {
        self.sign(project, user, scopes, timezone, time::Duration::HOUR)
    }

    /// An operator's token, good for an hour, with these scopes.
    pub(crate) fn operator_token(&self, scopes: &str) -> String {
        let request = OperatorTokenRequest {
            subject: "operator".to_owned(),
            scopes: Scopes::parse(scopes).expect("the scopes should be known"),
            lifetime: time::Duration::HOUR,
        };
        self.issuer
            .issue_operator(&request, self.clock.now())
            .expect("the token can be signed")
    }

    /// A request of an operator who may do everything. The path goes on after the projects'.
    pub(crate) fn operator_request(&self, method: &str, path: &str) -> Request {
        self.request(method, &format!("/operator/projects{path}"))
            .token(&self.operator_token("operator:write"))
    }

    /// A request without a token.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let base = format!("http://{}", self.address());
        Request::new(&self.client, &base, method, path, &self.seen)
    }

    /// A request of a backend of `demo` that may do everything, to an instance that may be another.
    pub(crate) fn request_at(&self, address: SocketAddr, method: &str, path: &str) -> Request {
        let path = format!("/projects/demo{path}");
        Request::new(
            &self.client,
            &format!("http://{address}"),
            method,
            &path,
            &self.seen,
        )
        .token(&self.project_token("demo", PROJECT_SCOPES))
    }

    /// A request of a backend that may do everything in its project. The path goes on after the project's.
    pub(crate) fn project_request(&self, method: &str, project: &str, path: &str) -> Request {
        self.request(method, &format!("/projects/{project}{path}"))
            .token(&self.project_token(project, PROJECT_SCOPES))
    }

    /// A request of a user of `demo` who may do everything. The path goes on after the account's.
    pub(crate) fn account_request(&self, method: &str, user: &str, path: &str) -> Request {
        self.request(method, &format!("/v1/account{path}"))
            .token(&self.user_token("demo", user, ACCOUNT_SCOPES, None))
    }

    /// Asks to save a payment method for a user of `demo`, on the project API.
    pub(crate) async fn save(&self, id: &str, user: &str) -> Response {
        self.save_in("demo", id, user).await
    }

    /// Asks to save a payment method for a user of a project, on the project API.
    pub(crate) async fn save_in(&self, project: &str, id: &str, user: &str) -> Response {
        self.project_request("POST", project, "/paymentMethods")
            .json(&json!({ "id": id, "user": user }))
            .send()
            .await
    }

    /// Saves a new Visa for a user of `demo`, a second after whatever was before, and gives its id.
    pub(crate) async fn saved_card(&self, user: &str) -> String {
        self.clock.advance(1);
        self.save("pm_card_visa", user).await.expect(201).property("id")
    }

    /// Retrieves a payment method of `demo`.
    pub(crate) async fn retrieve(&self, id: &str) -> Response {
        self.project_request("GET", "demo", &format!("/paymentMethods/{id}"))
            .send()
            .await
    }

    /// Deletes a payment method of `demo`.
    pub(crate) async fn delete(&self, id: &str) -> Response {
        self.project_request("DELETE", "demo", &format!("/paymentMethods/{id}"))
            .send()
            .await
    }

    /// Lists payment methods of `demo`; the query begins with a question mark unless it is empty.
    pub(crate) async fn list(&self, query: &str) -> Response {
        self.project_request("GET", "demo", &format!("/paymentMethods{query}"))
            .send()
            .await
    }

    /// The audit log of a project, oldest first.
    pub(crate) async fn audit_log(&self, project: &str) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        let mut path = "/auditEvents?limit=200".to_owned();
        loop {
            let page = self.project_request("GET", project, &path).send().await;
            let page = page.expect(200).json();
            events.extend(page["items"].as_array().into_iter().flatten().cloned());
            let Some(last) = page["moreItemsAfter"].as_str() else {
                break;
            };
            path = format!("/auditEvents?limit=200&after={last}");
        }
        events.reverse();
        events
    }

    /// What the audit log of a project tells of the request that was answered so, oldest first.
    pub(crate) async fn audit_of(&self, project: &str, answer: &Response) -> Vec<Value> {
        let request = answer.header("Request-Id").expect("every answer has one");
        let mut events = self.audit_log(project).await;
        events.retain(|event| event["request"] == request);
        events
    }

    /// Asks for a setup intent for a user of `demo`, on the project API.
    pub(crate) async fn setup_intent_answer(&self, user: &str) -> Response {
        self.project_request("POST", "demo", "/setupIntents")
            .json(&json!({ "user": user }))
            .send()
            .await
    }

    /// Makes a setup intent for a user of `demo`, on the project API.
    pub(crate) async fn setup_intent(&self, user: &str) -> Value {
        self.setup_intent_answer(user).await.expect(201).json()
    }

    /// A payment method that is attached to a user of `demo` by a setup intent, as a page does it, and not yet saved.
    pub(crate) async fn collected_card(&self, user: &str, number: &str) -> String {
        let setup_intent = self.setup_intent(user).await;
        let client_secret = setup_intent["clientSecret"].as_str().expect("a client secret");
        let confirmed = self.stripe("demo").confirm_with_card(client_secret, number).await;
        assert_eq!(confirmed["status"], "succeeded", "{confirmed}");
        let id = confirmed["payment_method"].as_str();
        id.expect("a confirmed setup intent has a payment method")
            .to_owned()
    }
}
