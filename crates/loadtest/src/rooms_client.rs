//! The `rooms` dialect as its clients speak it: one method a request, the server's events as they come. Media is not
//! here; `call.rs` puts the two together.

use std::time::Duration;

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::rtp::Kind;
use crate::socketio::{ServerEvent, SocketIo, SocketIoError};

/// How long any answer may take.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// Why a request of the dialect failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RoomsError {
    /// The session did not carry it.
    #[error(transparent)]
    Session(#[from] SocketIoError),
    /// The server's answer is an error; its text.
    #[error("{event}: {text}")]
    Refused {
        /// The request.
        event: &'static str,
        /// The server's words.
        text: String,
    },
    /// The server's answer lacks something that it must have.
    #[error("{event}: no usable {field} in the answer")]
    Incomplete {
        /// The request.
        event: &'static str,
        /// What is missing.
        field: &'static str,
    },
}

/// Which way media goes on a transport, seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// For producers.
    Send,
    /// For consumers.
    Receive,
}

/// A consumer as the server announced it, paused.
#[derive(Clone, Debug, PartialEq)]
pub struct Consumer {
    /// Its id.
    pub id: String,
    /// Whose media it carries.
    pub peer_id: Option<String>,
    /// For [`crate::peer::MediaPeer::expect_stream`].
    pub rtp_parameters: Value,
}

/// A session with a server, for one room.
pub struct RoomsClient {
    socket: SocketIo,
    room: String,
}

impl RoomsClient {
    /// Connects; nothing is said about the room yet.
    pub async fn connect(url: &str, room: &str) -> Result<Self, RoomsError> {
        Ok(Self {
            socket: SocketIo::connect(url, Value::Null).await?,
            room: room.to_owned(),
        })
    }

    /// The socket's id.
    pub fn socket_id(&self) -> &str {
        self.socket.id()
    }

    /// `get-rtp-capabilities`: the router's `rtpCapabilities`. Creates the room if need be.
    pub async fn rtp_capabilities(&self) -> Result<Value, RoomsError> {
        let event = "get-rtp-capabilities";
        let mut answer = self.request(event, json!({})).await?;
        take(&mut answer, event, "rtpCapabilities")
    }

    /// `join-mediasoup-room`, with a name and any further fields (an object, or `null`): the whole answer.
    pub async fn join(&self, rtp_capabilities: &Value, name: &str, more: Value) -> Result<Value, RoomsError> {
        let mut request = json!({ "rtpCapabilities": rtp_capabilities, "userName": name });
        if let (Value::Object(request), Value::Object(more)) = (&mut request, more) {
            request.extend(more);
        }
        self.request("join-mediasoup-room", request).await
    }

    /// `create-webrtc-transport`: the transport's parameters.
    pub async fn create_transport(&self, direction: Direction) -> Result<Value, RoomsError> {
        let event = "create-webrtc-transport";
        let direction = if direction == Direction::Send { "send" } else { "recv" };
        let mut answer = self.request(event, json!({ "direction": direction })).await?;
        take(&mut answer, event, "params")
    }

    /// `connect-transport`.
    pub async fn connect_transport(&self, transport: &str, dtls_parameters: &Value) -> Result<(), RoomsError> {
        let request = json!({ "transportId": transport, "dtlsParameters": dtls_parameters });
        self.request("connect-transport", request).await.map(drop)
    }

    /// `produce`: the producer's id.
    pub async fn produce(&self, transport: &str, kind: Kind, rtp_parameters: &Value) -> Result<String, RoomsError> {
        let event = "produce";
        let request = json!({ "transportId": transport, "kind": kind, "rtpParameters": rtp_parameters });
        let mut answer = self.request(event, request).await?;
        text(take(&mut answer, event, "id")?, event, "id")
    }

