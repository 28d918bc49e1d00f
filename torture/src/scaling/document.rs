//! The tables of `docs/scaling.md`, between two marks.

use std::{fmt::Write as _, fs, path::Path};

use super::{
    rates::Rate,
    sums::{Size, Write},
};
use crate::{TortureError, report, scenarios::failover::Seen};

const DOCUMENT: &str = "../docs/scaling.md";
const BEGIN: &str = "<!-- scaling:begin -->";
const END: &str = "<!-- scaling:end -->";

/// Numbers of rows to reckon with.
const ROWS: [(&str, f64); 3] = [("1 million", 1e6), ("100 million", 1e8), ("10 billion", 1e10)];

/// The tables.
pub(super) fn text(
    rows: u32,
    rates: &[Rate],
    sizes: &[Size],
    writes: &[Write],
    failovers: &[(usize, Seen)],
) -> Result<String, TortureError> {
    let mut text = String::new();
    let today = time::OffsetDateTime::now_utc().date();
    writeln!(
        text,
        "{today}, {}. Everything on this one machine.\n",
        report::machine()
    )?;
    write_rates(&mut text, rows, rates)?;
    write_failovers(&mut text, failovers)?;
    write_sizes(&mut text, rows, sizes)?;
    write_writes(&mut text, writes)?;
    Ok(text)
}

fn write_rates(text: &mut String, rows: u32, rates: &[Rate]) -> Result<(), TortureError> {
    writeln!(
        text,
        "Reads through HAProxy, {rows} rows, 64 connections; the median of the rounds, with the least and the greatest:\n\n\
         | instances | request | requests/s | p50 ms | p99 ms | CPU µs: instances | HAProxy | PostgreSQL |\n\
         |---|---|---|---|---|---|---|---|"
    )?;
    for rate in rates {
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            rate.instances,
            rate.request,
            spread(&rate.per_second, 0),
            spread(&rate.median_milliseconds, 2),
            spread(&rate.high_milliseconds, 2),
            spread(&rate.instances_cpu, 0),
            spread(&rate.balancer_cpu, 0),
            spread(&rate.database_cpu, 0)
        )?;
    }
    Ok(())
}

fn write_failovers(text: &mut String, failovers: &[(usize, Seen)]) -> Result<(), TortureError> {
    writeln!(
        text,
        "\nInstances restarted in turn, under creates, deletes, reads and webhooks:\n\n\
         | instances | restarts | requests meanwhile | failed |\n|---|---|---|---|"
    )?;
    for (instances, seen) in failovers {
        let rolling = &seen.rolling;
        writeln!(
            text,
            "| {instances} | {} | {} | {} |",
            rolling.restarts, rolling.requests, rolling.failed
        )?;
    }
    writeln!(
        text,
        "\nThe primary lost under the same load, in seconds since the loss:\n\n\
         | instances | noticed | promoted | first good answer | first webhook taken | last 503 | refused meanwhile | \
         the other follows |\n|---|---|---|---|---|---|---|---|"
    )?;
    for (instances, seen) in failovers {
        for loss in &seen.losses {
            let times = [
                loss.noticed,
                loss.promoted,
                loss.first_answer,
                loss.first_webhook,
                loss.last_refusal,
            ];
            let [noticed, promoted, answer, webhook, last] =
                times.map(|time| format!("{:.1}", time.as_secs_f64()));
            writeln!(
                text,
                "| {instances} | {noticed} | {promoted} | {answer} | {webhook} | {last} | {} | {:.1} |",
                loss.refused,
                loss.whole.as_secs_f64()
            )?;
        }
    }
    writeln!(text, "\nWhat the judge found:\n")?;
    for (instances, seen) in failovers {
        let outcome = &seen.outcome;
        let verdict = match outcome.violations.len() {
            0 => "every invariant held".to_owned(),
            number => format!("**{number} violations**"),
        };
        writeln!(
            text,
            "- {instances} instances: {}; {verdict}.",
            outcome.showed[..5].join("; ")
        )?;
    }
    Ok(())
}

fn write_sizes(text: &mut String, rows: u32, sizes: &[Size]) -> Result<(), TortureError> {
    let head: Vec<&str> = ROWS.iter().map(|(words, _)| *words).collect();
    writeln!(
        text,
        "\nBytes a row, by {rows} rows each as PostgreSQL stores them, and what that makes of more:\n\n\
         | table | row | its indexes | together | {} |\n|---|---|---|---|---|---|---|",
        head.join(" | ")
    )?;
    for size in sizes {
        let together = size.row + size.indexes;
        let of_rows: Vec<String> = ROWS.iter().map(|(_, rows)| bytes(rows * together)).collect();
        writeln!(
            text,
            "| {} | {:.0} | {:.0} | {together:.0} | {} |",
            size.table,
            size.row,
            size.indexes,
            of_rows.join(" | ")
        )?;
    }
    Ok(())
}

fn write_writes(text: &mut String, writes: &[Write]) -> Result<(), TortureError> {
    writeln!(
        text,
        "\nWhat a write adds to PostgreSQL's log, and asks of Stripe; whole pages after a checkpoint and the background's part \
         included:\n\n| write | number | bytes each | a day at 100 a second | calls to Stripe each |\n|---|---|---|---|---|"
    )?;
    for write in writes {
        let day = write.bytes * 100.0 * 86_400.0;
        writeln!(
            text,
            "| {} | {} | {:.0} | {} | {:.2} |",
            write.kind,
            write.number,
            write.bytes,
            bytes(day),
            write.calls
        )?;
    }
    Ok(())
}

/// The median, with the least and the greatest.
fn spread(values: &[f64], digits: usize) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted[..] {
        [] => "-".to_owned(),
        [only] => format!("{only:.digits$}"),
        [least, .., greatest] => {
            let median = sorted[sorted.len() / 2];
            format!("{median:.digits$} ({least:.digits$}–{greatest:.digits$})")
        }
    }
}

/// A number of bytes, for people.
fn bytes(number: f64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let mut number = number;
    let mut unit = 0;
    while number >= 1000.0 && unit + 1 < units.len() {
        number /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(number < 10.0);
    format!("{number:.digits$} {}", units[unit])
}

/// Puts the tables between the marks.
pub(super) fn write(text: &str) -> Result<(), TortureError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    let document = fs::read_to_string(&path)?;
    let (before, rest) = document
        .split_once(BEGIN)
        .ok_or("docs/scaling.md lacks its first mark")?;
    let (_, after) = rest
        .split_once(END)
        .ok_or("docs/scaling.md lacks its second mark")?;
    fs::write(&path, format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{bytes, spread};

    #[test]
    fn numbers_are_told_for_people() {
        assert_eq!(bytes(950.0), "950 bytes");
        assert_eq!(bytes(1_500.0), "1.5 kB");
        assert_eq!(bytes(4.56e12), "4.6 TB");
        assert_eq!(spread(&[3.0, 1.0, 2.0], 0), "2 (1–3)");
        assert_eq!(spread(&[1.25], 1), "1.2");
    }
}
