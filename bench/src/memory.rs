//! How much memory a server takes while many ask it for all that it gives.

use crate::{BenchError, load, machine, measure::Bench, tell, workload::Kind};

/// How many connections ask at once.
const CONNECTIONS: [u32; 2] = [64, 256];

/// Resident memory in MiB, of a fresh server at so many connections.
pub(crate) struct Memory {
    pub(crate) connections: u32,
    /// Before the first request.
    pub(crate) idle: f64,
    /// At most, up to the end of many lists of ten.
    pub(crate) lists_of_ten: f64,
    /// How much of what it has then are pages of the program's file, and of its libraries', which every process of it shares.
    pub(crate) program: f64,
    /// How many lists of ten a second were answered meanwhile.
    pub(crate) rate: f64,
    /// The 99th percentile of their times in milliseconds, as those who wait for each answer see it.
    pub(crate) high: f64,
    /// At most, up to the end of many lists of two hundred after them.
    pub(crate) lists_of_two_hundred: f64,
}

/// Measures a fresh server for each number of connections: lists of ten first, then lists of two hundred.
pub(crate) async fn measure(bench: &Bench<'_>) -> Result<Vec<Memory>, BenchError> {
    tell("measuring memory…");
    let mut measured = Vec::new();
    for connections in CONNECTIONS {
        let instance = bench.program.serve(bench.database, bench.issuer).await?;
        let process = instance.process_id();
        let idle = mebibytes(machine::resident_kibibytes(process)?);
        let load = async |kind| {
            let workload = bench.workload(kind)?;
            let time = bench.options.duration();
            let served = load::wrk(workload, instance.port, connections, time, bench.directory).await?;
            let peak = mebibytes(machine::peak_resident_kibibytes(process)?);
            Ok::<_, BenchError>((served, peak))
        };
        let (served, lists_of_ten) = load(Kind::ListTen).await?;
        let program = mebibytes(machine::resident_file_kibibytes(process)?);
        let (_, lists_of_two_hundred) = load(Kind::ListTwoHundred).await?;
        measured.push(Memory {
            connections,
            idle,
            lists_of_ten,
            program,
            rate: served.rate(),
            high: served.latencies.map_or(f64::NAN, |(_, high)| high),
            lists_of_two_hundred,
        });
    }
    Ok(measured)
}

/// KiB as MiB.
pub(crate) fn mebibytes(kibibytes: u64) -> f64 {
    f64::from(u32::try_from(kibibytes).unwrap_or(u32::MAX)) / 1024.0
}
