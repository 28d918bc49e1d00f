//! Reading a body: bounded in size and in time.

use std::time::Duration;

use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt as _;

use crate::error::ApiError;

/// The most bytes that a body may have.
pub(crate) const MAXIMUM_LENGTH: usize = 16 * 1024;

/// How long a body may take to arrive.
const DEADLINE: Duration = Duration::from_secs(10);

/// The whole body.
pub(crate) async fn read(payload: Payload) -> Result<Bytes, ApiError> {
    tokio::time::timeout(DEADLINE, read_all(payload))
        .await
        .unwrap_or(Err(ApiError::Malformed("The body did not arrive in time.")))
}

async fn read_all(mut payload: Payload) -> Result<Bytes, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::Malformed("The body did not arrive whole."))?;
        if body.len() + chunk.len() > MAXIMUM_LENGTH {
            return Err(ApiError::BodyTooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
