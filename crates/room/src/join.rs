//! Becoming a peer: what it is called, what it may do, and who is told.

use std::collections::{BTreeMap, BTreeSet};

use model::{Identity, Join, Joined, PeerId, PeerView, PublicId, Reply, RequestError, Role, Update};

use crate::flight::Asker;
use crate::state::Peer;
use crate::{Handled, Life, Outcome, Room, RoomEvent};

impl Room {
    /// The peer id is the key of a repeat: the same session gets the same answer, any other session none of the peer.
    pub(crate) fn join(&mut self, asker: &Asker, id: PeerId, join: Join) -> Outcome {
        if let Some(known) = self.view.peers.get(&id) {
            if !self.is_registered(&asker.edge, asker.session, id) {
                return Err(RequestError::NotJoined);
            }
            return Ok(Handled::Now(Reply::Joined(Joined {
                public_id: known.public_id.clone(),
                role: known.role,
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
        let hosted = self.view.peers.values().any(|peer| peer.role == Role::Host);
        if self.peers.is_empty() || (creator && !hosted) {
            Role::Host
        } else {
            Role::Member
        }
    }
}

#[cfg(test)]
mod tests {
    use model::*;

    use crate::tests::Stage;

    fn chosen<'a>(id: &'a str, dialect: &'a str) -> impl FnOnce(&mut Join) + 'a {
        move |join| {
            join.identity.chosen = Some(PublicId::new(id));
            join.identity.dialect = dialect.into();
        }
    }

    fn called(stage: &mut Stage, change: impl FnOnce(&mut Join)) -> String {
        let (_, request) = stage.join_with("e1", change);
        match stage.reply(request) {
            Ok(Reply::Joined(joined)) => joined.public_id.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_new_edge_gets_the_view_then_the_change_then_the_reply() {
        let mut stage = Stage::new();
        stage.join("e1");
        stage.forget_log();
        stage.join("e2");
        let told = stage.told("e2");
        let [
            EdgeMessage::Snapshot(view),
            EdgeMessage::Update { version, update },
            EdgeMessage::Reply { .. },
        ] = &told[..]
        else {
            panic!("{told:?}");
        };
        assert_eq!((view.version, view.peers.len(), *version), (1, 1, 2));
        assert!(matches!(update, Update::PeerJoined(_)));
        assert_eq!(stage.told("e1").len(), 1, "the older edge gets the update alone");
        stage.forget_log();
        stage.join("e1");
        assert!(matches!(
            stage.told("e1")[..],
            [EdgeMessage::Update { .. }, EdgeMessage::Reply { .. }]
        ));
    }

    #[test]
    fn a_repeated_join_changes_nothing_and_is_marked() {
        let mut stage = Stage::new();
        let who = stage.join("e1");
        let version = stage.room.view().version;
        let again = stage.done(&who, Request::Join(Box::new(Stage::join_of(&who))));
        assert!(matches!(
            again,
            Ok(Reply::Joined(Joined {
                repeated: true,
                role: Role::Host,
                ..
            }))
        ));
        assert_eq!(stage.room.view().version, version);
    }

    #[test]
    fn only_the_session_that_joined_speaks_for_the_peer() {
        let mut stage = Stage::new();
        let who = stage.join("e1");
        let mut other = who.clone();
        other.edge = NodeId::new("e2");
        let mut third = who.clone();
        third.session = SessionId(99);
        for thief in [other, third] {
            let join = Request::Join(Box::new(Stage::join_of(&thief)));
            for request in [Request::Leave, Request::OpenTransport(Direction::Send), join] {
                assert_eq!(stage.done(&thief, request), Err(RequestError::NotJoined));
            }
            stage.close_session(&thief);
        }
        assert_eq!(stage.room.view().peers.len(), 1);
        let stranger = stage.who("e1");
        assert_eq!(stage.done(&stranger, Request::Leave), Err(RequestError::NotJoined));
    }

    #[test]
    fn public_ids_are_what_was_chosen_unless_taken() {
        let mut stage = Stage::new();
        assert_eq!(called(&mut stage, chosen("ann", "rooms")), "ann");
        assert_eq!(
            called(&mut stage, chosen("ann", "rooms")),
            "socket2",
            "taken in its dialect"
        );
        assert_eq!(
            called(&mut stage, chosen("ann", "protoo")),
            "ann-2",
            "shown by another dialect"
        );
        assert_eq!(called(&mut stage, chosen("ann", "conference")), "ann-3");
        assert_eq!(called(&mut stage, |_| {}), "socket5");
        assert_eq!(called(&mut stage, chosen("socket7", "rooms")), "socket7");
        assert_eq!(
            called(&mut stage, |_| {}),
            "socket7-2",
            "somebody took the id of its connection"
        );
        let ids = stage.room.view().peers.values().map(|peer| peer.public_id.clone());
        assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 7);
    }

    #[test]
    fn the_first_is_host_and_a_creator_only_where_no_host_is_left() {
        let mut stage = Stage::new();
        let first = stage.join("e1");
        let creator = |join: &mut Join| join.creator = true;
        let (second, _) = stage.join_with("e1", creator);
        stage.done(&first, Request::Leave).unwrap();
        let (third, _) = stage.join_with("e1", |_| {});
        let (fourth, _) = stage.join_with("e1", creator);
        let role = |who: &crate::tests::Who| stage.room.view().peers[&who.peer].role;
        assert_eq!(
            [role(&second), role(&third), role(&fourth)],
            [Role::Member, Role::Member, Role::Host]
        );
    }

    #[test]
    fn a_full_room_refuses_and_stays() {
        let mut stage = Stage::with_limits(Limits {
            peers_per_room: 1,
            ..Limits::default()
        });
        let first = stage.join("e1");
        let (_, refused) = stage.join_with("e2", |_| {});
        assert_eq!(stage.reply(refused), Err(RequestError::RoomFull));
        assert_eq!(stage.told("e2").len(), 1, "no view for an edge without sessions");
        stage.done(&first, Request::Leave).unwrap();
        assert!(stage.closed());
    }

    #[test]
    fn a_room_that_must_exist_does_not_begin_with_that_join() {
        let must_exist = |join: &mut Join| join.room_must_exist = true;
        let mut stage = Stage::new();
        let (_, refused) = stage.join_with("e1", must_exist);
        assert_eq!(stage.reply(refused), Err(RequestError::RoomNotFound));
        assert!(stage.closed());
        let mut stage = Stage::new();
        stage.join("e1");
        let (_, joined) = stage.join_with("e1", must_exist);
        assert!(stage.reply(joined).is_ok());
    }
}
