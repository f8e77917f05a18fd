//! A seat with real mediasoup workers and no media: what a home gets for its commands.

use std::net::UdpSocket;

use media::{Media, MediaCounts, StartError};
use model::{
    CommandId, ConsumerId, ConsumerKind, Direction, Epoch, JsonText, MediaAction, MediaError, MediaObject, MediaReply,
    ProducerId, RouterId, TransportId, WorkerId,
};
use serde_json::{Value, json};

use crate::home::{Home, MediaResult, config, opus, read, vp8_simulcast};

const PEER: u128 = 10;

fn transport_reply(result: MediaResult) -> (JsonText, JsonText, JsonText, JsonText) {
    match result {
        Ok(MediaReply::TransportOpened {
            ice_parameters,
            ice_candidates,
            dtls_parameters,
            sctp_parameters,
        }) => (
            ice_parameters,
            ice_candidates,
            dtls_parameters,
            sctp_parameters.unwrap(),
        ),
        other => panic!("{other:?}"),
    }
}

fn open_consumer(home: &Home, transport: u128, consumer: u128, producer: u128) -> MediaAction {
    MediaAction::OpenConsumer {
        transport: TransportId::from_random(transport),
        consumer: ConsumerId::from_random(consumer),
        producer: ProducerId::from_random(producer),
        rtp_capabilities: home.media.rtp_capabilities(),
    }
}

fn is_empty(counts: &MediaCounts) -> bool {
    let producers = counts.producers_audio + counts.producers_video;
    counts.routers + counts.transports() + producers + counts.consumers_audio + counts.consumers_video == 0
}

#[tokio::test]
async fn a_transport_has_the_shape_that_clients_parse() {
    let mut home = Home::start(21_000..=21_001).await;
    let (ice, candidates, dtls, sctp) = transport_reply(home.open_transport(PEER, 1, Direction::Send).await);
    let ice = read(&ice);
    assert_eq!(ice["iceLite"], true);
    assert!(ice["usernameFragment"].is_string() && ice["password"].is_string());
    let candidates = read(&candidates);
    let protocols: Vec<_> = candidates
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["protocol"].clone())
        .collect();
    assert_eq!(protocols, ["udp", "tcp"]);
    for candidate in candidates.as_array().unwrap() {
        assert_eq!(
            (&candidate["ip"], &candidate["address"]),
            (&json!("127.0.0.1"), &json!("127.0.0.1"))
        );
        assert_eq!(
            (&candidate["type"], &candidate["port"]),
            (&json!("host"), &json!(21_000))
        );
        assert_eq!(candidate.get("tcpType").is_some(), candidate["protocol"] == "tcp");
    }
    let dtls = read(&dtls);
    assert_eq!(dtls["role"], "auto");
    assert!(
        dtls["fingerprints"]
            .as_array()
            .unwrap()
            .iter()
            .any(|f| f["algorithm"] == "sha-256")
    );
    assert_eq!(read(&sctp)["maxMessageSize"], 262_144);
    assert_eq!(read(&sctp)["port"], 5_000);
    assert_eq!(read(&sctp).as_object().unwrap().len(), 4);
    assert_eq!(home.media.counts().transports_new, 1);
    home.media.close().await;
}

#[tokio::test]
async fn capabilities_list_every_default_codec() {
    let home = Home::start(21_010..=21_011).await;
    let capabilities = read(&home.media.rtp_capabilities());
    let codecs = capabilities["codecs"].as_array().unwrap();
    let of = |mime: &str| codecs.iter().filter(|codec| codec["mimeType"] == mime).count();
    let counted = [
        "audio/opus",
        "video/VP8",
        "video/VP9",
        "video/H264",
        "video/AV1",
        "video/rtx",
    ]
    .map(of);
    assert_eq!(counted, [1, 1, 2, 3, 1, 7]);
    for codec in codecs {
        assert!(
            codec["preferredPayloadType"].is_u64() && codec["parameters"].is_object(),
            "{codec}"
        );
        assert!(
            codec["rtcpFeedback"]
                .as_array()
                .unwrap()
                .iter()
                .all(|f| f["parameter"].is_string())
        );
    }
    assert!(
        capabilities["headerExtensions"]
            .as_array()
            .unwrap()
            .iter()
            .all(|e| e["direction"].is_string())
    );
    home.media.close().await;
}

