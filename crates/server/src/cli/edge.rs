//! What clients may take of an instance, as options of `billfold serve`.

use std::time::Duration;

use clap::{Args, value_parser};

use crate::application::EdgeLimits;

/// Seconds: no client needs an hour.
fn seconds() -> clap::builder::RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..=3600)
}

#[derive(Debug, Args)]
pub(super) struct EdgeArguments {
    /// How long a request's head may take to arrive.
    #[arg(long, env = "BILLFOLD_HEAD_TIMEOUT", default_value_t = 10, value_parser = seconds(), value_name = "SECONDS")]
    head_timeout: u32,
    /// How long a request's body may take to arrive.
    #[arg(long, env = "BILLFOLD_BODY_TIMEOUT", default_value_t = 10, value_parser = seconds(), value_name = "SECONDS")]
    body_timeout: u32,
    /// How long an answer may wait for a client that does not take it.
    #[arg(long, env = "BILLFOLD_ANSWER_TIMEOUT", default_value_t = 20, value_parser = seconds(), value_name = "SECONDS")]
    answer_timeout: u32,
    /// How long a connection may lie idle between requests. Behind a proxy: longer than the proxy keeps its own.
    #[arg(long, env = "BILLFOLD_IDLE_TIMEOUT", default_value_t = 15, value_parser = seconds(), value_name = "SECONDS")]
    idle_timeout: u32,
    /// How many connections the instance has, at most. The system must allow it as many open files, and some more.
    #[arg(long, env = "BILLFOLD_MAXIMUM_CONNECTIONS", default_value_t = 10_000, value_parser = value_parser!(u32).range(1..), value_name = "NUMBER")]
    maximum_connections: u32,
    /// How many connections one address has, at most. Without it: any number, as behind a proxy all come from one address.
    #[arg(long, env = "BILLFOLD_MAXIMUM_CONNECTIONS_PER_PEER", value_parser = value_parser!(u32).range(1..), value_name = "NUMBER")]
    maximum_connections_per_peer: Option<u32>,
}

/// Files that an instance opens besides its connections: the database's, those to Stripe, its log.
const OTHER_FILES: usize = 100;

impl EdgeArguments {
    /// The limits, the number of connections within what the system lets the process open.
    pub(super) fn limits(&self) -> EdgeLimits {
        let limits = self.asked_for();
        let Some(open_files) = open_files() else {
            return limits;
        };
        let possible = open_files.saturating_sub(OTHER_FILES).max(1);
        if possible < limits.maximum_connections {
            // Beyond it the system itself refuses, and then to tell nobody why is all that is left.
            tracing::warn!(
                open_files,
                maximum_connections = possible,
                "the system lets this process open too few files for --maximum-connections: raise its limit (ulimit -n, LimitNOFILE)"
            );
        }
        EdgeLimits {
            maximum_connections: limits.maximum_connections.min(possible),
            ..limits
        }
    }

    fn asked_for(&self) -> EdgeLimits {
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        EdgeLimits {
            head_timeout: seconds(self.head_timeout),
            body_timeout: seconds(self.body_timeout),
            answer_timeout: seconds(self.answer_timeout),
            idle_timeout: seconds(self.idle_timeout),
            maximum_connections: number(self.maximum_connections),
            maximum_connections_per_peer: self.maximum_connections_per_peer.map(number),
            ..EdgeLimits::default()
        }
    }
}

/// How many files the system lets this process have open; `None` where it does not say, or sets no limit.
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
