//! WebRTC transports: opening one for a client, connecting it, its statistics.

use mediasoup::transport::TransportGeneric;
use mediasoup::types::data_structures::DtlsParameters;
use mediasoup::webrtc_server::WebRtcServer;
use mediasoup::webrtc_transport::{WebRtcTransport, WebRtcTransportOptions, WebRtcTransportRemoteParameters};
use model::{JsonText, MediaError, MediaReply, TransportId};

use crate::call::{call, request_error};
use crate::config::MediaConfig;
use crate::router::{RouterSlot, TransportEntry, not_found};
use crate::worker::Workers;
use crate::{convert, validate};

pub(crate) async fn open(workers: &Workers, slot: &RouterSlot, id: TransportId) -> Result<MediaReply, MediaError> {
    let open = slot.open(workers).await?;
    let options = options(workers.config(), open.server);
    let router = open.router;
    let transport = call(async move { router.create_webrtc_transport(options).await.map_err(request_error) }).await?;
    let reply = convert::transport_opened(&transport)?;
    slot.with(move |live| {
        if live.transports.contains_key(&id) {
            return Err(MediaError::Worker("transport already exists".to_owned()));
        }
        let connected = None;
        live.transports.insert(id, TransportEntry { transport, connected });
        Ok(reply)
    })
}

/// Repeats with the same parameters are done already; others are the worker's to refuse.
pub(crate) async fn connect(
    slot: &RouterSlot,
    id: TransportId,
    dtls_parameters: &JsonText,
) -> Result<MediaReply, MediaError> {
    let dtls_parameters = validate::dtls_parameters(dtls_parameters)?;
    let transport = slot.transport(id)?;
    if connected_with(slot, id)?.as_ref() == Some(&dtls_parameters) {
        return Ok(MediaReply::Done);
    }
    let remote = WebRtcTransportRemoteParameters {
        dtls_parameters: dtls_parameters.clone(),
    };
    call(async move { transport.connect(remote).await.map_err(request_error) }).await?;
    slot.with(|live| {
        let entry = live.transports.get_mut(&id).ok_or_else(|| not_found("transport"))?;
        entry.connected = Some(dtls_parameters);
        Ok(MediaReply::Done)
    })
}

pub(crate) async fn stats(slot: &RouterSlot, id: TransportId) -> Result<MediaReply, MediaError> {
    let transport = slot.transport(id)?;
    let stats = call(async move { transport.get_stats().await.map_err(request_error) }).await?;
    convert::transport_stats(id, &stats)
}

fn connected_with(slot: &RouterSlot, id: TransportId) -> Result<Option<DtlsParameters>, MediaError> {
    slot.with(|live| Ok(live.transports.get(&id).and_then(|entry| entry.connected.clone())))
}

fn options(config: &MediaConfig, server: WebRtcServer) -> WebRtcTransportOptions {
    let mut options = WebRtcTransportOptions::new_with_server(server);
    options.enable_udp = config.enable_udp;
    options.enable_tcp = config.enable_tcp;
    options.prefer_udp = config.prefer_udp;
    options.initial_available_outgoing_bitrate = config.initial_available_outgoing_bitrate.into();
    options.min_outgoing_bitrate = config.minimum_available_outgoing_bitrate.map(u64::from);
    options.enable_sctp = true;
    options.max_send_message_size = config.max_sctp_message_size;
    options.max_receive_message_size = config.max_sctp_message_size;
    options.sctp_send_buffer_size = config.sctp_send_buffer_size;
    options
}

/// How far a transport's connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransportState {
    New,
    Connecting,
    Connected,
    Disconnected,
    Failed,
}

pub(crate) fn state(transport: &WebRtcTransport) -> TransportState {
    use mediasoup::types::data_structures::{DtlsState, IceState};
    match (transport.dtls_state(), transport.ice_state()) {
        (DtlsState::Failed, _) => TransportState::Failed,
        (DtlsState::Closed, _) | (_, IceState::Disconnected) => TransportState::Disconnected,
        (DtlsState::Connected, _) => TransportState::Connected,
        (DtlsState::Connecting, _) | (_, IceState::Connected | IceState::Completed) => TransportState::Connecting,
        (DtlsState::New, IceState::New) => TransportState::New,
    }
}
