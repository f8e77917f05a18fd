//! Socket.IO, long-polling and WebSocket, on the default namespace. Frames are handed to the session's mailbox inside the engine's own
//! call, so that they keep their order: socketioxide would run each handler of its usual kind in a task of its own.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Display;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::{JsonText, PublicId, limits};
use serde_json::value::RawValue;
use signaling::{AckId, Inbound, Outbound, Session, SessionConfig, dialect};
use socketioxide::SocketIo;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::{AckSender, SocketRef};
use socketioxide::handler::{ConnectHandler, FromMessageParts, MessageHandler, Value};
use socketioxide::layer::SocketIoLayer;
use socketioxide::socket::Socket;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::admission::{Admission, Refused, Ticket};
use crate::http::metrics;
use crate::node::Node;
use crate::session_task::{self, Outlet, SessionInput};

/// The dialect that Socket.IO sockets speak.
const DIALECT: &str = "rooms";
/// Where the engine answers.
const PATH: &str = "/socket.io";

/// Says whether a request may become a socket.
pub(crate) type Allows = Arc<dyn Fn(&axum::http::request::Parts) -> bool + Send + Sync>;
/// Finds the address that a request counts for.
pub(crate) type AddressOf = Arc<dyn Fn(&axum::http::request::Parts) -> Option<IpAddr> + Send + Sync>;

/// What the Socket.IO side needs to know.
#[derive(Clone)]
pub(crate) struct SocketIoConfig {
    pub(crate) node: Arc<Node>,
    pub(crate) admission: Admission,
    pub(crate) ping_interval: Duration,
    pub(crate) ping_timeout: Duration,
    /// Whether a page of the request's origin may use this node.
    pub(crate) allows: Allows,
    /// The address that a socket's request came from; absent for those that are not counted.
    pub(crate) address_of: AddressOf,
}

/// The layer that answers `/socket.io/`.
pub(crate) fn layer(config: SocketIoConfig) -> SocketIoLayer {
    let (layer, io) = SocketIo::builder()
        .req_path(PATH)
        .ping_interval(config.ping_interval)
        .ping_timeout(config.ping_timeout)
        .connect_timeout(limits::SOCKET_CONNECT_TIMEOUT)
        .max_payload(limits::FRAME_BYTES as u64)
        .ws_max_message_size(limits::FRAME_BYTES)
        .ws_max_frame_size(limits::FRAME_BYTES)
        .max_buffer_size(limits::OUTBOUND_FRAMES)
        .build_layer();
    io.ns("/", OnConnect(config));
    layer
}

/// Who may begin a connection.
#[derive(Clone)]
pub(crate) struct Handshakes {
    node: Arc<Node>,
    address_of: AddressOf,
    admission: Admission,
}

impl Handshakes {
    /// Connections are bounded above the sockets: one that is no session yet, or no longer is, counts as well.
    pub(crate) fn new(config: &SocketIoConfig) -> Self {
        let limits = &config.node.limits;
        let bound = |sockets: usize| sockets.saturating_mul(limits::HANDSHAKES_PER_SOCKET);
        Self {
            node: Arc::clone(&config.node),
            address_of: Arc::clone(&config.address_of),
            admission: Admission::new(bound(limits.sockets_per_address), bound(limits.sockets_per_node)),
        }
    }
}

/// Refuses connections once the node closes or has too many, in HTTP's own words: after those a client tries again, after a refusal
/// by Socket.IO's it does not. Connections that are there (`sid`) go on until they end.
pub(crate) async fn admit_handshake(State(handshakes): State<Handshakes>, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let begins = !query.split('&').any(|part| part.starts_with("sid="));
    if !begins || !request.uri().path().starts_with(PATH) {
        return next.run(request).await;
    }
    if handshakes.node.is_closing() {
        return (StatusCode::SERVICE_UNAVAILABLE, Refused::Closing.to_string()).into_response();
    }
    let (mut parts, body) = request.into_parts();
    match handshakes.admission.admit((handshakes.address_of)(&parts)) {
        // The engine keeps a connection's request as long as the connection.
        Ok(ticket) => parts.extensions.insert(Arc::new(ticket)),
        Err(refused) => {
            metrics::limit_hit("handshakes");
            return (StatusCode::TOO_MANY_REQUESTS, refused.to_string()).into_response();
        }
    };
    next.run(Request::from_parts(parts, body)).await
}

#[derive(Clone)]
struct OnConnect(SocketIoConfig);

