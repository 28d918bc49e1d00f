//! More instances beside a server's own.

use std::sync::Arc;

use billfold_server::application::{Application, Settings};
use billfold_service::{PacingOptions, RateLimitOptions, ServiceOptions};
use billfold_stripe::ClientOptions;

use super::{
    super::{Request, api_keys, master_keys},
    Server,
};

impl Server {
    /// Another instance on the same database, by a way of its own where the database has one, under the same clock and
    /// with the same Stripe.
    pub(crate) async fn another_instance(&self, rate_limits: RateLimitOptions) -> Application {
        Application::build(Settings {
            stripe: ClientOptions {
                api_base: self.sandbox.url(),
                ..ClientOptions::default()
            },
            service: ServiceOptions {
                rate_limits,
                pacing: PacingOptions::out_of_the_way(),
                ..ServiceOptions::default()
            },
            clock: Arc::clone(&self.clock) as Arc<dyn billfold_domain::Clock>,
            workers: Some(1),
            reconciler: false,
            webhook_worker: None,
            ..Settings::new(
                self.database.another_way_in().await,
                master_keys::vault([master_keys::CURRENT, master_keys::NEXT]),
                api_keys::pepper(),
                self.issuer.verifier_config(),
            )
        })
        .await
        .expect("another instance should start")
    }

    /// A request to another instance, without a token.
    pub(crate) fn request_to(&self, instance: &Application, method: &str, path: &str) -> Request {
        let base = format!("http://{}", instance.address());
        Request::new(&self.client, &base, method, path, &self.seen)
    }
}
