//! A Socket.IO 5 client over one WebSocket, default namespace: as much of the protocol as our dialects use (events,
//! acknowledgements, heartbeat, refusal). Long-polling, binary and reconnecting are not here: a peer of a test or a
//! load run wants to see a broken session, not to have it repaired.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long connecting may take, from the TCP handshake to the Socket.IO one.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Requests that may wait to be written.
const REQUESTS_MAX: usize = 4_096;
/// Requests that may wait for their acknowledgements.
const ACKS_MAX: usize = 16_384;
/// Events that may wait to be looked at; past it the session ends, as a stuck client's would.
const EVENTS_MAX: usize = 16_384;

/// Why a session ended or never began, or a request got no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SocketIoError {
    /// No WebSocket.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The server refused the namespace.
    #[error("refused: {0}")]
    Refused(String),
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// No acknowledgement in time.
    #[error("no answer to {0:?} in time")]
    NoAnswer(String),
    /// Too many requests wait.
    #[error("too many requests are waiting")]
    Busy,
    /// Something that is not Socket.IO.
    #[error("not socket.io: {0:?}")]
    Malformed(String),
}

/// An event of the server, with its first argument.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerEvent {
    /// Its name.
    pub name: String,
    /// Its first argument, `null` if there is none.
    pub data: Value,
}

/// One session. It ends with the last of its values dropped.
pub struct SocketIo {
    id: String,
    requests: mpsc::Sender<Request>,
    events: mpsc::Receiver<ServerEvent>,
}

struct Request {
    name: String,
    data: Value,
    answer: Option<oneshot::Sender<Value>>,
}

/// A text frame from the server.
#[derive(Debug, PartialEq)]
enum Frame {
    Open(Opening),
    Ping,
    Connected { sid: String },
    Refused { message: String },
    Event { ack: Option<u64>, event: ServerEvent },
    Ack { id: u64, data: Value },
    Closed,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Opening {
    ping_interval: u64,
    ping_timeout: u64,
}

impl Frame {
    fn read(text: &str) -> Result<Self, SocketIoError> {
        Self::parse(text).ok_or_else(|| SocketIoError::Malformed(text.chars().take(80).collect()))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut symbols = text.chars();
        match symbols.next()? {
            '0' => Some(Self::Open(serde_json::from_str(symbols.as_str()).ok()?)),
            '1' => Some(Self::Closed),
            '2' => Some(Self::Ping),
            '4' => match (symbols.next()?, symbols.as_str()) {
                ('0', rest) => {
                    let sid = json_of(rest)?["sid"].as_str()?.to_owned();
                    Some(Self::Connected { sid })
                }
                ('1', _) => Some(Self::Closed),
                ('2', rest) => {
                    let (ack, rest) = split_number(rest);
                    let mut arguments = json_of(rest)?.as_array()?.clone().into_iter();
                    let name = arguments.next()?.as_str()?.to_owned();
                    Some(Self::Event {
                        ack,
                        event: ServerEvent {
                            name,
                            data: arguments.next().unwrap_or_default(),
                        },
                    })
                }
                ('3', rest) => {
                    let (id, rest) = split_number(rest);
                    let data = json_of(rest)?.as_array()?.first().cloned().unwrap_or_default();
                    Some(Self::Ack { id: id?, data })
                }
                ('4', rest) => {
                    let message = json_of(rest)?["message"].as_str().unwrap_or(rest).to_owned();
                    Some(Self::Refused { message })
                }
                _ => None,
            },
            _ => None,
        }
    }
}

fn json_of(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn split_number(text: &str) -> (Option<u64>, &str) {
    let (digits, rest) = text.split_at(text.find(|symbol: char| !symbol.is_ascii_digit()).unwrap_or(text.len()));
    (digits.parse().ok(), rest)
}

fn event_frame(name: &str, data: Value, ack: Option<u64>) -> String {
    let ack = ack.map(|id| id.to_string()).unwrap_or_default();
    // A bare event has no argument at all.
    let arguments = if data.is_null() {
        json!([name])
    } else {
        json!([name, data])
    };
    format!("42{ack}{arguments}")
}

type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl SocketIo {
    /// Connects to `http://host:port` (or `ws://…`; without TLS), default path, default namespace, with this `auth`.
    pub async fn connect(url: &str, auth: Value) -> Result<Self, SocketIoError> {
        let connecting = timeout(CONNECT_DEADLINE, handshake(url, auth)).await;
        let (socket, id, patience) = connecting.map_err(|_| SocketIoError::Connect("not in time".to_owned()))??;
        let (requests, to_send) = mpsc::channel(REQUESTS_MAX);
        let (to_events, events) = mpsc::channel(EVENTS_MAX);
        let session = Session {
            socket,
            patience,
            to_send,
            to_events,
            awaited: BTreeMap::new(),
            next_ack: 0,
        };
        tokio::spawn(session.run());
        Ok(Self { id, requests, events })
    }

    /// The server's id of this socket.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sends an event and waits for its acknowledgement; gives the acknowledgement's first argument.
    pub async fn request(&self, name: &str, data: Value, within: Duration) -> Result<Value, SocketIoError> {
        let (answer, answered) = oneshot::channel();
        self.push(Request {
            name: name.to_owned(),
            data,
            answer: Some(answer),
        })?;
        let answered = timeout(within, answered)
            .await
            .map_err(|_| SocketIoError::NoAnswer(name.to_owned()))?;
        answered.map_err(|_| SocketIoError::Ended)
    }

    /// Sends an event without asking for an acknowledgement.
    pub fn emit(&self, name: &str, data: Value) -> Result<(), SocketIoError> {
        self.push(Request {
            name: name.to_owned(),
            data,
            answer: None,
        })
    }

    /// The next event of the server, in its order; `None` after `within`, an error once the session has ended and
    /// every event was given.
    pub async fn next_event(&mut self, within: Duration) -> Result<Option<ServerEvent>, SocketIoError> {
        match timeout(within, self.events.recv()).await {
            Err(_) => Ok(None),
            Ok(Some(event)) => Ok(Some(event)),
            Ok(None) => Err(SocketIoError::Ended),
        }
    }

    /// An event that came in already.
    pub fn try_event(&mut self) -> Option<ServerEvent> {
        self.events.try_recv().ok()
    }

    fn push(&self, request: Request) -> Result<(), SocketIoError> {
        self.requests.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SocketIoError::Busy,
            mpsc::error::TrySendError::Closed(_) => SocketIoError::Ended,
        })
    }
}

