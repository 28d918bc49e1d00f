//! How many connections there are, and may be.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use parking_lot::Mutex;

use super::limits::EdgeLimits;

/// The places of an instance's connections. Shared by its workers.
#[derive(Clone)]
pub(super) struct Places {
    taken: Arc<Mutex<Taken>>,
    maximum: usize,
    maximum_per_peer: Option<usize>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    /// Only where peers are counted, and only those that have a connection: as bounded as `all`.
    by_peer: HashMap<IpAddr, usize>,
}

/// A connection's place, free again when it is dropped.
pub(super) struct Place {
    places: Places,
    peer: Option<IpAddr>,
}

impl Places {
    pub(super) fn new(limits: &EdgeLimits) -> Self {
        Self {
            taken: Arc::default(),
            maximum: limits.maximum_connections,
            maximum_per_peer: limits.maximum_connections_per_peer,
        }
    }

    /// A place for a connection of this peer, or `None` when there is none left.
    pub(super) fn take(&self, peer: Option<IpAddr>) -> Option<Place> {
        let mut taken = self.taken.lock();
        if taken.all >= self.maximum {
            return None;
        }
        let peer = peer.map(network).filter(|_| self.maximum_per_peer.is_some());
        if let (Some(peer), Some(maximum)) = (peer, self.maximum_per_peer) {
            let of_peer = taken.by_peer.entry(peer).or_default();
            if *of_peer >= maximum {
                return None;
            }
            *of_peer += 1;
        }
        taken.all += 1;
        Some(Place {
            places: self.clone(),
            peer,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.all -= 1;
        if let Some(peer) = self.peer
            && let Some(of_peer) = taken.by_peer.get_mut(&peer)
        {
            *of_peer -= 1;
            if *of_peer == 0 {
                taken.by_peer.remove(&peer);
            }
        }
    }
}

/// What counts as one peer: an IPv4 address, or an IPv6 network of 64 bits, as large as a household's.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [first, second, third, fourth, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(first, second, third, fourth, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(maximum: usize, maximum_per_peer: Option<usize>) -> Places {
        Places::new(&EdgeLimits {
            maximum_connections: maximum,
            maximum_connections_per_peer: maximum_per_peer,
            ..EdgeLimits::default()
        })
    }

    fn take(places: &Places, peer: &str) -> Option<Place> {
        places.take(Some(peer.parse().expect("the test's address is one")))
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_has_gone() {
        let places = places(2, None);
        let first = take(&places, "192.0.2.1");
        let second = take(&places, "192.0.2.1");
        assert!(first.is_some() && second.is_some());
        assert!(take(&places, "192.0.2.2").is_none());
        drop(first);
        assert!(take(&places, "192.0.2.2").is_some());
    }

    #[test]
    fn a_peer_has_its_share_and_no_more() {
        let places = places(10, Some(1));
        let held = take(&places, "192.0.2.1");
        assert!(held.is_some());
        assert!(take(&places, "192.0.2.1").is_none());
        // The same address, as a socket for both families tells it.
        assert!(take(&places, "::ffff:192.0.2.1").is_none());
        assert!(take(&places, "192.0.2.2").is_some());
        drop(held);
        assert!(take(&places, "192.0.2.1").is_some());
        assert!(places.taken.lock().by_peer.is_empty(), "nobody is remembered");
    }

    #[test]
    fn a_network_of_64_bits_is_one_peer() {
        let places = places(10, Some(1));
        let held = take(&places, "2001:db8:1:2::1");
        assert!(held.is_some());
        assert!(take(&places, "2001:db8:1:2:ffff::9").is_none());
        assert!(take(&places, "2001:db8:1:3::1").is_some());
    }
}