#[tokio::test]
async fn media_is_produced_and_consumed() {
    let mut home = Home::start(21_020..=21_021).await;
    home.open_transport(PEER, 1, Direction::Send).await.unwrap();
    home.open_transport(PEER + 1, 2, Direction::Recv).await.unwrap();
    let simple = MediaReply::ProducerOpened {
        kind: ConsumerKind::Simple,
    };
    assert_eq!(home.open_producer(PEER, 1, 1, &opus(7)).await, Ok(simple));
    let simulcast = MediaReply::ProducerOpened {
        kind: ConsumerKind::Simulcast,
    };
    assert_eq!(home.open_producer(PEER, 1, 2, &vp8_simulcast("v")).await, Ok(simulcast));

    let action = open_consumer(&home, 2, 1, 2);
    let Ok(MediaReply::ConsumerOpened { rtp_parameters, kind }) = home.ask(PEER + 1, action).await else {
        panic!("no consumer");
    };
    assert_eq!(kind, ConsumerKind::Simulcast);
    let rtp: Value = read(&rtp_parameters);
    assert_eq!(
        (&rtp["mid"], &rtp["encodings"][0]["scalabilityMode"]),
        (&json!("0"), &json!("L2T1"))
    );
    assert!(
        rtp["encodings"][0]["ssrc"].is_u64() && rtp["encodings"][0]["rtx"]["ssrc"].is_u64(),
        "{rtp}"
    );
    assert!(
        rtp["headerExtensions"]
            .as_array()
            .unwrap()
            .iter()
            .all(|e| e["parameters"].is_object())
    );
    assert!(rtp["rtcp"]["cname"].as_str().is_some_and(|cname| !cname.is_empty()));
    let action = open_consumer(&home, 2, 2, 1);
    home.ask(PEER + 1, action).await.unwrap();

    let consumer = ConsumerId::from_random(1);
    for action in [
        MediaAction::ResumeConsumer(consumer),
        MediaAction::SetPreferredLayers {
            consumer,
            spatial: 0,
            temporal: None,
        },
        MediaAction::SetPreferredLayers {
            consumer,
            spatial: 200,
            temporal: Some(200),
        },
        MediaAction::RequestKeyFrame(consumer),
        MediaAction::PauseConsumer(consumer),
        MediaAction::PauseProducer(ProducerId::from_random(2)),
        MediaAction::ResumeProducer(ProducerId::from_random(2)),
    ] {
        assert_eq!(home.ask(PEER + 1, action).await, Ok(MediaReply::Done));
    }
    let counts = home.media.counts();
    assert_eq!((counts.routers, counts.transports(), counts.workers_alive), (1, 2, 1));
    assert_eq!((counts.producers_audio, counts.producers_video), (1, 1));
    assert_eq!((counts.consumers_audio, counts.consumers_video), (1, 1));
    assert_eq!(home.media.workers()[0].routers, 1);
    home.media.close().await;
}

#[tokio::test]
async fn a_closed_producer_leaves_its_mid_and_ssrc_to_the_next() {
    let mut home = Home::start(21_170..=21_171).await;
    home.open_transport(PEER, 1, Direction::Send).await.unwrap();
    for id in 1..50 {
        let opened = home.open_producer(PEER, 1, id, &opus(7)).await;
        assert!(opened.is_ok(), "producer {id}: {opened:?}");
        home.give(PEER, MediaAction::CloseProducer(ProducerId::from_random(id)));
    }
    home.media.close().await;
}

#[tokio::test]
async fn what_closes_takes_along_what_hangs_on_it() {
    let mut home = Home::start(21_120..=21_121).await;
    home.open_transport(PEER, 1, Direction::Send).await.unwrap();
    home.open_transport(PEER + 1, 2, Direction::Recv).await.unwrap();
    home.open_producer(PEER, 1, 1, &opus(7)).await.unwrap();
    home.open_producer(PEER, 1, 2, &vp8_simulcast("v")).await.unwrap();
    for (consumer, producer) in [(1, 2), (2, 1)] {
        let action = open_consumer(&home, 2, consumer, producer);
        home.ask(PEER + 1, action).await.unwrap();
    }
    let consumer = ConsumerId::from_random(1);

    // A closed producer takes its consumers along, a closed transport its producers.
    let producer = ProducerId::from_random(2);
    assert_eq!(
        home.ask(PEER, MediaAction::CloseProducer(producer)).await,
        Ok(MediaReply::Done)
    );
    assert_eq!(home.media.counts().consumers_video, 0);
    let gone = Err(MediaError::NotFound("consumer".to_owned()));
    assert_eq!(home.ask(PEER + 1, MediaAction::ResumeConsumer(consumer)).await, gone);
    assert_eq!(
        home.ask(PEER, MediaAction::CloseTransport(TransportId::from_random(1)))
            .await,
        Ok(MediaReply::Done)
    );
    let counts = home.media.counts();
    assert_eq!(
        (counts.transports(), counts.producers_audio, counts.consumers_audio),
        (1, 0, 0)
    );

    assert_eq!(home.ask(PEER, MediaAction::CloseRouter).await, Ok(MediaReply::Done));
    assert!(is_empty(&home.media.counts()));
    assert_eq!(home.media.workers()[0].routers, 0);
    let router_gone = Err(MediaError::NotFound("router".to_owned()));
    assert_eq!(home.open_transport(PEER, 9, Direction::Send).await, router_gone);
    assert_eq!(
        home.ask(PEER, MediaAction::CloseConsumer(consumer)).await,
        Ok(MediaReply::Done)
    );
    home.media.close().await;
}

