//! Events of the `rooms` dialect → requests. One row an event; the row's function says which fields it needs.

use std::sync::Arc;

use model::{
    ConsumerId, Identity, Join, MediaKind, MediaObject, Produce, ProducerId, Request, RequestError, Source,
    TransportId, limits,
};
use serde::Deserialize;

use super::render::{self, RoomsAnswer, Shape};
use super::wire::{self, Fields, Read};
use super::{NAME, Rooms, RoomsTranslator};
use crate::AckId;
use crate::dialect::{Asked, Audience, Decoded, EdgeAnswer, Extension, Extensions};

/// An event whose name is known.
pub(super) struct Frame<'a> {
    name: &'static str,
    data: &'a str,
    ack: Option<AckId>,
}

type Reader = fn(&mut RoomsTranslator, &Frame<'_>) -> Read<Decoded>;

/// Every event that is understood.
pub(super) const EVENTS: &[(&str, Reader)] = &[
    ("get-rtp-capabilities", get_rtp_capabilities),
    ("join-mediasoup-room", join),
    ("create-webrtc-transport", create_transport),
    ("connect-transport", connect_transport),
    ("produce", produce),
    ("consume", consume),
    ("resume-consumer", resume_consumer),
    ("close-producer", close_producer),
    ("screen-share-started", nothing_to_do),
    ("screen-share-stopped", close_producer),
    ("update-my-state", update_my_state),
    ("set-user-id", set_user_id),
    ("get-socket-id-for-user", find),
    ("leave", leave),
    ("get-stats", get_stats),
    ("set-preferred-layers", set_preferred_layers),
    ("request-keyframe", request_key_frame),
    ("start-recording", recording),
    ("stop-recording", recording),
];

/// The extensions that are served, as they are called on the wire.
pub(super) const EXTENSIONS: &[(&str, Extension)] = &[
    ("rebuild", Extension::Rebuild),
    ("speaker", Extension::Speaker),
    ("quality", Extension::Quality),
];

/// The name of an event as metrics know it.
pub(super) fn closed_name(name: &str) -> &'static str {
    row(name).map_or("unknown", |(name, _)| name)
}

fn row(name: &str) -> Option<(&'static str, Reader)> {
    EVENTS.iter().copied().find(|(known, _)| *known == name)
}

impl RoomsTranslator {
    pub(super) fn event(&mut self, name: &str, data: &str, ack: Option<AckId>) -> Decoded {
        let Some((name, read)) = row(name) else {
            let error = format!("Event not supported: {}", wire::cut(name, limits::ECHO_BYTES));
            return Decoded::Answered(render::refused("unknown", ack, &error));
        };
        read(self, &Frame { name, data, ack })
            .unwrap_or_else(|error| Decoded::Answered(render::refused(name, ack, &render::words(&error))))
    }
}

impl Frame<'_> {
    fn fields(&self) -> Read<Fields<'_>> {
        Fields::read(self.data)
    }

    fn asked(&self, shape: Shape) -> Asked {
        Asked {
            request: self.name,
            answer: Box::new(RoomsAnswer::new(self.ack, shape)),
        }
    }

    /// A request to the room that the fields name.
    fn request(&self, fields: &Fields<'_>, body: Request, shape: Shape) -> Read<Decoded> {
        Ok(Decoded::Request {
            room: Some(fields.room()?),
            body,
            asked: self.asked(shape),
        })
    }

    fn done(&self) -> EdgeAnswer {
        render::done(self.name, self.ack)
    }
}

fn get_rtp_capabilities(session: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let room = frame.fields()?.room()?;
    let answer = render::capabilities(frame.name, frame.ack, &session.facts.rtp_capabilities);
    Ok(Decoded::AskedFor { room, answer })
}

