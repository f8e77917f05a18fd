//! What a peer says of its own microphone and camera. It pauses nothing.

use model::{PeerId, Reply, Update};

use crate::{Handled, Outcome, Room};

impl Room {
    /// Tells all what the peer says, also when it repeats itself; saying nothing tells nothing.
    pub(crate) fn set_mute_state(
        &mut self,
        peer: PeerId,
        audio_muted: Option<bool>,
        video_paused: Option<bool>,
    ) -> Outcome {
        if audio_muted.is_some() || video_paused.is_some() {
            self.update(&Update::MuteStateChanged {
                peer,
                audio_muted,
                video_paused,
            });
        }
        Ok(Handled::Now(Reply::Done))
    }
}
