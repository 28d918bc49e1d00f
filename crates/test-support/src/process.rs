//! A program that runs beside a test and never outlives it.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::wait::{look_until, wait_for};

/// The lines a program has written so far, filled by a thread that reads until the program closes the pipe.
type Lines = Arc<Mutex<Vec<String>>>;

/// A running program, killed and waited for on drop.
///
/// Its standard input is empty; its output is collected line by line, so that it never blocks on a full pipe.
#[derive(Debug)]
pub struct Process {
    child: Child,
    standard_output: Lines,
    standard_error: Lines,
}

impl Process {
    /// Starts the program. The command's own settings for its three standard streams are replaced.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let standard_output = collect(child.stdout.take());
        let standard_error = collect(child.stderr.take());
        Ok(Self {
            child,
            standard_output,
            standard_error,
        })
    }

    /// The program's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The lines written to standard output so far.
    pub fn stdout_lines(&self) -> Vec<String> {
        snapshot(&self.standard_output)
    }

    /// The lines written to standard error so far.
    pub fn stderr_lines(&self) -> Vec<String> {
        snapshot(&self.standard_error)
    }

    /// The first line of standard output, already written or still to come, for which `matches` is true.
    ///
    /// # Panics
    /// When there is none after `within`; the message holds what the program wrote instead.
    pub async fn wait_for_line(&self, within: Duration, matches: impl Fn(&str) -> bool) -> String {
        let look = async || self.stdout_lines().into_iter().find(|line| matches(line));
        match look_until(within, look).await {
            Some(line) => line,
            None => panic!(
                "the program did not write the line in {within:?}; standard output: {:#?}; standard error: {:#?}",
                self.stdout_lines(),
                self.stderr_lines()
            ),
        }
    }

    /// Sends a signal, named without its prefix: `TERM`, `STOP`, `CONT`, `KILL`.
    ///
    /// # Errors
    /// When the program has ended or the name is unknown.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        signal(name, &[self.id()])
    }

    /// How the program ended, or `None` while it runs.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn exit_status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits for the program to end by itself.
    ///
    /// # Panics
    /// When it still runs after `within`.
    pub async fn wait_for_exit(&mut self, within: Duration) -> ExitStatus {
        let child = &mut self.child;
        wait_for(within, "the program to end", async || {
            child.try_wait().ok().flatten()
        })
        .await
    }

    /// Ends the program at once, as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) {
        // Both fail only when the program is gone already, which is what was asked for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a signal, named without its prefix, to each of the processes.
///
/// # Errors
/// When one of them does not exist or belongs to another user, or when the name is unknown.
pub fn signal(name: &str, process_ids: &[u32]) -> io::Result<()> {
    // The shell's own `kill`: the program of that name is missing from slim container images.
    let status = Command::new("sh")
        .args(["-c", r#"name=$1; shift; kill -s "$name" "$@""#, "signal", name])
        .args(process_ids.iter().map(ToString::to_string))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "signal {name} did not reach each of {process_ids:?}"
        )))
    }
}

fn collect(stream: Option<impl Read + Send + 'static>) -> Lines {
    let lines = Lines::default();
    if let Some(stream) = stream {
        let lines = Arc::clone(&lines);
        std::thread::spawn(move || {
            // Lines that are not UTF-8 are kept with replacement characters: a test wants to see them.
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
    }
    lines
}

fn snapshot(lines: &Lines) -> Vec<String> {
    lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Process {
        Process::spawn(Command::new("sh").args(["-c", script])).expect("a shell")
    }

    #[tokio::test]
    async fn lines_and_exit_status_are_collected() {
        let mut process = shell("echo one; echo two >&2; echo three; exit 4");
        assert_eq!(
            process.wait_for_line(WITHIN, |line| line.starts_with('t')).await,
            "three"
        );
        assert_eq!(process.wait_for_exit(WITHIN).await.code(), Some(4));
        assert_eq!(process.stdout_lines(), ["one", "three"]);
        crate::wait_until(WITHIN, "standard error", || process.stderr_lines() == ["two"]).await;
    }

    #[tokio::test]
    async fn a_signal_reaches_the_program() {
        let mut process = shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
        process.wait_for_line(WITHIN, |line| line == "ready").await;
        process.signal("TERM").expect("it runs");
        process.wait_for_line(WITHIN, |line| line == "bye").await;
        assert!(process.wait_for_exit(WITHIN).await.success());
        assert!(process.signal("TERM").is_err());
    }

    #[tokio::test]
    async fn dropping_ends_the_program() {
        let process = shell("echo ready; exec sleep 600");
        process.wait_for_line(WITHIN, |line| line == "ready").await;
        let id = process.id();
        drop(process);
        assert!(signal("CONT", &[id]).is_err());
    }
}
