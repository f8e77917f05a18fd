//! A seat with real workers and real peers: what is seen of media that flows.

use loadtest::driver::{Driver, DriverOptions};
use loadtest::rtp::Kind;
use model::{ConsumerId, MediaAction, MediaEvent, MediaObject, MediaReply, ProducerId, TransportId};

use crate::call::Call;
use crate::home::{Home, read};

#[tokio::test]
async fn flowing_media_is_scored_counted_and_measured() {
    let driver = Driver::start(DriverOptions::default()).unwrap();
    let mut home = Home::start(21_200..=21_201).await;
    let call = Call::start(&mut home, &driver, Kind::Video).await;
    call.flows(100).await;
    let producer = ProducerId::from_random(1);
    while home.event().await != (MediaEvent::ProducerScore { producer, score: 10 }) {}
    let counts = home.media.counts();
    assert_eq!((counts.transports_connected, counts.transports()), (2, 2));
    for object in [
        MediaObject::Producer(producer),
        MediaObject::Consumer(ConsumerId::from_random(1)),
    ] {
        let Ok(MediaReply::Stats(stats)) = home.ask(1, MediaAction::GetStats(object)).await else {
            panic!("no statistics of {object:?}");
        };
        assert!(read(&stats)[0]["packetCount"].as_u64() >= Some(100), "{stats:?}");
    }
    let object = MediaObject::Transport(TransportId::from_random(1));
    let Ok(MediaReply::Stats(stats)) = home.ask(1, MediaAction::GetStats(object)).await else {
        panic!("no statistics");
    };
    let stats = read(&stats);
    assert_eq!(stats[0]["dtlsState"], "connected");
    assert!(stats[0]["iceSelectedTuple"]["remotePort"].is_u64(), "{stats}");
    home.media.close().await;
}
