//! Mailboxes by key: how a message finds the task that owns a piece of state. Every mailbox has a bound; who sends never waits.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    /// No task has this key.
    Nobody,
    /// The task does not keep up.
    Full,
}

/// The live tasks of one kind.
pub(crate) struct Mailboxes<K, M> {
    senders: Mutex<BTreeMap<K, mpsc::Sender<M>>>,
}

impl<K: Ord + Clone, M> Mailboxes<K, M> {
    pub(crate) fn new() -> Self {
        Self {
            senders: Mutex::new(BTreeMap::new()),
        }
    }

    /// Makes the mailbox of a new task. One with the same key is replaced.
    pub(crate) fn open(&self, key: K, bound: usize) -> mpsc::Receiver<M> {
        let (sender, receiver) = mpsc::channel(bound);
        self.lock().insert(key, sender);
        receiver
    }

    /// Enters a mailbox that was made elsewhere.
    pub(crate) fn insert(&self, key: K, sender: mpsc::Sender<M>) {
        self.lock().insert(key, sender);
    }

    pub(crate) fn remove(&self, key: &K) {
        self.lock().remove(key);
    }

    /// The mailbox itself, for a message that may wait.
    pub(crate) fn get(&self, key: &K) -> Option<mpsc::Sender<M>> {
        self.lock().get(key).cloned()
    }

    /// Hands over a message at once, leaving `reserve` places free for messages that may not be refused.
    pub(crate) fn send(&self, key: &K, message: M, reserve: usize) -> Result<(), SendError> {
        let senders = self.lock();
        let sender = senders.get(key).ok_or(SendError::Nobody)?;
        if sender.capacity() <= reserve {
            return Err(SendError::Full);
        }
        Self::try_send(sender, message)
    }

    /// Hands over a message, to a new task where there is none: `spawn` gets its mailbox.
    pub(crate) fn send_or_open(
        &self,
        key: &K,
        message: M,
        bound: usize,
        spawn: impl FnOnce(mpsc::Receiver<M>),
    ) -> Result<(), SendError> {
        let mut senders = self.lock();
        if let Some(sender) = senders.get(key) {
            return Self::try_send(sender, message);
        }
        let (sender, receiver) = mpsc::channel(bound);
        let sent = Self::try_send(&sender, message);
        senders.insert(key.clone(), sender);
        spawn(receiver);
        sent
    }

    /// A task that has nothing left to do takes itself off, unless a message came meanwhile.
    pub(crate) fn retire(&self, key: &K, mailbox: &mpsc::Receiver<M>) -> bool {
        let mut senders = self.lock();
        let retired = mailbox.is_empty();
        if retired {
            senders.remove(key);
        }
        retired
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn keys(&self) -> Vec<K> {
        self.lock().keys().cloned().collect()
    }

    fn try_send(sender: &mpsc::Sender<M>, message: M) -> Result<(), SendError> {
        sender.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SendError::Full,
            mpsc::error::TrySendError::Closed(_) => SendError::Nobody,
        })
    }

    /// Each change of the map is one insert or remove, so a panic elsewhere leaves it whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, mpsc::Sender<M>>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_kept_for_messages_that_may_not_be_refused() {
        let mailboxes = Mailboxes::new();
        let mut mailbox = mailboxes.open("room", 3);
        assert_eq!(mailboxes.send(&"room", 1, 1), Ok(()));
        assert_eq!(mailboxes.send(&"room", 2, 1), Ok(()));
        assert_eq!(mailboxes.send(&"room", 3, 1), Err(SendError::Full));
        assert_eq!(mailboxes.send(&"room", 4, 0), Ok(()));
        assert_eq!(mailboxes.send(&"room", 5, 0), Err(SendError::Full));
        assert_eq!(mailboxes.send(&"other", 6, 0), Err(SendError::Nobody));
        assert!(!mailboxes.retire(&"room", &mailbox), "three messages wait");
        while mailbox.try_recv().is_ok() {}
        assert!(mailboxes.retire(&"room", &mailbox));
        assert_eq!(mailboxes.len(), 0);
    }
}
