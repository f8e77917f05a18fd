//! Sockets: frames in, frames out. What a frame means is decided elsewhere.

pub(crate) mod admission;
pub(crate) mod socketio;
