//! One WebRTC transport of one peer, as a machine without sockets and threads: ICE controlling, DTLS client, sending
//! and receiving. Datagrams and time go in by `handle_*`, datagrams and the next deadline come out by `poll_*`.
//!
//! It owes its callers one rule of the WebRTC library underneath: after every input its output is drained to the end,
//! or received packets would be lost without a trace.

mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use str0m::config::Fingerprint;
use str0m::media::{KeyframeRequestKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket, RtpWrite, SeqNo, Ssrc};
use str0m::{Candidate, Event, IceConnectionState, IceCreds, Input, Output, Rtc, RtcError};
use thiserror::Error;

use crate::clock::MediaClock;
use crate::counters::{Packet, Received, Sent, StreamCounter};
use crate::payload;
use crate::rtp::{Kind, MediaProfile, StreamNames};
use crate::source::{DueFrame, Rate, Schedule};
use crate::transport::{ServerTransport, fingerprint_text};
use wire::{ConsumerParameters, RtpHeader, media_kind, rtc_config};

/// Streams that one transport may publish or receive.
const STREAMS_MAX: usize = 4_096;
/// Lowest sequence number of a published stream.
const FIRST_SEQUENCE: u64 = 1;

/// Why a peer cannot do what it was asked.
#[derive(Debug, Error)]
pub enum PeerError {
    /// The WebRTC library refused.
    #[error("webrtc: {0}")]
    WebRtc(#[from] RtcError),
    /// An address cannot be an ICE candidate.
    #[error("{0} cannot be an ice candidate")]
    Candidate(SocketAddr),
    /// A consumer's `rtpParameters` cannot be received.
    #[error("malformed rtp parameters of a consumer: {0}")]
    RtpParameters(String),
    /// No stream of this name is published here.
    #[error("no such source")]
    NoSource,
    /// A rate of no packets is not a rate.
    #[error("a rate must be above zero packets a second")]
    NoRate,
    /// The transport has as many streams as it may have.
    #[error("more than {STREAMS_MAX} streams on one transport")]
    TooManyStreams,
}

/// How a peer treats received media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reception {
    /// Everything is decrypted, verified and acknowledged, as in a browser.
    #[default]
    Full,
    /// Media is only counted from its plain RTP header: no decryption, NACK or bandwidth feedback. About a
    /// third of the cost, for load runs in which a sample of the peers receives in full.
    HeaderOnly,
}

/// Where a peer is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// [`MediaPeer::connect`] was not called yet; nothing is sent.
    New,
    /// ICE or DTLS has not finished.
    Connecting,
    /// Media may flow.
    Connected,
    /// It will not work any more; the text says why.
    Failed(String),
}

/// A published stream of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceId(u32);

/// A received stream of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(u32);

/// Everything that a peer counted.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Its state at this moment.
    pub state: State,
    /// Sum over its published streams.
    pub sent: Sent,
    /// Each received stream.
    pub received: BTreeMap<StreamId, Received>,
}

impl Counters {
    /// The sum over all received streams.
    pub fn total_received(&self) -> Received {
        let mut total = Received::default();
        self.received.values().for_each(|stream| total.merge(stream));
        total
    }
}

/// A datagram to send.
#[derive(Debug)]
pub struct Outgoing {
    /// The server's address.
    pub to: SocketAddr,
    /// The datagram.
    pub bytes: Vec<u8>,
}

/// What a peer needs to come to life.
#[derive(Clone, Debug)]
pub struct PeerSetup {
    /// The server's transport.
    pub transport: ServerTransport,
    /// Codecs and extensions of the router behind it.
    pub profile: Arc<MediaProfile>,
    /// How received media is treated.
    pub reception: Reception,
}

