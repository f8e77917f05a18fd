//! Who speaks on one router. Which of a room's routers heard the loudest is merged at its home.

use std::num::NonZeroU16;
use std::sync::Arc;

use mediasoup::audio_level_observer::{AudioLevelObserver, AudioLevelObserverOptions, AudioLevelObserverVolume};
use mediasoup::router::Router;
use model::{AudioLevel, MediaError, MediaEvent, ProducerId, RouterId};
use uuid::Uuid;

use crate::call::request_error;
use crate::report::ReportLine;

const INTERVAL_MS: u16 = 800;
/// Below this average a producer counts as silent.
const THRESHOLD_DBOV: i8 = -60;
const LOUDEST: NonZeroU16 = NonZeroU16::new(3).unwrap();

pub(crate) async fn watch_levels(
    router: &Router,
    id: RouterId,
    line: Arc<ReportLine>,
) -> Result<AudioLevelObserver, MediaError> {
    let mut options = AudioLevelObserverOptions::default();
    options.max_entries = LOUDEST;
    options.threshold = THRESHOLD_DBOV;
    options.interval = INTERVAL_MS;
    let observer = router
        .create_audio_level_observer(options)
        .await
        .map_err(request_error)?;
    let silence = Arc::clone(&line);
    observer
        .on_volumes(move |volumes| {
            let levels = volumes.iter().map(level).collect();
            line.tell(MediaEvent::AudioLevels { router: id, levels });
        })
        .detach();
    observer
        .on_silence(move || {
            silence.tell(MediaEvent::AudioLevels {
                router: id,
                levels: Vec::new(),
            });
        })
        .detach();
    Ok(observer)
}

fn level(volume: &AudioLevelObserverVolume) -> AudioLevel {
    AudioLevel {
        producer: ProducerId::from(Uuid::from(volume.producer.id())),
        volume: volume.volume,
    }
}
