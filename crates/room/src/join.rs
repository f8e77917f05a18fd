//! Becoming a peer: what it is called, what it may do, and who is told.

use std::collections::{BTreeMap, BTreeSet};

use model::{Identity, Join, Joined, PeerId, PeerView, PublicId, Reply, RequestError, Role, Update};

use crate::flight::Asker;
use crate::state::Peer;
use crate::{Handled, Life, Outcome, Room, RoomEvent};

impl Room {
    /// The peer id is the key of a repeat: the same session gets the same answer, any other session none of the peer.
    pub(crate) fn join(&mut self, asker: &Asker, id: PeerId, join: Join) -> Outcome {
        if let Some(peer) = self.peers.get(&id) {
            if !self.is_registered(&asker.edge, asker.session, id) {
                return Err(RequestError::NotJoined);
            }
            return Ok(Handled::Now(Reply::Joined(Joined {
                public_id: peer.public_id.clone(),
                role: peer.role,
                repeated: true,
            })));
        }
        self.life = Life::Begun;
        if join.room_must_exist && self.peers.is_empty() {
            return Err(RequestError::RoomNotFound);
        }
        if self.peers.len() >= self.limits().peers_per_room {
            return Err(RequestError::RoomFull);
        }
        Ok(Handled::Now(Reply::Joined(self.add_peer(asker, id, join))))
    }

    fn add_peer(&mut self, asker: &Asker, id: PeerId, join: Join) -> Joined {
        let public_id = self.public_id(&join.identity);
        let role = self.role(join.creator);
        let peer = Peer {
            edge: asker.edge.clone(),
            session: asker.session,
            public_id: public_id.clone(),
            role,
            rebuilds: join.rebuilds,
            rtp_capabilities: join.rtp_capabilities,
            seat: None,
            transports: BTreeMap::new(),
            producers: BTreeSet::new(),
            consumers: BTreeSet::new(),
            commands: BTreeSet::new(),
        };
        self.peers.insert(id, peer);
        self.add_session(&asker.edge);
        let view = PeerView {
            id,
            number: self.next_number(),
            public_id: public_id.clone(),
            connection: join.identity.connection,
            dialect: join.identity.dialect,
            name: join.identity.name,
            image_url: join.identity.image_url,
            role,
            audio_muted: false,
            video_paused: false,
            quality: None,
        };
        self.update(&Update::PeerJoined(view));
        self.event(RoomEvent::PeerJoined {
            peer: id,
            public_id: public_id.clone(),
        });
        Joined {
            public_id,
            role,
            repeated: false,
        }
    }

    /// What it chose, or the id of its connection where a peer of its dialect has that already; with a suffix where the room
    /// shows the same id otherwise.
    fn public_id(&self, identity: &Identity) -> PublicId {
        let shown = |id: &PublicId| self.view.peers.values().find(|peer| peer.public_id == *id);
        let free_here = |id: &&PublicId| shown(id).is_none_or(|peer| peer.dialect != identity.dialect);
        let wanted = identity.chosen.as_ref().filter(free_here);
        let wanted = wanted.unwrap_or(&identity.connection);
        let mut id = wanted.clone();
        let mut suffix = 1_u64;
        while shown(&id).is_some() {
            suffix += 1;
            id = PublicId::new(&format!("{wanted}-{suffix}"));
        }
        id
    }

    /// The first in an empty room is its host; who says that it made the room is, where no host is left.
    fn role(&self, creator: bool) -> Role {
        let hosted = self.peers.values().any(|peer| peer.role == Role::Host);
        if self.peers.is_empty() || (creator && !hosted) {
            Role::Host
        } else {
            Role::Member
        }
    }
}
