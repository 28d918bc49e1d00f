//! Which statements a write's time in PostgreSQL goes to, as its extension `pg_stat_statements` counts them.

use std::collections::BTreeMap;

use crate::{BenchError, data, measure::Bench};

/// Every statement that took time, by what it does to which table.
const QUERY: &str = "select query, calls, total_exec_time from pg_stat_statements where total_exec_time > 0";

/// What statements took, of all rounds.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    /// How many requests there were.
    requests: f64,
    /// How often each statement was carried out, and for how many milliseconds.
    statements: BTreeMap<String, (f64, f64)>,
}

/// A statement's share of a request.
pub(crate) struct Share {
    /// What it does to which table.
    pub(crate) statement: String,
    /// How often a request carries it out.
    pub(crate) calls: f64,
    /// Milliseconds each time: to work, and to wait for rows that others hold.
    pub(crate) milliseconds: f64,
}

/// Has the sessions that begin from now on counted.
pub(super) async fn begin(bench: &Bench<'_>) -> Result<(), BenchError> {
    let client = data::connect(&bench.postgres.url(data::GUARDED)).await?;
    let database = data::GUARDED;
    client
        .batch_execute(&format!(
            "create extension if not exists pg_stat_statements; alter database {database} set pg_stat_statements.track = top"
        ))
        .await?;
    Ok(())
}

/// Forgets what was counted.
pub(super) async fn reset(bench: &Bench<'_>) -> Result<(), BenchError> {
    let client = data::connect(&bench.postgres.url(data::GUARDED)).await?;
    client.batch_execute("select pg_stat_statements_reset()").await?;
    Ok(())
}

/// What was counted since, for so many requests.
pub(super) async fn take(bench: &Bench<'_>, requests: u32) -> Result<Profile, BenchError> {
    let client = data::connect(&bench.postgres.url(data::GUARDED)).await?;
    let mut profile = Profile {
        requests: f64::from(requests),
        ..Profile::default()
    };
    for row in client.query(QUERY, &[]).await? {
        let (query, calls, milliseconds): (&str, i64, f64) = (row.get(0), row.get(1), row.get(2));
        let calls = f64::from(u32::try_from(calls)?);
        profile.add(label(query), calls, milliseconds);
    }
    Ok(profile)
}

impl Profile {
    fn add(&mut self, statement: String, calls: f64, milliseconds: f64) {
        let sums = self.statements.entry(statement).or_default();
        sums.0 += calls;
        sums.1 += milliseconds;
    }

    /// Adds the rounds of another.
    pub(super) fn append(&mut self, other: Self) {
        self.requests += other.requests;
        for (statement, (calls, milliseconds)) in other.statements {
            self.add(statement, calls, milliseconds);
        }
    }

    /// Those that take the most, the dearest first.
    pub(crate) fn dearest(&self, number: usize) -> Vec<Share> {
        let mut all: Vec<_> = self.statements.iter().collect();
        all.sort_by(|(_, one), (_, other)| other.1.total_cmp(&one.1));
        all.truncate(number);
        all.into_iter()
            .map(|(statement, (calls, milliseconds))| Share {
                statement: statement.clone(),
                calls: calls / self.requests,
                milliseconds: milliseconds / calls,
            })
            .collect()
    }
}

/// What a statement does to which table. What writes is named by that even where it also reads.
fn label(query: &str) -> String {
    let query = query.replace('"', "");
    for what in ["INSERT INTO ", "UPDATE ", "DELETE FROM ", "FROM "] {
        let is_there = if what == "FROM " {
            query.contains(what)
        } else {
            query.starts_with(what)
        };
        let table = query.split_once(what).filter(|_| is_there).map(|(_, rest)| rest);
        if let Some(table) = table {
            let table = table.split([' ', '(', ')']).next().unwrap_or_default();
            let what = if what == "FROM " { "select from " } else { what };
            return format!("{}{table}", what.to_ascii_lowercase());
        }
    }
    query
        .split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
        .to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_named_by_what_it_does_to_which_table() {
        for (query, named) in [
            (
                r#"INSERT INTO "rate_limits" ("project_id") VALUES ($1) ON CONFLICT DO UPDATE SET x = $2"#,
                "insert into rate_limits",
            ),
            (
                r#"UPDATE "payment_methods" SET "deleted_at" = $1"#,
                "update payment_methods",
            ),
            (
                r#"DELETE FROM "operations" WHERE "id" = $1"#,
                "delete from operations",
            ),
            (
                r#"select x.* from (select set_config($1)) s cross join (SELECT "id" FROM "customers" WHERE x) x"#,
                "select from customers",
            ),
            ("set local app.project = 'writes'", "set local"),
            ("COMMIT", "commit"),
        ] {
            assert_eq!(label(query), named);
        }
    }

    #[test]
    fn the_dearest_come_first_by_what_they_take_of_a_request() {
        let mut profile = Profile {
            requests: 2.0,
            ..Profile::default()
        };
        profile.add("often".to_owned(), 20.0, 10.0);
        profile.add("dear".to_owned(), 1.0, 30.0);
        profile.append(Profile {
            requests: 2.0,
            ..Profile::default()
        });
        let dearest = profile.dearest(1);
        assert_eq!(dearest.len(), 1);
        assert_eq!(
            (
                dearest[0].statement.as_str(),
                dearest[0].calls,
                dearest[0].milliseconds
            ),
            ("dear", 0.25, 30.0)
        );
    }
}
