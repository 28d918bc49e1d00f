//! Commands of every kind, good and bad, with secrets where somebody may mistakenly put them.

use crate::{
    TortureError,
    canaries::{papers::Place, stage::Stage},
    database::Database,
};

/// Commands with a secret for an argument.
const ARGUMENTS: [&str; 24] = [
    "project create elm --stripe-secret-key {}",
    "project create elm --stripe-publishable-key {}",
    "project create elm --stripe-publishable-key pk_test_elm --stripe-secret-key-file {}",
    "project show {}",
    "project update amber --stripe-webhook-secret-file {}",
    "project update amber --stripe-account {}",
    "project update amber --cors-origin {}",
    "api-key revoke --project amber --id {}",
    "api-key create --project amber --scope {}",
    "api-key create --project amber --expires-in {}",
    "api-key list {}",
    "token --project amber --scope {}",
    "token {}",
    "reconcile --project {}",
    "audit --project {}",
    "audit --project amber --after {}",
    "keys rotate --master-key-file {}",
    "keys generate --id {}",
    "serve --listen {}",
    "serve --listen 127.0.0.1:0 --issuer {}",
    "migrate --database-url {}",
    "migrate --master-key-file {}",
    "--log-format {} migrate",
    "{}",
];

/// Variables with a secret, and commands that read them.
const VARIABLES: [(&str, &str); 6] = [
    (
        "BILLFOLD_PROJECT_STRIPE_SECRET_KEY_FILE",
        "project create elm --stripe-publishable-key pk_test_elm",
    ),
    ("BILLFOLD_PROJECT_STRIPE_PUBLISHABLE_KEY", "project create elm"),
    ("BILLFOLD_MASTER_KEYS", "keys status"),
    ("BILLFOLD_MASTER_KEY_FILE", "keys status"),
    ("BILLFOLD_API_KEY_ID", "api-key revoke --project amber"),
    ("BILLFOLD_DATABASE_URL", "project list"),
];

impl Stage {
    /// From an empty database to two projects with keys. Gives an API key of the first.
    pub(crate) async fn install(&mut self) -> Result<String, TortureError> {
        if let Some((owner, role)) = self.database.migration() {
            let owner = [("BILLFOLD_DATABASE_URL", owner)];
            let migrated = self
                .call_with(&["migrate", "--application-role", role], &owner, "")
                .await?;
            if !migrated.success {
                return Err(String::from_utf8_lossy(&migrated.errors).into());
            }
        } else {
            self.call_well(&["migrate"], "").await?;
        }
        for tenant in self.tenants.clone() {
            let name = tenant.name.as_str();
            let arguments = [
                "project",
                "create",
                name,
                "--stripe-publishable-key",
                &tenant.publishable_key,
            ];
            self.call_well(&arguments, &tenant.secret_key).await?;
            // From the oldest to the newest: of three, two stay live.
            for secret in tenant.webhook_secrets.iter().rev() {
                let arguments = ["project", "update", name, "--stripe-webhook-secret-file", "-"];
                self.call_well(&arguments, secret).await?;
            }
            self.papers
                .expect(Place::Commands, tenant.publishable_key.as_str());
            for place in self.stores() {
                self.papers.expect(place, tenant.publishable_key.as_str());
            }
        }
        let made = self
            .call_well(
                &["api-key", "create", "--project", "amber", "--name", "nightly"],
                "",
            )
            .await?;
        self.call_well(&["api-key", "create", "--project", "birch"], "")
            .await?;
        Ok(String::from_utf8_lossy(&made.output).trim().to_owned())
    }

    /// Where what is stored is found.
    pub(crate) fn stores(&self) -> Vec<Place> {
        match self.database {
            Database::Sqlite(_) => vec![Place::SqliteFile],
            Database::Postgres(_) => vec![Place::Dump, Place::PostgresLog],
        }
    }

    /// Puts a new master key in the old one's place, while instances run.
    pub(crate) async fn rotate(&mut self) -> Result<(), TortureError> {
        let [old, new] = self.master_keys.clone();
        self.program
            .environment
            .retain(|(name, _)| *name != "BILLFOLD_MASTER_KEYS");
        self.program
            .environment
            .push(("BILLFOLD_MASTER_KEYS", format!("{new},{old}")));
        self.call_well(&["keys", "status"], "").await?;
        self.call_well(&["keys", "rotate", "--data-keys", "--older-than", "0"], "")
            .await?;
        self.call_well(&["keys", "status"], "").await?;
        Ok(())
    }

