//! An hour of traffic, and whether the metrics say of it what clients and Stripe counted.
//!
//! The quick form asks for the same without the waits between.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use reqwest::Client;
use tokio::task::JoinSet;

use crate::{
    TortureError,
    database::DatabaseKind,
    hour::{Ask, Script, Tally},
    judge::{Invariant, Violation},
    metrics::Series,
    platform::{Platform, Run, Serving},
    program::Instance,
    report::Outcome,
    sandbox::Fault,
};

/// An hour, at a request a second.
const SECONDS: usize = 3_600;

/// How many requests are under way at once, where nobody waits between them.
const AT_ONCE: usize = 12;

/// The longest wait until nothing counts any more.
const COME_TO_REST: Duration = Duration::from_mins(2);

/// What goes wrong at Stripe meanwhile.
const FAULTS: [Fault; 3] = [
    Fault {
        kind: "rate_limit_429",
        probability: 0.03,
        milliseconds: 0,
    },
    Fault {
        kind: "error_500_before",
        probability: 0.02,
        milliseconds: 0,
    },
    Fault {
        kind: "reset",
        probability: 0.02,
        milliseconds: 0,
    },
];

/// What nobody here counts: whoever started the instances asked until they were ready.
const NOT_COUNTED: &str = "getReadiness,";

pub(super) async fn run(run: &Run, kind: DatabaseKind) -> Result<Outcome, TortureError> {
    let arguments = [
        "--metrics-listen",
        "127.0.0.1:0",
        "--rate-limit-user",
        "20",
        "--rate-limit-setup-intents",
        "5",
    ];
    let serving = Serving {
        more: arguments.map(str::to_owned).to_vec(),
        log: Some("warn,actix_server=error,billfold_server::cli::metrics=info"),
    };
    let mut platform = Platform::start_serving(run, kind, false, serving).await?;
    let instances = platform.instances.iter();
    let addresses = instances
        .map(Instance::metrics_address)
        .collect::<Result<Vec<_>, _>>()?;
    let cards = platform.make_cards(SECONDS / 7, &mut run.chance(23)).await?;
    platform.sandbox.reset_calls().await?;
    platform.sandbox.add_faults(&FAULTS).await?;
    let began = Instant::now();
    let tally = ask_for_an_hour(run, &platform, cards).await?;
    let under_load = began.elapsed();
    let struck = platform.sandbox.struck().await?;
    platform.sandbox.end_faults().await?;
    platform.clients.expect_no_faults();
    let (open, _) = platform.settle().await?;
    let (series, calls) = at_rest(&platform, &addresses).await?;
    let mut judge = Judge::default();
    judge.judge(&tally, &series, &calls);
    let limited = outcomes(&series).get("rate_limited").copied().unwrap_or_default();
    let refused = struck.get("rate_limit_429").copied().unwrap_or_default();
    judge.hold_one("calls that Stripe refused as too many", refused, limited);
    judge.hold_one(
        "open operations",
        open.len() as u64,
        series.total("billfold_open_operations"),
    );
    judge.tried(&tally, &series);
    let statuses: Vec<String> = tally
        .by_status()
        .iter()
        .map(|(status, count)| format!("{count} × {status}"))
        .collect();
    Ok(Outcome {
        load: format!(
            "{} requests of an hour in {:.0} s, {}",
            tally.total(),
            under_load.as_secs_f64(),
            kind.instances_in_words()
        ),
        showed: vec![
            format!("clients counted {}", statuses.join(", ")),
            format!(
                "{} calls at Stripe, {} faults; {} webhooks; {} refusals; {} answers given again",
                calls.values().sum::<u64>(),
                struck.values().sum::<u64>(),
                tally.webhooks.values().sum::<u64>(),
                tally.refusals.values().sum::<u64>(),
                tally.replays
            ),
            format!("{} counts compared, {} differ", judge.compared, judge.differ),
        ],
        violations: judge.violations,
        complaints: platform.complaints(),
    })
}

