//! What a connection may take.

use std::time::Duration;

/// What clients may take of an instance. Each limit is for one connection unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeLimits {
    /// How long a request's head may take to arrive, from its first byte on; for the first one of a connection, from
    /// when the connection was made. Then it is answered with 408 and the connection closed.
    pub head_timeout: Duration,
    /// How long a body may take to arrive, from when it is asked for. Then it is answered with 408 and the connection
    /// closed.
    pub body_timeout: Duration,
    /// How long an answer may wait for its client to take it. Then the connection is reset.
    pub answer_timeout: Duration,
    /// How long a connection may lie idle between requests. Then it is closed.
    pub idle_timeout: Duration,
    /// How many connections the instance has, at most. One more is answered with 503 and closed.
    pub maximum_connections: usize,
    /// How many connections one address has, at most; an IPv6 client's address is its /64 network. `None` counts no
    /// addresses: behind a proxy all connections come from one.
    pub maximum_connections_per_peer: Option<usize>,
    /// How many connections the system holds for the instance until it takes them.
    pub backlog: u32,
}

impl EdgeLimits {
    /// How much may arrive between the end of one request's handling and the next whole head: that head, and what is left
    /// of a body that nobody reads. In bytes. Whoever sends more is cut off.
    pub(super) const UNREAD_BYTES: usize = 1024 * 1024;

    /// How much of its answers the system keeps for a client that has not taken them yet. In bytes. Linux takes twice as many, since it
    /// counts what it needs to keep them. That is as much as most ways have under way at once, and most lists fit.
    pub(crate) const UNSENT_BYTES: u32 = 32 * 1024;

    /// How much of a large answer the HTTP library is given at once. In bytes. It asks for more until it has 32 KiB that wait to be sent.
    pub(super) const PIECE_BYTES: usize = 16 * 1024;

    /// How much of the requests that follow is taken in while one is handled or answered. In bytes.
    pub(super) const AHEAD_BYTES: usize = 64 * 1024;

    /// How much is taken in at once, before it is looked at. In bytes. With what is taken in ahead it is less than the 128 KiB at
    /// which the HTTP library, when it has no use for them yet, asks for its turn again and again without rest.
    pub(super) const BYTES_AT_ONCE: usize = 32 * 1024;

    /// How many requests that come together are parsed before they are looked at. More than one, so that a body that comes with its
    /// head, an empty line in it or not, is there when its request is refused, and the connection can go on.
    pub(super) const HEADS_AT_ONCE: usize = 4;

    /// How much of a body is taken in at least before it is looked at, however many empty lines are in it. In bytes. So many may
    /// be requests that follow the body, a few dozen at most.
    pub(super) const LOOK_AFTER_BYTES: usize = 512;

    /// How long what is left of a refused request's body is thrown away, so that its sender can still read why. Less than the
    /// second after a limit within which a slow client is gone.
    pub(super) const LINGER: Duration = Duration::from_millis(750);

    /// No deadline of a connection begins and ends within less than this.
    pub(super) fn shortest(&self) -> Duration {
        self.head_timeout
            .min(self.answer_timeout)
            .min(self.idle_timeout)
            .max(Duration::from_millis(1))
    }
}

impl Default for EdgeLimits {
    /// What suits an instance behind a proxy, and one without.
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(15),
            maximum_connections: 10_000,
            maximum_connections_per_peer: None,
            backlog: 1024,
        }
    }
}
