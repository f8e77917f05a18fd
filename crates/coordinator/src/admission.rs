//! What a peer will cost a worker, before it costs anything: joins in flight have to count, or a burst lands on one worker.
//!
//! The unit is one forwarded camera. A worker forwards about 500 of them, the figure that mediasoup's authors publish for consumers
//! a worker.

/// Forwarded cameras that one worker carries.
pub const UNITS_PER_WORKER: f64 = 500.0;
/// Cost of a video consumer, in units.
pub const VIDEO_CONSUMER_COST: f64 = 1.0;
/// Cost of an audio consumer, in units.
pub const AUDIO_CONSUMER_COST: f64 = 0.1;
/// Cost of a paused consumer, in units: its reports and its bookkeeping.
pub const PAUSED_CONSUMER_COST: f64 = 0.02;

/// What a peer is expected to make a worker forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Video producers it will consume and see.
    pub video: usize,
    /// Audio producers it will consume.
    pub audio: usize,
    /// Producers it will consume paused.
    pub paused: usize,
}

impl Expected {
    /// A joiner of a room where `peers` others each send a camera and a microphone, of which at most `video_forwarded_max` cameras
    /// are forwarded to one peer.
    #[must_use]
    pub fn of_joiner(peers: usize, video_forwarded_max: usize) -> Self {
        let video = peers.min(video_forwarded_max);
        Self {
            video,
            audio: peers,
            paused: peers - video,
        }
    }

    /// The projected cost as a ratio of one worker's capacity: 1.0 fills it.
    #[must_use]
    pub fn projected_cost(self) -> f64 {
        let units = self.video as f64 * VIDEO_CONSUMER_COST
            + self.audio as f64 * AUDIO_CONSUMER_COST
            + self.paused as f64 * PAUSED_CONSUMER_COST;
        units / UNITS_PER_WORKER
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_larger_room_never_costs_less(peers in 0usize..2_000, more in 1usize..100, last_n in 0usize..100) {
            let (small, large) = (Expected::of_joiner(peers, last_n), Expected::of_joiner(peers + more, last_n));
            prop_assert!(small.projected_cost() < large.projected_cost());
        }

        #[test]
        fn every_other_camera_is_forwarded_or_paused(peers in 0usize..2_000, last_n in 0usize..100) {
            let expected = Expected::of_joiner(peers, last_n);
            prop_assert_eq!(expected.video + expected.paused, peers);
            prop_assert!(expected.video <= last_n);
        }
    }

    #[test]
    fn a_full_mesh_of_21_nearly_fills_a_worker() {
        let cost = 21.0 * Expected::of_joiner(20, 49).projected_cost();
        assert!((0.9..1.0).contains(&cost), "{cost}");
    }
}
