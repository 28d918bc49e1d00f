//! A good token, brought in every way: where it may stand, and how it may be written.

use rstest::rstest;

use crate::{
    corpus::{
        Answers,
        forge::{claims, token},
    },
    http::Request,
    scene::Scene,
    support::Backend::{self, Postgres, SqliteMemory},
    token_corpus::{faults, refusals},
    world::World,
};

const DONE: Answers = [200, 201, 200, 201];
const NOBODY: Answers = [401; 4];

/// How a token is brought.
struct Transport {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
    query: Option<&'static str>,
    answers: Answers,
}

fn headers(name: &'static str, headers: Vec<(&'static str, String)>, answers: Answers) -> Transport {
    Transport {
        name,
        headers,
        query: None,
        answers,
    }
}

fn value(name: &'static str, value: impl Into<String>, answers: Answers) -> Transport {
    headers(name, vec![("Authorization", value.into())], answers)
}

fn elsewhere(header: &'static str, good: &str) -> Transport {
    headers(header, vec![(header, format!("Bearer {good}"))], NOBODY)
}

fn in_url(parameter: &'static str) -> Transport {
    Transport {
        name: parameter,
        headers: Vec::new(),
        query: Some(parameter),
        answers: NOBODY,
    }
}

fn cases(good: &str) -> Vec<Transport> {
    let bearer = format!("Bearer {good}");
    let authorization = |value: &str| ("Authorization", value.to_owned());
    vec![
        headers("no header", vec![], NOBODY),
        headers(
            "the header twice",
            vec![authorization(&bearer), authorization(&bearer)],
            NOBODY,
        ),
        headers(
            "a good header and a bad one",
            vec![authorization(&bearer), authorization("Bearer x")],
            NOBODY,
        ),
        headers(
            "a bad header and a good one",
            vec![authorization("Bearer x"), authorization(&bearer)],
            NOBODY,
        ),
        headers(
            "Basic and a good one",
            vec![authorization("Basic Zm9vOmJhcg=="), authorization(&bearer)],
            NOBODY,
        ),
        headers(
            "an empty header and a good one",
            vec![authorization(""), authorization(&bearer)],
            NOBODY,
        ),
        value("as it should be", bearer.as_str(), DONE),
        headers(
            "the name in lower case",
            vec![("authorization", bearer.clone())],
            DONE,
        ),
        headers(
            "the name in capitals",
            vec![("AUTHORIZATION", bearer.clone())],
            DONE,
        ),
        value("the scheme in lower case", format!("bearer {good}"), DONE),
        value("the scheme in capitals", format!("BEARER {good}"), DONE),
        value("more spaces", format!("Bearer    {good}"), DONE),
        value("spaces behind", format!("Bearer {good}   "), DONE),
        value("spaces before", format!("   Bearer {good}"), DONE),
        value("empty", "", NOBODY),
        value("the scheme alone", "Bearer", NOBODY),
        value("the scheme and a space", "Bearer ", NOBODY),
        value("no scheme", good, NOBODY),
        value("Basic", "Basic Zm9vOmJhcg==", NOBODY),
        value("as Basic", format!("Basic {good}"), NOBODY),
        value("as DPoP", format!("DPoP {good}"), NOBODY),
        value("as Token", format!("Token {good}"), NOBODY),
        value("a longer scheme", format!("Bearers {good}"), NOBODY),
        value("no space", format!("Bearer{good}"), NOBODY),
        value("a tab", format!("Bearer\t{good}"), NOBODY),
        value("a space and a tab", format!("Bearer \t{good}"), NOBODY),
        value("a no-break space", format!("Bearer\u{a0}{good}"), NOBODY),
        value("a colon", format!("Bearer: {good}"), NOBODY),
        value("an equals sign", format!("Bearer={good}"), NOBODY),
        value("quotes", format!("Bearer \"{good}\""), NOBODY),
        value("angle brackets", format!("Bearer <{good}>"), NOBODY),
        value("the scheme twice", format!("Bearer Bearer {good}"), NOBODY),
        value("two by a comma", format!("Bearer {good}, Bearer {good}"), NOBODY),
        value("two by a space", format!("Bearer {good} {good}"), NOBODY),
        value("parameters", format!("Bearer {good}; realm=x"), NOBODY),
        value("a tail", format!("Bearer {good}="), NOBODY),
        value(
            "a letter beyond ASCII in the scheme",
            format!("B\u{e9}arer {good}"),
            NOBODY,
        ),
        value("an API key of nobody", "Bearer bfk_0123456789abcdef", NOBODY),
        value("no token", "Bearer x", NOBODY),
        value("null", "Bearer null", NOBODY),
        value("undefined", "Bearer undefined", NOBODY),
        value("8 KB", format!("Bearer {}", "a".repeat(8 * 1024)), NOBODY),
        value("64 KB", format!("Bearer {}", "a.".repeat(32 * 1024)), NOBODY),
        elsewhere("X-Authorization", good),
        elsewhere("Proxy-Authorization", good),
        elsewhere("X-Forwarded-Authorization", good),
        elsewhere("X-Access-Token", good),
        elsewhere("Cookie", good),
        headers(
            "in a cookie",
            vec![("Cookie", format!("access_token={good}"))],
            NOBODY,
        ),
        in_url("access_token"),
        in_url("token"),
        in_url("authorization"),
        in_url("bearer_token"),
        in_url("jwt"),
    ]
}

fn ask(transport: &Transport, good: &str, probe: Request) -> Request {
    let mut request = probe;
    if let Some(parameter) = transport.query {
        request.target = format!("{}?{parameter}={good}", request.target);
    }
    for (name, value) in &transport.headers {
        request = request.header(name, value.as_str());
    }
    request
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_from_one_header_in_one_form(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    Scene::set(&world, "demo", "alice").await;
    let good = token(&claims());
    let refusals = refusals(&world).await;
    let (idle, able): (Vec<_>, Vec<_>) = cases(&good)
        .into_iter()
        .partition(|transport| transport.answers == NOBODY);
    let before = world.snapshot().await;
    let mut wrong = Vec::new();
    for transport in &idle {
        let asked = |probe| ask(transport, &good, probe);
        wrong.extend(faults(&world, &refusals, transport.name, transport.answers, asked).await);
    }
    before.assert_untouched(&world.snapshot().await);
    for transport in &able {
        let asked = |probe| ask(transport, &good, probe);
        wrong.extend(faults(&world, &refusals, transport.name, transport.answers, asked).await);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
