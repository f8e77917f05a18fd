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

#[cfg(test)]
mod tests {
    use model::*;

    use crate::tests::Stage;

    #[test]
    fn all_edges_are_told_what_the_peer_says() {
        let mut stage = Stage::new();
        let (ann, _bob) = (stage.join("e1"), stage.join("e2"));
        stage.forget_log();
        let mute = |audio_muted, video_paused| Request::SetMuteState {
            audio_muted,
            video_paused,
        };
        for (request, told) in [
            (mute(Some(true), None), 1),
            (mute(None, None), 1),
            (mute(Some(true), Some(true)), 2),
        ] {
            assert_eq!(stage.done(&ann, request), Ok(Reply::Done));
            assert_eq!([stage.updates("e1").len(), stage.updates("e2").len()], [told, told]);
        }
        let view = &stage.room.view().peers[&ann.peer];
        assert!(view.audio_muted && view.video_paused);
        assert!(stage.commands.is_empty(), "no media is touched");
    }
}
