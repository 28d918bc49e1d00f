//! What each part of the server costs: a request with everything on, and with each part left out.

use std::{fmt::Write as _, process::Command};

use billfold_test_support::APPLICATION_ROLE;

use crate::{
    BenchError,
    collector::Collector,
    data, http, load, machine,
    measure::{Bench, each, round_length},
    memory::mebibytes,
    program::{Instance, Program},
    report::{quotients, spread},
    tell,
    workload::Workload,
};

/// The most that a limit can be set to: all is counted, and nothing refused.
const NEVER_REACHED: &str = "4294967295";

/// The variable of the feature `measure-parts` that names what is left out.
const LEFT_OUT: &str = "BILLFOLD_LEFT_OUT";

/// A part of the server that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The look at the token. The caller is then a backend of the project that the path names.
    Tokens,
    /// The span around each request, and the log.
    Tracing,
    /// The numbers for Prometheus.
    Metrics,
    /// The count against the limits of the project and the user.
    RateLimits,
    /// The layer that writes refusals down and knows the caller for it.
    Audit,
}

/// Tells an instance what it is to do without. Everything else is on.
pub(crate) fn configure(command: &mut Command, left_out: &[Part]) {
    let is_on = |part| !left_out.contains(&part);
    if is_on(Part::Metrics) {
        command.args(["--metrics-listen", "127.0.0.1:0"]);
    }
    if !is_on(Part::Tracing) {
        command.env("BILLFOLD_LOG", "off");
    }
    let limit = if is_on(Part::RateLimits) {
        NEVER_REACHED
    } else {
        "0"
    };
    command
        .env("BILLFOLD_RATE_LIMIT_PROJECT_READS", limit)
        .env("BILLFOLD_RATE_LIMIT_PROJECT_WRITES", limit)
        .env("BILLFOLD_RATE_LIMIT_USER", limit);
    let by_feature = [(Part::Tokens, "tokens"), (Part::Audit, "audit")];
    let by_feature: Vec<&str> = by_feature
        .into_iter()
        .filter(|(part, _)| !is_on(*part))
        .map(|(_, name)| name)
        .collect();
    if !by_feature.is_empty() {
        command.env(LEFT_OUT, by_feature.join(","));
    }
}

/// A way to run the server.
struct Variant {
    name: &'static str,
    left_out: &'static [Part],
    has_policies: bool,
    sends_spans: bool,
}

const VARIANTS: [Variant; 9] = [
    variant("everything on", &[], true),
    variant("without row-level security", &[], false),
    variant("without tokens", &[Part::Tokens], true),
    variant("without tracing", &[Part::Tracing], true),
    variant("without metrics", &[Part::Metrics], true),
    variant("without rate limits", &[Part::RateLimits], true),
    variant("without audit", &[Part::Audit], true),
    variant(
        "without any of these",
        &[
            Part::Tokens,
            Part::Tracing,
            Part::Metrics,
            Part::RateLimits,
            Part::Audit,
        ],
        false,
    ),
    Variant {
        name: "everything on, and spans sent to a collector",
        left_out: &[],
        has_policies: true,
        sends_spans: true,
    },
];

const fn variant(name: &'static str, left_out: &'static [Part], has_policies: bool) -> Variant {
    Variant {
        name,
        left_out,
        has_policies,
        sends_spans: false,
    }
}

/// What was measured of each variant, a value a round, in the order of the variants.
pub(crate) struct PartFigures {
    name: String,
    rates: Vec<Vec<f64>>,
    server_cpu: Vec<Vec<f64>>,
    database_cpu: Vec<Vec<f64>>,
    /// The largest resident memory of each in MiB, one value.
    memory: Vec<f64>,
}

