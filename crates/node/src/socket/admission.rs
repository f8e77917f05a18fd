//! How many sockets this node has, and from which addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;

/// Counts sockets. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Admission {
    per_address: usize,
    in_all: usize,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// Why a socket is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refused {
    /// The node closes.
    #[error("Server is closing")]
    Closing,
    /// `FRONTEND_URL` does not name the page's origin.
    #[error("Origin is not allowed")]
    Origin,
    /// This address has as many sockets as it may.
    #[error("Too many connections from this address")]
    Address,
    /// The node has as many sockets as it may.
    #[error("Too many connections")]
    Node,
}

/// One admitted socket; gives its place back on drop.
#[derive(Debug)]
pub(crate) struct Ticket {
    counts: Arc<Mutex<Counts>>,
    address: Option<IpAddr>,
}

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} sockets", self.all)
    }
}

impl Admission {
    pub(crate) fn new(per_address: usize, in_all: usize) -> Self {
        Self {
            per_address,
            in_all,
            counts: Arc::default(),
        }
    }

    /// Takes a place. `address` is absent for those that are not counted one by one: loopback and trusted proxies.
    pub(crate) fn admit(&self, address: Option<IpAddr>) -> Result<Ticket, Refused> {
        let mut counts = lock(&self.counts);
        if counts.all >= self.in_all {
            return Err(Refused::Node);
        }
        if let Some(address) = address {
            let count = counts.by_address.entry(address).or_default();
            if *count >= self.per_address {
                return Err(Refused::Address);
            }
            *count += 1;
        }
        counts.all += 1;
        Ok(Ticket {
            counts: Arc::clone(&self.counts),
            address,
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.all -= 1;
        if let Some(address) = self.address
            && let Some(count) = counts.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&address);
            }
        }
    }
}

/// Each change leaves the counts whole, also if another thread panicked.
fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_address_and_given_back() {
        let admission = Admission::new(2, 4);
        let (a, b) = (Some(IpAddr::from([10, 0, 0, 1])), Some(IpAddr::from([10, 0, 0, 2])));
        let first = admission.admit(a).unwrap();
        let _second = admission.admit(a).unwrap();
        assert_eq!(admission.admit(a).unwrap_err(), Refused::Address);
        let _other = admission.admit(b).unwrap();
        let _loopback = admission.admit(None).unwrap();
        assert_eq!(admission.admit(None).unwrap_err(), Refused::Node);
        drop(first);
        let _again = admission.admit(a).unwrap();
    }

    #[test]
    fn no_address_is_remembered_without_sockets() {
        let admission = Admission::new(2, 4);
        drop(admission.admit(Some(IpAddr::from([10, 0, 0, 1]))).unwrap());
        assert!(lock(&admission.counts).by_address.is_empty());
        assert_eq!(lock(&admission.counts).all, 0);
    }
}
