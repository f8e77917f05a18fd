//! The media side with real mediasoup workers: alone, with real peers, and with a worker that dies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod call;
#[cfg(feature = "fault-injection")]
mod death;
mod home;
mod hostile;
mod seat;
mod traffic;