/// One WebRTC transport.
pub struct MediaPeer {
    rtc: Rtc,
    local: SocketAddr,
    remote: Candidate,
    profile: Arc<MediaProfile>,
    reception: Reception,
    clock: MediaClock,
    state: State,
    deadline: Instant,
    sources: BTreeMap<SourceId, Source>,
    streams: BTreeMap<u32, Stream>,
    sent: Sent,
    outgoing: VecDeque<Outgoing>,
}

struct Source {
    kind: Kind,
    mid: Mid,
    sequence: u64,
    schedule: Option<Schedule>,
}

struct Stream {
    kind: Kind,
    counter: StreamCounter,
}

impl MediaPeer {
    /// A peer that will send from `local`, silent until [`MediaPeer::connect`].
    pub fn new(setup: PeerSetup, local: SocketAddr, clock: MediaClock, now: Instant) -> Result<Self, PeerError> {
        // A second call in the same process changes nothing.
        str0m::crypto::from_feature_flags().install_process_default();
        let PeerSetup {
            transport,
            profile,
            reception,
        } = setup;
        let mut rtc = rtc_config(&profile).build(now);
        let candidate = |address| Candidate::host(address, "udp").map_err(|_| PeerError::Candidate(address));
        rtc.add_local_candidate(candidate(local)?);
        let remote = candidate(transport.address)?;
        let mut direct = rtc.direct_api();
        direct.set_ice_controlling(true);
        direct.set_remote_ice_credentials(IceCreds {
            ufrag: transport.username_fragment,
            pass: transport.password,
        });
        direct.set_remote_fingerprint(Fingerprint {
            hash_func: "sha-256".into(),
            bytes: transport.fingerprint,
        });
        direct.start_dtls(true)?;
        if profile.features().transport_cc {
            direct.enable_twcc_feedback();
        }
        Ok(Self {
            rtc,
            local,
            remote,
            profile,
            reception,
            clock,
            state: State::New,
            deadline: now,
            sources: BTreeMap::new(),
            streams: BTreeMap::new(),
            sent: Sent::default(),
            outgoing: VecDeque::new(),
        })
    }

    /// Starts ICE and DTLS. Do so once the server has the [`MediaPeer::dtls_parameters`]: it ignores a DTLS flight that
    /// comes earlier, and the next one comes only after a quarter of a second.
    pub fn connect(&mut self, now: Instant) {
        if self.state == State::New {
            self.state = State::Connecting;
            self.rtc.add_remote_candidate(self.remote.clone());
            self.handle_timeout(now);
        }
    }

    /// `dtlsParameters` to send with the request that connects the transport.
    pub fn dtls_parameters(&mut self) -> Value {
        let fingerprint = fingerprint_text(&self.rtc.direct_api().local_dtls_fingerprint().bytes);
        json!({ "role": "client", "fingerprints": [{ "algorithm": "sha-256", "value": fingerprint }] })
    }

    /// Declares a stream to publish and gives the `rtpParameters` to send with `produce`. It is silent until
    /// [`MediaPeer::start_source`].
    pub fn add_source(&mut self, kind: Kind) -> Result<(SourceId, Value), PeerError> {
        if self.sources.len() >= STREAMS_MAX {
            return Err(PeerError::TooManyStreams);
        }
        let rtx_wanted = self.profile.codec(kind).rtx_payload_type.is_some();
        let mut direct = self.rtc.direct_api();
        let ssrc = direct.new_ssrc();
        let rtx_ssrc = rtx_wanted.then(|| Ssrc::from(ssrc.wrapping_add(1)));
        let mid = format!("s{}", self.sources.len());
        direct.declare_media(mid.as_str().into(), media_kind(kind));
        direct
            .declare_stream_tx(ssrc, rtx_ssrc, mid.as_str().into(), None)
            .set_unpaced(true);
        let names = StreamNames {
            ssrc: *ssrc,
            rtx_ssrc: rtx_ssrc.map(|ssrc| *ssrc),
            cname: format!("peer-{}", *ssrc),
            mid: mid.clone(),
        };
        let id = SourceId(*ssrc);
        self.sources.insert(
            id,
            Source {
                kind,
                mid: mid.as_str().into(),
                sequence: FIRST_SEQUENCE,
                schedule: None,
            },
        );
        Ok((id, self.profile.rtp_parameters(kind, &names)))
    }

