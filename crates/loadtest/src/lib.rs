//! Real WebRTC peers without a browser: they do ICE, DTLS and SRTP, publish video and audio at a given rate, receive,
//! and count. Tests, benchmarks and load runs are built on them.
//!
//! The map, from the inside out:
//! - [`rtp`]: what a router can do → the codecs and header extensions that our peers use, as JSON.
//! - [`payload`], [`source`], [`clock`], [`counters`]: what is sent, when, stamped with which time, and what is counted.
//! - [`transport`]: a server's transport parameters. [`peer`]: one WebRTC transport as a machine without sockets.
//! - [`network`], [`driver`]: sockets, and the one thread that runs any number of peers on them.
//! - [`socketio`], [`rooms_client`], [`call`]: the `rooms` dialect, and a peer that joins a call in three lines.
//!
//! Not here: anything that needs a media worker (peers only speak to one), the `conference`, `pulsewave` and `protoo`
//! dialects, and verdicts: callers judge the counters.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod call;
pub mod clock;
pub mod counters;
pub mod driver;
pub mod network;
pub mod payload;
pub mod peer;
pub mod rooms_client;
pub mod rtp;
pub mod socketio;
pub mod source;
pub mod transport;