/// What only the session's task may have.
type Rest = (mpsc::Receiver<SessionInput>, Ticket);

/// What waits between a socket's admission and its connection.
#[derive(Clone)]
struct Admitted {
    sender: mpsc::Sender<SessionInput>,
    acks: Acks,
    closed: CancellationToken,
    rest: Arc<Mutex<Option<Rest>>>,
}

/// The answers that clients wait for. Every request is answered within its deadline, so this holds at most a session's requests in
/// flight and its mailbox.
type Acks = Arc<Mutex<BTreeMap<AckId, AckSender<LocalAdapter>>>>;

/// Whether a socket may connect; the error's text is what its client reads.
type Admitting<'a> = Pin<Box<dyn Future<Output = Result<(), Box<dyn Display + Send>>> + Send + 'a>>;

impl ConnectHandler<LocalAdapter, ()> for OnConnect {
    /// Before the client hears that it is connected: a frame that follows at once finds its mailbox.
    fn call_middleware<'a>(&'a self, socket: Arc<Socket<LocalAdapter>>, _auth: &'a Option<Value>) -> Admitting<'a> {
        Box::pin(async move {
            self.admit(&socket)
                .map_err(|refused| Box::new(refused) as Box<dyn Display + Send>)
        })
    }

    fn call(&self, socket: Arc<Socket<LocalAdapter>>, _auth: Option<Value>) {
        let Some(admitted) = socket.extensions.remove::<Admitted>() else {
            return;
        };
        let rest = admitted.rest.lock().ok().and_then(|mut rest| rest.take());
        if let Some((mailbox, ticket)) = rest {
            self.start(socket.into(), admitted, mailbox, ticket);
        }
    }
}

impl OnConnect {
    fn admit(&self, socket: &Socket<LocalAdapter>) -> Result<(), Refused> {
        if self.0.node.is_closing() {
            return Err(Refused::Closing);
        }
        if !(self.0.allows)(socket.req_parts()) {
            return Err(Refused::Origin);
        }
        let address = (self.0.address_of)(socket.req_parts());
        let ticket = self
            .0
            .admission
            .admit(address)
            .inspect_err(|_| metrics::limit_hit("sockets"))?;
        let (sender, mailbox) = session_task::mailbox();
        let admitted = Admitted {
            sender: sender.clone(),
            acks: Acks::default(),
            closed: CancellationToken::new(),
            rest: Arc::new(Mutex::new(Some((mailbox, ticket)))),
        };
        let frames = OnFrame {
            mailbox: sender.downgrade(),
            acks: Arc::clone(&admitted.acks),
            closed: admitted.closed.clone(),
        };
        socket.on_fallback(frames);
        let closed = admitted.closed.clone();
        socket.on_disconnect(async move || closed.cancel());
        socket.extensions.insert(admitted);
        Ok(())
    }

    fn start(&self, socket: SocketRef, admitted: Admitted, mailbox: mpsc::Receiver<SessionInput>, ticket: Ticket) {
        let node = Arc::clone(&self.0.node);
        let Some(dialect) = dialect::by_name(DIALECT) else {
            return;
        };
        let id = node.next_session();
        let session = Session::new(
            SessionConfig {
                id,
                connection: PublicId::new(socket.id.as_str()),
                dialect,
                seed: uuid::Uuid::new_v4().as_u128(),
                node: node.id.clone(),
                rtp_capabilities: node.rtp_capabilities.clone(),
                limits: Arc::clone(&node.limits),
                edges: Vec::new(),
            },
            Instant::now(),
        );
        node.sessions.insert(id, admitted.sender);
        let outlet = SocketOutlet {
            socket,
            acks: admitted.acks,
        };
        let span = tracing::info_span!("session", %id, room = tracing::field::Empty, peer = tracing::field::Empty);
        let task = async move {
            tracing::info!("Client connected: {}", outlet.socket.id);
            metrics::sessions(DIALECT, 1);
            let name = outlet.socket.id;
            session_task::run(node, id, DIALECT, session, mailbox, outlet, admitted.closed).await;
            metrics::sessions(DIALECT, -1);
            tracing::info!("Client disconnected: {name}");
            drop(ticket);
        };
        tokio::spawn(task.instrument(span));
    }
}

/// Takes a socket's frames in the order they came.
struct OnFrame {
    /// Weak: the session ends when the node drops its mailbox.
    mailbox: mpsc::WeakSender<SessionInput>,
    acks: Acks,
    closed: CancellationToken,
}