/// Asks for an hour's traffic, each answer counted.
async fn ask_for_an_hour(
    run: &Run,
    platform: &Platform,
    cards: Vec<crate::clients::Stock>,
) -> Result<Tally, TortureError> {
    let mut script = Script::new(&platform.clients, &platform.tenants, cards, run.chance(24));
    let ports: Vec<u16> = platform.instances.iter().map(|instance| instance.port).collect();
    let tally = Arc::new(Mutex::new(Tally::default()));
    let http = platform.http_client();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut at_work: JoinSet<Result<(), TortureError>> = JoinSet::new();
    let mut next_port = 0;
    for _ in 0..SECONDS {
        if run.long {
            second.tick().await;
        }
        for ask in script.next() {
            while at_work.len() >= AT_ONCE {
                if let Some(done) = at_work.join_next().await {
                    done??;
                }
            }
            let port = ports[next_port % ports.len()];
            next_port += 1;
            let (http, tally) = (http.clone(), Arc::clone(&tally));
            at_work.spawn(async move { send(&http, port, &ask, &tally).await });
        }
    }
    while let Some(done) = at_work.join_next().await {
        done??;
    }
    Ok(std::mem::take(&mut tally.lock()))
}

async fn send(http: &Client, port: u16, ask: &Ask, tally: &Mutex<Tally>) -> Result<(), TortureError> {
    let address = format!("http://127.0.0.1:{port}{}", ask.path);
    let mut request = http.request(ask.method.clone(), address);
    if let Some(token) = &ask.token {
        request = request.bearer_auth(token);
    }
    if let Some(key) = &ask.key {
        request = request.header("Idempotency-Key", key);
    }
    if let Some(signature) = &ask.signature {
        request = request.header("Stripe-Signature", signature);
    }
    if let Some(body) = &ask.body {
        request = request
            .header("Content-Type", "application/json")
            .body(body.clone());
    }
    let answer = request.send().await?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    answer.bytes().await?;
    tally.lock().hear(ask, status, &headers);
    Ok(())
}

/// What the instances tell, and what Stripe counted by endpoint, once neither counts on.
async fn at_rest(
    platform: &Platform,
    addresses: &[String],
) -> Result<(Series, BTreeMap<String, u64>), TortureError> {
    let http = platform.http_client();
    let began = Instant::now();
    let mut before = BTreeMap::new();
    loop {
        let series = Series::of(&http, addresses).await?;
        let calls = platform.sandbox.calls_by_endpoint().await?;
        let waits = series.by_labels("billfold_webhook_work");
        let waits = ["due", "postponed"]
            .iter()
            .any(|state| waits.contains_key(*state));
        if !waits && before == calls && stripe_calls(&series) == calls || began.elapsed() > COME_TO_REST {
            return Ok((series, calls));
        }
        before = calls;
        // Longer than an instance remembers what it read in the database.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
}

fn without_readiness(series: &Series) -> BTreeMap<String, u64> {
    let mut answers = series.by_labels("billfold_http_requests_total");
    answers.retain(|labels, _| !labels.starts_with(NOT_COUNTED));
    answers
}

/// Calls by endpoint that can have reached Stripe.
fn stripe_calls(series: &Series) -> BTreeMap<String, u64> {
    sum_by(series, |_, outcome| outcome != "not_sent", true)
}

/// Calls by endpoint, whether or not they left.
fn told_in_all(series: &Series) -> BTreeMap<String, u64> {
    sum_by(series, |_, _| true, true)
}

fn outcomes(series: &Series) -> BTreeMap<String, u64> {
    sum_by(series, |_, _| true, false)
}

fn sum_by(series: &Series, counts: impl Fn(&str, &str) -> bool, by_endpoint: bool) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (labels, count) in series.by_labels("billfold_stripe_calls_total") {
        let Some((endpoint, outcome)) = labels.rsplit_once(',') else {
            continue;
        };
        if counts(endpoint, outcome) {
            let name = if by_endpoint { endpoint } else { outcome };
            *sums.entry(name.to_owned()).or_default() += count;
        }
    }
    sums
}

/// Holds what one side counted against what the metrics say.
#[derive(Default)]
struct Judge {
    compared: usize,
    differ: usize,
    violations: Vec<Violation>,
}

