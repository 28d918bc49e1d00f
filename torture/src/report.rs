//! The table: what was tried, and what it showed.

use std::{fs, thread::available_parallelism};

use crate::{
    database::DatabaseKind,
    history::{History, Wish},
    judge::{Invariant, Violation},
};

/// What a scenario showed on one database.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What was done, in figures.
    pub(crate) load: String,
    /// What came of it, in figures.
    pub(crate) showed: Vec<String>,
    /// What did not hold.
    pub(crate) violations: Vec<Violation>,
    /// What the instances logged last, for whoever looks into a violation.
    pub(crate) complaints: Vec<String>,
}

/// The machine's size.
pub(crate) fn machine() -> String {
    let cores = available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes: Option<u64> = memory.lines().find_map(|line| {
        line.strip_prefix("MemTotal:")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    let memory = kibibytes.map_or_else(
        || "unknown memory".to_owned(),
        |kibibytes| format!("{} GiB of memory", kibibytes / (1024 * 1024)),
    );
    format!("{cores} cores, {memory}")
}

/// The machine, and the head of the table.
pub(crate) fn head(seed: u64) -> String {
    let machine = machine();
    format!(
        "Machine: {machine}. Seed {seed}.\n\n| test | database | load | what it showed |\n|---|---|---|---|\n"
    )
}

/// A row of the table.
pub(crate) fn row(test: &str, database: DatabaseKind, outcome: &Outcome) -> String {
    let verdict = match outcome.violations.len() {
        0 => "every invariant held".to_owned(),
        number => format!("**{number} violations**"),
    };
    let mut showed = outcome.showed.clone();
    showed.push(verdict);
    let label = database.label();
    format!(
        "| {test} | {label} | {} | {} |\n",
        outcome.load,
        showed.join("; ")
    )
}

/// What was acknowledged, and what became of it.
pub(crate) fn promises(history: &History, violations: &[Violation]) -> Vec<String> {
    let count = |invariants: &[Invariant]| {
        let broken = violations
            .iter()
            .filter(|violation| invariants.contains(&violation.invariant));
        broken.count()
    };
    vec![
        format!(
            "{} creates acknowledged, {} lost",
            history.granted(Wish::Create),
            count(&[Invariant::CreateLost])
        ),
        format!(
            "{} deletes acknowledged, {} undone",
            history.granted(Wish::Delete),
            count(&[Invariant::DeletionUndone])
        ),
        format!(
            "{} doubles",
            count(&[Invariant::TwoEffects, Invariant::TwoCustomers])
        ),
        format!(
            "{} orphans",
            count(&[Invariant::Orphan, Invariant::ShownButNotAttached])
        ),
    ]
}

/// What clients heard besides good answers.
pub(crate) fn heard(history: &History) -> String {
    format!(
        "{} requests: {} × 503, {} × 409, {} × 500, {} without an answer; {} wishes given up, the \
         longest answered after {:.1} s",
        history.requests(),
        history.count(503),
        history.count(409),
        history.count(500),
        history.count(0),
        history.unanswered(),
        history.longest_seconds()
    )
}
