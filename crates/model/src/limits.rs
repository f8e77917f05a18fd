//! Every bound of the program, in one place: fixed ones as constants, those an operator may change as [`Limits`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Longest name of a room, in bytes.
pub const ROOM_ID_BYTES: usize = 256;
/// Longest id that a client may choose for its peer, in bytes.
pub const PUBLIC_ID_BYTES: usize = 256;
/// Longest display name, in bytes; a longer one is cut at a character boundary.
pub const NAME_BYTES: usize = 256;
/// Longest picture address of a peer, in bytes; a longer one is left out.
pub const IMAGE_URL_BYTES: usize = 2_048;
/// Largest free data (`appData`, device, metadata) that a client may attach to one object, in bytes of JSON.
pub const APP_DATA_BYTES: usize = 16_384;
/// Largest RTP, DTLS or SCTP parameters of one request, in bytes of JSON.
pub const PARAMETERS_BYTES: usize = 65_536;
/// Most codecs in one set of RTP parameters or capabilities.
pub const RTP_CODECS: usize = 128;
/// Most encodings in one set of RTP parameters.
pub const RTP_ENCODINGS: usize = 8;
/// Most header extensions in one set of RTP parameters or capabilities.
pub const RTP_HEADER_EXTENSIONS: usize = 64;
/// Most format parameters, and most feedback kinds, of one codec.
pub const RTP_CODEC_DETAILS: usize = 64;
/// Longest text in RTP parameters (mid, rid, cname, msid, a format parameter), in bytes.
pub const RTP_TEXT_BYTES: usize = 255;
/// Most spatial, and most temporal, layers of one encoding.
pub const RTP_LAYERS: u8 = 4;
/// Most fingerprints in one set of DTLS parameters.
pub const DTLS_FINGERPRINTS: usize = 16;
/// Deepest nesting of a client's JSON that is looked into.
pub const JSON_DEPTH: usize = 64;
/// Longest text from a client that an error message repeats, in bytes.
pub const ECHO_BYTES: usize = 64;

/// Largest frame from a client that is answered, in bytes; a larger one closes the socket.
pub const FRAME_BYTES: usize = 1_048_576;
/// Requests of one session that may await their replies.
pub const REQUESTS_IN_FLIGHT: usize = 2_048;
/// Frames waiting to be written to one client; past it the socket closes.
pub const OUTBOUND_FRAMES: usize = 4_096;
/// Inputs waiting for one session's task; past it the socket closes.
pub const SESSION_MAILBOX: usize = 4_096;
/// Messages waiting for one room's task, at its home and at an edge; past it a request gets "busy".
pub const ROOM_MAILBOX: usize = 8_192;
/// Messages waiting on the in-process bus.
pub const BUS_QUEUE: usize = 65_536;
/// Kernel buffer asked for each way of a worker's media socket, in bytes (the kernel gives at most `net.core.rmem_max`): the usual
/// 208 KiB hold some 90 packets, less than one burst of key frames to a full room.
pub const MEDIA_SOCKET_BUFFER_BYTES: u32 = 4_194_304;
/// Media commands waiting for one peer; past it the command fails.
pub const MEDIA_PEER_QUEUE: usize = 4_096;
/// Results of media commands that are kept for repeats, per room.
pub const MEDIA_RESULTS: usize = 16_384;
/// Media events waiting to be carried to their homes.
pub const MEDIA_EVENTS: usize = 65_536;
/// Media commands of one room that may await their results.
pub const COMMANDS_IN_FLIGHT: usize = 16_384;
/// Rooms that were asked for by `get-rtp-capabilities` and not joined yet, remembered per session.
pub const ASKED_ROOMS_PER_SESSION: usize = 64;

