//! Any bytes for a body and any text for a query: an answer that keeps to the contract, and never a fault of the server.

use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use rstest::rstest;
use tokio::runtime::Runtime;

use crate::{
    forge,
    http::Request,
    scene::Scene,
    support::{
        Backend::{self, Postgres, SqliteMemory},
        contract::check_response,
    },
    world::World,
};

const CASES: u32 = 96;

/// Runs a property against one server.
fn hold<T: std::fmt::Debug>(
    backend: Backend,
    strategy: impl Strategy<Value = T>,
    requests: impl Fn(&Scene, T) -> Vec<Request>,
) {
    let runtime = Runtime::new().unwrap();
    let (world, scene) = runtime.block_on(async {
        let world = World::start(backend).await;
        let scene = Scene::set(&world, "demo", "alice").await;
        (world, scene)
    });
    let token = forge::full_token("demo", "alice");
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&strategy, |value| {
        for request in requests(&scene, value) {
            let request = request.token(&token);
            let answer = runtime.block_on(world.send_unchecked(&request));
            if answer.status >= 500 {
                return Err(TestCaseError::fail(answer.text()));
            }
            check_response(
                &request.method,
                &request.target,
                answer.status,
                &answer.headers,
                &answer.body,
            )
            .map_err(TestCaseError::fail)?;
        }
        Ok(())
    });
    // The server and what it stands on end while their runtime still runs.
    runtime.block_on(async { drop(world) });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Bytes, texts, and what looks like JSON from afar and often from near.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(r#""id""#.to_owned()),
        Just(r#""user""#.to_owned()),
        Just(r#""object""#.to_owned()),
        Just(r#""paymentMethod""#.to_owned()),
        Just(r#""pm_card_visa""#.to_owned()),
        Just(r#""alice""#.to_owned()),
        Just("null".to_owned()),
        Just("-1e9".to_owned()),
        Just(r#""\ud83d""#.to_owned()),
        "\"\\PC{0,8}\"",
    ];
    let mark = prop_oneof![
        Just(":"),
        Just(","),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(" ")
    ];
    let jumble = prop::collection::vec((word, mark), 0..12).prop_map(|parts| {
        let words: Vec<String> = parts.into_iter().map(|(word, mark)| word + mark).collect();
        format!("{{{}}}", words.concat()).into_bytes()
    });
    let value = prop_oneof![
        any::<String>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
        prop::collection::vec(any::<String>(), 0..3).prop_map(serde_json::Value::from),
        Just(serde_json::Value::from("alice")),
        Just(serde_json::Value::from("pm_1")),
    ];
    let name = prop_oneof![
        Just("id".to_owned()),
        Just("user".to_owned()),
        Just("object".to_owned()),
        any::<String>(),
    ];
    let object = prop::collection::btree_map(name, value, 0..5)
        .prop_map(|members| serde_json::to_vec(&members).unwrap_or_default());
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        any::<String>().prop_map(String::into_bytes),
        jumble,
        object,
    ]
}

#[rstest]
fn any_body_is_answered(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let targets = [
        "/projects/demo/paymentMethods",
        "/projects/demo/setupIntents",
        "/v1/account/payment-methods",
        "/v1/account/tax",
        "/v1/account/setup-intent",
    ];
    hold(backend, body(), |_, body| {
        targets
            .iter()
            .map(|target| Request::post(*target, body.as_slice()))
            .collect()
    });
}

/// Parameters, right and nearly right, and whatever else a URL may carry.
fn query() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => prop::sample::select(vec!["limit", "user", "type", "after", "before"]).prop_map(str::to_owned),
        1 => any::<String>().prop_map(|text| escaped(text.as_bytes())),
        1 => "[a-zA-Z0-9%\\[\\]._~!$'()*+,;:@/?-]{0,10}",
    ];
    let value = prop_oneof![
        2 => prop::sample::select(vec!["1", "200", "201", "card", "card,applePay", "alice", "{saved}", "{deleted}", "pm_x", ""])
            .prop_map(str::to_owned),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| escaped(&bytes)),
        1 => "[a-zA-Z0-9%\\[\\]._~!$'()*+,;:@/?-]{0,10}",
    ];
    let sign = prop_oneof![5 => Just("="), 1 => Just(""), 1 => Just("==")];
    let parameter = (name, sign, value).prop_map(|(name, sign, value)| format!("{name}{sign}{value}"));
    let ampersand = prop_oneof![8 => Just("&"), 1 => Just(";"), 1 => Just("&&")];
    (prop::collection::vec(parameter, 0..6), ampersand)
        .prop_map(|(parameters, between)| parameters.join(between))
}

fn escaped(bytes: &[u8]) -> String {
    let escaped: Vec<String> = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
    escaped.concat()
}

#[rstest]
fn any_query_is_answered(#[values(SqliteMemory, Postgres)] backend: Backend) {
    hold(backend, query(), |scene, query| {
        let query = query
            .replace("{saved}", &scene.saved)
            .replace("{deleted}", &scene.deleted);
        vec![Request::get(format!("/projects/demo/paymentMethods?{query}"))]
    });
}
