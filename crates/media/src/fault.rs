//! The seam by which a test makes one worker thread fail: an exported number in the worker's libsrtp layer
//! (`.cargo/mediasoup/overlay`). The thread of that id throws at its next SRTP packet, as a failed assertion would.
#![allow(
    unsafe_code,
    reason = "the number lives in the C++ part, and an extern static can be reached in no other way"
)]

use std::sync::atomic::{AtomicI32, Ordering};

unsafe extern "C" {
    static ringcast_fault_thread: AtomicI32;
}

/// The thread with this Linux id fails at its next SRTP packet.
pub(crate) fn fail_thread(thread: i32) {
    // SAFETY: the symbol is a C++ `std::atomic<std::int32_t>` of 4 bytes with static storage, and is only ever accessed
    // atomically on both sides.
    unsafe { &ringcast_fault_thread }.store(thread, Ordering::SeqCst);
}
