//! Consumers: a producer's media on its way to one client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use mediasoup::consumer::{Consumer, ConsumerLayers, ConsumerOptions, ConsumerType};
use mediasoup::transport::{ConsumeError, Transport};
use model::{ConsumerId, ConsumerKind, JsonText, MediaError, MediaEvent, MediaReply, ProducerId, TransportId};

use crate::call::{call, request_error};
use crate::report::ReportLine;
use crate::router::{ConsumerEntry, RouterSlot, not_found};
use crate::{convert, validate};

/// No score is this high: the first one differs from it.
const NO_SCORE: u8 = u8::MAX;

/// What a home asks for.
pub(crate) struct Wanted<'a> {
    pub(crate) transport: TransportId,
    pub(crate) consumer: ConsumerId,
    pub(crate) producer: ProducerId,
    pub(crate) rtp_capabilities: &'a JsonText,
}

pub(crate) async fn open(slot: &RouterSlot, wanted: Wanted<'_>) -> Result<MediaReply, MediaError> {
    let rtp_capabilities = validate::rtp_capabilities(wanted.rtp_capabilities)?;
    let transport = slot.transport(wanted.transport)?;
    let producer = slot.producer(wanted.producer)?;
    if !transport.router().can_consume(&producer.id(), &rtp_capabilities) {
        return Err(MediaError::CannotConsume);
    }
    let mut options = ConsumerOptions::new(producer.id(), rtp_capabilities);
    options.paused = true;
    let consumer = call(async move { transport.consume(options).await.map_err(consume_error) }).await?;
    report_scores(&consumer, wanted.consumer, Arc::clone(&slot.line));
    let kind = match consumer.r#type() {
        ConsumerType::Simple | ConsumerType::Pipe => ConsumerKind::Simple,
        ConsumerType::Simulcast => ConsumerKind::Simulcast,
        ConsumerType::Svc => ConsumerKind::Svc,
    };
    let rtp_parameters = convert::rtp_parameters(consumer.rtp_parameters())?;
    let entry = ConsumerEntry {
        consumer,
        transport: wanted.transport,
        producer: wanted.producer,
    };
    slot.with(move |live| {
        // Other peers' commands run side by side with this one.
        if !live.transports.contains_key(&wanted.transport) {
            return Err(not_found("transport"));
        }
        if !live.producers.contains_key(&wanted.producer) {
            return Err(not_found("producer"));
        }
        if live.consumers.contains_key(&wanted.consumer) {
            return Err(MediaError::Worker("consumer already exists".to_owned()));
        }
        live.consumers.insert(wanted.consumer, entry);
        Ok(MediaReply::ConsumerOpened { rtp_parameters, kind })
    })
}

/// A resumed video consumer asks for a key frame by itself.
pub(crate) async fn set_paused(slot: &RouterSlot, id: ConsumerId, paused: bool) -> Result<MediaReply, MediaError> {
    let consumer = slot.consumer(id)?;
    call(async move {
        let done = if paused {
            consumer.pause().await
        } else {
            consumer.resume().await
        };
        done.map_err(request_error)
    })
    .await?;
    Ok(MediaReply::Done)
}

pub(crate) async fn set_preferred_layers(
    slot: &RouterSlot,
    id: ConsumerId,
    spatial: u8,
    temporal: Option<u8>,
) -> Result<MediaReply, MediaError> {
    let consumer = slot.consumer(id)?;
    let layers = ConsumerLayers {
        spatial_layer: spatial,
        temporal_layer: temporal,
    };
    call(async move { consumer.set_preferred_layers(layers).await.map_err(request_error) }).await?;
    Ok(MediaReply::Done)
}

pub(crate) async fn request_key_frame(slot: &RouterSlot, id: ConsumerId) -> Result<MediaReply, MediaError> {
    let consumer = slot.consumer(id)?;
    call(async move { consumer.request_key_frame().await.map_err(request_error) }).await?;
    Ok(MediaReply::Done)
}

pub(crate) async fn stats(slot: &RouterSlot, id: ConsumerId) -> Result<MediaReply, MediaError> {
    let consumer = slot.consumer(id)?;
    let stats = call(async move { consumer.get_stats().await.map_err(request_error) }).await?;
    convert::consumer_stats(&stats)
}

fn consume_error(error: ConsumeError) -> MediaError {
    match error {
        ConsumeError::Request(error) => request_error(error),
        ConsumeError::ProducerNotFound(_) => not_found("producer"),
        ConsumeError::FailedRtpCapabilitiesValidation(_) => MediaError::Invalid(error.to_string()),
        ConsumeError::BadConsumerRtpParameters(_) => MediaError::CannotConsume,
    }
}

fn report_scores(consumer: &Consumer, id: ConsumerId, line: Arc<ReportLine>) {
    let last = AtomicU8::new(NO_SCORE);
    consumer
        .on_score(move |score| {
            let score = score.score;
            if last.swap(score, Ordering::Relaxed) != score {
                line.tell(MediaEvent::ConsumerScore { consumer: id, score });
            }
        })
        .detach();
}
