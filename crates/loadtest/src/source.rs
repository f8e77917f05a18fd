//! When a published stream sends what: frames at an even pace, each of as many packets as the wanted rate needs.

use std::time::{Duration, Instant};

use crate::rtp::Kind;

/// Video frames a second, unless fewer packets than that are wanted.
const VIDEO_FRAMES_PER_SECOND: u32 = 25;
/// A source that fell behind by more than this starts afresh instead of sending all that it missed.
const LAG_MAX: Duration = Duration::from_millis(500);

/// The rate of a published stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// RTP packets a second.
    pub packets_per_second: u32,
    /// RTP payload of each packet, in bytes.
    pub payload_bytes: usize,
}

impl Rate {
    /// About 800 kbit/s of video: 100 packets of 1,000 bytes a second.
    pub const VIDEO: Self = Self {
        packets_per_second: 100,
        payload_bytes: 1_000,
    };
    /// About 40 kbit/s of audio: 50 packets of 100 bytes a second.
    pub const AUDIO: Self = Self {
        packets_per_second: 50,
        payload_bytes: 100,
    };

    /// The usual rate of a kind.
    pub fn usual(kind: Kind) -> Self {
        match kind {
            Kind::Audio => Self::AUDIO,
            Kind::Video => Self::VIDEO,
        }
    }
}

/// The schedule of one stream.
#[derive(Debug)]
pub struct Schedule {
    rate: Rate,
    frames_per_second: u32,
    started: Instant,
    frames: u64,
    key_frame_wanted: bool,
}

/// One frame that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueFrame {
    /// Packets that it consists of.
    pub packets: u32,
    /// Payload of each, in bytes.
    pub payload_bytes: usize,
    /// Whether it is a key frame.
    pub key: bool,
}

impl Schedule {
    /// A schedule whose first frame, a key frame, is due at `start`. `None` for a rate of zero packets.
    pub fn new(kind: Kind, rate: Rate, start: Instant) -> Option<Self> {
        let frames_per_second = match kind {
            Kind::Audio => rate.packets_per_second,
            Kind::Video => rate.packets_per_second.min(VIDEO_FRAMES_PER_SECOND),
        };
        (frames_per_second > 0).then_some(Self {
            rate,
            frames_per_second,
            started: start,
            frames: 0,
            key_frame_wanted: true,
        })
    }

    /// Makes the next frame a key frame.
    pub fn handle_key_frame_request(&mut self) {
        self.key_frame_wanted = true;
    }

    /// When the next frame is due.
    pub fn poll_timeout(&self) -> Instant {
        self.started + Duration::from_nanos(self.frames * 1_000_000_000 / u64::from(self.frames_per_second))
    }

    /// The next frame, if it is due.
    pub fn poll_frame(&mut self, now: Instant) -> Option<DueFrame> {
        let due = self.poll_timeout();
        if due > now {
            return None;
        }
        if now.duration_since(due) > LAG_MAX {
            self.started = now;
            self.frames = 0;
        }
        let packets = self.packets_before(self.frames + 1) - self.packets_before(self.frames);
        self.frames += 1;
        let key = std::mem::take(&mut self.key_frame_wanted);
        Some(DueFrame {
            packets: packets as u32,
            payload_bytes: self.rate.payload_bytes,
            key,
        })
    }

    /// Packets of the first `frames` frames; this way any rate comes out exact over time.
    fn packets_before(&self, frames: u64) -> u64 {
        frames * u64::from(self.rate.packets_per_second) / u64::from(self.frames_per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets_in(kind: Kind, packets_per_second: u32, span: Duration) -> (u32, u32) {
        let start = Instant::now();
        let mut schedule = Schedule::new(
            kind,
            Rate {
                packets_per_second,
                payload_bytes: 10,
            },
            start,
        )
        .unwrap();
        let (mut frames, mut packets) = (0, 0);
        while schedule.poll_timeout() < start + span {
            let due = schedule.poll_timeout();
            assert_eq!(schedule.poll_frame(due - Duration::from_nanos(1)), None);
            packets += schedule.poll_frame(due).unwrap().packets;
            frames += 1;
        }
        (frames, packets)
    }

    #[test]
    fn any_rate_is_exact_over_a_second() {
        for rate in [1, 7, 24, 25, 26, 99, 600] {
            assert_eq!(
                packets_in(Kind::Video, rate, Duration::from_secs(1)),
                (rate.min(25), rate)
            );
            assert_eq!(packets_in(Kind::Audio, rate, Duration::from_secs(1)), (rate, rate));
        }
        assert!(
            Schedule::new(
                Kind::Video,
                Rate {
                    packets_per_second: 0,
                    payload_bytes: 10
                },
                Instant::now()
            )
            .is_none()
        );
    }

    #[test]
    fn the_first_frame_and_the_one_after_a_request_are_key_frames() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Kind::Video, Rate::VIDEO, start).unwrap();
        let at = |n: u64| start + Duration::from_millis(40 * n);
        assert!(schedule.poll_frame(at(0)).unwrap().key);
        assert!(!schedule.poll_frame(at(1)).unwrap().key);
        schedule.handle_key_frame_request();
        assert!(schedule.poll_frame(at(2)).unwrap().key);
        assert!(!schedule.poll_frame(at(3)).unwrap().key);
    }

    #[test]
    fn a_source_that_was_held_up_does_not_send_all_that_it_missed() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Kind::Video, Rate::VIDEO, start).unwrap();
        let late = start + Duration::from_secs(5);
        assert!(schedule.poll_frame(late).is_some());
        assert_eq!(schedule.poll_frame(late), None);
    }
}
