//! One peer's commands, one after the other. Different peers' queues run side by side.

use std::sync::Arc;

use model::{MediaAction, MediaCommand, MediaObject, MediaReply, PeerId};

use crate::report::Home;
use crate::results::MediaResult;
use crate::rooms::Room;
use crate::router::RouterSlot;
use crate::worker::Workers;
use crate::{consumer, producer, transport};

/// A command in its queue, bound to the router that it named when it came.
pub(crate) struct Job {
    pub(crate) home: Home,
    pub(crate) command: MediaCommand,
    pub(crate) slot: Arc<RouterSlot>,
}

/// Carries out a peer's commands until none is left.
pub(crate) async fn run(room: Arc<Room>, workers: Arc<Workers>, peer: PeerId) {
    while let Some(job) = room.next_job(peer) {
        let result = carry_out(&workers, &job).await;
        let result = result.map_err(|error| job.slot.reason(error));
        room.finish(&job, result);
    }
}

async fn carry_out(workers: &Workers, job: &Job) -> MediaResult {
    let slot = &*job.slot;
    match &job.command.action {
        MediaAction::OpenTransport { transport, .. } => transport::open(workers, slot, *transport).await,
        MediaAction::ConnectTransport {
            transport,
            dtls_parameters,
        } => transport::connect(slot, *transport, dtls_parameters).await,
        MediaAction::OpenProducer {
            transport,
            producer,
            kind,
            rtp_parameters,
            paused,
        } => {
            let wanted = producer::Wanted {
                transport: *transport,
                producer: *producer,
                kind: *kind,
                rtp_parameters,
                paused: *paused,
            };
            producer::open(workers, slot, wanted).await
        }
        MediaAction::OpenConsumer {
            transport,
            consumer,
            producer,
            rtp_capabilities,
        } => {
            let wanted = consumer::Wanted {
                transport: *transport,
                consumer: *consumer,
                producer: *producer,
                rtp_capabilities,
            };
            consumer::open(slot, wanted).await
        }
        MediaAction::PauseProducer(id) => producer::set_paused(slot, *id, true).await,
        MediaAction::ResumeProducer(id) => producer::set_paused(slot, *id, false).await,
        MediaAction::PauseConsumer(id) => consumer::set_paused(slot, *id, true).await,
        MediaAction::ResumeConsumer(id) => consumer::set_paused(slot, *id, false).await,
        MediaAction::SetPreferredLayers {
            consumer,
            spatial,
            temporal,
        } => consumer::set_preferred_layers(slot, *consumer, *spatial, *temporal).await,
        MediaAction::RequestKeyFrame(id) => consumer::request_key_frame(slot, *id).await,
        MediaAction::GetStats(MediaObject::Transport(id)) => transport::stats(slot, *id).await,
        MediaAction::GetStats(MediaObject::Producer(id)) => producer::stats(slot, *id).await,
        MediaAction::GetStats(MediaObject::Consumer(id)) => consumer::stats(slot, *id).await,
        MediaAction::CloseTransport(id) => {
            slot.remove_transport(*id);
            Ok(MediaReply::Done)
        }
        MediaAction::CloseProducer(id) => producer::close(slot, *id).await,
        MediaAction::CloseConsumer(id) => {
            slot.remove_consumer(*id);
            Ok(MediaReply::Done)
        }
        // Overtakes the queues, see `rooms`.
        MediaAction::CloseRouter => Ok(MediaReply::Done),
    }
}