fn join(session: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let fields = frame.fields()?;
    let room = fields.room()?;
    let user = fields.user()?;
    let name = wire::string("userName", fields.user_name)?.filter(|name| !name.is_empty());
    let image_url = wire::string("userImageUrl", fields.user_image_url)?;
    let creator = wire::boolean("isCreator", fields.is_creator)?;
    let identified = user.is_some() || name.is_some() || creator.is_some();
    let extensions = extensions(&fields)?;
    let rtp_capabilities = wire::object("rtpCapabilities", fields.rtp_capabilities, limits::PARAMETERS_BYTES)?;
    let connection = session.facts.connection.clone();
    let identity = Identity {
        dialect: Arc::from(NAME),
        chosen: user.or_else(|| session.user.clone()),
        name: match name {
            Some(name) => wire::cut(&name, limits::NAME_BYTES).into(),
            None => format!("User {}", connection.as_str().chars().take(4).collect::<String>()).into(),
        },
        image_url: image_url
            .filter(|url| !url.is_empty() && url.len() <= limits::IMAGE_URL_BYTES)
            .map(Arc::from),
        connection,
    };
    session.extensions = extensions;
    let join = Join {
        identity,
        rtp_capabilities,
        creator: creator.unwrap_or(false),
        rebuilds: extensions.has(Extension::Rebuild),
        room_must_exist: true,
    };
    Ok(Decoded::Join {
        room,
        join: Box::new(join),
        audience: Audience {
            dialect: &Rooms,
            extensions,
        },
        asked: frame.asked(Shape::Join {
            identified,
            extensions,
            facts: Arc::clone(&session.facts),
        }),
    })
}

fn extensions(fields: &Fields<'_>) -> Read<Extensions> {
    let names = wire::names("extensions", fields.extensions)?;
    let aware = match names.is_empty() {
        true => Extensions::default(),
        false => Extensions::default().with(Extension::Aware),
    };
    let understood = EXTENSIONS
        .iter()
        .filter(|(known, _)| names.iter().any(|name| name == known));
    Ok(understood.fold(aware, |all, (_, extension)| all.with(*extension)))
}

fn create_transport(_: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let fields = frame.fields()?;
    frame.request(&fields, Request::OpenTransport(fields.direction()?), Shape::Empty)
}

fn connect_transport(_: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let fields = frame.fields()?;
    let transport = wire::required_string("transportId", fields.transport_id)?;
    let body = Request::ConnectTransport {
        transport: TransportId::parse_or_unknown(&transport),
        dtls_parameters: wire::required_object("dtlsParameters", fields.dtls_parameters, limits::PARAMETERS_BYTES)?,
    };
    frame.request(&fields, body, Shape::Empty)
}

fn produce(_: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    #[derive(Deserialize)]
    struct Mid {
        mid: Option<String>,
    }
    #[derive(Deserialize)]
    struct Share {
        share: Option<serde_json::Value>,
    }
    let fields = frame.fields()?;
    let kind = fields.kind()?;
    let transport = wire::string("transportId", fields.transport_id)?;
    let rtp_parameters = wire::required_object("rtpParameters", fields.rtp_parameters, limits::PARAMETERS_BYTES)?;
    let mid: Mid = serde_json::from_str(rtp_parameters.as_str())
        .map_err(|_| wire::invalid("rtpParameters.mid must be a string"))?;
    let app_data = wire::object("appData", fields.app_data, limits::APP_DATA_BYTES)?;
    let share = app_data
        .as_ref()
        .and_then(|data| serde_json::from_str::<Share>(data.as_str()).ok());
    let source = match kind {
        _ if share.and_then(|data| data.share) == Some(true.into()) => Source::Screen,
        MediaKind::Audio => Source::Microphone,
        MediaKind::Video => Source::Camera,
    };
    let produce = Produce {
        transport: transport.map(|text| TransportId::parse_or_unknown(&text)),
        kind,
        rtp_parameters,
        mid: mid.mid.map(Arc::from),
        source,
        app_data,
    };
    frame.request(&fields, Request::Produce(Box::new(produce)), Shape::Empty)
}

