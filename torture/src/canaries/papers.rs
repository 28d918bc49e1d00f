//! What is searched: everything that was written anywhere.

use std::collections::{BTreeMap, BTreeSet};

use billfold_test_support::{Canary, CanarySearch};

use crate::{
    canaries::{exceptions, secrets::Secrets},
    judge::{Invariant, Violation},
};

/// How many examples of one kind of leak are told.
const EXAMPLES: usize = 3;

/// How much is shown around a leak.
const AROUND: usize = 60;

/// Where something is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// What `billfold serve` writes: its log, all of it.
    ServerLog,
    /// What instances tell Prometheus.
    Metrics,
    /// What commands write, on both streams.
    Commands,
    /// Answers, with their heads.
    Answers,
    /// The arguments of running processes, which every user of the machine can read.
    Arguments,
    /// What the sandbox writes.
    SandboxLog,
    /// The database as `pg_dump` writes it.
    Dump,
    /// PostgreSQL's log with every statement and every parameter.
    PostgresLog,
    /// The file of the SQLite database.
    SqliteFile,
    /// What was written last, beside it.
    SqliteWal,
    /// The index of that.
    SqliteShm,
}

impl Place {
    /// Its name in a report.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::ServerLog => "log of serve",
            Self::Metrics => "metrics",
            Self::Commands => "commands' output",
            Self::Answers => "answers",
            Self::Arguments => "/proc/PID/cmdline",
            Self::SandboxLog => "log of the sandbox",
            Self::Dump => "pg_dump",
            Self::PostgresLog => "PostgreSQL's log",
            Self::SqliteFile => "SQLite file",
            Self::SqliteWal => "SQLite -wal",
            Self::SqliteShm => "SQLite -shm",
        }
    }
}

/// Something that was written.
struct Paper {
    place: Place,
    /// By what.
    what: String,
    bytes: Vec<u8>,
    /// The secret that it is there to give.
    gives: Option<String>,
}

/// All of it.
#[derive(Default)]
pub(crate) struct Papers {
    papers: Vec<Paper>,
    /// What is no secret and must be found, by place: proof that the place was searched.
    controls: Vec<(Place, Vec<u8>)>,
}

/// What a search showed.
pub(crate) struct Findings {
    pub(crate) bytes: BTreeMap<Place, usize>,
    pub(crate) hits: usize,
    /// How many were expected, each for a reason.
    pub(crate) excepted: usize,
    pub(crate) violations: Vec<Violation>,
}

impl Papers {
    /// Takes what was written.
    pub(crate) fn add(&mut self, place: Place, what: impl Into<String>, bytes: Vec<u8>) {
        let what = what.into();
        self.papers.push(Paper {
            place,
            what,
            bytes,
            gives: None,
        });
    }

    /// Takes what was written in order to give a secret, if its name is not empty.
    pub(crate) fn add_giving(&mut self, place: Place, what: impl Into<String>, bytes: Vec<u8>, secret: &str) {
        let gives = Some(secret.to_owned()).filter(|secret| !secret.is_empty());
        let what = what.into();
        self.papers.push(Paper {
            place,
            what,
            bytes,
            gives,
        });
    }

    /// Demands that this, which is no secret, be found at a place.
    pub(crate) fn expect(&mut self, place: Place, control: impl Into<Vec<u8>>) {
        self.controls.push((place, control.into()));
    }

