//! The pages that a browser is given: the demo, which only a development server has, and the API reference.

use std::{collections::BTreeSet, fs, path::Path};

use billfold_test_support::Process;
use reqwest::{Client, Method, Response, header};
use serde_json::Value;

use crate::{
    command::{Place, WITHIN, call, end, ready_address},
    dev,
    serve::{Issuer, production},
};

struct Browser {
    client: Client,
    base: String,
}

impl Browser {
    fn at(base: &str) -> Self {
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(WITHIN)
            .build()
            .expect("an HTTP client can be made");
        Self {
            client,
            base: base.to_owned(),
        }
    }

    async fn send(&self, method: Method, path: &str, host: Option<&str>) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(host) = host {
            request = request.header(header::HOST, host);
        }
        request.send().await.expect("the server should answer")
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, None).await
    }

    async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(said(&response, "cache-control"), "no-store", "{path}");
        assert_eq!(said(&response, "access-control-allow-origin"), "", "{path}");
        response.json().await.expect("the answer is JSON")
    }
}

fn said<'a>(response: &'a Response, header: &str) -> &'a str {
    response
        .headers()
        .get(header)
        .map_or("", |value| value.to_str().expect("a header is text"))
}

/// The names of a folder's files, but for what is written for its reader.
fn files(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            entry
                .expect("the folder is read")
                .file_name()
                .into_string()
                .expect("a name is text")
        })
        .filter(|name| name != "README.md")
        .collect()
}

async fn development() -> (Place, Process, Browser) {
    let place = Place::new();
    let (process, guide) = dev::start(&place, &[]).await;
    let browser = Browser::at(&guide.api);
    (place, process, browser)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_file_of_the_pages_is_given_out_as_it_is() {
    let (_place, process, browser) = development().await;
    for page in ["demo", "docs"] {
        let folder = format!("assets/{page}");
        for name in files(&folder) {
            // A page goes by its name alone.
            let path = match name.strip_suffix(".html") {
                Some("index") => format!("/{page}"),
                Some(name) => format!("/{page}/{name}"),
                None => format!("/{page}/{name}"),
            };
            let response = browser.get(&path).await;
            assert_eq!(response.status(), 200, "{path}");
            let kind = match name.rsplit('.').next() {
                Some("html") => "text/html",
                Some("css") => "text/css",
                _ => "text/javascript",
            };
            assert_eq!(
                said(&response, "content-type"),
                format!("{kind}; charset=utf-8"),
                "{path}"
            );
            assert_eq!(said(&response, "x-content-type-options"), "nosniff", "{path}");
            assert_eq!(said(&response, "referrer-policy"), "no-referrer", "{path}");
            assert_eq!(said(&response, "cache-control"), "no-cache", "{path}");
            let policies: Vec<_> = response
                .headers()
                .get_all("content-security-policy")
                .iter()
                .collect();
            let [policy] = &policies[..] else {
                panic!("{path}: {policies:?}")
            };
            let policy = policy.to_str().expect("a policy is text");
            assert!(
                policy.starts_with("default-src 'none'; script-src 'self' "),
                "{path}: {policy}"
            );
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder).join(&name);
            assert_eq!(
                response.text().await.expect("the answer is text"),
                fs::read_to_string(file).expect("the file is text"),
                "{path}"
            );
        }
    }
    for path in [
        "/demo/",
        "/docs/",
        "/docs/swagger/swagger-ui.css",
        "/docs/swagger/swagger-ui-bundle.js",
    ] {
        assert_eq!(browser.get(path).await.status(), 200, "{path}");
    }
    for path in [
        "/demo/README.md",
        "/demo/nothing.js",
        "/docs/nothing",
        "/docs/swagger",
    ] {
        assert_eq!(browser.get(path).await.status(), 404, "{path}");
    }
    end(process).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_has_fresh_tokens_of_each_user_for_this_machines_browser_alone() {
    let (_place, process, browser) = development().await;
    let config = browser.json("/demo/config.json").await;
    assert_eq!(config["publishableKey"], "pk_test_billfold_demo");
    let names: Vec<_> = config["users"]
        .as_array()
        .expect("there are users")
        .iter()
        .map(|user| &user["id"])
        .collect();
    assert_eq!(names, ["usr_alice", "usr_bruno"]);
    for user in config["users"].as_array().expect("there are users") {
        let token = user["token"].as_str().expect("a token is text");
        let cards = call(
            "GET",
            &format!("{}/v1/account/payment-methods", browser.base),
            token,
            None,
        )
        .await;
        assert_eq!(cards, (200, Value::Array(Vec::new())));
    }
    let script = config["stripeJs"].as_str().expect("an address is text");
    assert_eq!(
        browser
            .client
            .get(script)
            .send()
            .await
            .expect("the sandbox answers")
            .status(),
        200
    );

    // Somebody else's name, pointed to this machine.
    for path in ["/demo", "/demo/config.json", "/docs/tokens.json"] {
        let foreign = browser
            .send(Method::GET, path, Some("demo.example.com:8080"))
            .await;
        assert_eq!(foreign.status(), 404, "{path}");
        assert!(
            !foreign.text().await.expect("the answer is text").contains("eyJ"),
            "{path}"
        );
        assert_eq!(
            browser
                .send(Method::GET, path, Some("localhost:8080"))
                .await
                .status(),
            200,
            "{path}"
        );
    }
    let head = browser.send(Method::HEAD, "/demo", None).await;
    assert_eq!(head.status(), 200);
    for path in ["/demo", "/demo/config.json", "/docs", "/docs/tokens.json"] {
        let posted = browser.send(Method::POST, path, None).await;
        assert_eq!(
            (posted.status().as_u16(), said(&posted, "allow")),
            (405, "GET, HEAD"),
            "{path}"
        );
    }
    end(process).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_has_a_token_for_each_part_of_the_api() {
    let (_place, process, browser) = development().await;
    let tokens = browser.json("/docs/tokens.json").await;
    for (beginning, rest) in [
        ("/projects/demo/", "paymentMethods"),
        ("/v1/account/", "payment-methods"),
        ("/operator/", "projects"),
    ] {
        let token = tokens[beginning].as_str().unwrap_or_else(|| panic!("{tokens}"));
        let (status, _) = call("GET", &format!("{}{beginning}{rest}", browser.base), token, None).await;
        assert_eq!(status, 200, "{beginning}");
    }
    end(process).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_production_there_is_no_demo_and_the_reference_has_no_token() {
    let place = Place::new();
    let place = production(place.sqlite(), &Issuer::new()).await;
    let process = place.start(&["serve"]);
    let browser = Browser::at(&format!("http://{}", ready_address(&process).await));
    for path in ["/demo", "/demo/", "/demo/demo.js", "/demo/config.json"] {
        assert_eq!(browser.get(path).await.status(), 404, "{path}");
    }
    let reference = browser.send(Method::GET, "/docs", Some("api.example.com")).await;
    assert_eq!(reference.status(), 200);
    assert_eq!(browser.json("/docs/tokens.json").await, serde_json::json!({}));
    end(process).await;
}
