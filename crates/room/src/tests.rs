//! What the tests share: a stage that plays edges and seats for one room, and a whole world for the property test.

mod check;
mod naive;
mod property;
mod seats;
mod stage;
mod world;

pub(crate) use stage::{Stage, Who, audio, camera, good, rtp};
