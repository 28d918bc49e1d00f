//! What a browser is given: files that are part of the binary.
//!
//! They are no part of the API, so they stand in tables of their own and not among the routes.

mod demo;
mod inspect;
mod policy;
mod reference;

use actix_web::{
    HttpResponse, Resource,
    http::{
        Method,
        header::{self, HeaderValue},
    },
    web,
};

pub(crate) use demo::demo;
pub use demo::{Demo, StripeJs};
pub(crate) use reference::reference;

use crate::routes;

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const CSS: &str = "text/css; charset=utf-8";
pub(crate) const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// A file as it is given out.
#[derive(Clone, Copy)]
pub(crate) struct Asset {
    /// Its path below the page's own, such as `/demo.css`. The page itself has none.
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) text: &'static str,
}

/// A table of files of one folder: the path, the type, and the file's name.
macro_rules! assets {
    ($folder:literal: $($path:literal, $content_type:ident, $name:literal;)+) => {
        [$($crate::pages::Asset {
            path: $path,
            content_type: $crate::pages::$content_type,
            text: include_str!(concat!("../../assets/", $folder, "/", $name)),
        }),+]
    };
}
use assets;

impl Asset {
    /// The file at its path, under the page's policy.
    fn resource(self, policy: &HeaderValue) -> Resource {
        let policy = policy.clone();
        readable(self.path, move || {
            let policy = policy.clone();
            async move {
                HttpResponse::Ok()
                    .content_type(self.content_type)
                    .insert_header((header::CONTENT_SECURITY_POLICY, policy))
                    // Kept, and asked for again: another version of the binary has other files at the same paths.
                    .insert_header((header::CACHE_CONTROL, "no-cache"))
                    .body(self.text)
            }
        })
    }
}

/// A path that is only read. HEAD comes as GET (`edge::surround`).
fn readable<F, Args>(path: &str, handler: F) -> Resource
where
    F: actix_web::Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: actix_web::Responder + 'static,
{
    web::resource(path)
        .route(web::method(Method::GET).to(handler))
        .default_service(web::to(routes::only_readable))
}