#[tokio::test]
async fn statistics_are_arrays_in_mediasoups_shape() {
    let mut home = Home::start(21_030..=21_031).await;
    home.open_transport(PEER, 1, Direction::Send).await.unwrap();
    home.open_producer(PEER, 1, 1, &opus(7)).await.unwrap();
    let action = open_consumer(&home, 1, 1, 1);
    home.ask(PEER, action).await.unwrap();
    let mut ask = async |object| match home.ask(PEER, MediaAction::GetStats(object)).await {
        Ok(MediaReply::Stats(stats)) => read(&stats),
        other => panic!("{other:?}"),
    };
    let transport = TransportId::from_random(1);
    let stats = ask(MediaObject::Transport(transport)).await;
    assert_eq!(stats[0]["type"], "webrtc-transport");
    assert_eq!(stats[0]["transportId"], transport.to_string());
    assert_eq!(
        (&stats[0]["bytesReceived"], &stats[0]["dtlsState"]),
        (&json!(0), &json!("new"))
    );
    assert!(stats[0].as_object().unwrap().values().all(|value| !value.is_null()));
    assert_eq!(ask(MediaObject::Producer(ProducerId::from_random(1))).await, json!([]));
    let stats = ask(MediaObject::Consumer(ConsumerId::from_random(1))).await;
    assert_eq!(stats[0]["type"], "outbound-rtp", "{stats}");
    home.media.close().await;
}

#[tokio::test]
async fn a_repeated_command_gets_the_first_answer() {
    let mut home = Home::start(21_040..=21_041).await;
    let transport = TransportId::from_random(1);
    let direction = Direction::Send;
    let command = home.command(PEER, MediaAction::OpenTransport { transport, direction });
    let id = home.send(&command);
    home.send(&command); // While the first is being carried out: one answer.
    let first = home.result(id).await.unwrap();
    home.send(&command);
    assert_eq!(home.result(id).await.unwrap(), first);
    assert_eq!(home.media.counts().transports(), 1);
    // Nothing more comes before the answer to a later command.
    let marker = home.give(PEER, MediaAction::CloseTransport(transport));
    assert_eq!(home.receive().await, marker);
    home.media.close().await;
}

#[tokio::test]
async fn connecting_is_idempotent_for_the_same_parameters_only() {
    let mut home = Home::start(21_050..=21_051).await;
    home.open_transport(PEER, 1, Direction::Send).await.unwrap();
    let connect = |byte: &str| MediaAction::ConnectTransport {
        transport: TransportId::from_random(1),
        dtls_parameters: JsonText::from_value(&json!({
            "role": "client",
            "fingerprints": [{"algorithm": "sha-256", "value": vec![byte; 32].join(":")}],
        })),
    };
    assert_eq!(home.ask(PEER, connect("AB")).await, Ok(MediaReply::Done));
    assert_eq!(home.ask(PEER, connect("AB")).await, Ok(MediaReply::Done));
    let refused = home.ask(PEER, connect("AC")).await;
    assert!(matches!(refused, Err(MediaError::Worker(_))), "{refused:?}");
    home.media.close().await;
}

#[tokio::test]
async fn a_replaced_home_is_refused() {
    let mut home = Home::start(21_060..=21_061).await;
    let old = home.epoch;
    home.open_transport(PEER, 1, Direction::Send).await.unwrap();
    home.epoch = Epoch { store: 1, sequence: 2 };
    home.open_transport(PEER, 2, Direction::Recv).await.unwrap();
    home.epoch = old;
    assert_eq!(home.ask(PEER, MediaAction::CloseRouter).await, Err(MediaError::Stale));
    assert_eq!(home.media.counts().transports(), 2);
    home.media.close().await;
}

