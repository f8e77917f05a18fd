//! What came of a room's commands, kept for a while: a home that repeats a command gets the first answer.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use model::{CommandId, Epoch, MediaError, MediaReply, limits};

/// Names a command: each home numbers its own.
pub(crate) type ResultKey = (Epoch, CommandId);
pub(crate) type MediaResult = Result<MediaReply, MediaError>;

/// What is known of a command when it comes.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    /// It is new, and noted now.
    New,
    /// It came before and is still being carried out: its answer will come.
    Running,
    /// It came before, and this was the answer.
    Answered(MediaResult),
}

#[derive(Debug, Default)]
pub(crate) struct Results {
    /// Absent result: still being carried out.
    kept: BTreeMap<ResultKey, Option<MediaResult>>,
    ages: VecDeque<(Instant, ResultKey)>,
}

impl Results {
    pub(crate) fn begin(&mut self, key: ResultKey, now: Instant) -> Seen {
        match self.kept.get(&key) {
            Some(None) => return Seen::Running,
            Some(Some(result)) => return Seen::Answered(result.clone()),
            None => {}
        }
        while self.ages.len() >= limits::MEDIA_RESULTS {
            self.forget_oldest();
        }
        self.kept.insert(key, None);
        self.ages.push_back((now, key));
        Seen::New
    }

    /// Keeps the answer, unless the command has been forgotten meanwhile.
    pub(crate) fn finish(&mut self, key: ResultKey, result: &MediaResult) {
        if let Some(kept) = self.kept.get_mut(&key) {
            *kept = Some(result.clone());
        }
    }

    /// Forgets a command at once: its repeat shall be carried out.
    pub(crate) fn forget(&mut self, key: ResultKey) {
        self.kept.remove(&key);
        self.ages.retain(|(_, other)| *other != key);
    }

    pub(crate) fn forget_expired(&mut self, now: Instant) {
        let expired = |begun: Instant| now.saturating_duration_since(begun) >= limits::MEDIA_RESULT_KEPT;
        while self.ages.front().is_some_and(|(begun, _)| expired(*begun)) {
            self.forget_oldest();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ages.is_empty()
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.ages.pop_front() {
            self.kept.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(id: u64) -> ResultKey {
        (Epoch::default(), CommandId(id))
    }

    #[test]
    fn a_repeat_waits_for_and_then_gets_the_first_answer() {
        let now = Instant::now();
        let mut results = Results::default();
        assert_eq!(results.begin(key(1), now), Seen::New);
        assert_eq!(results.begin(key(1), now), Seen::Running);
        results.finish(key(1), &Err(MediaError::CannotConsume));
        assert_eq!(
            results.begin(key(1), now),
            Seen::Answered(Err(MediaError::CannotConsume))
        );
        results.forget(key(1));
        assert_eq!(results.begin(key(1), now), Seen::New);
    }

    #[test]
    fn answers_expire_and_their_number_is_bounded() {
        let now = Instant::now();
        let mut results = Results::default();
        for id in 0..=limits::MEDIA_RESULTS as u64 {
            results.begin(key(id), now);
        }
        assert_eq!(results.kept.len(), limits::MEDIA_RESULTS);
        assert_eq!(results.begin(key(0), now + Duration::from_secs(30)), Seen::New);
        results.forget_expired(now + limits::MEDIA_RESULT_KEPT);
        assert_eq!(results.kept.len(), 1);
        results.forget_expired(now + 2 * limits::MEDIA_RESULT_KEPT);
        assert!(results.is_empty() && results.kept.is_empty());
    }
}
