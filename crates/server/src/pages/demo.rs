//! The demo page, which a development server has and `billfold serve` has not.

use std::sync::Arc;

use actix_web::{
    HttpResponse, dev::HttpServiceFactory, error::ErrorInternalServerError, http::header,
    middleware::from_fn, web,
};
use billfold_auth::{DevelopmentIssuer, IssueError, OperatorTokenRequest, TokenRequest};
use billfold_domain::{ProjectId, UserId, UtcTimestamp};
use serde_json::{Value, json};
use time::Duration;
use url::Url;

use super::{Asset, assets, inspect, policy, readable};
use crate::{auth::Gate, inspector::Inspector, routes};

/// What the pages of a development server know of it.
pub struct Demo {
    /// Signs the tokens that the pages call the API with.
    pub issuer: Arc<DevelopmentIssuer>,
    /// Whose cards are shown.
    pub project: ProjectId,
    /// The publishable key of the project's Stripe account.
    pub publishable_key: String,
    /// What cards are typed into.
    pub stripe_js: StripeJs,
    /// What has happened in this process.
    pub inspector: Inspector,
}

/// Where a page loads Stripe.js from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeJs(Url);

/// The users of the demo, and what the page calls them.
const USERS: [(&str, &str); 2] = [("usr_alice", "Alice"), ("usr_bruno", "Bruno")];

static FILES: [Asset; 12] = assets! { "demo":
    "", HTML, "index.html";
    "/", HTML, "index.html";
    "/demo.css", CSS, "demo.css";
    "/cards.css", CSS, "cards.css";
    "/demo.js", JAVASCRIPT, "demo.js";
    "/api.js", JAVASCRIPT, "api.js";
    "/add-card.js", JAVASCRIPT, "add-card.js";
    "/saved-cards.js", JAVASCRIPT, "saved-cards.js";
    "/brands.js", JAVASCRIPT, "brands.js";
    "/inspect", HTML, "inspect.html";
    "/inspect.css", CSS, "inspect.css";
    "/inspect.js", JAVASCRIPT, "inspect.js";
};

impl StripeJs {
    /// Stripe's own, and no other address, works with Stripe's own keys.
    pub fn of_stripe() -> Self {
        Self(Url::parse("https://js.stripe.com/v3/").expect("the address is one"))
    }

    /// The stand-in of the sandbox at this address, such as `http://127.0.0.1:8090`.
    pub fn of_sandbox(sandbox: &str) -> Result<Self, url::ParseError> {
        Url::parse(sandbox)?.join("/v3/").map(Self)
    }

    /// Another stand-in, by the whole address of its script.
    pub const fn at(script: Url) -> Self {
        Self(script)
    }

    /// What a page that loads it must be allowed: Stripe's own hosts as Stripe lists them, or the one host of a stand-in.
    fn policy(&self) -> header::HeaderValue {
        if *self == Self::of_stripe() {
            return policy::content_security_policy(
                "https://js.stripe.com https://*.js.stripe.com",
                "https://api.stripe.com",
                "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
            );
        }
        let origin = self.0.origin().ascii_serialization();
        policy::content_security_policy(&origin, &origin, &origin)
    }
}

impl Demo {
    /// What the demo page is told: fresh tokens each time.
    fn config(&self, now: UtcTimestamp) -> Result<Value, IssueError> {
        let users = USERS.map(|(id, name)| {
            let user = UserId::parse(id).expect("the demo's users have names");
            let token = self
                .issuer
                .issue(&TokenRequest::for_user(&self.project, &user), now)?;
            Ok(json!({"id": id, "name": name, "token": token}))
        });
        Ok(json!({
            "publishableKey": self.publishable_key,
            "stripeJs": self.stripe_js.0.as_str(),
            "users": users.into_iter().collect::<Result<Vec<_>, IssueError>>()?,
        }))
    }

    /// Fresh tokens for each part of the API, by the beginning of its paths.
    pub(super) fn tokens(&self, now: UtcTimestamp) -> Result<Value, IssueError> {
        let user = UserId::parse(USERS[0].0).expect("the demo's users have names");
        let issue = |request| self.issuer.issue(&request, now);
        Ok(json!({
            format!("/projects/{}/", self.project): issue(TokenRequest::for_backend(&self.project))?,
            "/v1/account/": issue(TokenRequest::for_user(&self.project, &user))?,
            "/operator/": self.issuer.issue_operator(&OperatorTokenRequest::lasting(Duration::HOUR), now)?,
        }))
    }
}

/// The page with all that belongs to it.
pub(crate) fn demo(demo: &Demo) -> impl HttpServiceFactory + use<> {
    let policy = demo.stripe_js.policy();
    let mut scope = web::scope("/demo");
    for asset in FILES {
        scope = scope.service(asset.resource(&policy));
    }
    inspect::configure(scope)
        .service(readable("/config.json", config))
        .default_service(web::to(routes::not_found))
        .wrap(from_fn(policy::refuse_foreign_names))
}

async fn config(demo: web::Data<Demo>, gate: web::Data<Gate>) -> Result<HttpResponse, actix_web::Error> {
    let config = demo.config(gate.clock.now()).map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().json(config))
}
