//! `billfold token`

use std::path::PathBuf;

use billfold_auth::{DevelopmentIssuer, OperatorTokenRequest, Scopes, TokenRequest};
use billfold_domain::{Clock as _, ProjectId, SystemClock, UserId};
use clap::Args;
use time::Duration;

use super::{CommandError, print};

#[derive(Debug, Args)]
pub(super) struct Token {
    /// The only project that the token can see.
    #[arg(
        long,
        env = "BILLFOLD_TOKEN_PROJECT",
        required_unless_present = "operator",
        conflicts_with = "operator"
    )]
    project: Option<ProjectId>,
    /// A token for an operator, who makes and deletes projects and sees into none.
    #[arg(long, env = "BILLFOLD_TOKEN_OPERATOR", conflicts_with_all = ["user", "timezone", "scope"])]
    operator: bool,
    /// The user whom it is for. Without one it is a backend's.
    #[arg(long, env = "BILLFOLD_TOKEN_USER")]
    user: Option<UserId>,
    /// What it allows, separated by spaces. Without it: reading and writing on the account API for a user, on the
    /// project API for a backend.
    #[arg(long, env = "BILLFOLD_TOKEN_SCOPE", value_parser = Scopes::parse, value_name = "SCOPES")]
    scope: Option<Scopes>,
    /// The IANA time zone that the account API shows times in. Without one it is UTC.
    #[arg(long, env = "BILLFOLD_TOKEN_TIMEZONE")]
    timezone: Option<String>,
    /// How long it lasts, in seconds: at most 86400.
    #[arg(
        long,
        env = "BILLFOLD_TOKEN_TTL",
        default_value_t = 3600,
        value_name = "SECONDS"
    )]
    ttl: u32,
    /// Where `billfold dev` keeps its data.
    #[arg(
        long,
        env = "BILLFOLD_DATA_DIR",
        default_value = ".billfold",
        value_name = "DIRECTORY"
    )]
    data_dir: PathBuf,
}

impl Token {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let issuer = DevelopmentIssuer::load(&self.data_dir)?;
        let lifetime = Duration::seconds(i64::from(self.ttl));
        let now = SystemClock.now();
        let Some(project) = &self.project else {
            let request = OperatorTokenRequest::lasting(lifetime);
            print(&format!("{}\n", issuer.issue_operator(&request, now)?))?;
            return Ok(());
        };
        let usual = match &self.user {
            Some(user) => TokenRequest::for_user(project, user),
            None => TokenRequest::for_backend(project),
        };
        let request = TokenRequest {
            scopes: self.scope.unwrap_or(usual.scopes),
            timezone: self.timezone,
            lifetime,
            ..usual
        };
        print(&format!("{}\n", issuer.issue(&request, now)?))?;
        Ok(())
    }
}