    /// `consume`: a paused consumer.
    pub async fn consume(&self, producer: &str, rtp_capabilities: &Value) -> Result<Consumer, RoomsError> {
        let event = "consume";
        let request = json!({ "producerId": producer, "rtpCapabilities": rtp_capabilities });
        let mut answer = self.request(event, request).await?;
        let id = text(take(&mut answer, event, "id")?, event, "id")?;
        let peer_id = answer["peerId"].as_str().map(str::to_owned);
        Ok(Consumer {
            id,
            peer_id,
            rtp_parameters: take(&mut answer, event, "rtpParameters")?,
        })
    }

    /// `resume-consumer`.
    pub async fn resume(&self, consumer: &str) -> Result<(), RoomsError> {
        self.request("resume-consumer", json!({ "consumerId": consumer }))
            .await
            .map(drop)
    }

    /// `close-producer`.
    pub async fn close_producer(&self, producer: &str) -> Result<(), RoomsError> {
        self.request("close-producer", json!({ "producerId": producer }))
            .await
            .map(drop)
    }

    /// `leave`; only for peers that joined with `extensions`, others leave by disconnecting.
    pub async fn leave(&self) -> Result<(), RoomsError> {
        self.request("leave", json!({})).await.map(drop)
    }

    /// The server's next event; `None` after `within`.
    pub async fn next_event(&mut self, within: Duration) -> Result<Option<ServerEvent>, RoomsError> {
        Ok(self.socket.next_event(within).await?)
    }

    /// An event that came in already.
    pub fn try_event(&mut self) -> Option<ServerEvent> {
        self.socket.try_event()
    }

    /// Any request: `data` with the room's id added. An answer `{error}` is an error.
    pub async fn request(&self, event: &'static str, mut data: Value) -> Result<Value, RoomsError> {
        data["roomId"] = self.room.as_str().into();
        let answer = self.socket.request(event, data, ANSWER_DEADLINE).await?;
        match answer.get("error") {
            None => Ok(answer),
            Some(error) => {
                let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
                Err(RoomsError::Refused { event, text })
            }
        }
    }
}

fn take(answer: &mut Value, event: &'static str, field: &'static str) -> Result<Value, RoomsError> {
    let taken = answer
        .as_object_mut()
        .and_then(|answer: &mut Map<String, Value>| answer.remove(field));
    taken.ok_or(RoomsError::Incomplete { event, field })
}

fn text(value: Value, event: &'static str, field: &'static str) -> Result<String, RoomsError> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or(RoomsError::Incomplete { event, field })
}

#[cfg(test)]
mod tests {
    use socketioxide::extract::{AckSender, Data, SocketRef};

    use super::*;

    /// A server that acknowledges every request with what the request asks for in `answer`, or with the request.
    async fn serve() -> String {
        let (layer, io) = socketioxide::SocketIo::new_layer();
        io.ns("/", async |socket: SocketRef| {
            for event in ["get-rtp-capabilities", "produce", "consume", "leave"] {
                socket.on(event, async move |Data(data): Data<Value>, ack: AckSender| {
                    let answer = match event {
                        "get-rtp-capabilities" => json!({ "rtpCapabilities": data }),
                        "produce" => json!({ "error": "Send transport not found" }),
                        "consume" => json!({ "id": 5 }),
                        _ => json!({}),
                    };
                    ack.send(&answer).unwrap();
                });
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().layer(layer)).await.unwrap() });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn answers_are_unwrapped_and_errors_are_told_apart() {
        let client = RoomsClient::connect(&serve().await, "r1").await.unwrap();
        assert_eq!(client.rtp_capabilities().await, Ok(json!({ "roomId": "r1" })));
        let refused = RoomsError::Refused {
            event: "produce",
            text: "Send transport not found".into(),
        };
        assert_eq!(client.produce("t", Kind::Video, &json!({})).await, Err(refused));
        let incomplete = RoomsError::Incomplete {
            event: "consume",
            field: "id",
        };
        assert_eq!(client.consume("p", &json!({})).await, Err(incomplete));
        assert_eq!(client.leave().await, Ok(()));
    }
}
