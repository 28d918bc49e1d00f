//! The statements that the server sends, as the database's log shows them.

use billfold_test_support::{APPLICATION_ROLE, PostgresServer};

use crate::{BenchError, data, http, program::Program, token::Issuer, workload::Workload};

/// A statement and the values that it was sent with, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Its text, with `$1`, `$2`, … for the values.
    pub(crate) text: String,
    /// The values as text.
    pub(crate) values: Vec<String>,
}

impl Statement {
    /// The same without what says whose rows it may see, where it says that: what it asks, and its own values.
    pub(crate) fn bare(&self) -> Option<Self> {
        let (_, rest) = self.text.split_once("(select i.* from (")?;
        let (asked, _) = rest.rsplit_once(") i where s.project is not null")?;
        // The first value was the setting's; the others keep their numbers, which is all the same to pgbench.
        Some(Self {
            text: asked.to_owned(),
            values: self.values.clone(),
        })
    }

    /// The statement as a script of pgbench, which calls the values `:p1`, `:p2`, …
    pub(crate) fn script(&self) -> String {
        let mut script = String::with_capacity(self.text.len());
        let mut rest = self.text.as_str();
        while let Some((before, after)) = rest.split_once('$') {
            script.push_str(before);
            script.push_str(if after.starts_with(|next: char| next.is_ascii_digit()) {
                ":p"
            } else {
                "$"
            });
            rest = after;
        }
        script.push_str(rest);
        script.push_str(";\n");
        script
    }
}

/// Asks an instance whose statements are logged for each request, checks the answer, and notes the one statement that
/// it took.
pub(crate) async fn observe(
    program: &Program,
    postgres: &PostgresServer,
    database: &str,
    issuer: &Issuer,
    workloads: &mut [Workload],
) -> Result<(), BenchError> {
    // Only a superuser may say so, and it holds for the sessions that begin from now on.
    let server = data::connect(&postgres.url("postgres")).await?;
    let of_role = format!("alter role {APPLICATION_ROLE} in database {}", data::GUARDED);
    server
        .batch_execute(&format!("{of_role} set log_statement = 'all'"))
        .await?;
    let instance = program.serve(database, issuer).await?;
    server
        .batch_execute(&format!("{of_role} reset log_statement"))
        .await?;
    for workload in workloads {
        // The first time, the project itself is looked up too.
        ask(&instance, workload).await?;
        let before = postgres.log().len();
        ask(&instance, workload).await?;
        let log = postgres.log();
        let mut statements = executed(log.get(before..).unwrap_or_default());
        workload.statement = statements.pop();
        if workload.statement.is_none() || !statements.is_empty() {
            return Err(format!(
                "{}: one statement was expected in the database's log, and {} more are there",
                workload.name,
                statements.len()
            )
            .into());
        }
    }
    Ok(())
}

async fn ask(instance: &crate::program::Instance, workload: &Workload) -> Result<(), BenchError> {
    let answer = http::get(instance.port, &workload.path, Some(&workload.token)).await?;
    let body: serde_json::Value = serde_json::from_str(&answer.body)?;
    let items = body["items"].as_array().map(Vec::len);
    if answer.status == 200 && items == workload.items {
        return Ok(());
    }
    Err(format!("{}: {} {}", workload.name, answer.status, answer.body).into())
}

/// The statements of a log, each with its values: a line `… execute <name>: <text>`, then one `… parameters: …`.
fn executed(log: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((_, text)) = line
            .split_once("execute ")
            .and_then(|(_, named)| named.split_once(": "))
        else {
            continue;
        };
        let values = lines
            .next_if(|line| line.contains("parameters: "))
            .and_then(|line| line.split_once("parameters: "))
            .map_or_else(Vec::new, |(_, values)| values_of(values));
        statements.push(Statement {
            text: text.to_owned(),
            values,
        });
    }
    statements
}

/// Reads `$1 = 'one', $2 = 'two'`. The values of the benchmark have no quotes in them.
fn values_of(text: &str) -> Vec<String> {
    text.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_asked_bare_too() {
        let under_policy = Statement {
            text: "select x.* from (select set_config('app.project', $1, true) as project offset 0) s cross join \
                   lateral (select i.* from (select a from b where c = $2 limit $3) i where s.project is not null \
                   offset 0) x"
                .to_owned(),
            values: ["large", "large", "11"].map(str::to_owned).to_vec(),
        };
        let bare = under_policy.bare().expect("it is under a policy");
        assert_eq!(bare.text, "select a from b where c = $2 limit $3");
        assert_eq!(bare.values, under_policy.values);
        assert_eq!(bare.bare(), None);
    }

    #[test]
    fn statements_and_their_values_are_read_from_a_log() {
        let log = "2026-01-01 UTC [7] LOG:  checkpoint starting: time\n\
            2026-01-01 UTC [8] LOG:  execute s0: select a from b where c = $1 and d > $2 limit $11\n\
            2026-01-01 UTC [8] DETAIL:  parameters: $1 = 'large', $2 = '11'\n\
            2026-01-01 UTC [8] LOG:  execute s1: select 1\n";
        let statements = executed(log);
        assert_eq!(statements.len(), 2);
        assert_eq!(statements[0].values, ["large", "11"]);
        assert_eq!(
            statements[0].script(),
            "select a from b where c = :p1 and d > :p2 limit :p11;\n"
        );
        assert_eq!(statements[1].script(), "select 1;\n");
        assert!(statements[1].values.is_empty());
    }
}
