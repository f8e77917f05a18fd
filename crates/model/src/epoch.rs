//! The fencing number of a home: which of two homes of one room is the later one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Grows with every placement of a room, across deletes and a lost bucket: first the creation time of the placement store,
/// then the store's sequence of the winning write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch {
    /// When the placement store was created, in milliseconds since the Unix epoch.
    pub store: u64,
    /// The store's sequence number of the write that made the home.
    pub sequence: u64,
}

impl Epoch {
    /// True when a command stamped with `self` comes from a home that was replaced: `newest` has been seen.
    #[must_use]
    pub fn is_stale(self, newest: Self) -> bool {
        self < newest
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.store, self.sequence)
    }
}
