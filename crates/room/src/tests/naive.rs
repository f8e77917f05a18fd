//! The naive model: what a request must be answered with, where no media decides, from a plain list of who is there.

use model::*;

use super::world::{Known, Person, World};

impl World {
    /// The naive model: what a request must be answered with, where no media is asked.
    pub(super) fn expect(&self, person: &Person, body: &Request) -> Option<Result<Reply, RequestError>> {
        match body {
            Request::Join(join) => Some(self.expect_join(person, join).map(Reply::Joined)),
            _ if !self.is_joined(person) => Some(Err(RequestError::NotJoined)),
            Request::Leave | Request::SetMuteState { .. } => Some(Ok(Reply::Done)),
            Request::Find(wanted) => {
                let found = self.roster.iter().find(|(_, id, _)| id == wanted);
                let connection = found.map(|(known, ..)| known.join.identity.connection.clone());
                Some(Ok(Reply::Found(connection)))
            }
            Request::CloseProducer(producer)
                if self
                    .view()
                    .producers
                    .get(producer)
                    .is_some_and(|view| view.peer == person.peer) =>
            {
                Some(Ok(Reply::Done))
            }
            _ => self.expect_refusal(person.peer, body).map(Err),
        }
    }

    /// What is not the peer's own is not found, whoever has it.
    fn expect_refusal(&self, peer: PeerId, body: &Request) -> Option<RequestError> {
        let none = Known::default();
        let own = self.known.get(&peer).unwrap_or(&none);
        let (is_own, refusal) = match body {
            Request::ConnectTransport { transport, .. } | Request::GetStats(MediaObject::Transport(transport)) => {
                let is_own = own.send.contains(transport) || own.recv.contains(transport);
                (is_own, RequestError::TransportNotFound)
            }
            Request::CloseProducer(producer)
            | Request::PauseProducer(producer)
            | Request::ResumeProducer(producer)
            | Request::GetStats(MediaObject::Producer(producer)) => {
                (own.producers.contains(producer), RequestError::ProducerNotFound)
            }
            Request::CloseConsumer(consumer)
            | Request::PauseConsumer(consumer)
            | Request::ResumeConsumer(consumer)
            | Request::SetPreferredLayers { consumer, .. }
            | Request::RequestKeyFrame(consumer)
            | Request::GetStats(MediaObject::Consumer(consumer)) => {
                (own.consumers.contains(consumer), RequestError::ConsumerNotFound)
            }
            _ => return None,
        };
        (!is_own).then_some(refusal)
    }

    fn expect_join(&self, person: &Person, join: &Join) -> Result<Joined, RequestError> {
        if let Some((known, public_id, role)) = self.roster.iter().find(|(known, ..)| known.peer == person.peer) {
            if known.session != person.session || known.edge != person.edge {
                return Err(RequestError::NotJoined);
            }
            return Ok(Joined {
                public_id: public_id.clone(),
                role: *role,
                repeated: true,
            });
        }
        match self.roster.len() {
            0 if join.room_must_exist => return Err(RequestError::RoomNotFound),
            5 => return Err(RequestError::RoomFull),
            _ => {}
        }
        let hosted = self.roster.iter().any(|(.., role)| *role == Role::Host);
        let role = match (self.roster.is_empty(), join.creator && !hosted) {
            (false, false) => Role::Member,
            _ => Role::Host,
        };
        let same_dialect = |known: &Person| known.join.identity.dialect == join.identity.dialect;
        let taken = |id: &PublicId| self.roster.iter().any(|(_, other, _)| other == id);
        let taken_here = |id: &PublicId| {
            self.roster
                .iter()
                .any(|(known, other, _)| other == id && same_dialect(known))
        };
        let wanted = match &join.identity.chosen {
            Some(chosen) if !taken_here(chosen) => chosen.clone(),
            _ => join.identity.connection.clone(),
        };
        let suffixed = (2..).map(|suffix| PublicId::new(&format!("{wanted}-{suffix}")));
        let public_id = std::iter::once(wanted.clone()).chain(suffixed).find(|id| !taken(id));
        Ok(Joined {
            public_id: public_id.unwrap(),
            role,
            repeated: false,
        })
    }
}
