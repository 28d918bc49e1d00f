//! Names in paths that name nothing, however they are written.

use rstest::rstest;

use crate::{
    forge,
    http::Request,
    scene::Scene,
    support::Backend::{self, Postgres, SqliteMemory},
    world::World,
};

/// Parts of a path that are well formed as such, and no object's or project's name.
fn bad_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "x",
        "0",
        "-1",
        "null",
        "true",
        "undefined",
        "NaN",
        "[]",
        "{}",
        "pm-1",
        "pm.1",
        "pm_1;v=1",
        "*",
        "..",
        ".",
        "%2e%2e",
        "%2e",
        "%00",
        "pm_1%00",
        "%0a",
        "%0d%0aSet-Cookie:%20a=b",
        "%1b%5b31m",
        "%7f",
        "%20",
        "pm_1%20",
        "+",
        "%2B",
        "%C3%A4",
        "%F0%9F%92%A5",
        "%ED%A0%80",
        "%ff",
        "%c0%80",
        "%FE%FF",
        "%",
        "%2",
        "%zz",
        "%25",
        "%2525",
        "%2F",
        "pm%2F1",
        "..%2F..%2Fetc%2Fpasswd",
        "%5C..%5C",
        "%2e%2e%2f%2e%2e%2f",
        "'",
        "%27%20OR%20'1'='1",
        "';--",
        "%3B%20DROP%20TABLE%20payment_methods",
        "$%7Bjndi:ldap:%7D",
        "%3Cscript%3E",
        "a,b",
        "a&b=c",
        "a=b",
        "~",
        "!",
        "@",
        "(",
        "|",
    ]
    .map(str::to_owned)
    .to_vec();
    names.extend([
        "a".repeat(256),
        "a".repeat(5_000),
        "%F0%9F%92%A5".repeat(500),
        "%2F".repeat(500),
    ]);
    names
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_can_be_none_names_nothing(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let token = forge::full_token("demo", "alice");
    let before = world.snapshot().await;
    for name in bad_names() {
        let cases = [
            (Request::get(format!("/projects/demo/paymentMethods/{name}")), 404),
            (
                Request::delete(format!("/projects/demo/paymentMethods/{name}")),
                404,
            ),
            (Request::get(format!("/projects/demo/setupIntents/{name}")), 404),
            (
                Request::delete(format!("/v1/account/payment-methods/{name}")),
                410,
            ),
            (Request::get(format!("/projects/{name}/paymentMethods")), 404),
            (
                Request::post(format!("/projects/{name}/paymentMethods"), "{}"),
                404,
            ),
            (
                Request::get(format!("/projects/{name}/paymentMethods/{}", scene.saved)),
                404,
            ),
            (
                Request::delete(format!("/projects/{name}/paymentMethods/{}", scene.saved)),
                404,
            ),
            (Request::post(format!("/projects/{name}/setupIntents"), "{}"), 404),
            (
                Request::get(format!("/projects/{name}/setupIntents/{}", scene.setup_intent)),
                404,
            ),
        ];
        for (request, status) in cases {
            let answer = world.send(&request.clone().token(&token)).await;
            assert_eq!(answer.status, status, "{} {}", request.method, request.target);
        }
    }
    before.assert_untouched(&world.snapshot().await);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn names_are_compared_as_they_are(#[values(SqliteMemory, Postgres)] backend: Backend) {
    let world = World::start(backend).await;
    let scene = Scene::set(&world, "demo", "alice").await;
    let token = forge::full_token("demo", "alice");
    let saved = &scene.saved;
    let get = async |target: String| world.send(&Request::get(target).token(&token)).await.status;
    for other in [
        saved.to_uppercase(),
        saved.to_lowercase(),
        format!("{saved}_"),
        saved[..saved.len() - 1].to_owned(),
        format!("{saved}%00"),
        format!("%20{saved}"),
        saved.replace('_', "%25"),
    ] {
        assert_eq!(
            get(format!("/projects/demo/paymentMethods/{other}")).await,
            404,
            "{other}"
        );
    }
    // An escaped letter is that letter (RFC 3986, section 6.2.2.2).
    let escaped = saved.replacen('p', "%70", 1);
    assert_eq!(get(format!("/projects/demo/paymentMethods/{escaped}")).await, 200);
    assert_eq!(get(format!("/projects/%64emo/paymentMethods/{saved}")).await, 200);
    // Parameters that an operation does not have are nobody's business there.
    assert_eq!(
        get(format!("/projects/demo/paymentMethods/{saved}?limit=x&%00")).await,
        200
    );
}