    /// Looks for the secrets in everything, and for each control at its place.
    pub(crate) fn search(&self, secrets: &Secrets) -> Findings {
        let search = secrets.search();
        let mut findings = Findings {
            bytes: BTreeMap::new(),
            hits: 0,
            excepted: 0,
            violations: Vec::new(),
        };
        let mut examples: BTreeMap<(Place, String), usize> = BTreeMap::new();
        let mut needed = BTreeSet::new();
        for paper in &self.papers {
            *findings.bytes.entry(paper.place).or_default() += paper.bytes.len();
            for hit in search.find(&paper.bytes) {
                if paper
                    .gives
                    .as_ref()
                    .is_some_and(|given| hit.name.starts_with(given))
                {
                    continue;
                }
                if let Some(exception) = exceptions::find(&hit.name, paper.place, &paper.what) {
                    needed.insert(exception);
                    findings.excepted += 1;
                    continue;
                }
                findings.hits += 1;
                let known = examples.entry((paper.place, hit.name.clone())).or_default();
                *known += 1;
                if *known <= EXAMPLES {
                    let what = format!(
                        "{} {} in the {} ({}): {}",
                        hit.name,
                        hit.form,
                        paper.place.words(),
                        paper.what,
                        surroundings(&paper.bytes, hit.at)
                    );
                    findings.violations.push(Violation::new(Invariant::Leak, what));
                }
            }
        }
        self.look_for_controls(&mut findings);
        let places: BTreeSet<Place> = self.papers.iter().map(|paper| paper.place).collect();
        for unneeded in exceptions::unneeded(&needed, &places) {
            let what = format!("an exception that nothing needs: {unneeded}");
            findings
                .violations
                .push(Violation::new(Invariant::NothingTried, what));
        }
        findings
    }

    /// By the same search as the secrets.
    fn look_for_controls(&self, findings: &mut Findings) {
        let places: BTreeSet<Place> = self.papers.iter().map(|paper| paper.place).collect();
        for place in places {
            if !self.controls.iter().any(|(of, _)| *of == place) {
                let what = format!("nothing says that the {} is searched", place.words());
                findings
                    .violations
                    .push(Violation::new(Invariant::NothingTried, what));
            }
        }
        for (place, control) in &self.controls {
            let name = String::from_utf8_lossy(control);
            let search = CanarySearch::new([Canary::new(name.clone(), control.clone())]);
            let mut here = self.papers.iter().filter(|paper| paper.place == *place);
            if !here.any(|paper| !search.find(&paper.bytes).is_empty()) {
                let what = format!(
                    "{name}, which is no secret, is not found in the {}",
                    place.words()
                );
                findings
                    .violations
                    .push(Violation::new(Invariant::NothingTried, what));
            }
        }
    }
}

/// What stands before a leak, for whoever looks for its cause. The secret is the run's own and good for nothing.
fn surroundings(bytes: &[u8], at: usize) -> String {
    let (start, end) = (at.saturating_sub(AROUND * 3), (at + AROUND).min(bytes.len()));
    String::from_utf8_lossy(&bytes[start..end]).replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(papers: &Papers) -> Findings {
        let mut secrets = Secrets::default();
        secrets.add("the key", "sk_test_0123456789");
        papers.search(&secrets)
    }

    #[test]
    fn a_secret_is_a_leak_but_where_it_is_given() {
        let mut papers = Papers::default();
        papers.expect(Place::Answers, "a control");
        papers.add(
            Place::Answers,
            "one",
            b"a control and sk_test_0123456789".to_vec(),
        );
        papers.add_giving(Place::Answers, "two", b"sk_test_0123456789".to_vec(), "the key");
        papers.add_giving(Place::Answers, "three", b"sk_test_0123456789".to_vec(), "another");
        let findings = findings(&papers);
        assert_eq!(findings.hits, 2);
        assert_eq!(
            findings
                .violations
                .iter()
                .filter(|violation| violation.invariant == Invariant::Leak)
                .count(),
            2
        );
    }

    #[test]
    fn a_place_whose_control_is_not_found_was_not_searched() {
        for control in [None, Some("nowhere to be found")] {
            let mut papers = Papers::default();
            papers.add(Place::Dump, "one", b"all is well".to_vec());
            if let Some(control) = control {
                papers.expect(Place::Dump, control);
            }
            let findings = findings(&papers);
            let blind = |violation: &Violation| violation.invariant == Invariant::NothingTried;
            assert!(findings.violations.iter().any(blind), "{control:?}");
        }
    }
}
