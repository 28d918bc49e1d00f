//! Reading a body: bounded in size and in time.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    rc::Rc,
    time::Duration,
};

use actix_web::{
    FromRequest, HttpRequest, dev,
    web::{Bytes, BytesMut},
};
use futures_util::StreamExt as _;

use crate::{
    edge::{Connection, EdgeLimits, declared_length},
    error::ApiError,
};

/// The most bytes that a body may have on the project and the account API.
pub(crate) const MAXIMUM_LENGTH: usize = 16 * 1024;

/// A request's body, not yet read.
pub(crate) struct Body {
    payload: dev::Payload,
    /// How many bytes the request says that it has, if it says so.
    declared_length: Option<usize>,
    timeout: Duration,
    connection: Option<Rc<Connection>>,
}

impl FromRequest for Body {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let limits = request.app_data::<EdgeLimits>().copied().unwrap_or_default();
        ready(Ok(Self {
            payload: payload.take(),
            declared_length: declared_length(request.headers()),
            timeout: limits.body_timeout,
            connection: request.conn_data::<Rc<Connection>>().cloned(),
        }))
    }
}

impl Body {
    /// The whole body.
    pub(crate) async fn read(self) -> Result<Bytes, ApiError> {
        self.read_at_most(MAXIMUM_LENGTH).await
    }

    /// The whole body, of at most this many bytes. One that says that it is longer is not read at all.
    pub(crate) async fn read_at_most(self, maximum_length: usize) -> Result<Bytes, ApiError> {
        if self.declared_length.is_some_and(|length| length > maximum_length) {
            return Err(ApiError::BodyTooLarge(maximum_length));
        }
        let _reading = self.connection.map(Connection::read_body);
        tokio::time::timeout(self.timeout, read_all(maximum_length, self.payload))
            .await
            .unwrap_or(Err(ApiError::BodyTooSlow))
    }
}

async fn read_all(maximum_length: usize, mut payload: dev::Payload) -> Result<Bytes, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::Malformed("The body did not arrive whole."))?;
        if body.len() + chunk.len() > maximum_length {
            return Err(ApiError::BodyTooLarge(maximum_length));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
