//! Keeps secrets out of arguments, which every process of the machine can read, and which end up in a shell's history.

use std::ffi::OsString;

/// What Stripe's secrets begin with.
const BEGINNINGS: [&str; 5] = ["sk_test_", "sk_live_", "rk_test_", "rk_live_", "whsec_"];

/// Options that some would expect, and that are none.
const EXPECTED: [&str; 4] = [
    "--stripe-secret-key",
    "--stripe-webhook-secret",
    "--secret-key",
    "--webhook-secret",
];

/// What is wrong with the arguments of `billfold project`, if a secret is among them. Never repeats it.
pub(super) fn refusal(arguments: impl IntoIterator<Item = OsString>) -> Option<&'static str> {
    let arguments: Vec<String> = arguments
        .into_iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    if !arguments.iter().any(|argument| argument == "project") {
        return None;
    }
    let is_secret = |argument: &String| {
        let (option, value) = argument.split_once('=').unwrap_or((argument, argument));
        EXPECTED.contains(&option) || BEGINNINGS.iter().any(|beginning| value.starts_with(beginning))
    };
    arguments.iter().any(is_secret).then_some(
        "a secret is never an argument, since every process of the machine can read it there: put it into a file that \
         only you can read and name that with --stripe-secret-key-file or --stripe-webhook-secret-file, or give it on \
         standard input with - for the file. If this one was real, roll it in Stripe's dashboard",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> bool {
        refusal(arguments.iter().map(OsString::from)).is_some()
    }

    #[test]
    fn a_secret_is_noticed_wherever_it_stands() {
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
        ] {
            assert!(!refused(arguments), "{arguments:?}");
        }
    }
}
