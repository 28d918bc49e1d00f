//! An answer as data, before it is one of the framework's: so that it can be made in any task, kept, and given again.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, ContentType, HeaderName},
    },
};
use billfold_service::{Answer, GivenAnswer};
use serde::Serialize;

/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// An answer. Has no `Debug`, since its body may show a client secret.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    location: Option<String>,
    headers: Vec<(HeaderName, String)>,
    body: String,
    last_on_connection: bool,
}

impl Reply {
    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            location: None,
            headers: Vec::new(),
            body: String::new(),
            last_on_connection: false,
        }
    }

    /// An answer with a JSON body.
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => Self::written(status, body),
            // No type of the wire has a map whose keys are no text, which alone cannot be written.
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written as JSON");
                Self::empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// An answer whose body is JSON already.
    pub(crate) fn written(status: StatusCode, body: String) -> Self {
        Self {
            body,
            ..Self::empty(status)
        }
    }

    /// Says where the new object is.
    pub(crate) fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: HeaderName, value: &impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Closes the connection after the answer.
    pub(crate) fn last_on_connection(mut self) -> Self {
        self.last_on_connection = true;
        self
    }

    /// What of the answer is kept for a request that comes again.
    pub(crate) fn into_answer(self) -> Answer {
        Answer {
            status: self.status.as_u16(),
            location: self.location,
            body: self.body,
        }
    }
}

impl From<GivenAnswer> for Reply {
    fn from(given: GivenAnswer) -> Self {
        let Answer {
            status,
            location,
            body,
        } = given.answer;
        let reply = Self {
            location,
            body,
            ..Self::empty(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        };
        if given.replayed {
            reply.header(REPLAYED, &true)
        } else {
            reply
        }
    }
}

impl From<Reply> for HttpResponse {
    fn from(reply: Reply) -> Self {
        let mut builder = Self::build(reply.status);
        if let Some(location) = reply.location {
            builder.insert_header((header::LOCATION, location));
        }
        for header in reply.headers {
            builder.insert_header(header);
        }
        if reply.last_on_connection {
            builder.force_close();
        }
        if reply.body.is_empty() {
            builder.finish()
        } else {
            builder.content_type(ContentType::json()).body(reply.body)
        }
    }
}

impl Responder for Reply {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<BoxBody> {
        self.into()
    }
}
