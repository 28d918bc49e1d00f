//! What a person at a terminal is shown, and a program is not.

use std::{fs::File, io::Read as _, process::Stdio, thread::JoinHandle};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::command::{Ended, Place, end_of};

/// A terminal of 24 lines and 120 columns: what programs write to, and what reads all of it.
fn terminal() -> (Stdio, JoinHandle<Vec<u8>>) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let screen = openpt(flags).expect("a terminal can be made");
    grantpt(&screen).expect("it is ours");
    unlockpt(&screen).expect("it can be used");
    let size = Winsize {
        ws_row: 24,
        ws_col: 120,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&screen, size).expect("it has a size");
    let name = ptsname(&screen, Vec::new()).expect("it has a name");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let written_to = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).expect("it can be opened");
    let reader = std::thread::spawn(move || {
        let mut shown = Vec::new();
        // It ends with an error once nobody writes to it any more.
        drop(File::from(screen).read_to_end(&mut shown));
        shown
    });
    (Stdio::from(written_to), reader)
}

/// Runs a command with a terminal at its standard error.
async fn at_a_terminal(place: &Place, arguments: &[&str]) -> Ended {
    let (standard_error, reader) = terminal();
    let printed = File::create(place.path("printed")).expect("the directory can be written to");
    let mut command = place.command(env!("CARGO_BIN_EXE_billfold"), arguments);
    command
        .stdin(Stdio::null())
        .stdout(printed)
        .stderr(standard_error);
    let mut child = command.spawn().expect("the binary starts");
    // It has the terminal open too.
    drop(command);
    let status = end_of(&mut child).await;
    let shown = reader.join().expect("the terminal is read to its end");
    Ended {
        success: status.success(),
        stdout: std::fs::read_to_string(place.path("printed")).expect("the output is text"),
        stderr: String::from_utf8_lossy(&shown).into_owned(),
    }
}

/// A place on a terminal that can do everything, and two projects.
async fn with_two_projects() -> Place {
    let mut place = Place::new();
    place.set("BILLFOLD_DATABASE_URL", place.sqlite());
    place.set("BILLFOLD_LOG", "off");
    place.set("TERM", "xterm-256color");
    place.run(&["migrate"]).await.succeeded();
    for name in ["acme", "globex"] {
        let publishable = format!("pk_test_{name}_1234567890");
        let arguments = [
            "project",
            "create",
            name,
            "--stripe-publishable-key",
            &publishable,
            "--offline",
        ];
        let secret = format!("sk_test_{name}_1234567890");
        place.run_with_input(&arguments, &secret).await.succeeded();
    }
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_far_a_long_command_is_shows_at_a_terminal_only() {
    let place = with_two_projects().await;
    for (arguments, says) in [
        (
            &["keys", "rotate", "--data-keys", "--older-than", "0"][..],
            "2 of 2: globex: sealed anew",
        ),
        (
            &["reconcile", "--stripe-api-base", "http://127.0.0.1:9"],
            "2 projects, and all is well",
        ),
    ] {
        let person = at_a_terminal(&place, arguments).await;
        let shown = &person.stderr;
        assert!(
            shown.contains("of 2 projects") && shown.contains("acme"),
            "{arguments:?}: {shown:?}"
        );
        assert!(shown.ends_with("\u{1b}[2K"), "the bar is wiped away: {shown:?}");
        assert!(
            person.stdout.contains(says) && !person.stdout.contains('\u{1b}'),
            "{person:?}"
        );
        let program = place.run(arguments).await;
        assert_eq!(
            (program.stdout.contains(says), program.stderr.as_str()),
            (true, ""),
            "{program:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_bar_shows_for_a_program_or_on_a_terminal_that_cannot_move_its_cursor() {
    let mut place = with_two_projects().await;
    let json = ["reconcile", "--json", "--stripe-api-base", "http://127.0.0.1:9"];
    let program = at_a_terminal(&place, &json).await;
    assert_eq!(program.stderr, "");
    serde_json::from_str::<serde_json::Value>(&program.succeeded()).expect("the report is JSON");
    place.set("TERM", "dumb");
    let plain = at_a_terminal(&place, &["keys", "rotate"]).await;
    assert_eq!((plain.success, plain.stderr.as_str()), (true, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_of_the_log_stands_on_a_line_of_its_own() {
    let mut place = with_two_projects().await;
    place.set("BILLFOLD_LOG", "warn");
    place.set("NO_COLOR", "1");
    let away = [
        "reconcile",
        "--undelivered-events",
        "--stripe-api-base",
        "http://127.0.0.1:9",
    ];
    let shown = at_a_terminal(&place, &away).await.stderr;
    let lines: Vec<&str> = shown
        .split("\r\n")
        .filter(|line| line.contains("cannot be looked at"))
        .collect();
    assert_eq!(lines.len(), 2, "{shown:?}");
    for line in lines {
        // The bar was wiped away before it was written.
        let (_, line) = line
            .rsplit_once("\u{1b}[2K")
            .unwrap_or_else(|| panic!("{line:?}"));
        assert!(
            !line.contains("of 2 projects") && line.contains("WARN"),
            "{line:?}"
        );
    }
}

/// Whether a text has colours or other dress.
fn is_dressed(text: &str) -> bool {
    text.contains("\u{1b}[")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colours_show_at_a_terminal_that_has_them_unless_they_are_unwanted() {
    let mut place = with_two_projects().await;
    place.set("BILLFOLD_LOG", "warn");
    // Where Stripe is away, its events cannot be asked for, which the log tells of.
    let away = [
        "reconcile",
        "--json",
        "--undelivered-events",
        "--stripe-api-base",
        "http://127.0.0.1:9",
    ];
    let logged = async |place: &Place| {
        let shown = at_a_terminal(place, &away).await.stderr;
        assert!(shown.contains("cannot be looked at"), "{shown:?}");
        shown
    };
    let shown = logged(&place).await;
    assert!(is_dressed(&shown), "{shown:?}");
    place.set("NO_COLOR", "1");
    let plain = logged(&place).await;
    assert!(!is_dressed(&plain), "{plain:?}");
    place.unset("NO_COLOR");
    place.set("TERM", "dumb");
    let plain = logged(&place).await;
    assert!(!is_dressed(&plain), "{plain:?}");
    place.set("TERM", "xterm-256color");
    let told = place.run(&away).await.stderr;
    assert!(
        told.contains("cannot be looked at") && !is_dressed(&told),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_arguments_has_colours_in_the_same_way() {
    let mut place = Place::new();
    place.set("TERM", "xterm-256color");
    let refusal = async |place: &Place| at_a_terminal(place, &["keys", "rotates"]).await.stderr;
    let shown = refusal(&place).await;
    assert!(is_dressed(&shown) && shown.contains("rotate"), "{shown:?}");
    place.set("NO_COLOR", "1");
    let plain = refusal(&place).await;
    assert!(!is_dressed(&plain) && plain.contains("rotate"), "{plain:?}");
}
