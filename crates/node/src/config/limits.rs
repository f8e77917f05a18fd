//! `[limits]` of the TOML file: the bounds of `model::Limits`, each by its own name.

use model::Limits;
use serde_json::{Map, Value as Json};

use super::media::inner;
use super::problem::{Origin, Problem};
use super::toml_file::{Value, unknown_key};

/// What each limit bounds, for the documents.
#[cfg(test)]
pub(crate) const MEANINGS: &[(&str, &str)] = &[
    ("peers_per_room", "Peers of one room."),
    ("rooms_per_node", "Rooms of this node."),
    (
        "transports_per_peer",
        "Live transports of one peer: two are usual, four while its media is rebuilt.",
    ),
    ("producers_per_peer", "Live producers of one peer."),
    ("consumers_per_peer", "Live consumers of one peer."),
    ("requests_per_second", "Requests a second of one session, on average."),
    (
        "request_burst",
        "Requests of one session at once; one that joins a room of 100 peers sends 400.",
    ),
    (
        "refused_requests_in_a_row",
        "Requests refused for their rate, in a row, after which the socket closes.",
    ),
    (
        "sockets_per_address",
        "Sockets from one address; this machine and trusted proxies are not counted.",
    ),
    ("sockets_per_node", "Sockets of this node."),
];

/// The name and default of every limit, by name.
pub(crate) fn defaults() -> Map<String, Json> {
    match serde_json::to_value(Limits::default()) {
        Ok(Json::Object(limits)) => limits,
        _ => Map::new(),
    }
}

/// Reads the table: the limits, or every mistake with its line.
pub(crate) fn read(value: &Value, place: &Origin) -> Result<Limits, Vec<Problem>> {
    let Value::Table(entries) = value else {
        return Err(vec![Problem::at(place, "expected a table [limits]")]);
    };
    let mut limits = defaults();
    let known: Vec<String> = limits.keys().cloned().collect();
    let mut problems = Vec::new();
    for (key, entry) in entries {
        let place = inner(place, entry.line, key);
        let number = entry.value.json();
        match number.as_u64() {
            _ if !known.contains(key) => problems.push(Problem::at(&place, unknown_key(key, &known))),
            Some(1..=MOST) => drop(limits.insert(key.clone(), number)),
            _ => problems.push(Problem::at(
                &place,
                format!("{number} is wrong; expected a number from 1 to {MOST}"),
            )),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_json::from_value(limits.into()).map_err(|error| vec![Problem::at(place, error)])
}

/// No bound may be larger: what is counted is kept in 32 bits.
const MOST: u64 = u32::MAX as u64;