impl MessageHandler<LocalAdapter, ()> for OnFrame {
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, mut value: Value, ack: Option<i64>) {
        let ack_id = ack.map(|id| AckId(id.unsigned_abs()));
        if let Some(id) = ack_id
            && let Ok(mut acks) = self.acks.lock()
        {
            let sender: Result<_, Infallible> = AckSender::from_message_parts(&socket, &mut value, &ack);
            let Ok(sender) = sender;
            acks.insert(id, sender);
        }
        let frame = read_frame(&value, ack_id);
        if !session_task::push_frame(&self.mailbox, frame) {
            metrics::limit_hit("session_mailbox");
            self.closed.cancel();
        }
    }
}

/// A packet's JSON array, split into the event's name and its first argument without building a tree.
fn read_frame(value: &Value, ack: Option<AckId>) -> Inbound {
    let unreadable = |what: &str| Inbound::Unreadable {
        ack,
        what: what.to_owned(),
    };
    let Value::Str(text, binaries) = value else {
        return unreadable("binary data is not supported");
    };
    if binaries.as_ref().is_some_and(|binaries| !binaries.is_empty()) {
        return unreadable("binary data is not supported");
    }
    let Ok(parts) = serde_json::from_str::<Vec<&RawValue>>(text) else {
        return unreadable("event is not a JSON array");
    };
    let mut parts = parts.into_iter();
    let Some(Ok(name)) = parts.next().map(|name| serde_json::from_str::<String>(name.get())) else {
        return unreadable("event has no name");
    };
    let data = parts
        .next()
        .map_or_else(|| JsonText::from_valid("null"), |data| JsonText::from_valid(data.get()));
    Inbound::Event { name, data, ack }
}

/// The writing half.
struct SocketOutlet {
    socket: SocketRef,
    acks: Acks,
}

impl Outlet for SocketOutlet {
    fn send(&mut self, frame: Outbound) -> bool {
        match frame {
            Outbound::Event { name, data } => raw(&data).is_some_and(|data| self.socket.emit(name, &data).is_ok()),
            Outbound::Ack { id, data } => {
                let ack = self.acks.lock().ok().and_then(|mut acks| acks.remove(&id));
                match (ack, raw(&data)) {
                    (Some(ack), Some(data)) => ack.send(&data).is_ok(),
                    _ => true,
                }
            }
            Outbound::Text(_) => true,
        }
    }

    /// A socket whose buffer is full can't be told; it is asked again until it reads or its engine gives it up.
    fn close(&mut self) {
        let socket = self.socket.clone();
        if socket.clone().disconnect().is_ok() || !socket.connected() {
            return;
        }
        tokio::spawn(async move {
            while socket.connected() && socket.clone().disconnect().is_err() {
                tokio::time::sleep(limits::CLOSE_RETRY).await;
            }
        });
    }
}

fn raw(data: &JsonText) -> Option<&RawValue> {
    serde_json::from_str(data.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Inbound {
        read_frame(&Value::Str(text.to_owned().into(), None), Some(AckId(3)))
    }

    #[test]
    fn the_first_argument_stays_as_the_client_wrote_it() {
        let Inbound::Event { name, data, ack } = read(r#"["produce",{"b":1, "a":2},"rest"]"#) else {
            panic!()
        };
        assert_eq!(
            (name.as_str(), data.as_str(), ack),
            ("produce", r#"{"b":1, "a":2}"#, Some(AckId(3)))
        );
        let Inbound::Event { data, .. } = read(r#"["get"]"#) else {
            panic!()
        };
        assert_eq!(data.as_str(), "null");
    }

    #[test]
    fn what_is_no_event_is_named() {
        for text in ["", "{}", "[]", "[1]", r#"["a""#, r#"[["a"]]"#] {
            let Inbound::Unreadable { ack, what } = read(text) else {
                panic!("{text}")
            };
            assert_eq!(ack, Some(AckId(3)));
            assert!(what.starts_with("event "), "{what}");
        }
    }

    #[test]
    fn binary_is_refused_by_name() {
        let value = Value::Str(
            r#"["a",{"_placeholder":true,"num":0}]"#.into(),
            Some([vec![1u8].into()].into()),
        );
        let Inbound::Unreadable { what, .. } = read_frame(&value, None) else {
            panic!()
        };
        assert_eq!(what, "binary data is not supported");
    }
}
