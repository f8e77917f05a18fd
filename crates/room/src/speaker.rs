//! Who speaks: the levels of all routers merged, with enough inertia that two voices at once do not make the picture jump.
//!
//! A new speaker takes over at once when the old one is silent, else when it is the loudest in two reports in a row of its own
//! router. Nobody speaks once the speaker has not been heard for [`limits::SPEAKER_SILENCE`].

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Instant;

use model::{AudioLevel, PeerId, RouterId, Update, limits};

use crate::Room;

/// Reports in a row that make a louder voice the speaker while the old one still speaks.
const REPORTS_TO_TAKE_OVER: u8 = 2;

/// The last report of each router and who is about to take over.
#[derive(Debug, Default)]
pub(crate) struct Speaker {
    reports: BTreeMap<RouterId, Report>,
    rising: Option<(PeerId, u8)>,
    /// When the present speaker is given up, unless it is heard before.
    silent_at: Option<Instant>,
}

#[derive(Debug)]
struct Report {
    stale_at: Instant,
    levels: Vec<(PeerId, i8)>,
}

impl Speaker {
    /// Takes one router's report; `Some` is the new speaker.
    fn hear(
        &mut self,
        router: RouterId,
        levels: Vec<(PeerId, i8)>,
        current: Option<PeerId>,
        now: Instant,
    ) -> Option<PeerId> {
        let stale_at = now + limits::SPEAKER_SILENCE;
        let heard_here = |peer: PeerId| levels.iter().any(|(speaker, _)| *speaker == peer);
        if current.is_some_and(heard_here) {
            self.silent_at = Some(stale_at);
        }
        let is_here: Vec<PeerId> = levels.iter().map(|(peer, _)| *peer).collect();
        self.reports.insert(router, Report { stale_at, levels });

        let loudest = self.loudest(current, now);
        let Some(loudest) = loudest.filter(|loudest| current != Some(*loudest)) else {
            self.rising = None;
            return None;
        };
        if current.is_some_and(|current| self.is_heard(current, now)) {
            if !is_here.contains(&loudest) {
                return None;
            }
            let before = self.rising.filter(|(peer, _)| *peer == loudest);
            let reports = before.map_or(1, |(_, reports)| reports.saturating_add(1));
            self.rising = Some((loudest, reports));
            if reports < REPORTS_TO_TAKE_OVER {
                return None;
            }
        }
        self.take_over(loudest, now);
        Some(loudest)
    }

    /// Gives up a speaker that was not heard any more: `Some` is who speaks instead, if anybody.
    fn handle_timeout(&mut self, current: Option<PeerId>, now: Instant) -> Option<Option<PeerId>> {
        self.poll_timeout(current).filter(|due| *due <= now)?;
        self.silent_at = None;
        let next = self.loudest(None, now).filter(|next| current != Some(*next));
        if let Some(next) = next {
            self.take_over(next, now);
        }
        Some(next)
    }

    pub(crate) fn poll_timeout(&self, current: Option<PeerId>) -> Option<Instant> {
        current.and(self.silent_at)
    }

    pub(crate) fn forget_router(&mut self, router: RouterId) {
        self.reports.remove(&router);
    }

    pub(crate) fn forget_peer(&mut self, peer: PeerId) {
        for report in self.reports.values_mut() {
            report.levels.retain(|(speaker, _)| *speaker != peer);
        }
        self.rising = self.rising.filter(|(rising, _)| *rising != peer);
    }

    fn take_over(&mut self, peer: PeerId, now: Instant) {
        self.rising = None;
        let heard = self.fresh(now).filter(|(_, level)| level.0 == peer);
        self.silent_at = heard.map(|(stale_at, _)| stale_at).max();
    }

    fn loudest(&self, current: Option<PeerId>, now: Instant) -> Option<PeerId> {
        let levels = self.fresh(now).map(|(_, level)| level);
        levels
            .max_by_key(|(peer, volume)| (*volume, current == Some(*peer), Reverse(*peer)))
            .map(|(peer, _)| peer)
    }

    fn is_heard(&self, peer: PeerId, now: Instant) -> bool {
        self.fresh(now).any(|(_, (speaker, _))| speaker == peer)
    }

    fn fresh(&self, now: Instant) -> impl Iterator<Item = (Instant, (PeerId, i8))> {
        let reports = self.reports.values().filter(move |report| report.stale_at > now);
        reports.flat_map(|report| report.levels.iter().map(|level| (report.stale_at, *level)))
    }
}

impl Room {
    /// Takes one router's audio levels; paused and unknown producers are not heard.
    pub(crate) fn hear(&mut self, router: RouterId, levels: &[AudioLevel]) {
        if !self.seats.contains_key(&router) {
            return;
        }
        let levels = levels.iter().take(limits::AUDIO_LEVELS).filter_map(|level| {
            let producer = self.view.producers.get(&level.producer)?;
            (!producer.paused).then_some((producer.peer, level.volume))
        });
        let levels = levels.collect();
        if let Some(peer) = self.speaker.hear(router, levels, self.view.active_speaker, self.now) {
            self.update(&Update::ActiveSpeakerChanged { peer: Some(peer) });
        }
    }

