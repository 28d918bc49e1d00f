//! The secret that API keys are hashed with, the pepper: made on first use, and sealed under the master key in the
//! database. Without it no key is good any more, so it is never made anew.

use billfold_auth::ApiKeyPepper;
use billfold_domain::{Clock as _, SystemClock};
use billfold_store::{Database, InstallationSecret, InstallationSecrets};
use billfold_vault::Vault;

use crate::cli::CommandError;

/// The installation's pepper: the same for all its instances and commands.
pub(in crate::cli) async fn of_installation(
    database: &Database,
    vault: &Vault,
) -> Result<ApiKeyPepper, CommandError> {
    let secrets = InstallationSecrets::new(database.clone(), vault.clone());
    let candidate = ApiKeyPepper::generate()?;
    let kept = secrets
        .find_or_keep(InstallationSecret::ApiKeyPepper, &candidate, SystemClock.now())
        .await?;
    Ok(ApiKeyPepper::parse(&kept)?)
}
