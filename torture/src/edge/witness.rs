//! What an instance shows of itself from outside: its memory, its open connections, and its log.

use std::collections::BTreeMap;

use crate::TortureError;

/// A process's memory, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// What it holds now.
    pub(crate) resident: u64,
    /// The most that it ever held.
    pub(crate) peak: u64,
}

/// The memory of a process.
pub(crate) fn memory(process: u32) -> Result<Memory, TortureError> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let (Some(resident), Some(peak)) = (field("VmRSS:"), field("VmHWM:")) else {
        return Err("the system does not tell a process's memory".into());
    };
    Ok(Memory { resident, peak })
}

/// How many sockets a process has open.
pub(crate) fn sockets(process: u32) -> Result<usize, TortureError> {
    let mut sockets = 0;
    for file in std::fs::read_dir(format!("/proc/{process}/fd"))? {
        // One may have been closed since it was listed.
        let target = file.and_then(|file| std::fs::read_link(file.path()));
        sockets += usize::from(target.is_ok_and(|target| target.to_string_lossy().starts_with("socket:")));
    }
    Ok(sockets)
}

/// How many files this process, and those that it starts, may have open.
pub(crate) fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    soft.unwrap_or(1024)
}

/// The requests that an instance has answered, by what their senders called them: each with the instance's own names,
/// one for each time. Of a log in JSON at the level that tells of each answer.
pub(crate) fn requests(log: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in log {
        let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else {
            continue;
        };
        if line["fields"]["message"] != "answered" {
            continue;
        }
        let text = |name: &str| line["span"][name].as_str().unwrap_or_default().to_owned();
        seen.entry(text("caller_id")).or_default().push(text("id"));
    }
    seen
}
