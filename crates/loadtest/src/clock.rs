//! The clock behind RTP timestamps: every process on a machine writes the same one, so the difference between the
//! timestamp of a packet and the clock at its receiver is the packet's latency.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall time, read once and carried on by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct MediaClock {
    started: Instant,
    started_at: Duration,
}

impl MediaClock {
    /// Reads both clocks now.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            started_at: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }

    /// The RTP timestamp of a moment, in ticks of `rate` a second; wraps as RTP does.
    pub fn rtp_time(&self, at: Instant, rate: u32) -> u32 {
        let micros = (self.started_at + at.saturating_duration_since(self.started)).as_micros();
        // Only the low 32 bits mean anything to RTP.
        (micros * u128::from(rate) / 1_000_000) as u32
    }

    /// How long before `at` a packet with this timestamp was stamped; `None` if the stamp is from the future or more
    /// than a minute old, which means that another clock wrote it.
    pub fn age(&self, rtp_time: u32, rate: u32, at: Instant) -> Option<Duration> {
        let ticks = self.rtp_time(at, rate).wrapping_sub(rtp_time);
        (rate > 0 && ticks / rate < 60).then(|| Duration::from_micros(u64::from(ticks) * 1_000_000 / u64::from(rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_the_time_between_stamp_and_reading() {
        let clock = MediaClock::start();
        let sent = clock.started + Duration::from_secs(3);
        let stamp = clock.rtp_time(sent, 90_000);
        let age = clock.age(stamp, 90_000, sent + Duration::from_millis(25)).unwrap();
        assert!(
            age.abs_diff(Duration::from_millis(25)) < Duration::from_micros(50),
            "{age:?}"
        );
    }

    #[test]
    fn a_wrapped_timestamp_still_has_an_age_and_a_foreign_one_has_none() {
        let clock = MediaClock {
            started: Instant::now(),
            started_at: Duration::from_micros((1 << 32) * 100 / 9 - 10),
        };
        let stamp = clock.rtp_time(clock.started, 90_000);
        assert!(stamp > u32::MAX - 10);
        let later = clock.started + Duration::from_millis(5);
        assert!(clock.rtp_time(later, 90_000) < 1_000);
        assert!(clock.age(stamp, 90_000, later).unwrap() < Duration::from_millis(6));
        assert_eq!(clock.age(stamp.wrapping_add(90_000), 90_000, later), None);
    }
}