    /// Starts a published stream with a key frame, or changes its rate.
    pub fn start_source(&mut self, id: SourceId, rate: Rate, now: Instant) -> Result<(), PeerError> {
        let source = self.sources.get_mut(&id).ok_or(PeerError::NoSource)?;
        source.schedule = Some(Schedule::new(source.kind, rate, now).ok_or(PeerError::NoRate)?);
        Ok(())
    }

    /// Silences a published stream; [`MediaPeer::start_source`] continues it.
    pub fn stop_source(&mut self, id: SourceId) -> Result<(), PeerError> {
        self.sources.get_mut(&id).ok_or(PeerError::NoSource)?.schedule = None;
        Ok(())
    }

    /// Announces the stream of a consumer, from its `rtpParameters`. Do so before the consumer is resumed.
    pub fn expect_stream(&mut self, rtp_parameters: &Value, now: Instant) -> Result<StreamId, PeerError> {
        if self.streams.len() >= STREAMS_MAX {
            return Err(PeerError::TooManyStreams);
        }
        let consumer = ConsumerParameters::read(rtp_parameters)?;
        let mid: Mid = consumer.mid.as_str().into();
        let mut direct = self.rtc.direct_api();
        direct.declare_media(mid, media_kind(consumer.kind));
        direct.expect_stream_rx(consumer.ssrc.into(), consumer.rtx_ssrc.map(Ssrc::from), mid, None);
        self.streams.insert(
            consumer.ssrc,
            Stream {
                kind: consumer.kind,
                counter: StreamCounter::new(now),
            },
        );
        Ok(StreamId(consumer.ssrc))
    }

    /// Asks the server for a key frame of a received video stream.
    pub fn request_key_frame(&mut self, id: StreamId, now: Instant) {
        if let Some(stream) = self.rtc.direct_api().stream_rx(&Ssrc::from(id.0)) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
        self.handle_rtc_input(Input::Timeout(now));
    }

    /// A datagram came in.
    pub fn handle_datagram(&mut self, from: SocketAddr, bytes: &[u8], now: Instant) {
        if self.reception == Reception::HeaderOnly
            && let Some(header) = RtpHeader::read(bytes)
        {
            self.count(header.ssrc, header.timestamp, now, header.packet);
            return;
        }
        // A datagram that is none of STUN, DTLS, RTP and RTCP is noise.
        if let Ok(receive) = Receive::new(Protocol::Udp, from, self.local, bytes) {
            self.handle_rtc_input(Input::Receive(now, receive));
        }
    }

