//! The `rooms` dialect: kebab-case Socket.IO events, answers in acks, `{error}` where something is wrong.
//!
//! `wire` has the shapes of both directions, `decode` the requests, `render` the answers and events. A request without an ack is carried
//! out all the same and fails silently.

mod decode;
mod render;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use model::{Notice, PublicId, Removed, RequestError, RoomView, Update};

use super::{Addressed, Decoded, Dialect, EdgeAnswer, EdgeFacts, Extensions, Translator};
use crate::{Inbound, Outbound};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct Rooms;

const NAME: &str = "rooms";

impl Dialect for Rooms {
    fn name(&self) -> &'static str {
        NAME
    }

    fn translator(&self, facts: Arc<EdgeFacts>) -> Box<dyn Translator> {
        Box::new(RoomsTranslator {
            facts,
            user: None,
            extensions: Extensions::default(),
        })
    }

    fn render_update(&self, view: &RoomView, update: &Update, removed: &Removed) -> Vec<Addressed> {
        render::update(view, update, removed)
    }

    fn render_roster(&self, view: &RoomView) -> Option<Outbound> {
        Some(render::roster(view))
    }
}

struct RoomsTranslator {
    facts: Arc<EdgeFacts>,
    /// What `set-user-id` said, for joins that say nothing.
    user: Option<PublicId>,
    /// What the last join said that its client understands.
    extensions: Extensions,
}

impl Translator for RoomsTranslator {
    fn decode(&mut self, frame: &Inbound) -> Decoded {
        match frame {
            Inbound::Event { name, data, ack } => self.event(name, data.as_str(), *ack),
            Inbound::Text(_) => Decoded::Answered(render::refused("unknown", None, "text is not supported")),
            Inbound::Unreadable { ack, what } => Decoded::Answered(render::refused("unknown", *ack, what)),
        }
    }

    fn refuse(&mut self, frame: &Inbound, error: &RequestError) -> EdgeAnswer {
        let (request, ack) = match frame {
            Inbound::Event { name, ack, .. } => (decode::closed_name(name), *ack),
            Inbound::Unreadable { ack, .. } => ("unknown", *ack),
            Inbound::Text(_) => ("unknown", None),
        };
        render::refused(request, ack, &render::words(error))
    }

    fn render_notice(&mut self, notice: &Notice) -> Vec<Outbound> {
        render::notice(notice, self.extensions, &self.facts)
            .into_iter()
            .collect()
    }

    fn render_closing(&mut self) -> Vec<Outbound> {
        render::closing(self.extensions, &self.facts).into_iter().collect()
    }
}
