//! Producers: a client's media on its way in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use mediasoup::producer::{Producer, ProducerOptions, ProducerType};
use mediasoup::rtp_observer::{RtpObserver, RtpObserverAddProducerOptions};
use mediasoup::transport::{ProduceError, Transport, TransportGeneric};
use mediasoup::types::rtp_parameters::{MediaKind as WorkerKind, RtpParameters};
use mediasoup::webrtc_transport::WebRtcTransport;
use model::{ConsumerKind, JsonText, MediaError, MediaEvent, MediaKind, MediaReply, ProducerId, TransportId};

use crate::call::{call, request_error};
use crate::report::ReportLine;
use crate::router::{OpenRouter, ProducerEntry, RouterSlot, not_found};
use crate::worker::Workers;
use crate::{convert, validate};

/// Key frames are asked for at most this often, so that a burst of joiners costs one.
const KEY_FRAME_REQUEST_DELAY_MS: u32 = 1_000;
/// How often a worker is asked whether it closed a producer; the first or second time it has.
const CLOSE_CHECKS: usize = 100;
/// No score is this high: the first one differs from it.
const NO_SCORE: u8 = u8::MAX;

/// What a home asks for.
pub(crate) struct Wanted<'a> {
    pub(crate) transport: TransportId,
    pub(crate) producer: ProducerId,
    pub(crate) kind: MediaKind,
    pub(crate) rtp_parameters: &'a JsonText,
    pub(crate) paused: bool,
}

pub(crate) async fn open(workers: &Workers, slot: &RouterSlot, wanted: Wanted<'_>) -> Result<MediaReply, MediaError> {
    let kind = worker_kind(wanted.kind);
    let rtp_parameters = validate::rtp_parameters(wanted.rtp_parameters, kind)?;
    let transport = slot.transport(wanted.transport)?;
    let router = slot.open(workers).await?;
    let options = options(&wanted, kind, rtp_parameters)?;
    let producer = call(produce(transport, router, options)).await?;
    report_scores(&producer, wanted.producer, Arc::clone(&slot.line));
    let kind = match producer.r#type() {
        ProducerType::Simple => ConsumerKind::Simple,
        ProducerType::Simulcast => ConsumerKind::Simulcast,
        ProducerType::Svc => ConsumerKind::Svc,
    };
    let entry = ProducerEntry {
        producer,
        transport: wanted.transport,
    };
    slot.with(move |live| {
        if !live.transports.contains_key(&wanted.transport) {
            return Err(not_found("transport"));
        }
        live.producers.insert(wanted.producer, entry);
        Ok(MediaReply::ProducerOpened { kind })
    })
}

pub(crate) async fn set_paused(slot: &RouterSlot, id: ProducerId, paused: bool) -> Result<MediaReply, MediaError> {
    let producer = slot.producer(id)?;
    call(async move {
        let done = if paused {
            producer.pause().await
        } else {
            producer.resume().await
        };
        done.map_err(request_error)
    })
    .await?;
    Ok(MediaReply::Done)
}

/// Closes a producer and waits until its worker has done it. The crate sends its close in the background, where the next producer
/// would overtake it, and a worker takes no second producer with the mid or the SSRC of a first.
pub(crate) async fn close(slot: &RouterSlot, id: ProducerId) -> Result<MediaReply, MediaError> {
    let known = slot.with(|live| {
        Ok(live
            .producers
            .get(&id)
            .map(|entry| (entry.producer.id(), entry.transport)))
    })?;
    slot.remove_producer(id);
    // Without its transport it is closed as well.
    let Some((worker_id, Ok(transport))) = known.map(|(id, transport)| (id, slot.transport(transport))) else {
        return Ok(MediaReply::Done);
    };
    call(async move {
        for _ in 0..CLOSE_CHECKS {
            let dump = transport.dump().await;
            if !dump.is_ok_and(|dump| dump.producer_ids.contains(&worker_id)) {
                return Ok(MediaReply::Done);
            }
        }
        Err(MediaError::TimedOut)
    })
    .await
}

pub(crate) async fn stats(slot: &RouterSlot, id: ProducerId) -> Result<MediaReply, MediaError> {
    let producer = slot.producer(id)?;
    let stats = call(async move { producer.get_stats().await.map_err(request_error) }).await?;
    convert::producer_stats(&stats)
}

async fn produce(
    transport: WebRtcTransport,
    router: OpenRouter,
    options: ProducerOptions,
) -> Result<Producer, MediaError> {
    let producer = transport.produce(options).await.map_err(produce_error)?;
    if producer.kind() == WorkerKind::Audio {
        let watched = RtpObserverAddProducerOptions::new(producer.id());
        router.levels.add_producer(watched).await.map_err(request_error)?;
    }
    Ok(producer)
}

fn options(
    wanted: &Wanted<'_>,
    kind: WorkerKind,
    rtp_parameters: RtpParameters,
) -> Result<ProducerOptions, MediaError> {
    let id = wanted.producer.to_string().parse();
    let id = id.map_err(|_| MediaError::Invalid("producer id".to_owned()))?;
    // The only constructor that takes an id: it must be the same on every router of the room.
    let mut options = ProducerOptions::new_pipe_transport(id, kind, rtp_parameters);
    options.paused = wanted.paused;
    options.key_frame_request_delay = KEY_FRAME_REQUEST_DELAY_MS;
    Ok(options)
}

fn worker_kind(kind: MediaKind) -> WorkerKind {
    match kind {
        MediaKind::Audio => WorkerKind::Audio,
        MediaKind::Video => WorkerKind::Video,
    }
}

fn produce_error(error: ProduceError) -> MediaError {
    match error {
        ProduceError::Request(error) => request_error(error),
        ProduceError::IncorrectRtpParameters(_) | ProduceError::FailedRtpParametersMapping(_) => {
            MediaError::Invalid(error.to_string())
        }
        ProduceError::AlreadyExists(_) => MediaError::Worker(error.to_string()),
    }
}

fn report_scores(producer: &Producer, id: ProducerId, line: Arc<ReportLine>) {
    let last = AtomicU8::new(NO_SCORE);
    producer
        .on_score(move |scores| {
            let score = scores.iter().map(|score| score.score).max().unwrap_or(0);
            if last.swap(score, Ordering::Relaxed) != score {
                line.tell(MediaEvent::ProducerScore { producer: id, score });
            }
        })
        .detach();
}