impl Judge {
    /// Everything that clients heard, and everything that Stripe was asked.
    fn judge(&mut self, tally: &Tally, series: &Series, calls: &BTreeMap<String, u64>) {
        self.hold(
            "requests by operation and status",
            &tally.answers,
            &without_readiness(series),
        );
        let refusals = series.by_labels("billfold_rate_limit_refusals_total");
        self.hold("refusals by limit", &tally.refusals, &refusals);
        let webhooks = series.by_labels("billfold_webhooks_total");
        self.hold("webhooks by outcome", &tally.webhooks, &webhooks);
        let replays = series.total("billfold_idempotency_replays_total");
        self.hold_one("answers given again", tally.replays, replays);
        let requests = series.total("billfold_http_requests_total");
        let durations = series.total("billfold_http_request_duration_seconds_count");
        self.hold_one("durations of requests", requests, durations);
        self.hold("calls at Stripe by endpoint", calls, &stripe_calls(series));
        let durations = series.by_labels("billfold_stripe_call_duration_seconds_count");
        self.hold("durations of calls by endpoint", &told_in_all(series), &durations);
        let wrong = tally.wrong.iter();
        self.violations
            .extend(wrong.map(|what| Violation::new(Invariant::WrongAnswer, what.as_str())));
    }

    fn hold(&mut self, what: &str, counted: &BTreeMap<String, u64>, told: &BTreeMap<String, u64>) {
        let mut names: Vec<&String> = counted.keys().chain(told.keys()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let of = |side: &BTreeMap<String, u64>| side.get(name).copied().unwrap_or_default();
            self.hold_one(&format!("{what}: {name}"), of(counted), of(told));
        }
    }

    fn hold_one(&mut self, what: &str, counted: u64, told: u64) {
        self.compared += 1;
        if counted != told {
            self.differ += 1;
            let what = format!("{what}: {counted} were counted, and the metrics say {told}");
            self.violations
                .push(Violation::new(Invariant::MetricsDisagree, what));
        }
    }

    /// Agreement about nothing would be none.
    fn tried(&mut self, tally: &Tally, series: &Series) {
        let statuses = tally.by_status();
        for status in ["200", "201", "400", "401", "404", "405", "422", "429"] {
            if !statuses.contains_key(status) {
                let what = format!("nobody heard {status}");
                self.violations
                    .push(Violation::new(Invariant::NothingTried, what));
            }
        }
        let outcomes = outcomes(series);
        for outcome in ["ok", "card", "rate_limited", "unknown"] {
            if !outcomes.contains_key(outcome) {
                let what = format!("no call to Stripe ended {outcome}");
                self.violations
                    .push(Violation::new(Invariant::NothingTried, what));
            }
        }
        if tally.replays == 0 || tally.webhooks.len() < 3 || tally.refusals.len() < 2 {
            let what = format!(
                "{} replays, webhooks {:?}, refusals {:?}",
                tally.replays, tally.webhooks, tally.refusals
            );
            self.violations
                .push(Violation::new(Invariant::NothingTried, what));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_only_one_side_has_is_found() {
        let counts = |pairs: &[(&str, u64)]| {
            let pairs = pairs.iter().map(|(name, count)| ((*name).to_owned(), *count));
            pairs.collect::<BTreeMap<_, _>>()
        };
        let counted = counts(&[("same", 3), ("lost", 2), ("less", 5)]);
        let told = counts(&[("same", 3), ("invented", 1), ("less", 4)]);
        let mut judge = Judge::default();
        judge.hold("requests", &counted, &told);
        assert_eq!((judge.compared, judge.differ), (4, 3));
        let what: Vec<&str> = judge
            .violations
            .iter()
            .map(|violation| violation.what.as_str())
            .collect();
        assert_eq!(
            what,
            [
                "requests: invented: 0 were counted, and the metrics say 1",
                "requests: less: 5 were counted, and the metrics say 4",
                "requests: lost: 2 were counted, and the metrics say 0",
            ]
        );
    }
}
