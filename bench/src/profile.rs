//! Where the server's processor time goes, by samples of what it is at.

use std::{fmt::Write as _, path::Path, process::Stdio, time::Duration};

use tokio::process::Command;

use crate::{
    BenchError, load, machine,
    measure::{Bench, each},
    tell,
    workload::Kind,
};

/// The requests that are looked at.
const KINDS: [Kind; 2] = [Kind::ListTen, Kind::Retrieve];

/// How often a second a processor is looked at. No divisor of what a kernel's timers do, so that they are not met in step.
const FREQUENCY: &str = "1999";

/// What a sample belongs to: the first whose words are in its names. The kernel's samples are told by the call they are below, all others by
/// the function that ran.
const AREAS: [(&str, bool, &[&str]); 12] = [
    (
        "kernel: sending to the client and to PostgreSQL",
        true,
        &["__sys_sendto"],
    ),
    ("kernel: receiving from both", true, &["__sys_recvfrom"]),
    ("kernel: waiting for either", true, &["epoll"]),
    ("kernel: all else", true, &[""]),
    (
        "memory: taken, given back, copied, cleared",
        false,
        &["mi_", "memcpy", "memmove", "memset", "memcmp", "alloc::"],
    ),
    (
        "what the token says",
        false,
        &["aws_lc", "billfold_auth", "billfold_domain::caller"],
    ),
    (
        "PostgreSQL's protocol, rows made values",
        false,
        &[
            "postgres",
            "diesel",
            "billfold_store",
            "fallible_iterator",
            "from_utf8",
        ],
    ),
    ("JSON", false, &["billfold_server::wire", "jiff"]),
    (
        "HTTP: heads, routes, headers",
        false,
        &[
            "actix",
            "http",
            "regex",
            "aho_corasick",
            "billfold_server::edge",
            "bytes::",
        ],
    ),
    (
        "log, spans, metrics",
        false,
        &["tracing", "metrics", "nu_ansi_term"],
    ),
    ("tasks and timers", false, &["tokio", "mio::", "clock_gettime"]),
    ("all else", false, &[""]),
];

/// The microseconds of a request that each area has, a request of each kind.
pub(crate) struct Profile {
    name: String,
    areas: [f64; AREAS.len()],
}

/// Fails with the name of its package where the program that takes the samples is missing.
pub(crate) async fn require() -> Result<(), BenchError> {
    let mut command = Command::new("perf");
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = command.status().await;
    status
        .map(drop)
        .map_err(|error| load::missing("perf", "linux-perf", &error))
}

/// Takes samples of a fresh server while it is asked for nothing else.
pub(crate) async fn measure(bench: &Bench<'_>) -> Result<Vec<Profile>, BenchError> {
    tell("looking where the time goes…");
    let mut profiles = Vec::new();
    for kind in KINDS {
        let workload = bench.workload(kind)?;
        let instance = bench.program.serve(bench.database, bench.issuer).await?;
        let process = instance.process_id();
        let connections = bench.options.connections;
        let ask = |time| load::wrk(workload, instance.port, connections, time, bench.directory);
        ask(Duration::from_secs(1)).await?;
        let before = machine::own_cpu_microseconds(process)?;
        let time = bench.options.duration();
        let file = bench.directory.join("samples");
        let (answers, ()) = tokio::try_join!(ask(time), sample(process, time, &file))?;
        let microseconds = each(machine::own_cpu_microseconds(process)? - before, &answers);
        profiles.push(Profile {
            name: workload.name.clone(),
            areas: shares(&names(&file).await?)?.map(|share| share * microseconds),
        });
    }
    Ok(profiles)
}

/// Writes down for so long what a process is at.
async fn sample(process: u32, time: Duration, file: &Path) -> Result<(), BenchError> {
    let mut command = Command::new("perf");
    command
        .args(["record", "--quiet", "--event", "cpu-clock", "--call-graph", "fp"])
        .args(["--freq", FREQUENCY, "--pid", &process.to_string(), "--output"])
        .arg(file)
        .args(["--", "sleep", &time.as_secs().to_string()]);
    load::run(command, time).await?;
    Ok(())
}

/// The names of the functions of each sample, a line each, the innermost first; an empty line ends a sample.
async fn names(file: &Path) -> Result<String, BenchError> {
    let mut command = Command::new("perf");
    command
        .args(["script", "--fields", "ip,sym,dso", "--input"])
        .arg(file);
    load::run(command, Duration::from_mins(2)).await
}

/// The share of the samples that each area has.
fn shares(names: &str) -> Result<[f64; AREAS.len()], BenchError> {
    let mut counts = [0_u32; AREAS.len()];
    for sample in names.split("\n\n").filter(|sample| !sample.trim().is_empty()) {
        counts[area(sample.trim_start_matches('\n'))] += 1;
    }
    let all: u32 = counts.iter().sum();
    if all == 0 {
        return Err("perf saw nothing of the server".into());
    }
    Ok(counts.map(|count| f64::from(count) / f64::from(all)))
}

fn area(sample: &str) -> usize {
    let innermost = sample.lines().next().unwrap_or_default();
    let is_kernel = innermost.contains("[kernel");
    let looked_at = if is_kernel { sample } else { innermost };
    AREAS
        .iter()
        .position(|(_, of_kernel, words)| {
            *of_kernel == is_kernel && words.iter().any(|word| looked_at.contains(word))
        })
        .unwrap_or(AREAS.len() - 1)
}

/// A row for each area, a column for each request.
pub(crate) fn write(profiles: &[Profile], text: &mut String) -> std::fmt::Result {
    write!(text, "\n| where the server's time goes, CPU µs a request |")?;
    for profile in profiles {
        write!(text, " {} | share |", profile.name)?;
    }
    writeln!(text, "\n|---|{}", "---|---|".repeat(profiles.len()))?;
    for (place, (name, ..)) in AREAS.iter().enumerate() {
        write!(text, "| {name} |")?;
        for profile in profiles {
            let all: f64 = profile.areas.iter().sum();
            let of_area = profile.areas[place];
            write!(text, " {of_area:.1} | {:.0} % |", of_area / all * 100.0)?;
        }
        writeln!(text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(sample: &str) -> &'static str {
        AREAS[area(sample)].0
    }

    #[test]
    fn a_sample_of_the_kernel_belongs_to_the_call_that_it_is_below() {
        let sample = "ffff tcp_ack ([kernel.kallsyms])\nffff __sys_sendto ([kernel.kallsyms])\n1f __send (/usr/lib/libc.so.6)";
        assert_eq!(name_of(sample), "kernel: sending to the client and to PostgreSQL");
    }

    #[test]
    fn a_sample_of_the_program_belongs_to_the_function_that_ran() {
        let sample = "1f <actix_http::h1::Codec>::decode (/billfold)\n2f billfold_store::page (/billfold)";
        assert_eq!(name_of(sample), "HTTP: heads, routes, headers");
        assert_eq!(name_of("1f [unknown] ([vdso])"), "all else");
    }

    #[test]
    fn shares_add_up_to_one() {
        let names = "1f mi_free (/billfold)\n\n1f mi_malloc (/billfold)\n\nff x ([kernel.kallsyms])\nff __sys_recvfrom ([kernel.kallsyms])\n\n";
        let shares = shares(names).expect("there are samples");
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((shares[1] - 1.0 / 3.0).abs() < 1e-9);
        assert!(super::shares("").is_err());
    }
}