async fn handshake(url: &str, auth: Value) -> Result<(WebSocket, String, Duration), SocketIoError> {
    let (scheme, host) = url.split_once("://").unwrap_or(("ws", url));
    if !matches!(scheme, "http" | "ws") {
        return Err(SocketIoError::Connect(format!("{scheme} is not supported")));
    }
    let url = format!(
        "ws://{}/socket.io/?EIO=4&transport=websocket",
        host.trim_end_matches('/')
    );
    let connected = connect_async(url).await;
    let (mut socket, _) = connected.map_err(|error| SocketIoError::Connect(error.to_string()))?;
    let Frame::Open(opening) = next_frame(&mut socket).await? else {
        return Err(SocketIoError::Malformed("no opening packet".to_owned()));
    };
    let auth = if auth.is_null() {
        String::new()
    } else {
        auth.to_string()
    };
    send(&mut socket, format!("40{auth}")).await?;
    let id = loop {
        match next_frame(&mut socket).await? {
            Frame::Connected { sid } => break sid,
            Frame::Refused { message } => return Err(SocketIoError::Refused(message)),
            Frame::Ping => send(&mut socket, "3".to_owned()).await?,
            Frame::Closed => return Err(SocketIoError::Ended),
            Frame::Open(_) | Frame::Event { .. } | Frame::Ack { .. } => {}
        }
    };
    // A server that is silent for longer than this is gone.
    Ok((
        socket,
        id,
        Duration::from_millis(opening.ping_interval.saturating_add(opening.ping_timeout)),
    ))
}

async fn send(socket: &mut WebSocket, text: String) -> Result<(), SocketIoError> {
    socket.send(Message::text(text)).await.map_err(|_| SocketIoError::Ended)
}

async fn next_frame(socket: &mut WebSocket) -> Result<Frame, SocketIoError> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Frame::read(&text),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(Frame::Closed),
            Some(Ok(_)) => {}
        }
    }
}

/// The task behind a [`SocketIo`].
struct Session {
    socket: WebSocket,
    patience: Duration,
    to_send: mpsc::Receiver<Request>,
    to_events: mpsc::Sender<ServerEvent>,
    awaited: BTreeMap<u64, oneshot::Sender<Value>>,
    next_ack: u64,
}

impl Session {
    /// Until the handle is dropped, the server closes or falls silent, or nobody reads the events.
    async fn run(mut self) {
        while self.step().await.is_ok_and(|goes_on| goes_on) {}
        // The other side may be gone already.
        let _ = timeout(CONNECT_DEADLINE, self.socket.close(None)).await;
    }

    async fn step(&mut self) -> Result<bool, SocketIoError> {
        tokio::select! {
            request = self.to_send.recv() => match request {
                Some(request) => self.handle_request(request).await,
                None => Ok(false),
            },
            frame = next_frame(&mut self.socket) => self.handle_frame(frame?).await,
            () = sleep(self.patience) => Ok(false),
        }
    }

    async fn handle_request(&mut self, request: Request) -> Result<bool, SocketIoError> {
        let ack = request.answer.is_some().then_some(self.next_ack);
        if let Some(answer) = request.answer {
            self.awaited.retain(|_, answer| !answer.is_closed());
            if self.awaited.len() >= ACKS_MAX {
                return Ok(true);
            }
            self.awaited.insert(self.next_ack, answer);
            self.next_ack += 1;
        }
        send(&mut self.socket, event_frame(&request.name, request.data, ack)).await?;
        Ok(true)
    }

