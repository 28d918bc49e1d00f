//! Keeps secrets out of arguments, which every process of the machine can read and which end up in a shell's history, and out of
//! variables that are for something else.

use std::{collections::HashSet, ffi::OsString};

use billfold_auth::ApiKey;
use billfold_vault::MasterKeys;

/// What Stripe's secrets begin with.
const BEGINNINGS: [&str; 5] = ["sk_test_", "sk_live_", "rk_test_", "rk_live_", "whsec_"];

/// Options that some would expect, and that are none.
const EXPECTED: [&str; 4] = [
    "--stripe-secret-key",
    "--stripe-webhook-secret",
    "--secret-key",
    "--webhook-secret",
];

/// Variables that are there to hold a secret.
const OF_SECRETS: [&str; 4] = [
    "BILLFOLD_DATABASE_URL",
    "BILLFOLD_MASTER_KEYS",
    "BILLFOLD_MIGRATION_DATABASE_URL",
    "BILLFOLD_STRIPE_SECRET_KEY",
];

/// What is wrong with the arguments of `billfold`, if a secret is among them. Never repeats it.
pub(super) fn refusal(arguments: impl IntoIterator<Item = OsString>) -> Option<&'static str> {
    let arguments: Vec<String> = arguments
        .into_iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let has = |command: &str| arguments.iter().any(|argument| argument == command);
    let of_project = has("project");
    let is_secret = |argument: &String| {
        let (option, value) = argument.split_once('=').unwrap_or((argument, argument));
        let expected = of_project && EXPECTED.contains(&option);
        // A development server takes a test key as an argument, and no other key.
        expected || (is_of_stripe(value) && !has("dev")) || is_of_billfold(argument) || is_of_billfold(value)
    };
    if !arguments.iter().any(is_secret) {
        return None;
    }
    Some(if of_project {
        "a secret is never an argument, since every process of the machine can read it there: put it into a file that \
         only you can read and name that with --stripe-secret-key-file or --stripe-webhook-secret-file, or give it on \
         standard input with - for the file. If this one was real, roll it in Stripe's dashboard"
    } else {
        "a secret is never an argument, since every process of the machine can read it there: --help tells where each \
         secret belongs. If this one was real, put another in its place"
    })
}

/// The variables that options of a command, or of a command below it, are taken from.
pub(super) fn variables_of(command: &clap::Command) -> HashSet<String> {
    let own = command.get_arguments().filter_map(clap::Arg::get_env);
    let own = own.map(|name| name.to_string_lossy().into_owned());
    own.chain(command.get_subcommands().flat_map(variables_of))
        .collect()
}

/// What is wrong with the environment, if a secret stands in a variable of an option that is not there for one: whatever
/// reads it would repeat it, and might keep it as a name. What other programs call their variables is their matter.
pub(super) fn misplaced(
    of_options: &HashSet<String>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Option<String> {
    let mut variables = environment.into_iter().map(|(name, value)| {
        let text = |text: OsString| text.to_string_lossy().into_owned();
        (text(name), text(value))
    });
    let (name, _) = variables.find(|(name, value)| {
        of_options.contains(name)
            && !OF_SECRETS.contains(&name.as_str())
            && (is_of_stripe(value) || is_of_billfold(value))
    })?;
    Some(format!(
        "the variable {name} has a secret, and is not there for one: --help tells what it is for"
    ))
}

fn is_of_stripe(value: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| value.starts_with(beginning))
}