    /// What an operator does on any day.
    pub(crate) async fn look_after(&mut self) -> Result<(), TortureError> {
        for arguments in [
            &["project", "list"][..],
            &["project", "show", "amber"],
            &["project", "show", "birch"],
            &[
                "project",
                "update",
                "amber",
                "--cors-origin",
                "https://app.example.com",
            ],
            &["project", "disable", "birch"],
            &["project", "enable", "birch"],
            &["api-key", "list", "--project", "amber"],
            &["audit", "--limit", "500"],
            &["audit", "--limit", "500", "--json"],
            &["audit", "--refused-callers", "--limit", "500"],
            &["--help"],
            &["serve", "--help"],
        ] {
            self.call_well(arguments, "").await?;
        }
        // These end with 1 when a person must look at something, as after this run.
        for arguments in [
            &["reconcile", "--dry-run"][..],
            &["reconcile", "--json"],
            &["reconcile", "--undelivered-events"],
            &["project", "show", "nowhere"],
            &["token", "--project", "amber"],
        ] {
            self.call(arguments, "").await?;
        }
        let listed = self
            .call_well(&["api-key", "list", "--project", "birch"], "")
            .await?;
        let listed = String::from_utf8_lossy(&listed.output).into_owned();
        let id = listed
            .lines()
            .nth(1)
            .and_then(|line| line.split_whitespace().next());
        let id = id.ok_or("no key is listed")?;
        self.call_well(&["api-key", "revoke", "--project", "birch", "--id", id], "")
            .await?;
        Ok(())
    }

    /// What an operator does by mistake: secrets in arguments, in variables and on standard input, where they do not belong. Of
    /// every few places each secret goes to one, and each place gets some secret.
    pub(crate) async fn mistake(&mut self, api_key: &str, every: usize) -> Result<(), TortureError> {
        let secrets = [
            self.mistaken("secret key in a wrong place", "sk_live_"),
            self.mistaken("webhook secret in a wrong place", "whsec_"),
            self.mistaken("restricted key in a wrong place", "rk_test_"),
            self.token("amber", "backend", "project:read"),
            self.master_keys[1].clone(),
            api_key.to_owned(),
        ];
        for (number, secret) in secrets.iter().enumerate() {
            let some = |place: &usize| (place + number).is_multiple_of(every);
            for place in (0..ARGUMENTS.len()).filter(some) {
                let words = ARGUMENTS[place].split(' ');
                let arguments: Vec<&str> = words
                    .map(|word| if word == "{}" { secret } else { word })
                    .collect();
                self.call(&arguments, "").await?;
            }
            for place in (0..VARIABLES.len()).filter(some) {
                let (name, command) = VARIABLES[place];
                let command: Vec<&str> = command.split(' ').collect();
                self.call_with(&command, &[(name, secret.clone())], "").await?;
            }
            let create = [
                "project",
                "create",
                "elm",
                "--stripe-publishable-key",
                "pk_live_elm",
            ];
            self.call(&create, &format!("{secret}\n{secret}")).await?;
            let update = ["project", "update", "amber", "--stripe-webhook-secret-file", "-"];
            self.call(&update, &format!("{secret} x")).await?;
        }
        self.mistake_the_database().await
    }

    /// Addresses of databases with a password, none of which is one.
    async fn mistake_the_database(&mut self) -> Result<(), TortureError> {
        let password = self.mistaken("password of a database that is not there", "");
        for url in [
            format!("postgres://billfold:{password}@127.0.0.1:1/billfold"),
            format!("postgres://billfold:{password}@127.0.0.1:no/billfold"),
            format!("postgress://billfold:{password}@127.0.0.1/billfold"),
            format!("postgres://billfold:{password}@[::bad/billfold?sslmode=maybe"),
            format!("postgres://billfold:{password}@127.0.0.1:1/billfold?sslmode=maybe"),
            format!("billfold:{password}@127.0.0.1/billfold"),
            format!("host=127.0.0.1 port=1 user=billfold password={password}"),
        ] {
            self.call_with(
                &["project", "list"],
                &[("BILLFOLD_DATABASE_URL", url.clone())],
                "",
            )
            .await?;
            self.call(&["project", "list", "--database-url", &url], "")
                .await?;
        }
        Ok(())
    }
}
