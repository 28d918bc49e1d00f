//! SQLite's own program, which fills a database and counts in it.

use std::{
    path::Path,
    process::{Output, Stdio},
};

use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, ChildStdin, Command},
};

use crate::{BenchError, load::missing};

/// Statements that are carried out while they are written.
pub(crate) struct Script {
    child: Child,
    input: ChildStdin,
}

fn command(file: &Path) -> Command {
    let mut command = Command::new("sqlite3");
    command.args(["-batch", "-bail"]).arg(file).kill_on_drop(true);
    command
}

/// Looks whether the program is there, before anything takes time.
pub(crate) async fn require() -> Result<(), BenchError> {
    let mut command = Command::new("sqlite3");
    command
        .arg("-version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = command.status().await;
    status
        .map(drop)
        .map_err(|error| missing("sqlite3", "sqlite3", &error))
}

impl Script {
    /// Begins one on the database in a file.
    pub(crate) fn begin(file: &Path) -> Result<Self, BenchError> {
        let mut child = command(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().ok_or("sqlite3 has no input")?;
        Ok(Self { child, input })
    }

    /// Adds statements.
    pub(crate) async fn write(&mut self, statements: &str) -> Result<(), BenchError> {
        let written = self.input.write_all(statements.as_bytes()).await;
        written.map_err(|error| format!("sqlite3 reads no further: {error}").into())
    }

    /// Waits until all is done, and gives what was said.
    pub(crate) async fn end(self) -> Result<String, BenchError> {
        drop(self.input);
        said(&self.child.wait_with_output().await?)
    }
}

fn said(output: &Output) -> Result<String, BenchError> {
    let complaints = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && complaints.is_empty() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("sqlite3 failed: {complaints}").into())
}

/// The number that a statement gives.
pub(crate) async fn number(file: &Path, statement: &str) -> Result<u64, BenchError> {
    let mut script = Script::begin(file)?;
    script.write(statement).await?;
    script.write(";\n").await?;
    Ok(script.end().await?.trim().parse()?)
}
