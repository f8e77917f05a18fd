//! How many of everything there are, for metrics. Counted when asked, out of what exists.

use mediasoup::types::rtp_parameters::MediaKind;

use crate::router::Live;
use crate::transport::{self, TransportState};

/// How many of everything this node carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaCounts {
    /// Workers that live.
    pub workers_alive: usize,
    /// Workers that died since the start.
    pub workers_died: u64,
    /// Routers that are open.
    pub routers: usize,
    /// Transports whose client has not shown itself.
    pub transports_new: usize,
    /// Transports on their way to a connection.
    pub transports_connecting: usize,
    /// Transports that carry media.
    pub transports_connected: usize,
    /// Transports whose client went away without a word.
    pub transports_disconnected: usize,
    /// Transports whose DTLS handshake failed.
    pub transports_failed: usize,
    /// Producers of sound.
    pub producers_audio: usize,
    /// Producers of pictures.
    pub producers_video: usize,
    /// Consumers of sound.
    pub consumers_audio: usize,
    /// Consumers of pictures.
    pub consumers_video: usize,
}

impl MediaCounts {
    /// All transports, in whatever state.
    #[must_use]
    pub fn transports(&self) -> usize {
        self.transports_new
            + self.transports_connecting
            + self.transports_connected
            + self.transports_disconnected
            + self.transports_failed
    }

    pub(crate) fn add(&mut self, live: &Live) {
        self.routers += usize::from(live.is_open());
        for entry in live.transports.values() {
            *match transport::state(&entry.transport) {
                TransportState::New => &mut self.transports_new,
                TransportState::Connecting => &mut self.transports_connecting,
                TransportState::Connected => &mut self.transports_connected,
                TransportState::Disconnected => &mut self.transports_disconnected,
                TransportState::Failed => &mut self.transports_failed,
            } += 1;
        }
        for entry in live.producers.values() {
            *match entry.producer.kind() {
                MediaKind::Audio => &mut self.producers_audio,
                MediaKind::Video => &mut self.producers_video,
            } += 1;
        }
        for entry in live.consumers.values() {
            *match entry.consumer.kind() {
                MediaKind::Audio => &mut self.consumers_audio,
                MediaKind::Video => &mut self.consumers_video,
            } += 1;
        }
    }
}
