//! What clients say, and what they are told.
//!
//! One path in: frame → [`Dialect`] → request → [`Session`] → [`EdgeRoom`] → (the room's home). One path out: update or reply →
//! [`EdgeRoom`] → dialect → frames. A session is one signaling connection; an edge room is one room as this edge knows it: its copy of
//! the view and the sessions that look at it. Each is a state machine without runtime, clock, randomness or I/O: `handle_*` takes what
//! happened, `poll_effect` says what is to be done, `poll_timeout` when `handle_timeout` wants to be called.
//!
//! Room state is not here (the crate `room` has it), nor are sockets (the crate `node` has them).
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)
)]

pub mod dialect;
mod edge;
mod frame;
mod session;

pub use dialect::{Audience, Dialect};
pub use edge::{EdgeEffect, EdgeRoom};
pub use frame::{AckId, Inbound, Outbound};
pub use session::{DisconnectReason, Session, SessionConfig, SessionEffect, SessionMessage};