    async fn handle_frame(&mut self, frame: Frame) -> Result<bool, SocketIoError> {
        match frame {
            Frame::Ping => send(&mut self.socket, "3".to_owned()).await?,
            Frame::Event { ack, event } => {
                if let Some(ack) = ack {
                    send(&mut self.socket, format!("43{ack}[]")).await?;
                }
                return Ok(self.to_events.try_send(event).is_ok());
            }
            Frame::Ack { id, data } => {
                if let Some(answer) = self.awaited.remove(&id) {
                    // Whoever waited may have given up.
                    let _ = answer.send(data);
                }
            }
            Frame::Closed | Frame::Refused { .. } => return Ok(false),
            Frame::Open(_) | Frame::Connected { .. } => {}
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use socketioxide::SocketIo as Server;
    use socketioxide::extract::{AckSender, Data, SocketRef, TryData};

    use super::*;

    #[test]
    fn frames_are_read() {
        let event = |ack, data| Frame::Event {
            ack,
            event: ServerEvent { name: "a".into(), data },
        };
        assert_eq!(Frame::read("42[\"a\",{\"b\":1},2]"), Ok(event(None, json!({ "b": 1 }))));
        assert_eq!(Frame::read("4217[\"a\"]"), Ok(event(Some(17), Value::Null)));
        assert_eq!(
            Frame::read("430[[1]]"),
            Ok(Frame::Ack {
                id: 0,
                data: json!([1])
            })
        );
        assert_eq!(Frame::read("2"), Ok(Frame::Ping));
        assert_eq!(
            Frame::read("44{\"message\":\"no\"}"),
            Ok(Frame::Refused { message: "no".into() })
        );
        let opening = Opening {
            ping_interval: 5,
            ping_timeout: 20,
        };
        assert_eq!(
            Frame::read("0{\"sid\":\"x\",\"pingInterval\":5,\"pingTimeout\":20}"),
            Ok(Frame::Open(opening))
        );
        for wrong in ["", "4", "42", "42{}", "42[]", "42[1]", "43[]", "9", "0{}", "é"] {
            assert!(
                matches!(Frame::read(wrong), Err(SocketIoError::Malformed(_))),
                "{wrong}"
            );
        }
    }

    #[test]
    fn frames_are_written() {
        assert_eq!(event_frame("a", json!({ "b": 1 }), Some(3)), "423[\"a\",{\"b\":1}]");
        assert_eq!(event_frame("a", Value::Null, None), "42[\"a\"]");
    }

    /// A server that greets, echoes with an acknowledgement, is silent to "silence", and hangs up on "bye".
    async fn serve() -> String {
        let (layer, io) = Server::new_layer();
        io.ns("/", async |socket: SocketRef, TryData(auth): TryData<Value>| {
            socket
                .emit("hello", &json!({ "auth": auth.unwrap_or_default() }))
                .unwrap();
            socket.on("echo", async |Data(data): Data<Value>, ack: AckSender| {
                ack.send(&data).unwrap()
            });
            socket.on("silence", async || {});
            socket.on("bye", async |socket: SocketRef| socket.disconnect().unwrap());
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().layer(layer)).await.unwrap() });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn it_talks_to_a_real_server() {
        let second = Duration::from_secs(1);
        let mut client = SocketIo::connect(&serve().await, json!({ "token": "t" }))
            .await
            .unwrap();
        let hello = client.next_event(second).await.unwrap().unwrap();
        assert_eq!(
            hello,
            ServerEvent {
                name: "hello".into(),
                data: json!({ "auth": { "token": "t" } })
            }
        );
        assert!(!client.id().is_empty());
        let (one, two) = tokio::join!(
            client.request("echo", json!({ "n": 1 }), second),
            client.request("echo", json!(["ü"]), second)
        );
        assert_eq!((one, two), (Ok(json!({ "n": 1 })), Ok(json!(["ü"]))));
        let silence = client.request("silence", json!({}), Duration::from_millis(50)).await;
        assert_eq!(silence, Err(SocketIoError::NoAnswer("silence".into())));
        assert_eq!(client.try_event(), None);
        client.emit("bye", Value::Null).unwrap();
        assert_eq!(client.next_event(second).await, Err(SocketIoError::Ended));
    }

    #[tokio::test]
    async fn nobody_there_is_an_error() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let connected = SocketIo::connect(&format!("http://{address}"), Value::Null).await;
        assert!(matches!(connected, Err(SocketIoError::Connect(_))));
        let secure = SocketIo::connect("https://localhost", Value::Null).await;
        assert!(matches!(secure, Err(SocketIoError::Connect(_))));
    }
}
