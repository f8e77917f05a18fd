//! How busy a worker thread is: its CPU time as the kernel counts it. What follows from it is the coordinator's business.

use std::time::{Duration, Instant};

/// Linux counts thread times in these units on every architecture it shows them to user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// The CPU share of one thread, sample by sample.
#[derive(Debug)]
pub(crate) struct ThreadLoad {
    path: String,
    last: Option<(Instant, u64)>,
    /// 0 to 1 of one core, between the last two samples.
    pub(crate) cpu: f64,
}

impl ThreadLoad {
    /// Of the thread with this Linux id.
    pub(crate) fn new(thread: i32) -> Self {
        Self {
            path: format!("/proc/self/task/{thread}/stat"),
            last: None,
            cpu: 0.0,
        }
    }

    /// Reads the thread's times; a thread that is gone keeps its last value.
    pub(crate) fn sample(&mut self, now: Instant) {
        let Some(ticks) = std::fs::read_to_string(&self.path)
            .ok()
            .and_then(|stat| cpu_ticks(&stat))
        else {
            return;
        };
        if let Some((then, before)) = self.last {
            self.cpu = share(ticks.saturating_sub(before), now.saturating_duration_since(then));
        }
        self.last = Some((now, ticks));
    }
}

/// The Linux id of the calling thread.
pub(crate) fn current_thread() -> Option<i32> {
    let link = std::fs::read_link("/proc/thread-self").ok()?;
    link.file_name()?.to_str()?.parse().ok()
}

/// User and system time of a thread, in ticks, out of the text of its `stat` file. The second field is the thread's name in
/// brackets and may itself contain spaces and brackets.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

fn share(ticks: u64, elapsed: Duration) -> f64 {
    let seconds = elapsed.as_secs_f64();
    if seconds <= 0.0 {
        return 0.0;
    }
    #[allow(clippy::cast_precision_loss)]
    let busy = ticks as f64 / TICKS_PER_SECOND;
    (busy / seconds).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_thread_name() {
        let tail = " S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 30 0 1 2";
        assert_eq!(cpu_ticks(&format!("42 (mediasoup-worke){tail}")), Some(300));
        assert_eq!(cpu_ticks(&format!("42 (a) b ( c){tail}")), Some(300));
        assert_eq!(cpu_ticks("42 (short) S 1 2"), None);
        assert_eq!(cpu_ticks(""), None);
    }

    #[test]
    fn a_share_is_between_idle_and_one_core() {
        assert!((share(50, Duration::from_secs(1)) - 0.5).abs() < 1e-9);
        assert!((share(500, Duration::from_secs(1)) - 1.0).abs() < 1e-9);
        assert!(share(5, Duration::ZERO).abs() < 1e-9);
    }

    #[test]
    fn this_thread_has_an_id_and_times() {
        let thread = current_thread().unwrap();
        let mut load = ThreadLoad::new(thread);
        let begin = Instant::now();
        load.sample(begin);
        while begin.elapsed() < Duration::from_millis(60) {
            std::hint::spin_loop();
        }
        load.sample(Instant::now());
        assert!(load.cpu > 0.0, "{load:?}");
    }
}
