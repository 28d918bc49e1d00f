//! The grammar of the list's parameters, as a table.

use rstest::rstest;

use crate::{
    forge,
    http::{Answer, Request},
    scene::Scene,
    support::Backend::{self, Postgres, SqliteMemory},
    world::World,
};

/// Queries that are good.
const GOOD: [&str; 27] = [
    "",
    "?",
    "?&&",
    "?limit=0",
    "?limit=1",
    "?limit=200",
    "?limit=007",
    "?limit=%31%30",
    "?%6cimit=10",
    "?type=card",
    "?type=applePay",
    "?type=googlePay",
    "?type=card,applePay,googlePay",
    "?type=card%2CapplePay",
    "?type=card&type=googlePay",
    "?type=card,applePay&type=googlePay",
    "?type=card,card&type=card",
    "?user=alice",
    "?user=nobody",
    "?user=A-Z_0-9",
    "?after={saved}",
    "?before={saved}",
    "?after={deleted}",
    "?before={deleted}",
    "?user=nobody&after={saved}",
    "?type=applePay&before={deleted}",
    "?limit=200&user=alice&type=card&after={waiting}",
];

/// Queries that are not, and what is wrong with each: properties and codes, sorted.
const BAD: [(&str, &[(&str, &str)]); 66] = [
    ("?limit=", &[("limit", INVALID)]),
    ("?limit", &[("limit", INVALID)]),
    ("?limit=201", &[("limit", INVALID)]),
    ("?limit=256", &[("limit", INVALID)]),
    ("?limit=-1", &[("limit", INVALID)]),
    ("?limit=-0", &[("limit", INVALID)]),
    ("?limit=+1", &[("limit", INVALID)]),
    ("?limit=%2B1", &[("limit", INVALID)]),
    ("?limit=1.0", &[("limit", INVALID)]),
    ("?limit=1e1", &[("limit", INVALID)]),
    ("?limit=0x10", &[("limit", INVALID)]),
    ("?limit=1_0", &[("limit", INVALID)]),
    ("?limit=1,0", &[("limit", INVALID)]),
    ("?limit=%2010", &[("limit", INVALID)]),
    ("?limit=10%20", &[("limit", INVALID)]),
    ("?limit=10%00", &[("limit", INVALID)]),
    ("?limit=10%0A", &[("limit", INVALID)]),
    ("?limit=%D9%A1%D9%A0", &[("limit", INVALID)]),
    ("?limit=%EF%BC%91", &[("limit", INVALID)]),
    ("?limit=ten", &[("limit", INVALID)]),
    ("?limit=null", &[("limit", INVALID)]),
    ("?limit=true", &[("limit", INVALID)]),
    ("?limit=[]", &[("limit", INVALID)]),
    ("?limit=99999999999999999999999999", &[("limit", INVALID)]),
    ("?limit=1&limit=1", &[("limit", INVALID)]),
    ("?limit=1&%6Cimit=2", &[("limit", INVALID)]),
    ("?limit[]=1", &[("limit[]", UNKNOWN)]),
    ("?Limit=1", &[("Limit", UNKNOWN)]),
    ("?limit%20=1", &[("limit ", UNKNOWN)]),
    ("?limit%00=1", &[("limit", UNKNOWN)]),
    ("?type=", &[("type", INVALID)]),
    ("?type", &[("type", INVALID)]),
    ("?type=Card", &[("type", INVALID)]),
    ("?type=card,", &[("type", INVALID)]),
    ("?type=,card", &[("type", INVALID)]),
    ("?type=card,,card", &[("type", INVALID)]),
    ("?type=card%20", &[("type", INVALID)]),
    ("?type=card;applePay", &[("type", INVALID)]),
    ("?type=card&type=", &[("type", INVALID)]),
    ("?type=card&type=sepaDebit", &[("type", INVALID)]),
    ("?type=apple_pay", &[("type", INVALID)]),
    ("?type=%ff", &[("type", INVALID)]),
    ("?type=null", &[("type", INVALID)]),
    ("?type[]=card", &[("type[]", UNKNOWN)]),
    ("?user=", &[("user", INVALID)]),
    ("?user", &[("user", INVALID)]),
    ("?user=al+ice", &[("user", INVALID)]),
    ("?user=alice%00", &[("user", INVALID)]),
    ("?user=alice,bob", &[("user", INVALID)]),
    ("?user=alice&user=alice", &[("user", INVALID)]),
    ("?user=%27%20OR%201=1--", &[("user", INVALID)]),
    ("?user=..%2Fbob", &[("user", INVALID)]),
    ("?user=%ED%A0%80", &[("user", INVALID)]),
    ("?after=", &[("after", INVALID)]),
    ("?before=", &[("before", INVALID)]),
    ("?after=pm_never", &[("after", INVALID)]),
    ("?before=pm_never", &[("before", INVALID)]),
    ("?after=pm-1", &[("after", INVALID)]),
    ("?before=%00", &[("before", INVALID)]),
    ("?after={saved}&after={saved}", &[("after", INVALID)]),
    ("?after={setup_intent}", &[("after", INVALID)]),
    ("?after={saved}&before={saved}", &[("before", INVALID)]),
    ("?page=2", &[("page", UNKNOWN)]),
    ("?=1", &[("", UNKNOWN)]),
    (
        "?limit=x&page=2&user=&type=x&after=pm-1",
        &[
            ("after", INVALID),
            ("limit", INVALID),
            ("page", UNKNOWN),
            ("type", INVALID),
            ("user", INVALID),
        ],
    ),
    (
        "?limit=1&limit=2&user=a&user=b&before=-&__proto__=x",
        &[
            ("__proto__", UNKNOWN),
            ("before", INVALID),
            ("limit", INVALID),
            ("user", INVALID),
        ],
    ),
];

