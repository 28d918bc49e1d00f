//! What the operating system says about the machine and its processes. Linux only: it reads `/proc`.

use std::{fs, process::Command, thread::available_parallelism};

use crate::BenchError;

/// How many threads run at once.
pub(crate) fn cores() -> u32 {
    available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// The machine's size, for the reader of the figures.
pub(crate) fn description() -> String {
    let cores = cores();
    let memory = field("/proc/meminfo", "MemTotal:").unwrap_or_default() / (1024 * 1024);
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    format!("{cores} cores ({model}), {memory} GiB of memory")
}

/// The processor time that a process has used, without its children.
pub(crate) fn own_cpu_microseconds(process: u32) -> Result<u64, BenchError> {
    Ok(ticks(process)?.own * microseconds_per_tick()?)
}

/// The processor time that a server and its processes have used, those that have ended included. The first is the
/// parent of the others.
pub(crate) fn family_cpu_microseconds(processes: &[u32]) -> Result<u64, BenchError> {
    let (parent, children) = processes.split_first().ok_or("the database has no process")?;
    let parent = ticks(*parent)?;
    // A process that ends between the look at its parent and this one is lost: the figures are those of long runs.
    let living: u64 = children
        .iter()
        .filter_map(|child| ticks(*child).ok())
        .map(|child| child.own)
        .sum();
    Ok((parent.own + parent.ended_children + living) * microseconds_per_tick()?)
}

/// The processes that a process has started and that live.
pub(crate) fn children(process: u32) -> Result<Vec<u32>, BenchError> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    Ok(text.split_whitespace().map_while(|id| id.parse().ok()).collect())
}

/// A process's resident memory in KiB: the largest it has had.
pub(crate) fn peak_resident_kibibytes(process: u32) -> Result<u64, BenchError> {
    field(&format!("/proc/{process}/status"), "VmHWM:").ok_or_else(|| "the server has ended".into())
}

/// A process's resident memory in KiB: what it has now.
pub(crate) fn resident_kibibytes(process: u32) -> Result<u64, BenchError> {
    field(&format!("/proc/{process}/status"), "VmRSS:").ok_or_else(|| "the server has ended".into())
}

/// A process's resident memory in KiB that is pages of files: its program's and its libraries'.
pub(crate) fn resident_file_kibibytes(process: u32) -> Result<u64, BenchError> {
    field(&format!("/proc/{process}/status"), "RssFile:").ok_or_else(|| "the server has ended".into())
}

struct Ticks {
    own: u64,
    ended_children: u64,
}

/// `utime`, `stime`, `cutime` and `cstime` of proc(5).
fn ticks(process: u32) -> Result<Ticks, BenchError> {
    let path = format!("/proc/{process}/stat");
    let line = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    // The program's name, in parentheses, can hold anything; the third field follows the last one.
    let fields: Vec<u64> = line
        .rsplit_once(')')
        .map(|(_, rest)| rest)
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(4)
        .map_while(|text| text.parse().ok())
        .collect();
    match fields[..] {
        [user, system, ended_user, ended_system] => Ok(Ticks {
            own: user + system,
            ended_children: ended_user + ended_system,
        }),
        _ => Err(format!("{path} cannot be read").into()),
    }
}

fn microseconds_per_tick() -> Result<u64, BenchError> {
    let output = Command::new("getconf").arg("CLK_TCK").output()?;
    let ticks: u64 = String::from_utf8_lossy(&output.stdout).trim().parse()?;
    Ok(1_000_000 / ticks.max(1))
}

/// A number of a file of `name: number` lines.
fn field(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
