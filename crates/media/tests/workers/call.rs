//! A real peer that sends to a real peer through one router.

use std::sync::Arc;
use std::time::Duration;

use loadtest::driver::{Driver, PeerHandle};
use loadtest::peer::{Counters, PeerSetup, Reception, StreamId};
use loadtest::rtp::{Features, Kind, MediaProfile};
use loadtest::source::Rate;
use loadtest::transport::ServerTransport;
use model::{ConsumerId, Direction, JsonText, MediaAction, MediaReply, ProducerId, TransportId};
use serde_json::json;

use crate::home::{Home, read};

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
const SENDER: u128 = 1;
const RECEIVER: u128 = 2;

pub(crate) struct Call {
    /// Sends as long as it is held.
    _sender: PeerHandle,
    pub(crate) receiver: PeerHandle,
    pub(crate) stream: StreamId,
}

impl Call {
    /// Opens, connects, produces, consumes and starts to send.
    pub(crate) async fn start(home: &mut Home, driver: &Driver, kind: Kind) -> Self {
        let sender = connect(home, driver, SENDER, Direction::Send).await;
        let receiver = connect(home, driver, RECEIVER, Direction::Recv).await;
        let (source, rtp) = sender.add_source(kind).await.unwrap();
        home.open_producer(SENDER, SENDER, 1, &rtp).await.unwrap();
        let consumer = ConsumerId::from_random(1);
        let action = MediaAction::OpenConsumer {
            transport: TransportId::from_random(RECEIVER),
            consumer,
            producer: ProducerId::from_random(1),
            rtp_capabilities: JsonText::from_value(&profile(home).rtp_capabilities()),
        };
        let Ok(MediaReply::ConsumerOpened { rtp_parameters, .. }) = home.ask(RECEIVER, action).await else {
            panic!("no consumer");
        };
        let stream = receiver.expect_stream(read(&rtp_parameters)).await.unwrap();
        home.ask(RECEIVER, MediaAction::ResumeConsumer(consumer)).await.unwrap();
        sender.start_source(source, Rate::usual(kind)).await.unwrap();
        Self {
            _sender: sender,
            receiver,
            stream,
        }
    }

    /// Waits until so many more packets have arrived.
    pub(crate) async fn flows(&self, packets: u64) -> Counters {
        let received = |counters: &Counters| counters.received[&self.stream].packets;
        let before = received(&self.receiver.counters().await.unwrap());
        let enough = |counters: &Counters| received(counters) >= before + packets;
        self.receiver.wait_for(PATIENCE, enough).await.unwrap()
    }
}

fn profile(home: &Home) -> MediaProfile {
    MediaProfile::from_router(&read(&home.media.rtp_capabilities()), Features::default()).unwrap()
}

async fn connect(home: &mut Home, driver: &Driver, peer: u128, direction: Direction) -> PeerHandle {
    let Ok(MediaReply::TransportOpened {
        ice_parameters,
        ice_candidates,
        dtls_parameters,
        ..
    }) = home.open_transport(peer, peer, direction).await
    else {
        panic!("no transport");
    };
    let server = json!({
        "id": "",
        "iceParameters": read(&ice_parameters),
        "iceCandidates": read(&ice_candidates),
        "dtlsParameters": read(&dtls_parameters),
    });
    let setup = PeerSetup {
        transport: ServerTransport::from_json(&server).unwrap(),
        profile: Arc::new(profile(home)),
        reception: Reception::Full,
    };
    let handle = driver.add_peer(setup).await.unwrap();
    let action = MediaAction::ConnectTransport {
        transport: TransportId::from_random(peer),
        dtls_parameters: JsonText::from_value(handle.dtls_parameters()),
    };
    home.ask(peer, action).await.unwrap();
    handle.connect(PATIENCE).await.unwrap();
    handle
}
