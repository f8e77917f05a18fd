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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::*;

    use super::median;
    use crate::tests::{Stage, audio, camera};

    fn shown(stage: &Stage) -> Vec<u8> {
        let updates = stage.updates("e1").into_iter();
        updates
            .filter_map(|update| match update {
                Update::QualityChanged { score, .. } => Some(score),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn the_worse_of_both_ways_once_a_second_on_change() {
        let mut stage = Stage::new();
        let (ann, bob) = (stage.join_with_transports("e1"), stage.join_with_transports("e2"));
        let (voice, picture) = (stage.producer(&ann, audio()), stage.producer(&ann, camera()));
        let others = stage.producer(&bob, audio());
        let consumer = stage.consumer(&ann, others);
        let score = |producer, score| MediaEvent::ProducerScore { producer, score };

        stage.media(score(voice, 4));
        stage.media(score(picture, 255));
        stage.media(MediaEvent::ConsumerScore { consumer, score: 3 });
        assert!(shown(&stage).is_empty());
        stage.later(limits::QUALITY_INTERVAL);
        assert_eq!(
            shown(&stage),
            [10],
            "the best it sends; a paused consumer does not count"
        );

        stage.done(&ann, Request::ResumeConsumer(consumer)).unwrap();
        stage.media(MediaEvent::ConsumerScore { consumer, score: 7 });
        stage.media(score(voice, 5));
        stage.later(limits::QUALITY_INTERVAL - Duration::from_millis(1));
        assert_eq!(shown(&stage), [10]);
        stage.later(Duration::from_millis(1));
        assert_eq!(shown(&stage), [10, 7]);
        stage.media(score(voice, 6));
        stage.later(limits::QUALITY_INTERVAL * 3);
        assert_eq!(shown(&stage), [10, 7], "no change, no update");
        assert_eq!(stage.room.poll_timeout(), None);
    }

    #[test]
    fn what_is_paused_or_muted_is_not_measured() {
        let mut stage = Stage::new();
        let ann = stage.join_with_transports("e1");
        let (voice, picture) = (stage.producer(&ann, audio()), stage.producer(&ann, camera()));
        let mute = Request::SetMuteState {
            audio_muted: Some(true),
            video_paused: None,
        };
        stage.done(&ann, mute).unwrap();
        stage.media(MediaEvent::ProducerScore {
            producer: voice,
            score: 9,
        });
        stage.media(MediaEvent::ProducerScore {
            producer: picture,
            score: 2,
        });
        stage.later(limits::QUALITY_INTERVAL);
        assert_eq!(shown(&stage), [2]);
        stage.done(&ann, Request::PauseProducer(picture)).unwrap();
        stage.media(MediaEvent::ProducerScore {
            producer: picture,
            score: 0,
        });
        stage.later(limits::QUALITY_INTERVAL);
        assert_eq!(shown(&stage), [2], "nothing to measure");
    }

    #[test]
    fn the_median_of_an_even_number_is_the_lower() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![9, 1]), Some(1));
        assert_eq!(median(vec![10, 0, 8]), Some(8));
    }
}
