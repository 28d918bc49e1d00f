//! What row-level security costs: the same requests and statements on the same rows, with the policies and without.

use std::{fmt::Write as _, path::Path};

use billfold_test_support::{APPLICATION_ROLE, PostgresServer};

use crate::{
    BenchError, Options, data, load,
    measure::round_length,
    program::Program,
    report::{quotients, spread},
    statements::Statement,
    tell,
    token::Issuer,
    workload::Workload,
};

/// Rates of each second, a value a round.
#[derive(Default)]
pub(crate) struct PolicyFigures {
    name: String,
    /// The server, on tables that policies guard.
    served: Vec<f64>,
    /// The server, on the same tables without policies.
    served_unguarded: Vec<f64>,
    /// One thread of pgbench with the server's statement, on tables that policies guard.
    asked: Vec<f64>,
    /// The same without policies: what is left is the statement's own setting.
    asked_unguarded: Vec<f64>,
    /// The statement that does not say whose rows it may see, without policies.
    asked_bare: Vec<f64>,
}

/// Measures a request with the policies and without, turn by turn.
pub(crate) async fn compare(
    options: &Options,
    program: &Program,
    postgres: &PostgresServer,
    issuer: &Issuer,
    workload: &Workload,
    directory: &Path,
) -> Result<PolicyFigures, BenchError> {
    tell("measuring what the policies cost…");
    let guarded = postgres.url_as(APPLICATION_ROLE, data::GUARDED);
    let unguarded = postgres.url_as(APPLICATION_ROLE, data::UNGUARDED);
    let statement = workload
        .statement
        .as_ref()
        .ok_or("the statement was not observed")?;
    let bare = statement.bare().ok_or("the statement is under no policy")?;
    let with = program.serve(&guarded, issuer).await?;
    let without = program.serve(&unguarded, issuer).await?;
    let connections = options.connections;
    let mut figures = PolicyFigures {
        name: workload.name.clone(),
        ..PolicyFigures::default()
    };
    for round in 0..=options.rounds {
        let time = round_length(options, round);
        let serve = |port| load::wrk(workload, port, connections, time, directory);
        let ask = async |database: &str, statement: &Statement| {
            let named = (workload.name.as_str(), statement);
            load::pgbench(named, postgres, database, (connections, 1), time, directory).await
        };
        let rates = [
            serve(with.port).await?.rate(),
            serve(without.port).await?.rate(),
            ask(&guarded, statement).await?.rate(),
            ask(&unguarded, statement).await?.rate(),
            ask(&unguarded, &bare).await?.rate(),
        ];
        // The first round warms up and is not counted.
        if round > 0 {
            let [served, served_unguarded, asked, asked_unguarded, asked_bare] = rates;
            figures.served.push(served);
            figures.served_unguarded.push(served_unguarded);
            figures.asked.push(asked);
            figures.asked_unguarded.push(asked_unguarded);
            figures.asked_bare.push(asked_bare);
        }
    }
    Ok(figures)
}

impl PolicyFigures {
    /// The figures as a table, ratios first.
    pub(crate) fn write(&self, text: &mut String) -> Result<(), std::fmt::Error> {
        let percent = |values: &[f64]| spread(values, |value| format!("{:.0} %", value * 100.0));
        let whole = |values: &[f64]| spread(values, |value| format!("{value:.0}"));
        writeln!(
            text,
            "\n| row-level security: {} | rate of the other | a second | the other |",
            self.name
        )?;
        writeln!(text, "|---|---|---|---|")?;
        let rows = [
            (
                "served with policies / without",
                &self.served,
                &self.served_unguarded,
            ),
            (
                "pgbench with policies / without",
                &self.asked,
                &self.asked_unguarded,
            ),
            (
                "pgbench with policies / without, and without the statement's setting",
                &self.asked,
                &self.asked_bare,
            ),
        ];
        for (name, of, by) in rows {
            writeln!(
                text,
                "| {name} | {} | {} | {} |",
                percent(&quotients(of, by)),
                whole(of),
                whole(by)
            )?;
        }
        Ok(())
    }
}
