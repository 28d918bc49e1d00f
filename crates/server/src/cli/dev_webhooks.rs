//! The webhook endpoints that `billfold dev` has at its sandbox.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use billfold_store::{NewProject, Projects};
use billfold_stripe::{ClientOptions, Credentials, IdempotencyKey, NewWebhookEndpoint, StripeClient};

use super::CommandError;

/// What endpoints of development servers are told by.
const DESCRIPTION: &str = "billfold dev";

/// Has the sandbox tell the server at this address of what happens in each project's account, and nobody who listened for
/// an earlier one.
pub(super) async fn register(
    options: ClientOptions,
    address: SocketAddr,
    made: &[NewProject],
    projects: &Projects,
) -> Result<(), CommandError> {
    let client = StripeClient::new(options)?;
    for NewProject { id, stripe } in made {
        let credentials = Credentials {
            secret_key: stripe.secret_key.clone(),
            account: stripe.account.clone(),
        };
        let account = client.account(&credentials);
        for earlier in account.list_webhook_endpoints().await?.items {
            if earlier.description.as_deref() == Some(DESCRIPTION) {
                account.delete_webhook_endpoint(&earlier.id).await?;
            }
        }
        let new = NewWebhookEndpoint {
            url: &format!("http://{}/webhooks/stripe/{id}", reachable(address)),
            description: DESCRIPTION,
        };
        // A new one each time: the sandbox shows the secret of each only once.
        let key = IdempotencyKey::parse(format!("dev-{}", ulid::Ulid::generate()))?;
        let endpoint = account.create_webhook_endpoint(&new, &key).await?;
        projects.roll_webhook_secret(id, &endpoint.secret).await?;
    }
    Ok(())
}

/// Where a server is found that may listen everywhere.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(host, address.port())
}