    /// The time of [`MediaPeer::poll_timeout`] has come (or any other).
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state == State::Connected {
            self.send_due_frames(now);
        }
        self.handle_rtc_input(Input::Timeout(now));
    }

    /// The next datagram to send.
    pub fn poll_outgoing(&mut self) -> Option<Outgoing> {
        self.outgoing.pop_front()
    }

    /// When to call [`MediaPeer::handle_timeout`] next; `None` once it failed.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::New | State::Failed(_) => None,
            State::Connecting => Some(self.deadline),
            State::Connected => {
                let frames = self.sources.values().filter_map(|source| source.schedule.as_ref());
                frames.map(Schedule::poll_timeout).chain([self.deadline]).min()
            }
        }
    }

    /// Where it is in its life.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Its counts so far.
    pub fn counters(&self) -> Counters {
        let received = self
            .streams
            .iter()
            .map(|(ssrc, stream)| (StreamId(*ssrc), stream.counter.counts()))
            .collect();
        Counters {
            state: self.state.clone(),
            sent: self.sent,
            received,
        }
    }

    /// Takes leave of the server; the farewell is among the outgoing datagrams.
    pub fn close(&mut self, now: Instant) {
        if self.rtc.close().is_ok() {
            self.handle_rtc_input(Input::Timeout(now));
        }
        self.fail("closed");
    }

    fn handle_rtc_input(&mut self, input: Input<'_>) {
        if let Err(error) = self.rtc.handle_input(input).and_then(|()| self.drain()) {
            self.fail(&error.to_string());
        }
    }

    fn drain(&mut self) -> Result<(), RtcError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.deadline = at;
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    self.outgoing.push_back(Outgoing {
                        to: transmit.destination,
                        bytes: transmit.contents.to_vec(),
                    });
                }
                Output::Event(event) => self.handle_event(event),
            }
        }
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::RtpPacket(packet) => self.handle_rtp(&packet),
            Event::KeyframeRequest(request) => {
                self.sent.key_frame_requests += 1;
                let of_request = |source: &&mut Source| source.mid == request.mid;
                if let Some(schedule) = self
                    .sources
                    .values_mut()
                    .find(of_request)
                    .and_then(|s| s.schedule.as_mut())
                {
                    schedule.handle_key_frame_request();
                }
            }
            Event::Connected if self.state == State::Connecting => self.state = State::Connected,
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => self.fail("ice disconnected"),
            Event::Closed => self.fail("closed by the server"),
            _ => {}
        }
    }

    /// The first reason stays.
    fn fail(&mut self, reason: &str) {
        if !matches!(self.state, State::Failed(_)) {
            self.state = State::Failed(reason.to_owned());
        }
    }

    fn handle_rtp(&mut self, packet: &RtpPacket) {
        let counted = Packet {
            // A retransmitted packet comes with its original number here, and with another one in its header.
            sequence: *packet.seq_no as u16,
            marker: packet.header.marker,
            bytes: packet.payload.len(),
            key_frame: packet.header.payload_type == Pt::new_with_value(self.profile.codec(Kind::Video).payload_type)
                && payload::is_vp8_key_frame(&packet.payload),
            latency: None,
        };
        self.count(*packet.header.ssrc, packet.header.timestamp, packet.timestamp, counted);
    }

    fn count(&mut self, ssrc: u32, rtp_time: u32, now: Instant, packet: Packet) {
        let Some(stream) = self.streams.get_mut(&ssrc) else {
            return;
        };
        let latency = self
            .clock
            .age(rtp_time, self.profile.codec(stream.kind).clock_rate, now);
        stream.counter.handle_packet(Packet { latency, ..packet }, now);
    }

    fn send_due_frames(&mut self, now: Instant) {
        let mut direct = self.rtc.direct_api();
        for (id, source) in &mut self.sources {
            let Some(stream) = direct.stream_tx(&Ssrc::from(id.0)) else {
                continue;
            };
            let codec = self.profile.codec(source.kind);
            let rtp_time = self.clock.rtp_time(now, codec.clock_rate);
            while let Some(frame) = source.schedule.as_mut().and_then(|schedule| schedule.poll_frame(now)) {
                for index in 0..frame.packets {
                    let payload = source.payload(frame, index);
                    self.sent.packets += 1;
                    self.sent.bytes += payload.len() as u64;
                    let pt = Pt::new_with_value(codec.payload_type);
                    let packet = RtpWrite::new(pt, SeqNo::from(source.sequence), rtp_time, now, payload)
                        .marker(source.kind == Kind::Video && index + 1 == frame.packets)
                        .nackable(source.kind == Kind::Video);
                    source.sequence += 1;
                    stream.write_rtp(packet);
                }
                self.sent.key_frames += u64::from(frame.key && source.kind == Kind::Video);
            }
        }
    }
}

impl Source {
    fn payload(&self, frame: DueFrame, index: u32) -> Vec<u8> {
        match self.kind {
            Kind::Audio => payload::opus(frame.payload_bytes),
            Kind::Video => payload::vp8(frame.key, index == 0, frame.payload_bytes),
        }
    }
}
