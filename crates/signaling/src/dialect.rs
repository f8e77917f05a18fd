//! What a client protocol has to tell the rest: how its frames become requests, and how replies, updates and notices become frames.
//!
//! A new dialect is a file under `dialect/` and a line in [`ALL`]. It has three parts: the [`Dialect`] itself, which has no state and
//! renders each update once for all its sessions; a [`Translator`] for each session; and an [`Answer`] for each request under way,
//! which remembers what this client needs to recognise its answer.

use std::fmt;
use std::sync::Arc;

use model::{
    Join, JsonText, NodeId, Notice, PeerId, PublicId, Removed, Reply, Request, RequestError, RoomId, RoomView, Update,
};

use crate::{Inbound, Outbound};

mod rooms;

pub use rooms::Rooms;

/// Every dialect that is served.
pub const ALL: &[&dyn Dialect] = &[&Rooms];

/// The dialect of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Dialect> {
    ALL.iter().copied().find(|dialect| dialect.name() == name)
}

/// A client protocol. What it renders goes to many sessions, so it knows none of them.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// Its name, in metrics and in [`model::Identity`].
    fn name(&self) -> &'static str;

    /// Begins a session.
    fn translator(&self, facts: Arc<EdgeFacts>) -> Box<dyn Translator>;

    /// Tells an update. `view` has it already, `removed` is what it took out.
    fn render_update(&self, view: &RoomView, update: &Update, removed: &Removed) -> Vec<Addressed>;

    /// The full list of peers, in dialects that send one when somebody joined or left.
    fn render_roster(&self, view: &RoomView) -> Option<Outbound>;
}

/// One session's side of a dialect: remembers what its client said that later frames depend on.
pub trait Translator: Send {
    /// Reads a frame.
    fn decode(&mut self, frame: &Inbound) -> Decoded;

    /// Answers a frame that is not looked into.
    fn refuse(&mut self, frame: &Inbound, error: &RequestError) -> EdgeAnswer;

    /// Tells what concerns this session alone.
    fn render_notice(&mut self, notice: &Notice) -> Vec<Outbound>;

    /// Tells that this edge is about to close.
    fn render_closing(&mut self) -> Vec<Outbound>;
}

/// How one request is answered. `view` comes with [`Reply::Joined`].
pub trait Answer: Send {
    /// The frames of the answer; none when the client waits for none.
    fn render(&self, result: Result<&Reply, &RequestError>, view: Option<&RoomView>) -> Vec<Outbound>;
}

/// What a frame says.
pub enum Decoded {
    /// The client wants to join a room.
    Join {
        /// The room.
        room: RoomId,
        /// What it brings; the session lifts `room_must_exist` if the room was asked for before.
        join: Box<Join>,
        /// Which frames of the room it is to get.
        audience: Audience,
        /// What the request is called and how it is answered.
        asked: Asked,
    },
    /// The client leaves the room that it is in.
    Leave {
        /// The room; absent: whichever it is.
        room: Option<RoomId>,
        /// What the request is called and how it is answered.
        asked: Asked,
    },
    /// The client asks its room for something.
    Request {
        /// The room; absent: whichever it is in.
        room: Option<RoomId>,
        /// What it asks: neither join nor leave.
        body: Request,
        /// What the request is called and how it is answered.
        asked: Asked,
    },
    /// The client asked what a room can receive: this session may make that room by joining it.
    AskedFor {
        /// The room.
        room: RoomId,
        /// The answer.
        answer: EdgeAnswer,
    },
    /// Nothing for a room: answered here, refused or ignored.
    Answered(EdgeAnswer),
}

/// A request by its name, and the way to answer it.
pub struct Asked {
    /// What the request is called: one of a closed set, for metrics.
    pub request: &'static str,
    /// How it is answered.
    pub answer: Box<dyn Answer>,
}

/// A request that the edge answered by itself.
#[derive(Debug)]
pub struct EdgeAnswer {
    /// What the request is called: one of a closed set, `"unknown"` for what the dialect does not know.
    pub request: &'static str,
    /// True when the client got what it asked for.
    pub ok: bool,
    /// The answer, if the client waits for one.
    pub frames: Vec<Outbound>,
}

/// What an edge knows without asking a room.
#[derive(Debug)]
pub struct EdgeFacts {
    /// The id of this session's connection.
    pub connection: PublicId,
    /// The edge's node.
    pub node: NodeId,
    /// JSON `RtpCapabilities`, equal on all nodes.
    pub rtp_capabilities: JsonText,
    /// Public addresses of other nodes that take sessions.
    pub edges: Vec<String>,
}

/// Which frames of a room a session gets: those of its dialect, as far as its client understands them.
#[derive(Clone, Copy, Debug)]
pub struct Audience {
    /// The dialect.
    pub dialect: &'static dyn Dialect,
    /// What its client understands beyond the dialect's core.
    pub extensions: Extensions,
}

/// Something that only some clients of a dialect understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// The client knows this server: it is told who serves it and when that ends.
    Aware,
    /// It can make its transports anew in the same session.
    Rebuild,
    /// It wants to know who speaks.
    Speaker,
    /// It wants to know how good connections are.
    Quality,
}

/// A set of [`Extension`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions(u8);

impl Extensions {
    /// This set and one more.
    #[must_use]
    pub fn with(self, extension: Extension) -> Self {
        Self(self.0 | 1 << extension as u8)
    }

    /// True when the set has it.
    #[must_use]
    pub fn has(self, extension: Extension) -> bool {
        self.0 & 1 << extension as u8 != 0
    }
}

/// A rendered frame and who of the dialect's sessions gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressed {
    /// Whose sessions.
    pub to: To,
    /// Only those that have this extension.
    pub needs: Option<Extension>,
    /// The frame.
    pub frame: Outbound,
}

/// Whose sessions get a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// All peers of the room.
    All,
    /// All but one.
    Except(PeerId),
    /// One.
    Only(PeerId),
}

impl Addressed {
    /// True when the session of `peer` with these extensions gets the frame.
    #[must_use]
    pub fn reaches(&self, peer: PeerId, extensions: Extensions) -> bool {
        let addressed = match self.to {
            To::All => true,
            To::Except(other) => peer != other,
            To::Only(only) => peer == only,
        };
        addressed && self.needs.is_none_or(|extension| extensions.has(extension))
    }
}
