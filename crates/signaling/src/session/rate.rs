//! How often a session may ask: a bucket of tokens, and how many refusals in a row it gets before its socket closes.

use std::time::Instant;

use model::{Limits, limits};

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is handled.
    Admitted,
    /// It is answered with an error.
    Refused,
    /// That too, and it was the last one.
    Hopeless,
}

#[derive(Debug)]
pub(super) struct Rate {
    tokens: f64,
    at: Instant,
    per_second: f64,
    burst: f64,
    /// With so many tokens the client has held back, and a row of refusals ends. One that does not hold back takes each token as it
    /// comes: without this its row would never grow long.
    calm: f64,
    refused_in_a_row: u32,
    refused_at_most: u32,
}

impl Rate {
    pub(super) fn new(bounds: &Limits, now: Instant) -> Self {
        let burst = f64::from(bounds.request_burst);
        let per_second = f64::from(bounds.requests_per_second);
        Self {
            tokens: burst,
            at: now,
            per_second,
            burst,
            calm: (per_second * limits::REFUSALS_FORGOTTEN.as_secs_f64()).clamp(1.0, burst.max(1.0)),
            refused_in_a_row: 0,
            refused_at_most: bounds.refused_requests_in_a_row,
        }
    }

    /// Judges one frame.
    pub(super) fn admit(&mut self, now: Instant) -> Verdict {
        let passed = now.saturating_duration_since(self.at);
        self.at = now;
        self.tokens = (self.tokens + passed.as_secs_f64() * self.per_second).min(self.burst);
        if self.tokens >= 1.0 {
            if self.tokens >= self.calm {
                self.refused_in_a_row = 0;
            }
            self.tokens -= 1.0;
            return Verdict::Admitted;
        }
        self.refused_in_a_row += 1;
        if self.refused_in_a_row >= self.refused_at_most {
            Verdict::Hopeless
        } else {
            Verdict::Refused
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_then_the_rate_holds_and_patience_ends() {
        let limits = Limits {
            requests_per_second: 10,
            request_burst: 3,
            refused_requests_in_a_row: 2,
            ..Limits::default()
        };
        let mut now = Instant::now();
        let mut rate = Rate::new(&limits, now);
        let verdicts: Vec<_> = (0..4).map(|_| rate.admit(now)).collect();
        assert_eq!(
            verdicts,
            [
                Verdict::Admitted,
                Verdict::Admitted,
                Verdict::Admitted,
                Verdict::Refused
            ]
        );
        now += Duration::from_millis(101);
        assert_eq!(rate.admit(now), Verdict::Admitted, "one more after a tenth of a second");
        assert_eq!(rate.admit(now), Verdict::Refused, "counted anew");
        assert_eq!(rate.admit(now), Verdict::Hopeless);
    }

    /// Sends a frame each time that `pause` has passed, until it is enough; how many were refused.
    fn refused_until_closed(rate: &mut Rate, now: &mut Instant, pause: Duration) -> usize {
        let verdicts = std::iter::repeat_with(|| {
            *now += pause;
            rate.admit(*now)
        });
        let lived = verdicts.take(5_000).take_while(|verdict| *verdict != Verdict::Hopeless);
        lived.filter(|verdict| *verdict == Verdict::Refused).count()
    }

    #[test]
    fn who_never_holds_back_has_one_row() {
        let mut now = Instant::now();
        let mut rate = Rate::new(&Limits::default(), now);
        let pause = Duration::from_micros(100);
        assert_eq!(refused_until_closed(&mut rate, &mut now, pause), 999);
    }

    #[test]
    fn who_holds_back_for_a_moment_begins_a_new_row() {
        let mut now = Instant::now();
        let mut rate = Rate::new(&Limits::default(), now);
        for _ in 0..1_900 {
            assert_ne!(rate.admit(now), Verdict::Hopeless);
        }
        now += limits::REFUSALS_FORGOTTEN;
        assert_eq!(refused_until_closed(&mut rate, &mut now, Duration::ZERO), 999);
    }
}
