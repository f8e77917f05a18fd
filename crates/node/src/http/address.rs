//! Who a request comes from: the peer of the connection, or whom a trusted proxy names. Pure.
//!
//! Only `X-Forwarded-For` and `X-Forwarded-Proto` are read; the PROXY protocol is not spoken.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address.
    pub(crate) ip: IpAddr,
    /// It reached us, or the proxy in front of us, by TLS.
    pub(crate) https: bool,
    /// It is a trusted proxy itself, or this machine: not counted against the bounds of an address.
    pub(crate) trusted: bool,
}

impl Client {
    /// Finds out who is behind a connection from `peer`, which came in by TLS or not.
    pub(crate) fn behind(peer: SocketAddr, tls: bool, headers: &HeaderMap, proxies: &[IpNet]) -> Self {
        let believed = |ip: IpAddr| proxies.iter().any(|network| network.contains(&ip));
        let mut ip = peer.ip().to_canonical();
        let mut https = tls;
        if believed(ip) {
            // Each proxy adds the address that it sees at the end: from there backwards, up to the first that is not ours.
            let entries: Vec<&str> = texts(headers, "x-forwarded-for")
                .flat_map(|text| text.split(','))
                .collect();
            for entry in entries.into_iter().rev() {
                let Some(named) = address(entry) else { break };
                ip = named;
                if !believed(ip) {
                    break;
                }
            }
            if let Some(scheme) = texts(headers, "x-forwarded-proto")
                .flat_map(|text| text.split(','))
                .last()
            {
                https = matches!(scheme.trim().to_ascii_lowercase().as_str(), "https" | "wss");
            }
        }
        Self {
            ip,
            https,
            trusted: ip.is_loopback() || believed(ip),
        }
    }

    /// The address that its sockets count for; a network of IPv6 counts as one, since a single customer gets a /64.
    pub(crate) fn counted_as(&self) -> Option<IpAddr> {
        match (self.trusted, self.ip) {
            (true, _) => None,
            (false, IpAddr::V4(_)) => Some(self.ip),
            (false, IpAddr::V6(ip)) => Some(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into()),
        }
    }
}

fn texts<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
}

/// An entry of `X-Forwarded-For`: an address, some proxies add a port.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(entry);
    let ip = bare
        .parse()
        .or_else(|_| entry.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()?;
    Some(IpAddr::to_canonical(&ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(peer: &str, headers: &[(&'static str, &str)]) -> Client {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let proxies = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        Client::behind(peer.parse().unwrap(), false, &map, &proxies)
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let forwarded = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-proto", "https")];
        for (peer, ip, https) in [
            ("10.1.2.3:9", "198.51.100.7", true),
            ("[::ffff:10.1.2.3]:9", "198.51.100.7", true),
            ("[fd00::1]:9", "198.51.100.7", true),
            ("203.0.113.9:9", "203.0.113.9", false),
            ("127.0.0.1:9", "127.0.0.1", false),
        ] {
            let client = behind(peer, &forwarded);
            assert_eq!((client.ip.to_string().as_str(), client.https), (ip, https), "{peer}");
        }
    }

    #[test]
    fn a_client_cannot_put_words_before_the_proxy() {
        for (header, ip) in [
            ("6.6.6.6, 198.51.100.7", "198.51.100.7"),
            ("6.6.6.6, 198.51.100.7, 10.9.9.9", "198.51.100.7"),
            ("6.6.6.6, nonsense, 10.9.9.9", "10.9.9.9"),
            ("198.51.100.7:1234", "198.51.100.7"),
            ("[2001:db8::1]:1234", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(
                behind("10.0.0.1:9", &[("x-forwarded-for", header)]).ip.to_string(),
                ip,
                "{header}"
            );
        }
        let two = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "198.51.100.7")];
        assert_eq!(behind("10.0.0.1:9", &two).ip.to_string(), "198.51.100.7");
    }

    #[test]
    fn proxies_and_this_machine_are_not_counted() {
        assert_eq!(behind("127.0.0.1:9", &[]).counted_as(), None);
        assert_eq!(behind("10.0.0.1:9", &[]).counted_as(), None);
        assert_eq!(
            behind("203.0.113.9:9", &[]).counted_as(),
            Some("203.0.113.9".parse().unwrap())
        );
        assert_eq!(
            behind("[2001:db8:1:2:3:4:5:6]:9", &[]).counted_as(),
            Some("2001:db8:1:2::".parse().unwrap())
        );
    }
}
