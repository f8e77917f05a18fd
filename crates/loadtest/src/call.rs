//! A peer in a call, signalling and media together, in as few lines as a test should need:
//!
//! ```no_run
//! # use loadtest::{call::CallPeer, driver::{Driver, DriverOptions}, rtp::Kind, source::Rate};
//! # use std::time::Duration;
//! # async fn call() -> Result<(), Box<dyn std::error::Error>> {
//! let driver = Driver::start(DriverOptions::default())?;
//! let mut alice = CallPeer::join(&driver, "http://127.0.0.1:8080", "room", "alice").await?;
//! let mut bob = CallPeer::join(&driver, "http://127.0.0.1:8080", "room", "bob").await?;
//! alice.publish(Kind::Video, Rate::VIDEO).await?;
//! bob.subscribe_to(1, Duration::from_secs(5)).await?;
//! let counters = bob.wait_for_packets(100, Duration::from_secs(5)).await?;
//! # Ok(()) }
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use thiserror::Error;

use crate::counters::Received;
use crate::driver::{Driver, DriverError, PeerHandle};
use crate::peer::{Counters, PeerSetup, Reception, SourceId, StreamId};
use crate::rooms_client::{Direction, RoomsClient, RoomsError};
use crate::rtp::{Features, Kind, MediaProfile, ProfileError};
use crate::socketio::ServerEvent;
use crate::source::Rate;
use crate::transport::{ServerTransport, TransportError};

/// How long ICE and DTLS may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Events that are kept for [`CallPeer::take_events`]; older ones go.
const EVENTS_KEPT: usize = 4_096;

/// Why a peer's call does not go on.
#[derive(Debug, Error)]
pub enum CallError {
    /// Signalling failed.
    #[error(transparent)]
    Rooms(#[from] RoomsError),
    /// Media failed.
    #[error(transparent)]
    Media(#[from] DriverError),
    /// The router speaks nothing that peers speak.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The server's transport cannot be reached.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Nothing is published or received yet that this would need.
    #[error("nothing is {0} yet")]
    Nothing(&'static str),
    /// Fewer producers than wanted in time.
    #[error("{found} of {wanted} producers in time")]
    Producers {
        /// Producers that are subscribed to.
        found: usize,
        /// Producers that were wanted.
        wanted: usize,
    },
}

/// How a peer joins.
#[derive(Clone, Debug, Default)]
pub struct JoinOptions {
    /// What its media takes part in.
    pub features: Features,
    /// How it treats received media.
    pub reception: Reception,
    /// Further fields of the join request, an object or `null`: `{"extensions": [...]}`, `{"userId": ...}`.
    pub more: Value,
}

/// A published stream and the server's id of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The stream at our end.
    pub source: SourceId,
    /// The server's producer.
    pub producer_id: String,
}

/// A received stream and the server's ids of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// The stream at our end.
    pub stream: StreamId,
    /// The server's consumer.
    pub consumer_id: String,
    /// Whose media it is.
    pub peer_id: Option<String>,
}

/// A transport with its name at the server.
struct Leg {
    id: String,
    peer: PeerHandle,
}

/// A peer that joined a room.
pub struct CallPeer {
    driver: Driver,
    rooms: RoomsClient,
    profile: Arc<MediaProfile>,
    reception: Reception,
    sending: Option<Leg>,
    receiving: Option<Leg>,
    joined: Value,
    /// Producers that are known and not subscribed to.
    offered: VecDeque<String>,
    /// By the id of the producer.
    subscribed: BTreeMap<String, Subscribed>,
    events: VecDeque<ServerEvent>,
}

impl CallPeer {
    /// Joins a room as most clients do.
    pub async fn join(driver: &Driver, url: &str, room: &str, name: &str) -> Result<Self, CallError> {
        Self::join_with(driver, url, room, name, JoinOptions::default()).await
    }

    /// Joins a room in a certain way. Transports are made when they are first needed.
    pub async fn join_with(
        driver: &Driver,
        url: &str,
        room: &str,
        name: &str,
        options: JoinOptions,
    ) -> Result<Self, CallError> {
        let rooms = RoomsClient::connect(url, room).await?;
        let profile = MediaProfile::from_router(&rooms.rtp_capabilities().await?, options.features)?;
        let joined = rooms.join(&profile.rtp_capabilities(), name, options.more).await?;
        let existing = joined["existingProducers"].as_array().into_iter().flatten();
        let offered = existing.filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(Self {
            driver: driver.clone(),
            rooms,
            profile: Arc::new(profile),
            reception: options.reception,
            sending: None,
            receiving: None,
            joined,
            offered,
            subscribed: BTreeMap::new(),
            events: VecDeque::new(),
        })
    }

    /// The server's whole answer to the join.
    pub fn joined(&self) -> &Value {
        &self.joined
    }

    /// The signalling beneath, for requests that have no method here.
    pub fn rooms(&self) -> &RoomsClient {
        &self.rooms
    }

    /// Makes and connects both transports now, as browsers that are in a hurry do.
    pub async fn connect_transports(&mut self) -> Result<(), CallError> {
        self.leg(Direction::Send).await?;
        self.leg(Direction::Receive).await.map(drop)
    }

    /// Publishes a stream and starts it.
    pub async fn publish(&mut self, kind: Kind, rate: Rate) -> Result<Published, CallError> {
        let leg = self.leg(Direction::Send).await?;
        let (source, rtp_parameters) = leg.peer.add_source(kind).await?;
        let transport = leg.id.clone();
        let producer_id = self.rooms.produce(&transport, kind, &rtp_parameters).await?;
        self.sending()?.start_source(source, rate).await?;
        Ok(Published { source, producer_id })
    }