fn consume(_: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let fields = frame.fields()?;
    let producer = wire::required_string("producerId", fields.producer_id)?;
    let body = Request::Consume {
        producer: ProducerId::parse_or_unknown(&producer),
        transport: None,
        rtp_capabilities: wire::object("rtpCapabilities", fields.rtp_capabilities, limits::PARAMETERS_BYTES)?,
    };
    frame.request(&fields, body, Shape::Empty)
}

fn resume_consumer(_: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let fields = frame.fields()?;
    frame.request(&fields, Request::ResumeConsumer(consumer(&fields)?), Shape::Empty)
}

fn close_producer(_: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let fields = frame.fields()?;
    let producer = wire::required_string("producerId", fields.producer_id)?;
    let body = Request::CloseProducer(ProducerId::parse_or_unknown(&producer));
    frame.request(&fields, body, Shape::Success)
}

fn nothing_to_do(_: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    Ok(Decoded::Answered(frame.done()))
}

fn update_my_state(_: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let fields = frame.fields()?;
    let body = Request::SetMuteState {
        audio_muted: wire::boolean("isAudioMuted", fields.is_audio_muted)?,
        video_paused: wire::boolean("isVideoPaused", fields.is_video_paused)?,
    };
    frame.request(&fields, body, Shape::Empty)
}

fn set_user_id(session: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let user: String = serde_json::from_str(frame.data).map_err(|_| wire::invalid("userId must be a string"))?;
    session.user = wire::public_id("userId", &user)?;
    Ok(Decoded::Answered(frame.done()))
}

fn find(_: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let user = frame.fields()?.user()?.ok_or_else(|| wire::required("userId"))?;
    Ok(Decoded::Request {
        room: None,
        body: Request::Find(user),
        asked: frame.asked(Shape::Found),
    })
}

fn leave(_: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let fields = frame.fields()?;
    let room = fields.room_id.map(|_| fields.room()).transpose()?;
    Ok(Decoded::Leave {
        room,
        asked: frame.asked(Shape::Empty),
    })
}

fn get_stats(_: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let fields = frame.fields()?;
    let transport = wire::string("transportId", fields.transport_id)?;
    let producer = wire::string("producerId", fields.producer_id)?;
    let consumer = wire::string("consumerId", fields.consumer_id)?;
    let object = match (transport, producer, consumer) {
        (Some(id), None, None) => MediaObject::Transport(TransportId::parse_or_unknown(&id)),
        (None, Some(id), None) => MediaObject::Producer(ProducerId::parse_or_unknown(&id)),
        (None, None, Some(id)) => MediaObject::Consumer(ConsumerId::parse_or_unknown(&id)),
        _ => {
            return Err(wire::invalid(
                "one of transportId, producerId and consumerId is required",
            ));
        }
    };
    frame.request(&fields, Request::GetStats(object), Shape::Empty)
}

fn set_preferred_layers(_: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let fields = frame.fields()?;
    let body = Request::SetPreferredLayers {
        consumer: consumer(&fields)?,
        spatial: wire::layer("spatialLayer", fields.spatial_layer)?.ok_or_else(|| wire::required("spatialLayer"))?,
        temporal: wire::layer("temporalLayer", fields.temporal_layer)?,
    };
    frame.request(&fields, body, Shape::Empty)
}

fn request_key_frame(_: &mut RoomsTranslator, frame: &Frame<'_>) -> Read<Decoded> {
    let fields = frame.fields()?;
    frame.request(&fields, Request::RequestKeyFrame(consumer(&fields)?), Shape::Empty)
}

fn recording(_: &mut RoomsTranslator, _: &Frame<'_>) -> Read<Decoded> {
    Err(RequestError::Invalid("Recording is not enabled".to_owned()))
}

fn consumer(fields: &Fields<'_>) -> Read<ConsumerId> {
    let text = wire::required_string("consumerId", fields.consumer_id)?;
    Ok(ConsumerId::parse_or_unknown(&text))
}