/// Measures a request with everything on and with each part left out, turn by turn. All are one binary, which differs from
/// the released one by its feature alone.
pub(crate) async fn compare(
    bench: &Bench<'_>,
    program: &Program,
    workload: &Workload,
) -> Result<PartFigures, BenchError> {
    tell("measuring what each part costs…");
    let collector = Collector::start().await?;
    let mut instances: Vec<Instance> = Vec::new();
    for variant in &VARIANTS {
        let database = if variant.has_policies {
            data::GUARDED
        } else {
            data::UNGUARDED
        };
        let database = bench.postgres.url_as(APPLICATION_ROLE, database);
        let mut program = program.clone();
        if variant.sends_spans {
            program = program.sending_spans_to(collector.port);
        }
        let started = program.serve_without(&database, bench.issuer, variant.left_out);
        let instance = started.await?;
        require_as_told(&instance, workload, variant).await?;
        instances.push(instance);
    }
    let mut figures = PartFigures {
        name: workload.name.clone(),
        rates: vec![Vec::new(); VARIANTS.len()],
        server_cpu: vec![Vec::new(); VARIANTS.len()],
        database_cpu: vec![Vec::new(); VARIANTS.len()],
        memory: Vec::new(),
    };
    let connections = bench.options.connections;
    for round in 0..=bench.options.rounds {
        let time = round_length(bench.options, round);
        for (place, instance) in instances.iter().enumerate() {
            let process = instance.process_id();
            let (server_before, database_before) =
                (machine::own_cpu_microseconds(process)?, bench.database_cpu()?);
            let answers = load::wrk(workload, instance.port, connections, time, bench.directory).await?;
            let server_time = machine::own_cpu_microseconds(process)? - server_before;
            let database_time = bench.database_cpu()? - database_before;
            // The first round warms up and is not counted.
            if round > 0 {
                figures.rates[place].push(answers.rate());
                figures.server_cpu[place].push(each(server_time, &answers));
                figures.database_cpu[place].push(each(database_time, &answers));
            }
        }
    }
    for instance in &instances {
        let peak = machine::peak_resident_kibibytes(instance.process_id())?;
        figures.memory.push(mebibytes(peak));
    }
    Ok(figures)
}

/// Fails where a stranger is answered by an instance that looks at tokens, or refused by one that does not: the binary then
/// lacks the feature, and its parts would be compared with themselves.
async fn require_as_told(
    instance: &Instance,
    workload: &Workload,
    variant: &Variant,
) -> Result<(), BenchError> {
    let expected = if variant.left_out.contains(&Part::Tokens) {
        200
    } else {
        401
    };
    let status = http::get(instance.port, &workload.path, None).await?.status;
    if status == expected {
        return Ok(());
    }
    Err(format!(
        "{}: a request without a token is answered by {status}, not {expected}: was the binary built with --features measure-parts?",
        variant.name
    )
    .into())
}

impl PartFigures {
    /// The rate with row-level security, of the rate without it.
    pub(crate) fn with_policies(&self) -> Vec<f64> {
        quotients(&self.rates[0], &self.rates[1])
    }

    /// The figures as a table.
    pub(crate) fn write(&self, text: &mut String) -> Result<(), std::fmt::Error> {
        writeln!(
            text,
            "\n| {} | of the rate with everything on | requests/s | server CPU µs | database CPU µs \
             | peak memory, MiB |\n|---|---|---|---|---|---|",
            self.name
        )?;
        let whole = |values: &[f64]| spread(values, |value| format!("{value:.0}"));
        for (place, variant) in VARIANTS.iter().enumerate() {
            let of_whole = quotients(&self.rates[place], &self.rates[0]);
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {:.1} |",
                variant.name,
                spread(&of_whole, |value| format!("{:.0} %", value * 100.0)),
                whole(&self.rates[place]),
                whole(&self.server_cpu[place]),
                whole(&self.database_cpu[place]),
                self.memory[place],
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(left_out: &[Part]) -> String {
        let mut command = Command::new("billfold");
        configure(&mut command, left_out);
        format!("{command:?}")
    }

    #[test]
    fn everything_is_on_that_is_not_left_out() {
        let all = environment(&[]);
        assert!(all.contains("--metrics-listen"), "{all}");
        assert!(all.contains(NEVER_REACHED) && !all.contains(LEFT_OUT), "{all}");
        let none = environment(&[
            Part::Tokens,
            Part::Tracing,
            Part::Metrics,
            Part::RateLimits,
            Part::Audit,
        ]);
        assert!(none.contains("tokens,audit"), "{none}");
        assert!(
            none.contains("\"off\"") && !none.contains(NEVER_REACHED),
            "{none}"
        );
        assert!(!none.contains("--metrics-listen"), "{none}");
    }
}
