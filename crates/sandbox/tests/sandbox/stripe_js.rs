//! The files of the stand-in for Stripe.js. What they do is tried in a browser (`tests/e2e`).

use std::{fs, path::Path};

use crate::client::Harness;

#[tokio::test]
async fn every_file_is_given_out_and_named_by_another() {
    let stripe = Harness::start().await;
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let mut all = String::new();
    for entry in fs::read_dir(&assets).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "README.md" {
            continue;
        }
        let path = if name == "stripe.js" {
            "/v3/".to_owned()
        } else {
            format!("/v3/{name}")
        };
        let response = stripe.http.get(stripe.url(&path)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["access-control-allow-origin"], "*", "{path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"),
            "{policy}"
        );
        let text = response.text().await.unwrap();
        assert_eq!(text, fs::read_to_string(assets.join(&name)).unwrap(), "{path}");
        all.push_str(&text);
        let head = stripe.http.head(stripe.url(&path)).send().await.unwrap();
        assert_eq!(head.status(), 200, "{path}");
    }
    for name in [
        "api.js",
        "card-element.html",
        "card-element.css",
        "card-element.js",
        "card-fields.js",
        "challenge.html",
        "challenge.css",
        "challenge.js",
    ] {
        assert!(all.contains(name), "nothing loads {name}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_nothing_is_counted() {
    let stripe = Harness::start().await;
    for path in ["/v3/nothing.js", "/v3/README.md"] {
        let response = stripe.http.get(stripe.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
    let posted = stripe.http.post(stripe.url("/v3/")).send().await.unwrap();
    assert_eq!(posted.status(), 405);
}
