//! How often a session may ask: a bucket of tokens, and how many refusals in a row it gets before its socket closes.

use std::time::Instant;

use model::Limits;

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
    refused_in_a_row: u32,
    refused_at_most: u32,
}

impl Rate {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let burst = f64::from(limits.request_burst);
        Self {
            tokens: burst,
            at: now,
            per_second: f64::from(limits.requests_per_second),
            burst,
            refused_in_a_row: 0,
            refused_at_most: limits.refused_requests_in_a_row,
        }
    }

    /// Judges one frame.
    pub(super) fn admit(&mut self, now: Instant) -> Verdict {
        let passed = now.saturating_duration_since(self.at);
        self.at = now;
        self.tokens = (self.tokens + passed.as_secs_f64() * self.per_second).min(self.burst);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            self.refused_in_a_row = 0;
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
}