/// An API key, a token, or a line of master keys.
fn is_of_billfold(value: &str) -> bool {
    let is_token = value.starts_with("eyJ") && value.matches('.').count() == 2;
    ApiKey::is_meant_by(value) || is_token || MasterKeys::parse(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> bool {
        refusal(arguments.iter().map(OsString::from)).is_some()
    }

    const API_KEY: &str = "bfk_0000000000000000000000000000000000000000000000000";
    const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl";
    const MASTER_KEY: &str = "2027:YSBtYXN0ZXIga2V5IGZvciB0cmlhbHMsIDMyIGJ5dGU=";

    #[test]
    fn a_secret_is_noticed_wherever_it_stands() {
        let of_master_key = format!("--master-key-file={MASTER_KEY}");
        for arguments in [
            &[
                "billfold",
                "project",
                "create",
                "shop",
                "--stripe-secret-key",
                "sk_live_1",
            ][..],
            &["billfold", "project", "create", "shop", "--stripe-secret-key=x"],
            &[
                "billfold",
                "project",
                "create",
                "shop",
                "--stripe-secret-key-file",
                "sk_test_1",
            ],
            &[
                "billfold",
                "project",
                "create",
                "shop",
                "--stripe-secret-key-file=rk_live_1",
            ],
            &[
                "billfold",
                "project",
                "create",
                "shop",
                "--stripe-publishable-key",
                "sk_live_1",
            ],
            &["billfold", "project", "update", "shop", "whsec_1"],
            &["billfold", "project", "update", "--webhook-secret", "x"],
            &["billfold", "api-key", "revoke", "--id", API_KEY],
            &["billfold", "api-key", "revoke", "--id=bfk_cut_short"],
            &["billfold", "audit", "--project", "sk_live_1"],
            &["billfold", TOKEN],
            &["billfold", "token", "--scope", TOKEN],
            &["billfold", "keys", "status", "--master-key-file", MASTER_KEY],
            &["billfold", "keys", "status", &of_master_key],
            &["billfold", "dev", "--data-dir", API_KEY],
        ] {
            assert!(refused(arguments), "{arguments:?}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for arguments in [
            &[
                "billfold",
                "project",
                "create",
                "shop",
                "--stripe-secret-key-file",
                "key",
            ][..],
            &[
                "billfold",
                "project",
                "create",
                "shop",
                "--stripe-publishable-key",
                "pk_live_1",
            ],
            &[
                "billfold",
                "project",
                "update",
                "shop",
                "--stripe-webhook-secret-file",
                "-",
            ],
            // Test keys of a development server, which takes no others.
            &["billfold", "dev", "--stripe-secret-key", "sk_test_1"],
            &[
                "billfold",
                "api-key",
                "revoke",
                "--id",
                "01J00000000000000000000000",
            ],
            &[
                "billfold",
                "serve",
                "--issuer",
                "https://id.example.com=keys.json",
            ],
            &[
                "billfold",
                "serve",
                "--database-url",
                "postgres://billfold:password@127.0.0.1/billfold",
            ],
        ] {
            assert!(!refused(arguments), "{arguments:?}");
        }
    }

    #[test]
    fn a_secret_in_a_variable_for_something_else_is_noticed() {
        let options = [
            "BILLFOLD_API_KEY_ID",
            "BILLFOLD_MASTER_KEY_FILE",
            "BILLFOLD_STRIPE_SECRET_KEY",
        ];
        let command = options
            .into_iter()
            .fold(clap::Command::new("billfold"), |command, variable| {
                command.subcommand(clap::Command::new(variable).arg(clap::Arg::new("option").env(variable)))
            });
        let of_options = variables_of(&command);
        let misplaced = |name: &str, value: &str| misplaced(&of_options, [(name.into(), value.into())]);
        for value in [API_KEY, TOKEN, MASTER_KEY, "sk_live_1", "whsec_1"] {
            let refusal = misplaced("BILLFOLD_API_KEY_ID", value).expect("it should be noticed");
            assert!(
                refusal.contains("BILLFOLD_API_KEY_ID") && !refusal.contains(value),
                "{refusal}"
            );
        }
        for (name, value) in [
            ("BILLFOLD_MASTER_KEYS", MASTER_KEY),
            ("BILLFOLD_STRIPE_SECRET_KEY", "sk_test_1"),
            ("BILLFOLD_MASTER_KEY_FILE", "/etc/billfold/master-keys"),
            ("ANOTHER_PROGRAMS_KEY", "sk_live_1"),
            ("BILLFOLD_TOKEN_OF_A_SCRIPT", TOKEN),
        ] {
            assert_eq!(misplaced(name, value), None, "{name}");
        }
    }
}
