//! Requests that two readers could read differently: straight to an instance, and behind nginx and haproxy.

use std::{collections::BTreeMap, net::SocketAddr};

use crate::{
    TortureError,
    database::DatabaseKind,
    edge::{
        proxies::{Kind, Passed, Proxy},
        smuggled::{Case, Meant, all},
        wire::{Answer, answers, converse},
        witness,
    },
    judge::{Invariant, Violation},
    platform::{Platform, Run, Serving},
    program::quiet_port,
    report::Outcome,
};

/// Tells of each answered request, with what its sender calls it.
const LOG: &str = "warn,billfold_server::request_id=debug,actix_server=error";

/// What one case came to on one way.
struct Tried<'a> {
    way: &'static str,
    case: &'a Case,
    names: Names,
    /// On the connection that the case was sent on.
    answers: Vec<Answer>,
    /// To someone else, afterwards.
    to_another: Vec<Answer>,
}

/// What the requests of a case call themselves.
struct Names {
    outer: String,
    inner: String,
    /// A plain request that follows on the same connection.
    next: String,
    /// A plain request of someone else, on a connection of their own.
    another: String,
}

impl Names {
    fn of(way: &str, number: usize) -> Self {
        let name = |role: &str| format!("{way}-{number}-{role}");
        Self {
            outer: name("outer"),
            inner: name("inner"),
            next: name("next"),
            another: name("another"),
        }
    }
}

pub(super) async fn run(run: &Run, kind: DatabaseKind) -> Result<Outcome, TortureError> {
    let serving = Serving {
        more: vec!["--log-format=json".to_owned()],
        log: Some(LOG),
    };
    let mut platform = Platform::start_serving(run, kind, false, serving).await?;
    let port = platform.instances[0].port;
    let direct = SocketAddr::from(([127, 0, 0, 1], port));
    let mut chance = run.chance(43);
    let nginx = Proxy::start(Kind::Nginx, quiet_port(&mut chance)?, port).await?;
    let haproxy = Proxy::start(Kind::Haproxy, quiet_port(&mut chance)?, port).await?;
    let cases = all();
    // The ways beside each other; on one way, one case after the other, so that what one leaves behind meets the next.
    let (straight, by_nginx, by_haproxy) = tokio::join!(
        walk("direct", direct, &cases),
        walk(nginx.kind().name(), nginx.address, &cases),
        walk(haproxy.kind().name(), haproxy.address, &cases),
    );
    platform.all_ready().await?;
    // What the proxies and the instance tell comes by pipes.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let seen = witness::requests(&platform.instances[0].log());
    let mut violations = Vec::new();
    let mut showed = Vec::new();
    let tried = straight.len();
    for (outcome, passed) in [
        (straight, None),
        (by_nginx, Some(nginx.passed())),
        (by_haproxy, Some(haproxy.passed())),
    ] {
        let way = outcome.first().map_or("", |tried| tried.way);
        let mut of_way = 0;
        for tried in &outcome {
            let complaint = judge(tried, passed.as_ref(), &seen);
            violations.extend(complaint.into_iter().map(|what| {
                Violation::new(
                    Invariant::Desynchronised,
                    format!("{way}, {}: {what}", tried.case.name),
                )
            }));
            let names = [
                &tried.names.outer,
                &tried.names.inner,
                &tried.names.next,
                &tried.names.another,
            ];
            of_way += names
                .iter()
                .filter_map(|name| seen.get(*name))
                .map(Vec::len)
                .sum::<usize>();
        }
        let meant = passed.map_or_else(String::new, |passed| {
            let of_cases: usize = passed.values().map(|passed| passed.answered).sum();
            format!(", {of_cases} passed on and answered")
        });
        showed.push(format!("{way}: {of_way} requests seen{meant}"));
    }
    Ok(Outcome {
        load: format!(
            "{tried} cases on each of 3 ways: direct, nginx, haproxy; after each, the next request on the connection and one of someone else"
        ),
        showed,
        violations,
        complaints: Vec::new(),
    })
}

/// Tries every case on one way.
async fn walk<'a>(way: &'static str, address: SocketAddr, cases: &'a [Case]) -> Vec<Tried<'a>> {
    let mut outcome = Vec::with_capacity(cases.len());
    for (number, case) in cases.iter().enumerate() {
        let names = Names::of(way, number);
        let plain = |name: &str| {
            format!(
                "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: {name}\r\n\r\n"
            )
        };
        let bytes = case.bytes(&names.outer, &names.inner);
        let (next, another) = (plain(&names.next), plain(&names.another));
        let received = converse(address, &[&bytes, next.as_bytes()]).await;
        let to_another = converse(address, &[another.as_bytes()]).await;
        outcome.push(Tried {
            way,
            case,
            names,
            answers: answers(&received),
            to_another: answers(&to_another),
        });
    }
    outcome
}

