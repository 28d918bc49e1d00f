//! Reading a body: bounded in size and in time.

use std::time::Duration;

use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt as _;

use crate::error::ApiError;

/// The most bytes that a body may have on the project and the account API.
pub(crate) const MAXIMUM_LENGTH: usize = 16 * 1024;

/// How long a body may take to arrive.
const DEADLINE: Duration = Duration::from_secs(10);

/// The whole body.
pub(crate) async fn read(payload: Payload) -> Result<Bytes, ApiError> {
    read_at_most(MAXIMUM_LENGTH, payload).await
}

/// The whole body, of at most this many bytes.
pub(crate) async fn read_at_most(maximum_length: usize, payload: Payload) -> Result<Bytes, ApiError> {
    tokio::time::timeout(DEADLINE, read_all(maximum_length, payload))
        .await
        .unwrap_or(Err(ApiError::Malformed("The body did not arrive in time.")))
}

async fn read_all(maximum_length: usize, mut payload: Payload) -> Result<Bytes, ApiError> {
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
