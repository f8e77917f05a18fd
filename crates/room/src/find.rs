//! Which connection belongs to a public id.

use model::{PublicId, Reply};

use crate::{Handled, Room};

impl Room {
    pub(crate) fn find(&self, public_id: &PublicId) -> Handled {
        let found = self.view.peers.values().find(|peer| peer.public_id == *public_id);
        Handled::Now(Reply::Found(found.map(|peer| peer.connection.clone())))
    }
}

#[cfg(test)]
mod tests {
    use model::*;

    use crate::tests::Stage;

    #[test]
    fn a_public_id_leads_to_its_connection() {
        let mut stage = Stage::new();
        let ann = stage.join("e1");
        let (_bob, _) = stage.join_with("e1", |join| join.identity.chosen = Some(PublicId::new("bob")));
        let found = stage.done(&ann, Request::Find(PublicId::new("bob")));
        assert_eq!(found, Ok(Reply::Found(Some(PublicId::new("socket2")))));
        let found = stage.done(&ann, Request::Find(PublicId::new("socket2")));
        assert_eq!(found, Ok(Reply::Found(None)));
    }
}