#[tokio::test]
async fn one_peers_commands_are_answered_in_order() {
    let mut home = Home::start(21_070..=21_071).await;
    let mut given = Vec::new();
    for index in 0..20 {
        let transport = TransportId::from_random(index);
        let direction = Direction::Send;
        given.push(home.give(PEER, MediaAction::OpenTransport { transport, direction }));
        // A quick one behind each slow one.
        given.push(home.give(PEER, MediaAction::CloseTransport(transport)));
    }
    let mut answered: Vec<CommandId> = Vec::new();
    while answered.len() < given.len() {
        answered.push(home.receive().await);
    }
    assert_eq!(answered, given);
    assert_eq!(home.media.counts().transports(), 0);
    home.media.close().await;
}

#[tokio::test]
async fn closing_a_router_overtakes_what_waits() {
    let mut home = Home::start(21_080..=21_081).await;
    let mut given = Vec::new();
    for index in 0..50 {
        let (transport, direction) = (TransportId::from_random(index), Direction::Send);
        given.push(home.give(
            u128::from(index as u8 % 4),
            MediaAction::OpenTransport { transport, direction },
        ));
    }
    assert_eq!(home.ask(PEER, MediaAction::CloseRouter).await, Ok(MediaReply::Done));
    let gone = Err(MediaError::NotFound("router".to_owned()));
    let mut refused = 0;
    for id in given {
        refused += usize::from(home.result(id).await == gone);
    }
    assert!(refused >= 40, "{refused}");
    assert!(is_empty(&home.media.counts()));
    home.media.close().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let mut home = Home::start(21_090..=21_091).await;
    let lost = home.router;
    home.worker = WorkerId(9);
    assert_eq!(
        home.open_transport(PEER, 1, Direction::Send).await,
        Err(MediaError::SeatLost)
    );
    home.worker = WorkerId(0);
    home.router = RouterId::from_random(2);
    assert_ne!(home.router, lost);
    let missing = |what: &str| Err(MediaError::NotFound(what.to_owned()));
    assert_eq!(home.open_producer(PEER, 1, 1, &opus(1)).await, missing("router"));
    home.open_transport(PEER, 1, Direction::Send).await.unwrap();
    assert_eq!(home.open_producer(PEER, 5, 1, &opus(1)).await, missing("transport"));
    let action = open_consumer(&home, 1, 1, 1);
    assert_eq!(home.ask(PEER, action).await, missing("producer"));
    home.open_producer(PEER, 1, 1, &opus(1)).await.unwrap();
    let deaf = MediaAction::OpenConsumer {
        transport: TransportId::from_random(1),
        consumer: ConsumerId::from_random(1),
        producer: ProducerId::from_random(1),
        rtp_capabilities: JsonText::from_valid(r#"{"codecs":[]}"#),
    };
    assert_eq!(home.ask(PEER, deaf).await, Err(MediaError::CannotConsume));
    // A repeated id, ssrc or mid is refused and leaves nothing behind.
    for (producer, rtp) in [(1, opus(2)), (2, opus(1))] {
        let refused = home.open_producer(PEER, 1, producer, &rtp).await;
        assert!(matches!(refused, Err(MediaError::Worker(_))), "{refused:?}");
    }
    let mut codec_unknown_here = opus(3);
    codec_unknown_here["codecs"][0]["clockRate"] = json!(8_000);
    let refused = home.open_producer(PEER, 1, 3, &codec_unknown_here).await;
    assert!(matches!(refused, Err(MediaError::Invalid(_))), "{refused:?}");
    assert_eq!(home.media.counts().producers_audio, 1);
    home.media.close().await;
}

#[tokio::test]
async fn a_busy_port_is_skipped_and_a_used_up_range_is_an_error() {
    let taken = UdpSocket::bind("127.0.0.1:21100").unwrap();
    let (media, _reports) = Media::start(config(2, 21_100..=21_103)).await.unwrap();
    let ports: Vec<_> = media.workers().iter().map(|sample| sample.port).collect();
    assert_eq!(ports, [21_101, 21_102]);

    let result = Media::start(config(1, 21_101..=21_102)).await.map(|_| ());
    let Err(StartError::Ports { needed, .. }) = result else {
        panic!("{result:?}");
    };
    assert_eq!(needed, 2);
    let result = Media::start(config(2, 21_104..=21_106)).await.map(|_| ());
    let text = result.unwrap_err().to_string();
    assert!(
        text.starts_with("ports 21104 to 21106 are not enough: 2 workers need 4 free ones"),
        "{text}"
    );
    media.close().await;
    drop(taken);
}

#[tokio::test]
async fn a_wrong_listening_address_is_named() {
    let mut wrong = config(1, 21_110..=21_119);
    wrong.listen[0].ip = "192.0.2.1".parse().unwrap();
    let result = Media::start(wrong).await.map(|_| ());
    let Err(StartError::Listen(reason)) = result else {
        panic!("{result:?}");
    };
    assert!(reason.contains("192.0.2.1"), "{reason}");
}
