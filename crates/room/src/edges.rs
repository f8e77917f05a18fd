//! Whom the room tells what. Updates, replies and notices share one queue, so an edge gets them in the order they happened.

use model::{EdgeMessage, NodeId, Notice, PeerId, Reply, RequestError, Update};

use crate::flight::Asker;
use crate::{Effect, Room, RoomEvent};

impl Room {
    /// Counts one more session at an edge; an edge that is new to the room gets the view as it is now.
    pub(crate) fn add_session(&mut self, edge: &NodeId) {
        if !self.edges.contains_key(edge) {
            self.send_snapshot(edge);
        }
        *self.edges.entry(edge.clone()).or_default() += 1;
    }

    /// Counts one session less; an edge without any is told nothing more.
    pub(crate) fn remove_session(&mut self, edge: &NodeId) {
        if let Some(sessions) = self.edges.get_mut(edge) {
            *sessions -= 1;
            if *sessions == 0 {
                self.edges.remove(edge);
            }
        }
    }

    /// Changes the view and sends the change once to every edge.
    pub(crate) fn update(&mut self, update: &Update) {
        self.view.apply(update);
        let version = self.view.version;
        self.effects.extend(self.edges.keys().map(|edge| Effect::ToEdge {
            edge: edge.clone(),
            message: EdgeMessage::Update {
                version,
                update: update.clone(),
            },
        }));
    }

    pub(crate) fn reply(&mut self, asker: &Asker, result: Result<Reply, RequestError>) {
        self.tell(
            &asker.edge,
            EdgeMessage::Reply {
                session: asker.session,
                request: asker.request,
                result,
            },
        );
    }

    pub(crate) fn not_home(&mut self, asker: &Asker) {
        self.tell(
            &asker.edge,
            EdgeMessage::NotHome {
                session: asker.session,
                request: asker.request,
            },
        );
    }

    /// Tells one peer something; one that is gone is told nothing.
    pub(crate) fn notice(&mut self, peer: PeerId, notice: Notice) {
        if let Some(edge) = self.peers.get(&peer).map(|known| known.edge.clone()) {
            self.tell(&edge, EdgeMessage::Notice { peer, notice });
        }
    }

    pub(crate) fn send_snapshot(&mut self, edge: &NodeId) {
        let view = Box::new(self.view.clone());
        self.tell(edge, EdgeMessage::Snapshot(view));
    }

    pub(crate) fn event(&mut self, event: RoomEvent) {
        self.effects.push_back(Effect::Event(event));
    }

    fn tell(&mut self, edge: &NodeId, message: EdgeMessage) {
        self.effects.push_back(Effect::ToEdge {
            edge: edge.clone(),
            message,
        });
    }
}
