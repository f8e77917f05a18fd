//! Row by row: what each event becomes, what each mistake is called, what each reply and update looks like on the wire.

mod decoding;
mod rendering;

use std::sync::Arc;

use model::{JsonText, NodeId, PublicId};
use serde_json::Value;

use crate::dialect::EdgeFacts;
use crate::{AckId, Outbound};

const ACK: AckId = AckId(7);
const UUID: &str = "4f1c9d3a-0c7e-4b7e-9d0a-1f2e3d4c5b6a";

fn facts() -> Arc<EdgeFacts> {
    Arc::new(EdgeFacts {
        connection: PublicId::new("s0cket-a"),
        node: NodeId::new("edge-1"),
        rtp_capabilities: JsonText::from_valid(r#"{"codecs":[],"headerExtensions":[]}"#),
        edges: Vec::new(),
    })
}

fn ack_of(frames: &[Outbound]) -> Value {
    match frames {
        [Outbound::Ack { id, data }] => {
            assert_eq!(*id, ACK);
            serde_json::from_str(data.as_str()).unwrap()
        }
        other => panic!("not one ack: {other:?}"),
    }
}
