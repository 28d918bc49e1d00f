//! `--help` on every command.

use crate::command::Place;

/// The commands that a help text lists.
pub(crate) fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| !line.starts_with("Commands:"));
    let lines = lines.skip(1).take_while(|line| line.starts_with("  "));
    lines
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The options of a help text, each with all that is said of it.
fn options(help: &str) -> Vec<String> {
    let mut options: Vec<String> = Vec::new();
    for line in help.lines() {
        let text = line.trim_start();
        // A dash alone begins one of the values that an option may have.
        if text.starts_with('-') && !text.starts_with("- ") {
            options.push(String::new());
        }
        if let Some(option) = options.last_mut() {
            option.push_str(line.trim());
            option.push(' ');
        }
    }
    options
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_option_of_every_command_names_its_variable() {
    let mut place = Place::new();
    let secret = "sk_test_never_shown_0123456789";
    place.set("BILLFOLD_STRIPE_SECRET_KEY", secret);
    place.set("BILLFOLD_MASTER_KEYS", secret);
    place.set(
        "BILLFOLD_DATABASE_URL",
        format!("postgres://user:{secret}@localhost/x"),
    );
    let mut unseen = vec![Vec::new()];
    let mut seen = Vec::new();
    while let Some(command) = unseen.pop() {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = place.run(&arguments).await.succeeded();
        assert!(!help.contains(secret), "{help}");
        for option in options(&help) {
            let of_the_parser = option.contains("--help") || option.contains("--version");
            assert!(
                of_the_parser || option.contains("[env: BILLFOLD_"),
                "{command:?}: {option}"
            );
        }
        for name in commands(&help) {
            let mut inner = command.clone();
            inner.push(name);
            unseen.push(inner);
        }
        seen.push(command.join(" "));
    }
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            "",
            "api-key",
            "api-key create",
            "api-key list",
            "api-key revoke",
            "audit",
            "audit prune",
            "completions",
            "dev",
            "health",
            "keys",
            "keys generate",
            "keys rotate",
            "keys status",
            "man",
            "migrate",
            "project",
            "project create",
            "project delete",
            "project disable",
            "project enable",
            "project list",
            "project show",
            "project update",
            "reconcile",
            "sandbox",
            "serve",
            "token",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_is_told() {
    let version = Place::new().run(&["--version"]).await.succeeded();
    assert_eq!(version, format!("billfold {}\n", env!("CARGO_PKG_VERSION")));
}