    /// Subscribes to every producer that is known by now; gives the number of new subscriptions.
    pub async fn subscribe_all(&mut self) -> Result<usize, CallError> {
        while let Some(event) = self.rooms.try_event() {
            self.handle_event(event);
        }
        let mut new = 0;
        while let Some(producer) = self.offered.pop_front() {
            self.subscribe(&producer).await?;
            new += 1;
        }
        Ok(new)
    }

    /// Subscribes as producers appear, until there are `wanted` subscriptions.
    pub async fn subscribe_to(&mut self, wanted: usize, within: Duration) -> Result<(), CallError> {
        let deadline = Instant::now() + within;
        loop {
            self.subscribe_all().await?;
            let found = self.subscribed.len();
            if found >= wanted {
                return Ok(());
            }
            match self
                .rooms
                .next_event(deadline.saturating_duration_since(Instant::now()))
                .await?
            {
                Some(event) => self.handle_event(event),
                None => return Err(CallError::Producers { found, wanted }),
            }
        }
    }

    /// Subscribes to one producer.
    pub async fn subscribe(&mut self, producer: &str) -> Result<Subscribed, CallError> {
        self.leg(Direction::Receive).await?;
        let consumer = self.rooms.consume(producer, &self.profile.rtp_capabilities()).await?;
        let stream = self.receiving()?.expect_stream(consumer.rtp_parameters).await?;
        self.rooms.resume(&consumer.id).await?;
        let subscribed = Subscribed {
            stream,
            consumer_id: consumer.id,
            peer_id: consumer.peer_id,
        };
        self.subscribed.insert(producer.to_owned(), subscribed.clone());
        Ok(subscribed)
    }

    /// Its subscriptions by producer.
    pub fn subscriptions(&self) -> &BTreeMap<String, Subscribed> {
        &self.subscribed
    }

    /// The media of what it publishes.
    pub fn sending(&self) -> Result<&PeerHandle, CallError> {
        self.sending
            .as_ref()
            .map(|leg| &leg.peer)
            .ok_or(CallError::Nothing("published"))
    }

    /// The media of what it receives.
    pub fn receiving(&self) -> Result<&PeerHandle, CallError> {
        self.receiving
            .as_ref()
            .map(|leg| &leg.peer)
            .ok_or(CallError::Nothing("received"))
    }

    /// Waits until every subscription has brought `packets`; gives each stream's counts.
    pub async fn wait_for_packets(
        &self,
        packets: u64,
        within: Duration,
    ) -> Result<BTreeMap<StreamId, Received>, CallError> {
        let wanted: Vec<StreamId> = self.subscribed.values().map(|subscribed| subscribed.stream).collect();
        let enough = |counters: &Counters| {
            wanted.iter().all(|id| {
                counters
                    .received
                    .get(id)
                    .is_some_and(|stream| stream.packets >= packets)
            })
        };
        Ok(self.receiving()?.wait_for(within, enough).await?.received)
    }

    /// Waits for an event of this name; it and those before it are kept for [`CallPeer::take_events`].
    pub async fn wait_for_event(&mut self, name: &str, within: Duration) -> Result<Option<Value>, CallError> {
        let deadline = Instant::now() + within;
        while let Some(event) = self
            .rooms
            .next_event(deadline.saturating_duration_since(Instant::now()))
            .await?
        {
            let wanted = (event.name == name).then(|| event.data.clone());
            self.handle_event(event);
            if wanted.is_some() {
                return Ok(wanted);
            }
        }
        Ok(None)
    }

    /// All events that were seen since the last time, in the server's order.
    pub fn take_events(&mut self) -> Vec<ServerEvent> {
        while let Some(event) = self.rooms.try_event() {
            self.handle_event(event);
        }
        self.events.drain(..).collect()
    }

    /// Leaves in words, then disconnects. Only for joins with `extensions`; for others dropping is leaving.
    pub async fn leave(self) -> Result<(), CallError> {
        Ok(self.rooms.leave().await?)
    }

    fn handle_event(&mut self, event: ServerEvent) {
        let producer = event.data["producerId"].as_str().map(str::to_owned);
        match (event.name.as_str(), producer) {
            ("new-producer", Some(producer)) => self.offered.push_back(producer),
            ("producer-closed", Some(producer)) => {
                self.offered.retain(|offered| *offered != producer);
                self.subscribed.remove(&producer);
            }
            _ => {}
        }
        if self.events.len() >= EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// The transport of a direction, made and connected at its first use.
    async fn leg(&mut self, direction: Direction) -> Result<&Leg, CallError> {
        let made = match direction {
            Direction::Send => self.sending.is_some(),
            Direction::Receive => self.receiving.is_some(),
        };
        let new = if made {
            None
        } else {
            Some(self.make_leg(direction).await?)
        };
        let place = match direction {
            Direction::Send => &mut self.sending,
            Direction::Receive => &mut self.receiving,
        };
        if new.is_some() {
            *place = new;
        }
        place.as_ref().ok_or(CallError::Nothing("connected"))
    }

    async fn make_leg(&self, direction: Direction) -> Result<Leg, CallError> {
        let transport = ServerTransport::from_json(&self.rooms.create_transport(direction).await?)?;
        let id = transport.id.clone();
        let setup = PeerSetup {
            transport,
            profile: Arc::clone(&self.profile),
            reception: self.reception,
        };
        let peer = self.driver.add_peer(setup).await?;
        self.rooms.connect_transport(&id, peer.dtls_parameters()).await?;
        peer.connect(CONNECT_DEADLINE).await?;
        Ok(Leg { id, peer })
    }
}
