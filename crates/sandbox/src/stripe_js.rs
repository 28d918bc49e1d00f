//! The stand-in for Stripe.js: files that a page loads as it loads Stripe's from `https://js.stripe.com/v3/`.
//!
//! They are no part of Stripe's API, so they take no key, are not counted, and no fault strikes them.

use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, HttpResponseBuilder};

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

/// What the frames may do: load what is here and call this sandbox. Any page may embed them, as any may embed Stripe's.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'";

/// A file as it is given out.
struct File {
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($path:literal, $content_type:ident, $name:literal;)+) => {
        [$(File {
            path: $path,
            content_type: $content_type,
            text: include_str!(concat!("../assets/", $name)),
        }),+]
    };
}

static FILES: [File; 9] = files! {
    "/v3/", JAVASCRIPT, "stripe.js";
    "/v3/api.js", JAVASCRIPT, "api.js";
    "/v3/card-element.html", HTML, "card-element.html";
    "/v3/card-element.css", CSS, "card-element.css";
    "/v3/card-element.js", JAVASCRIPT, "card-element.js";
    "/v3/card-fields.js", JAVASCRIPT, "card-fields.js";
    "/v3/challenge.html", HTML, "challenge.html";
    "/v3/challenge.css", CSS, "challenge.css";
    "/v3/challenge.js", JAVASCRIPT, "challenge.js";
};

/// Puts the files where they belong. What is not among them under `/v3/` is not there.
pub(crate) fn configure(config: &mut ServiceConfig) {
    for file in &FILES {
        let answer = || async { respond(file) };
        config.service(
            web::resource(file.path)
                .route(web::get().to(answer))
                .route(web::head().to(answer)),
        );
    }
    config.service(web::resource("/v3/{file}").to(HttpResponse::NotFound));
}

fn respond(file: &File) -> HttpResponse {
    let mut response: HttpResponseBuilder = HttpResponse::Ok();
    response
        .content_type(file.content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        // Modules are read by the rules of other origins, and the page that loads them is one.
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .body(file.text)
}
