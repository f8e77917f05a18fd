//! CPU time as the kernel counts it: of media worker threads, to the nanosecond, and of whole processes.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// What the kernel keeps of the name of a media worker's thread.
const WORKER_THREAD: &str = "mediasoup-worke";
/// Linux counts process times in these units on every architecture it shows them to user space.
const TICK: Duration = Duration::from_millis(10);

/// Times of one thread since it began, or between two looks at it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadTime {
    /// Running.
    pub running: Duration,
    /// Ready to run, but waiting for a core.
    pub waiting: Duration,
}

impl ThreadTime {
    /// What passed since an earlier look.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            running: self.running.saturating_sub(earlier.running),
            waiting: self.waiting.saturating_sub(earlier.waiting),
        }
    }
}

/// The one media worker of a process.
#[derive(Clone, Debug)]
pub struct WorkerThread(PathBuf);

impl WorkerThread {
    /// Finds it.
    ///
    /// # Panics
    /// If the process has not exactly one.
    #[must_use]
    pub fn of_process(process: u32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("the process lives");
        let mut workers = tasks.map(|task| task.unwrap().path()).filter(|task| {
            let name = fs::read_to_string(task.join("comm"));
            name.is_ok_and(|name| name.trim_end() == WORKER_THREAD)
        });
        let worker = workers.next().expect("the process has a media worker");
        assert!(workers.next().is_none(), "more than one media worker");
        Self(worker.join("schedstat"))
    }

    /// Its times so far.
    ///
    /// # Panics
    /// If it is gone.
    #[must_use]
    pub fn time(&self) -> ThreadTime {
        let text = fs::read_to_string(&self.0).expect("the worker lives");
        let mut fields = text.split_ascii_whitespace().map(|field| field.parse().unwrap());
        let mut next = || Duration::from_nanos(fields.next().expect("a line of schedstat"));
        ThreadTime {
            running: next(),
            waiting: next(),
        }
    }
}

/// The CPU time of a process with all its threads, those that ended included.
///
/// # Panics
/// If it is gone.
#[must_use]
pub fn of_process(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process lives");
    // The name, in brackets, may contain anything; user and system time are the 12th and 13th field after it.
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    let ticks = after_name.split_ascii_whitespace().skip(11).take(2);
    TICK * ticks.map(|field| field.parse::<u32>().unwrap()).sum()
}
