//! What the tests share: a stage that plays edges and seats for one room, and a whole world for the property test.

mod stage;

pub(crate) use stage::{Stage, Who, audio, camera, good, rtp};