    pub(crate) fn expire_speaker(&mut self) {
        if let Some(peer) = self.speaker.handle_timeout(self.view.active_speaker, self.now) {
            self.update(&Update::ActiveSpeakerChanged { peer });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::*;

    use crate::tests::{Stage, Who, audio};

    const SECOND: Duration = Duration::from_secs(1);

    struct Voices {
        stage: Stage,
        router: RouterId,
        people: [(Who, ProducerId); 2],
    }

    fn voices() -> Voices {
        let mut stage = Stage::new();
        let mut person = || {
            let who = stage.join_with_transports("e1");
            let producer = stage.producer(&who, audio());
            (who, producer)
        };
        let people = [person(), person()];
        let router = *stage.room.seats.keys().next().unwrap();
        Voices { stage, router, people }
    }

    impl Voices {
        fn report(&mut self, levels: &[(usize, i8)]) {
            let level = |(person, volume): &(usize, i8)| AudioLevel {
                producer: self.people[*person].1,
                volume: *volume,
            };
            let event = MediaEvent::AudioLevels {
                router: self.router,
                levels: levels.iter().map(level).collect(),
            };
            self.stage.media(event);
        }

        fn speaker(&self) -> Option<usize> {
            let speaker = self.stage.room.view().active_speaker?;
            self.people.iter().position(|(who, _)| who.peer == speaker)
        }
    }

    #[test]
    fn a_louder_voice_needs_two_reports_in_a_row() {
        let mut voices = voices();
        voices.report(&[(0, -30)]);
        assert_eq!(voices.speaker(), Some(0), "at once when nobody spoke");
        for levels in [[(1, -20), (0, -30)], [(0, -20), (1, -30)], [(1, -20), (0, -30)]] {
            voices.stage.later(SECOND);
            voices.report(&levels);
            assert_eq!(voices.speaker(), Some(0), "no flapping");
        }
        voices.stage.later(SECOND);
        voices.report(&[(1, -20), (0, -30)]);
        assert_eq!(voices.speaker(), Some(1));
        voices.stage.later(SECOND);
        voices.report(&[(0, -40)]);
        assert_eq!(voices.speaker(), Some(0), "at once when the old one is silent");
    }

    #[test]
    fn silence_ends_speech_after_a_while() {
        let mut voices = voices();
        voices.report(&[(0, -30)]);
        voices.stage.later(SECOND);
        voices.report(&[]);
        voices
            .stage
            .later(limits::SPEAKER_SILENCE - SECOND - Duration::from_millis(1));
        assert_eq!(voices.speaker(), Some(0));
        voices.stage.later(Duration::from_millis(1));
        assert_eq!(voices.speaker(), None);
        voices.report(&[(1, -50)]);
        assert_eq!(voices.speaker(), Some(1));
    }

    #[test]
    fn who_left_or_paused_does_not_speak() {
        let mut voices = voices();
        voices.report(&[(0, -30), (1, -50)]);
        let (ann, _) = voices.people[0].clone();
        voices.stage.done(&ann, Request::Leave).unwrap();
        assert_eq!(voices.stage.room.view().active_speaker, None);
        let (bob, producer) = voices.people[1].clone();
        voices.stage.done(&bob, Request::PauseProducer(producer)).unwrap();
        voices.report(&[(1, -30), (0, -30)]);
        assert_eq!(voices.stage.room.view().active_speaker, None);
    }

    #[test]
    fn levels_of_unknown_routers_are_not_heard() {
        let mut voices = voices();
        let router = std::mem::replace(&mut voices.router, RouterId::UNKNOWN);
        voices.report(&[(0, -30)]);
        assert_eq!(voices.speaker(), None);
        voices.router = router;
        voices.report(&[(0, -30)]);
        assert_eq!(voices.speaker(), Some(0));
    }

    #[test]
    fn two_routers_are_merged() {
        let mut speaker = super::Speaker::default();
        let now = Stage::new().now;
        let [near, far] = [1, 2].map(RouterId::from_random);
        let [ann, bob] = [1, 2].map(PeerId::from_random);
        assert_eq!(speaker.hear(near, vec![(ann, -40)], None, now), Some(ann));
        assert_eq!(speaker.hear(far, vec![(bob, -20)], Some(ann), now), None);
        assert_eq!(
            speaker.hear(near, vec![(ann, -40)], Some(ann), now + SECOND),
            None,
            "not bob's router"
        );
        assert_eq!(speaker.hear(far, vec![(bob, -20)], Some(ann), now + SECOND), Some(bob));
        assert_eq!(
            speaker.hear(far, vec![], Some(bob), now + SECOND * 2),
            Some(ann),
            "still heard elsewhere"
        );
    }
}
