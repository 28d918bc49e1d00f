//! `billfold man`

use std::collections::BTreeSet;

use crate::{command::Place, help::commands};

/// What a page of the manual may be built of: each line that begins with a point is one of these.
const MACROS: [&str; 10] = [
    ".TH", ".SH", ".TP", ".IP", ".RS", ".RE", ".PP", ".br", ".ie", ".el",
];

/// Looks at the form of a page, and gives its sections.
fn sections(page: &str) -> Vec<&str> {
    let lines = page.lines().filter(|line| line.starts_with('.'));
    for line in lines {
        let name = line.split_whitespace().next().unwrap_or_default();
        assert!(MACROS.contains(&name), "{line}");
    }
    let open = page.lines().filter(|line| line.starts_with(".RS")).count();
    assert_eq!(
        open,
        page.lines().filter(|line| line.starts_with(".RE")).count(),
        "{page}"
    );
    assert!(!page.contains('\u{1b}'), "{page}");
    page.lines()
        .filter_map(|line| line.strip_prefix(".SH "))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_main_page_is_printed_and_tells_no_secret() {
    let mut place = Place::new();
    let secret = "sk_test_never_shown_0123456789";
    place.set("BILLFOLD_STRIPE_SECRET_KEY", secret);
    let page = place.run(&["man"]).await.succeeded();
    let sections = sections(&page);
    for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SUBCOMMANDS"] {
        assert!(sections.contains(&section), "{sections:?}");
    }
    assert!(page.contains(".TH billfold 1"), "{page}");
    assert!(
        page.contains("BILLFOLD_LOG_FORMAT") && !page.contains(secret),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_has_a_page() {
    let place = Place::new();
    std::fs::create_dir(place.path("man1")).expect("a directory can be made");
    assert_eq!(place.run(&["man", "man1"]).await.succeeded(), "");
    let mut expected = BTreeSet::new();
    let mut unseen = vec![Vec::new()];
    while let Some(command) = unseen.pop() {
        let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = place.run(&arguments).await.succeeded();
        for name in commands(&help) {
            unseen.push([&command[..], &[name]].concat());
        }
        let words: Vec<&str> = ["billfold"]
            .into_iter()
            .chain(command.iter().map(String::as_str))
            .collect();
        expected.insert(format!("{}.1", words.join("-")));
    }
    let written = std::fs::read_dir(place.path("man1")).expect("the directory is there");
    let written: BTreeSet<String> = written
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(written, expected);
    for name in &written {
        let page = std::fs::read_to_string(place.path("man1").join(name)).expect("a page is text");
        let sections = sections(&page);
        assert!(
            sections.contains(&"NAME") && sections.contains(&"SYNOPSIS"),
            "{name}: {sections:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_is_not_there_is_named() {
    let message = Place::new().run(&["man", "nowhere/man1"]).await.failed();
    assert!(
        message.contains("nowhere/man1") && message.contains("make the directory"),
        "{message}"
    );
}
