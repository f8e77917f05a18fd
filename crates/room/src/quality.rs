//! How good each peer's connection is: the worse of what arrives from it (its best sent stream) and what reaches it (the median
//! of its received streams). One timer publishes what changed, so no peer has more than one update in
//! [`limits::QUALITY_INTERVAL`].

use std::collections::BTreeSet;
use std::time::Instant;

use model::{ConsumerId, PeerId, ProducerId, ProducerView, RoomView, Source, Update, limits};

use crate::Room;

/// The best score there is.
const BEST_SCORE: u8 = 10;

/// Peers with new scores since the last time.
#[derive(Debug, Default)]
pub(crate) struct Quality {
    changed: BTreeSet<PeerId>,
    due: Option<Instant>,
}

impl Quality {
    fn mark(&mut self, peer: PeerId, now: Instant) {
        self.changed.insert(peer);
        self.due.get_or_insert(now + limits::QUALITY_INTERVAL);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    pub(crate) fn forget(&mut self, peer: PeerId) {
        self.changed.remove(&peer);
    }
}

impl Room {
    pub(crate) fn producer_score(&mut self, producer: ProducerId, score: u8) {
        if let Some(known) = self.producers.get_mut(&producer) {
            known.score = Some(score.min(BEST_SCORE));
            self.quality.mark(known.peer, self.now);
        }
    }

    pub(crate) fn consumer_score(&mut self, consumer: ConsumerId, score: u8) {
        if let Some(known) = self.consumers.get_mut(&consumer) {
            known.score = Some(score.min(BEST_SCORE));
            self.quality.mark(known.peer, self.now);
        }
    }

    pub(crate) fn publish_quality(&mut self) {
        if self.quality.due.take_if(|due| *due <= self.now).is_none() {
            return;
        }
        for peer in std::mem::take(&mut self.quality.changed) {
            let shown = self.view.peers.get(&peer).and_then(|view| view.quality);
            if let Some(score) = self.measured_quality(peer)
                && shown != Some(score)
            {
                self.update(&Update::QualityChanged { peer, score });
            }
        }
    }

    fn measured_quality(&self, peer: PeerId) -> Option<u8> {
        let peer = self.peers.get(&peer)?;
        let sent = peer.producers.iter().filter(|id| flows(&self.view, **id));
        let sent = sent.filter_map(|id| self.producers.get(id)?.score).max();
        let received = peer.consumers.iter().filter_map(|id| self.consumers.get(id));
        let received = received.filter(|consumer| !consumer.paused && flows(&self.view, consumer.producer));
        let received = median(received.filter_map(|consumer| consumer.score).collect());
        sent.into_iter().chain(received).min()
    }
}

/// Media is expected from this producer: it is not paused, nor is its microphone muted or its camera off.
fn flows(view: &RoomView, producer: ProducerId) -> bool {
    let expected = |producer: &ProducerView| {
        let Some(peer) = view.peers.get(&producer.peer) else {
            return false;
        };
        match producer.source {
            Source::Microphone => !peer.audio_muted,
            Source::Camera => !peer.video_paused,
            Source::Screen => true,
        }
    };
    let producer = view.producers.get(&producer);
    producer.is_some_and(|producer| !producer.paused && expected(producer))
}

/// The middle of the scores; of two, the lower.
fn median(mut scores: Vec<u8>) -> Option<u8> {
    scores.sort_unstable();
    let last = scores.len().checked_sub(1)?;
    scores.get(last / 2).copied()
}