/// What is wrong about a case, if anything.
fn judge(
    tried: &Tried<'_>,
    passed: Option<&BTreeMap<String, Passed>>,
    seen: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let Names {
        outer,
        inner,
        next,
        another,
    } = &tried.names;
    let times = |name: &String| seen.get(name).map_or(0, Vec::len);
    let mut wrong = Vec::new();
    if let Some(passed) = passed {
        // Who stands in front decides what is a request. The instance must see these and no others.
        for name in [outer, inner, next, another] {
            let of_name = passed.get(name).copied().unwrap_or_default();
            if times(name) > of_name.all || times(name) < of_name.answered {
                wrong.push(format!(
                    "{name} was passed on {of_name:?} and seen {} times",
                    times(name)
                ));
            }
        }
    } else {
        let most = |meant: Meant| match meant {
            Meant::Nothing => [0, 0, 0],
            Meant::Broken => [1, 0, 0],
            Meant::Outer => [1, 0, 1],
            Meant::Both => [1, 1, 1],
        };
        let most = most(tried.case.meant);
        if [outer, inner, next]
            .into_iter()
            .zip(most)
            .any(|(name, most)| times(name) > most)
        {
            wrong.push(format!(
                "it means {:?}; the outer request was seen {} times, the hidden one {}, the next {}",
                tried.case.meant,
                times(outer),
                times(inner),
                times(next)
            ));
        }
        if tried.case.meant == Meant::Both && times(inner) != 1 && times(outer) == 1 {
            wrong.push("the second of two good requests was not seen".to_owned());
        }
    }
    // Every answer is for one of the requests of its own connection, and they come in the order of the requests.
    let order: Vec<&String> = [outer, inner, next]
        .into_iter()
        .filter_map(|name| seen.get(name))
        .flatten()
        .collect();
    let heard: Vec<&String> = tried
        .answers
        .iter()
        .filter_map(|answer| answer.request_id.as_ref())
        .collect();
    let mut left = order.iter();
    if !heard.iter().all(|id| left.any(|one| one == id)) {
        wrong.push(format!("the answers {heard:?} are not those of {order:?}"));
    }
    // Someone else gets the answer to what they asked, and nothing more.
    let [answer] = &tried.to_another[..] else {
        wrong.push(format!("someone else got {:?}", tried.to_another));
        return wrong;
    };
    if answer.status != 200
        || seen
            .get(another)
            .is_none_or(|ids| Some(&ids[0]) != answer.request_id.as_ref())
    {
        wrong.push(format!("someone else got {answer:?}, which is not theirs"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One case of this meaning, where these were seen and answered so.
    fn judged(meant: Meant, seen: &[(&str, &str)], heard: &[&str], to_another: &[&str]) -> Vec<String> {
        let cases = all();
        let case = cases.iter().find(|case| case.meant == meant);
        let answers = |ids: &[&str]| {
            let answer = |id: &&str| Answer {
                status: 200,
                request_id: Some((*id).to_owned()),
            };
            ids.iter().map(answer).collect()
        };
        let tried = Tried {
            way: "direct",
            case: case.expect("there is a case of each meaning"),
            names: Names::of("direct", 0),
            answers: answers(heard),
            to_another: answers(to_another),
        };
        let mut log: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (role, id) in seen {
            log.entry(format!("direct-0-{role}"))
                .or_default()
                .push((*id).to_owned());
        }
        judge(&tried, None, &log)
    }

    #[test]
    fn what_is_as_it_should_be_is_no_complaint() {
        let another = ("another", "req_9");
        assert_eq!(
            judged(Meant::Nothing, &[another], &[], &["req_9"]),
            Vec::<String>::new()
        );
        let both = [("outer", "req_1"), ("inner", "req_2"), ("next", "req_3"), another];
        let heard = ["req_1", "req_2", "req_3"];
        assert_eq!(
            judged(Meant::Both, &both, &heard, &["req_9"]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_is_hidden_must_stay_so_and_each_answer_be_for_who_asked() {
        let another = ("another", "req_9");
        let hidden = [("outer", "req_1"), ("inner", "req_2"), another];
        assert_eq!(
            judged(Meant::Outer, &hidden, &["req_1", "req_2"], &["req_9"]).len(),
            1
        );
        let refused = [("outer", "req_1"), another];
        assert_eq!(judged(Meant::Nothing, &refused, &[], &["req_9"]).len(), 1);
        let turned = [("outer", "req_1"), ("next", "req_3"), another];
        assert_eq!(
            judged(Meant::Outer, &turned, &["req_3", "req_1"], &["req_9"]).len(),
            1
        );
        assert_eq!(judged(Meant::Nothing, &[another], &[], &["req_1"]).len(), 1);
        assert_eq!(
            judged(Meant::Nothing, &[another], &[], &["req_9", "req_9"]).len(),
            1
        );
        assert_eq!(judged(Meant::Nothing, &[another], &[], &[]).len(), 1);
    }
}
