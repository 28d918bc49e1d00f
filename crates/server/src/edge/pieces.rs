//! A large body, given out piece by piece.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    web::Bytes,
};

use super::limits::EdgeLimits;

/// A body of which no more is given out at once than a client is likely to take.
///
/// The HTTP library copies whatever a body gives it into memory of the connection, where it stays until the client has read it.
/// A body that is in memory already, as the contract is, would be there once more for each client that asks and does not read.
pub(super) struct InPieces {
    body: BoxBody,
    /// What the body gave last and has not been given out yet.
    rest: Bytes,
}

impl InPieces {
    pub(super) fn new(body: impl MessageBody + 'static) -> Self {
        Self {
            body: body.boxed(),
            rest: Bytes::new(),
        }
    }
}

impl MessageBody for InPieces {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_next(context)) {
                Some(Ok(bytes)) => self.rest = bytes,
                ended => return Poll::Ready(ended),
            }
        }
        let piece = self.rest.len().min(EdgeLimits::PIECE_BYTES);
        Poll::Ready(Some(Ok(self.rest.split_to(piece))))
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io};

    use actix_web::body::SizedStream;
    use futures_util::{FutureExt as _, stream};
    use proptest::prelude::*;

    use super::*;

    /// All that a body gives, without ever waiting.
    fn pieces(mut body: InPieces) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        while let Some(piece) = poll_fn(|context| Pin::new(&mut body).poll_next(context))
            .now_or_never()
            .expect("a body in memory is ready")
        {
            pieces.push(piece.expect("a body in memory does not fail"));
        }
        pieces
    }

    proptest! {
        #[test]
        fn a_body_keeps_its_bytes_and_its_length(lengths in prop::collection::vec(0_usize..100_000, 0..4)) {
            let chunks: Vec<_> = (0_u8..).zip(&lengths).map(|(byte, &length)| Bytes::from(vec![byte; length])).collect();
            let whole = chunks.concat();
            let size = BodySize::Sized(whole.len() as u64);
            let chunks = stream::iter(chunks.into_iter().map(Ok::<_, io::Error>));
            let body = InPieces::new(SizedStream::new(whole.len() as u64, chunks));
            prop_assert_eq!(body.size(), size);
            let pieces = pieces(body);
            prop_assert!(pieces.iter().all(|piece| piece.len() <= EdgeLimits::PIECE_BYTES));
            prop_assert_eq!(pieces.concat(), whole);
        }
    }
}
