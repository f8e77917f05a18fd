//! What the benchmarks share: a conversation in memory, a node as a process of its own, a bare mediasoup worker, the CPU time of
//! threads and processes, and the writing of results. What is measured, and how often, is in `benches/benches`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

pub mod bare;
pub mod conversation;
pub mod cpu;
pub mod node;
pub mod report;