const INVALID: &str = "propertyInvalid";
const UNKNOWN: &str = "propertyUnknown";

/// What is wrong with a query: properties and codes, sorted.
type Faults<'a> = &'a [(&'a str, &'a str)];

/// A list, and what stands for the names in the queries.
struct List<'a> {
    world: &'a World,
    path: &'static str,
    token: String,
    names: [(&'static str, String); 4],
}

impl List<'_> {
    async fn ask(&self, query: &str) -> Answer {
        let filled = self
            .names
            .iter()
            .fold(query.to_owned(), |query, (placeholder, name)| {
                query.replace(placeholder, name)
            });
        let target = format!("{}{filled}", self.path);
        self.world.send(&Request::get(target).token(&self.token)).await
    }

    async fn takes<'q>(&self, queries: impl IntoIterator<Item = &'q str>) {
        for query in queries {
            let answer = self.ask(query).await;
            assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        }
    }

    async fn refuses<'q>(&self, queries: impl IntoIterator<Item = (&'q str, Faults<'q>)>) {
        for (query, faults) in queries {
            let answer = self.ask(query).await;
            assert_eq!(answer.status, 422, "{query}: {}", answer.text());
            let mut found = answer.details();
            assert_eq!(answer.json()["code"], found[0].1, "{query}");
            found.sort();
            let faults: Vec<_> = faults
                .iter()
                .map(|(property, code)| ((*property).to_owned(), (*code).to_owned()))
                .collect();
            assert_eq!(found, faults, "{query}");
        }
    }

    /// Refuses what is too long, of the parameters that every list has.
    async fn refuses_what_is_too_long(&self) {
        let longest_name = "x".repeat(64);
        let long = [
            (format!("?user={}", "u".repeat(65)), "user", INVALID),
            (format!("?user={}", "u".repeat(8_000)), "user", INVALID),
            (format!("?after={}", "p".repeat(256)), "after", INVALID),
            (format!("?limit={}", "1".repeat(1_000)), "limit", INVALID),
            (format!("?{}=1", "x".repeat(64)), &longest_name, UNKNOWN),
            (format!("?{}=1", "x".repeat(8_000)), &longest_name, UNKNOWN),
        ];
        for (query, property, code) in &long {
            self.refuses([(query.as_str(), &[(*property, *code)][..])]).await;
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_list_takes_its_grammar_and_nothing_else(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let before = world.snapshot().await;
    let list = List {
        world: &world,
        path: "/projects/demo/paymentMethods",
        token: forge::full_token("demo", "backend"),
        names: [
            ("{saved}", scene.saved),
            ("{deleted}", scene.deleted),
            ("{waiting}", scene.waiting),
            ("{setup_intent}", scene.setup_intent),
        ],
    };
    list.takes(GOOD).await;
    list.refuses(BAD).await;
    list.refuses_what_is_too_long().await;
    let many_types = format!("?type={}", "card,".repeat(1_000));
    list.refuses([(many_types.as_str(), &[("type", INVALID)][..])])
        .await;
    before.assert_untouched(&world.snapshot().await);
}

/// Whether a query is about what only the list of payment methods has.
fn of_types(query: &str) -> bool {
    query.contains("type")
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_takes_the_same_grammar_and_its_own_filter(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let token = forge::full_token("demo", "backend");
    let path = "/projects/demo/auditEvents";
    let answer = world.send(&Request::get(path).token(&token)).await.expect(200);
    let event = |index: usize| answer.json()["items"][index]["id"].as_str().unwrap().to_owned();
    let list = List {
        world: &world,
        path,
        token,
        names: [
            ("{saved}", event(0)),
            ("{deleted}", event(1)),
            ("{waiting}", event(2)),
            // What is no event is none, whatever else it is.
            ("{setup_intent}", scene.setup_intent),
        ],
    };
    let before = world.snapshot().await;
    list.takes(GOOD.into_iter().filter(|query| !of_types(query)))
        .await;
    list.refuses(BAD.into_iter().filter(|(query, _)| !of_types(query)))
        .await;
    list.refuses_what_is_too_long().await;
    list.takes([
        "?action=paymentMethod.create",
        "?action=setupIntent.create&user=alice&limit=1",
        "?action=never.heard.of",
        "?action=keys.rotate&after={saved}",
    ])
    .await;
    let too_long = format!("?action={}", "a".repeat(65));
    for wrong in [
        "?action=",
        "?action",
        "?action=a,b",
        "?action=paymentMethod.create%20",
        "?action=payment_method",
        "?action=%00",
        "?action=a&action=a",
        &too_long,
    ] {
        list.refuses([(wrong, &[("action", INVALID)][..])]).await;
    }
    list.refuses([
        ("?type=card", &[("type", UNKNOWN)][..]),
        ("?object=paymentMethod", &[("object", UNKNOWN)]),
    ])
    .await;
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_other_routes_take_no_parameters_and_mind_none(
    #[values(SqliteMemory, Postgres)] backend: Backend,
) {
    let world = World::start(backend).await;
    Scene::set(&world, "demo", "alice").await;
    let token = forge::full_token("demo", "alice");
    let before = world.snapshot().await;
    for query in ["?limit=x", "?user=bob", "?%00=%ff", "?page=1&page=2", "?type="] {
        let request = Request::get(format!("/v1/account/payment-methods{query}")).token(&token);
        let answer = world.send(&request).await.expect(200);
        assert_eq!(answer.json().as_array().map(Vec::len), Some(1), "{query}");
        world
            .send(&Request::get(format!("/health/live{query}")))
            .await
            .expect(200);
    }
    before.assert_untouched(&world.snapshot().await);
}
