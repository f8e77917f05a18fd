//! Clients, sessions and an edge room against a scripted home: what each client hears, in which order, also when things go wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod failures;
mod home;
mod hostile;
mod joining;
mod large_rooms;
mod mirror;
mod world;
