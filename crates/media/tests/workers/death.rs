//! A worker's thread dies while media flows: its rooms are told, everything else of the node goes on.

use std::time::Duration;

use loadtest::driver::{Driver, DriverOptions};
use loadtest::rtp::Kind;
use model::{Direction, MediaError, MediaEvent, RouterId, WorkerId};

use crate::call::{Call, PATIENCE};
use crate::home::{Home, config};

#[tokio::test]
async fn a_dead_workers_rooms_are_told_and_the_rest_goes_on() {
    let driver = Driver::start(DriverOptions::default()).unwrap();
    let mut doomed = Home::with(config(2, 21_300..=21_303)).await;
    let router = doomed.router;
    (doomed.worker, doomed.router) = (WorkerId(1), RouterId::from_random(11));
    let neighbour = Call::start(&mut doomed, &driver, Kind::Video).await;
    (doomed.worker, doomed.router) = (WorkerId(0), router);
    let call = Call::start(&mut doomed, &driver, Kind::Audio).await;
    call.flows(20).await;
    if !doomed.media.fail_worker(WorkerId(0)) {
        assert!(media::deps().starts_with("upstream"), "{}", media::deps());
        println!("skipped: these workers have no seam to fail at ({})", media::deps());
        return;
    }
    while doomed.event().await != (MediaEvent::SeatLost { router }) {}
    let lost = Err(MediaError::SeatLost);
    assert_eq!(doomed.open_transport(1, 9, Direction::Send).await, lost);

    // Replaced on the first spare port, under a new number.
    let replaced = async {
        while doomed.media.workers().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, replaced).await.unwrap();
    let workers = doomed.media.workers();
    let workers: Vec<_> = workers.iter().map(|w| (w.worker, w.port, w.routers)).collect();
    assert_eq!(workers, [(WorkerId(1), 21_301, 1), (WorkerId(2), 21_302, 0)]);
    let counts = doomed.media.counts();
    assert_eq!((counts.workers_alive, counts.workers_died), (2, 1));
    assert_eq!((counts.routers, counts.transports(), counts.producers_audio), (1, 2, 0));

    // The other worker never noticed, and the new one carries calls.
    neighbour.flows(50).await;
    (doomed.worker, doomed.router) = (WorkerId(2), RouterId::from_random(12));
    let call = Call::start(&mut doomed, &driver, Kind::Video).await;
    call.flows(20).await;
    doomed.media.close().await;
}
