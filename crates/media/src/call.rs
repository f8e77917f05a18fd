//! One call of a worker: with a deadline, and never half forgotten.

use std::future::Future;

use mediasoup::worker::RequestError;
use model::{MediaError, limits};
use tokio::time::timeout;

/// Waits for a worker's answer, at most [`limits::WORKER_REQUEST_TIMEOUT`]. The call runs on by itself after that: what it may
/// still make is dropped, and so closed, when it arrives. (A cancelled call would leave the worker's half of it open.)
pub(crate) async fn call<T, F>(work: F) -> Result<T, MediaError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, MediaError>> + Send + 'static,
{
    match timeout(limits::WORKER_REQUEST_TIMEOUT, tokio::spawn(work)).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(MediaError::Worker("the call panicked".to_owned())),
        Err(_) => Err(MediaError::TimedOut),
    }
}

/// A refused request. A closed channel is also what the crate says of an object that the worker has closed by itself, as it does
/// with the consumers of a closed producer; whether the worker is gone is found out by [`crate::router::RouterSlot::reason`].
pub(crate) fn request_error(error: RequestError) -> MediaError {
    match error {
        RequestError::ChannelClosed => MediaError::NotFound("media object".to_owned()),
        RequestError::Response { reason } => MediaError::Worker(reason),
        other => MediaError::Worker(other.to_string()),
    }
}
