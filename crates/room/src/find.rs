//! Which connection belongs to a public id.

use model::{PublicId, Reply};

use crate::{Handled, Room};

impl Room {
    pub(crate) fn find(&self, public_id: &PublicId) -> Handled {
        let found = self.view.peers.values().find(|peer| peer.public_id == *public_id);
        Handled::Now(Reply::Found(found.map(|peer| peer.connection.clone())))
    }
}