/// How long a client must hold back until its refused requests no longer count as one row.
pub const REFUSALS_FORGOTTEN: Duration = Duration::from_millis(100);
/// How long a client may wait for the answer to any request.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a room waits for the result of a media command.
pub const MEDIA_COMMAND_TIMEOUT: Duration = Duration::from_secs(8);
/// How long the media crate waits for one answer of a worker.
pub const WORKER_REQUEST_TIMEOUT: Duration = Duration::from_secs(6);
/// How long a command's result is kept, so that a repeated command gets the first answer.
pub const MEDIA_RESULT_KEPT: Duration = Duration::from_secs(60);
/// How long closing the media side may take before it is left to the end of the process.
pub const MEDIA_CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long to wait before trying again to replace a dead worker.
pub const WORKER_RETRY_INTERVAL: Duration = Duration::from_secs(10);
/// How often the CPU time of workers is read and what has expired is forgotten.
pub const MEDIA_SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// Requests for a seat that may wait at the coordinator; each room has one at a time.
pub const SEAT_REQUESTS: usize = 16_384;
/// HTTP connections that are not upgraded yet, for each socket that there may be.
pub const CONNECTIONS_PER_SOCKET: usize = 2;
/// How long the end of a peer may wait for a room that does not keep up.
pub const DETACH_TIMEOUT: Duration = Duration::from_secs(30);
/// How long clients that understand it have to move before a closing node ends their sessions.
pub const CLOSING_TOLD: Duration = Duration::from_millis(500);
/// How long an edge tries to find or open a room's home.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an edge waits before it looks again for a home that turned out to be elsewhere.
pub const REOPEN_BACKOFF: Duration = Duration::from_millis(50);
/// How long an edge waits for a snapshot that it asked for, before it asks again.
pub const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(1);
/// Rooms that were asked for and not joined yet, remembered per node.
pub const ASKED_ROOMS_PER_NODE: usize = 10_000;
/// How long a connection may take to become a Socket.IO session.
pub const SOCKET_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections for each socket that an address or the node may have: those that are not sessions yet or no longer are.
pub const HANDSHAKES_PER_SOCKET: usize = 2;
/// How often a socket that does not read is asked to close, until its engine gives it up.
pub const CLOSE_RETRY: Duration = Duration::from_millis(250);
/// How often a closing node looks whether everything has ended.
pub const CLOSING_POLL: Duration = Duration::from_millis(20);
/// How long a room that was asked for and never joined is remembered.
pub const ASKED_ROOM_KEPT: Duration = Duration::from_secs(600);
/// Shortest time between two connection-quality updates of one peer.
pub const QUALITY_INTERVAL: Duration = Duration::from_secs(1);
/// A speaker who was not heard for this long speaks no more. Levels come once a second.
pub const SPEAKER_SILENCE: Duration = Duration::from_millis(1_600);
/// Audio levels of one report that are looked at.
pub const AUDIO_LEVELS: usize = 16;
/// Time a peer gets to rebuild its media after its seat died.
pub const REBUILD_DEADLINE: Duration = Duration::from_secs(20);
/// Full rosters are sent at once up to this many peers, and joined together beyond.
pub const ROSTER_AT_ONCE_PEERS: usize = 50;
/// Shortest time between two joined-together rosters.
pub const ROSTER_INTERVAL: Duration = Duration::from_millis(250);
/// What each peer adds to that time, once peers × this is more.
pub const ROSTER_INTERVAL_PER_PEER: Duration = Duration::from_millis(5);

/// How long a client may take to send the head of a request, also the first or the next one on an idle connection.
pub const HTTP_HEADER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a client may pause within the body of a request.
pub const HTTP_BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the TLS handshake may take.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// What an answer under way may still take once everything closes.
pub const HTTP_CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The pause after `accept` failed (mostly: no file descriptors left).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The largest head of a request.
pub const HTTP_HEAD_BYTES: usize = 65_536;

/// Bounds that an operator may change (`[limits]` in the TOML file).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Peers of one room.
    pub peers_per_room: usize,
    /// Rooms whose home is this node.
    pub rooms_per_node: usize,
    /// Live transports of one peer (two are usual; four while media is rebuilt).
    pub transports_per_peer: usize,
    /// Live producers of one peer.
    pub producers_per_peer: usize,
    /// Live consumers of one peer.
    pub consumers_per_peer: usize,
    /// Requests a second of one session, on average.
    pub requests_per_second: u32,
    /// Requests of one session at once: a joiner of 100 peers sends 400.
    pub request_burst: u32,
    /// Requests refused for their rate, in a row, after which the socket closes.
    pub refused_requests_in_a_row: u32,
    /// Sockets from one address; trusted proxies and loopback are not counted.
    pub sockets_per_address: usize,
    /// Sockets of this node.
    pub sockets_per_node: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            peers_per_room: 1_000,
            rooms_per_node: 10_000,
            transports_per_peer: 16,
            producers_per_peer: 32,
            consumers_per_peer: 4_096,
            requests_per_second: 100,
            request_burst: 1_000,
            refused_requests_in_a_row: 1_000,
            sockets_per_address: 2_000,
            sockets_per_node: 50_000,
        }
    }
}
