//! `billfold completions`

use crate::{command::Place, help::commands};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bash_takes_the_script_and_completes_by_it() {
    let place = Place::new();
    let script = place.run(&["completions", "bash"]).await.succeeded();
    place.write("billfold.bash", &script);
    place.paste("bash -n billfold.bash").await.succeeded();
    let help = place.run(&["--help"]).await.succeeded();
    let completed = async |words: &str| {
        let lines = format!(
            "source ./billfold.bash\nCOMP_WORDS=({words})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             _billfold billfold \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let completed = place.paste(&lines).await.succeeded();
        completed.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let first = completed("billfold ''").await;
    for command in commands(&help) {
        assert!(first.contains(&command), "{command}: {first:?}");
    }
    assert_eq!(completed("billfold ke").await, ["keys"]);
    assert_eq!(completed("billfold keys ro").await, ["rotate"]);
    assert_eq!(
        completed("billfold keys rotate --data").await,
        ["--data-keys", "--database-url", "--database-pooler"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_shells_have_theirs() {
    let place = Place::new();
    for (shell, words) in [
        ("zsh", "#compdef billfold"),
        ("fish", "complete -c billfold"),
        ("elvish", "edit:completion:arg-completer[billfold]"),
        (
            "powershell",
            "Register-ArgumentCompleter -Native -CommandName 'billfold'",
        ),
    ] {
        let script = place.run(&["completions", shell]).await.succeeded();
        assert!(
            script.contains(words) && script.contains("reconcile"),
            "{shell}: {script}"
        );
    }
    let unknown = place.run(&["completions", "cmd"]).await.failed();
    assert!(unknown.contains("bash") && unknown.contains("zsh"), "{unknown}");
    let missing = place.run(&["completions"]).await.failed();
    assert!(missing.contains("<SHELL>"), "{missing}");
}
