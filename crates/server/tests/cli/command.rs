//! Running the binary.

use std::{
    ffi::OsStr,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use billfold_test_support::{APPLICATION_ROLE, PostgresDatabase, Process, wait_for};
use serde_json::Value;
use tempfile::TempDir;

/// How long a step may take on a busy machine.
pub(crate) const WITHIN: Duration = Duration::from_mins(1);

/// The line of the master key that every place has until a test says otherwise.
pub(crate) const MASTER_KEY: &str = "first:dGhlIG1hc3RlciBrZXkgb2YgdGhlIHRlc3RzIDAwMDE=";

/// A directory to run the binary in, with nothing in the environment but a master key and what a test puts there.
pub(crate) struct Place {
    directory: TempDir,
    environment: Vec<(String, String)>,
}

/// How a test's database is reached: by its one URL, or in PostgreSQL by the URL of each role.
pub(crate) struct Access {
    url: String,
    migration: Option<String>,
}

impl From<String> for Access {
    fn from(url: String) -> Self {
        Self { url, migration: None }
    }
}

impl From<&String> for Access {
    fn from(url: &String) -> Self {
        Self::from(url.clone())
    }
}

impl From<&PostgresDatabase> for Access {
    fn from(database: &PostgresDatabase) -> Self {
        Self {
            url: database.url(),
            migration: Some(database.owner_url()),
        }
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// An empty directory.
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a directory to run in"),
            environment: vec![("BILLFOLD_MASTER_KEYS".to_owned(), MASTER_KEY.to_owned())],
        }
    }

    /// Sets a variable for every command that follows.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// Lets every command that follows work on this database.
    pub(crate) fn set_database(&mut self, access: impl Into<Access>) {
        let access = access.into();
        self.set("BILLFOLD_DATABASE_URL", access.url);
        if let Some(migration) = access.migration {
            self.set("BILLFOLD_MIGRATION_DATABASE_URL", migration);
            self.set("BILLFOLD_APPLICATION_ROLE", APPLICATION_ROLE);
        }
    }

    /// Takes a variable away for every command that follows.
    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.retain(|(other, _)| other != name);
    }

    /// The path of a file in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file into the directory.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the directory can be written to");
    }

    /// The URL of an SQLite database in the directory.
    pub(crate) fn sqlite(&self) -> String {
        format!("sqlite://{}", self.path("billfold.db").display())
    }

    /// A program that runs in the directory with the environment of this place.
    pub(crate) fn command<Argument: AsRef<OsStr>>(&self, program: &str, arguments: &[Argument]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(
                self.environment
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
            );
        command
    }

    /// Starts the binary with a command that runs until it is asked to end.
    pub(crate) fn start<Argument: AsRef<OsStr>>(&self, arguments: &[Argument]) -> Process {
        Process::spawn(&mut self.command(env!("CARGO_BIN_EXE_billfold"), arguments))
            .expect("the binary should start")
    }

    /// Runs the binary with a command that ends by itself.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with_input(arguments, "").await
    }

    /// Runs the binary with a command that ends by itself, and with this on its standard input.
    pub(crate) async fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        self.end(self.command(env!("CARGO_BIN_EXE_billfold"), arguments), input)
            .await
    }

    /// Runs lines in the shell, as a reader pastes them.
    pub(crate) async fn paste(&self, lines: &str) -> Ended {
        self.end(self.command("bash", &["-eu", "-o", "pipefail"]), lines)
            .await
    }

    async fn end(&self, mut command: Command, input: &str) -> Ended {
        // Files, since a pipe that nobody reads could fill.
        let output = tempfile::tempdir().expect("a directory for the output");
        let (stdout, stderr) = (output.path().join("stdout"), output.path().join("stderr"));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(create(&stdout))
            .stderr(create(&stderr))
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} should start: {error}"));
        let mut pipe = child.stdin.take().expect("standard input is a pipe");
        // A program that ends without reading closes the pipe, which is its right.
        drop(pipe.write_all(input.as_bytes()));
        drop(pipe);
        let status = end_of(&mut child).await;
        let read = |path: &Path| std::fs::read_to_string(path).expect("the output is text");
        Ended {
            success: status.success(),
            stdout: read(&stdout),
            stderr: read(&stderr),
        }
    }
}

/// Waits until a command has ended.
pub(crate) async fn end_of(child: &mut Child) -> ExitStatus {
    let deadline = std::time::Instant::now() + WITHIN;
    wait_for(WITHIN * 2, "the command to end", async || {
        if std::time::Instant::now() > deadline {
            // So that it does not outlive the test; what it has left then tells of it.
            drop(child.kill());
        }
        child.try_wait().expect("the command can be waited for")
    })
    .await
}

fn create(path: &Path) -> File {
    File::create(path).expect("the directory can be written to")
}

impl Ended {
    /// The output of a command that succeeded.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert!(self.success, "{self:?}");
        self.stdout
    }

    /// The message of a command that failed; it printed nothing else.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert!(!self.success, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self.stderr
    }
}

/// Asks a program to end, and sees that it ends well.
pub(crate) async fn end(mut process: Process) {
    process.signal("TERM").expect("the program runs");
    let status = process.wait_for_exit(WITHIN).await;
    assert!(status.success(), "{status}: {:#?}", process.stderr_lines());
}

/// The address in the line of standard error that tells that the server is ready.
pub(crate) async fn ready_address(process: &Process) -> String {
    wait_for(WITHIN, "the server to be ready", async || {
        let lines = process.stderr_lines();
        let line = lines.iter().find(|line| line.contains("ready"))?;
        let line: Value = serde_json::from_str(line).expect("the log is JSON");
        Some(line["fields"]["address"].as_str()?.to_owned())
    })
    .await
}

/// The sandbox's address, from what it prints.
pub(crate) async fn sandbox_url(process: &Process) -> String {
    let line = process
        .wait_for_line(WITHIN, |line| line.contains("http://"))
        .await;
    let url = line.split_whitespace().find(|word| word.starts_with("http://"));
    url.expect("the line has an address")
        .trim_end_matches('.')
        .to_owned()
}

/// Calls a server; gives the status and the body.
pub(crate) async fn call(method: &str, url: &str, token: &str, body: Option<&Value>) -> (u16, Value) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(WITHIN)
        .build()
        .expect("an HTTP client can be made");
    let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method has a valid name");
    let mut request = client.request(method, url).bearer_auth(token);
    if let Some(body) = body {
        request = request.json(body);
    }
    let response = request.send().await.expect("the server should answer");
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("the answer should be whole");
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}
