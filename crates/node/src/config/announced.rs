//! `ANNOUNCED_IP`: on which addresses media is listened for, which ones clients are told, and what looks wrong with them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::values::{self, Wrong};

/// An address that media is listened on, and what clients are told instead of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaListen {
    /// The address of this machine, or an unspecified one.
    pub(crate) ip: IpAddr,
    /// What clients are told, where it is not that address: an IP address or a host name.
    pub(crate) announced: Option<String>,
}

/// An entry of `ANNOUNCED_IP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    listen: Option<IpAddr>,
    announced: Announced,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Announced {
    Ip(IpAddr),
    Name(String),
}

/// What is asked about the machine.
pub(crate) trait Machine {
    /// Whether this is an address of the machine.
    fn has(&self, ip: IpAddr) -> bool;
    /// The machine's own address on the default route of IPv4.
    fn default_route_v4(&self) -> Option<IpAddr>;
    /// The machine's own address on the default route of IPv6.
    fn default_route_v6(&self) -> Option<IpAddr>;
}

/// The machine that this runs on. Nothing is sent: a UDP socket is bound or connected, and its address looked at.
pub(crate) struct ThisMachine;

impl Machine for ThisMachine {
    fn has(&self, ip: IpAddr) -> bool {
        UdpSocket::bind((ip, 0)).is_ok()
    }

    fn default_route_v4(&self) -> Option<IpAddr> {
        // Addresses of the documentation networks: routed like any other, in use by nobody.
        own_address(
            (Ipv4Addr::UNSPECIFIED, 0).into(),
            (Ipv4Addr::new(192, 0, 2, 1), 9).into(),
        )
    }

    fn default_route_v6(&self) -> Option<IpAddr> {
        own_address(
            (Ipv6Addr::UNSPECIFIED, 0).into(),
            (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into(),
        )
    }
}

fn own_address(any: SocketAddr, far: SocketAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(far).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
}

/// Reads one entry: `announced` or `listen=announced`.
pub(crate) fn entry(text: &str) -> Result<Entry, Wrong> {
    let (listen, announced) = match text.split_once('=') {
        Some((listen, announced)) => {
            let listen = listen.trim();
            let ip = values::ip_address(listen).map_err(|_| format!("{listen} is not an IP address to listen on"))?;
            (Some(ip), announced.trim())
        }
        None => (None, text),
    };
    let announced = match values::ip_address(announced) {
        Ok(ip) => Announced::Ip(ip),
        Err(_) => Announced::Name(
            values::host_name(announced)
                .map_err(|_| format!("{announced} is neither an IP address nor a host name"))?,
        ),
    };
    match announced {
        Announced::Ip(ip) if ip.is_unspecified() || ip.is_multicast() || ip == Ipv4Addr::BROADCAST => {
            Err(format!("no client can send media to {ip}"))
        }
        _ => Ok(Entry { listen, announced }),
    }
}

/// What to listen on and announce for these entries, and warnings.
///
/// # Errors
/// Two entries would listen on the same address, or one on an address that this machine has not.
pub(crate) fn resolve(entries: &[Entry], machine: &impl Machine) -> Result<(Vec<MediaListen>, Vec<String>), Wrong> {
    let mut listens: Vec<MediaListen> = Vec::new();
    for entry in entries {
        let listen = listen_of(entry, entries, machine)?;
        if let Some(other) = listens.iter().find(|other| collide(other.ip, listen.ip)) {
            return Err(format!(
                "two entries would listen on the same ports ({} and {}): write each as listen=announced, with an address \
                 of this machine of its own",
                other.ip, listen.ip
            ));
        }
        listens.push(listen);
    }
    let warnings = entries
        .iter()
        .filter_map(|entry| doubt(entry, machine))
        .chain(only_this_machine(entries))
        .collect();
    Ok((listens, warnings))
}

/// What to listen on and announce when nothing is set: this machine itself, and its address on the default route.
pub(crate) fn derive(ipv6_wanted: bool, public: bool, machine: &impl Machine) -> (Vec<MediaListen>, Vec<String>) {
    let v4 = machine.default_route_v4();
    let v6 = if ipv6_wanted || v4.is_none() {
        machine.default_route_v6()
    } else {
        None
    };
    let routed: Vec<IpAddr> = v4.into_iter().chain(v6).collect();
    let mut warnings = Vec::new();
    if routed.is_empty() {
        warnings.push(
            "ANNOUNCED_IP is not set and this machine has no default route: media is announced at 127.0.0.1 only; clients \
             on other machines will join and see no pictures"
                .to_owned(),
        );
    } else if public && routed.iter().all(|ip| is_private(*ip)) {
        let addresses = join(&routed);
        warnings.push(format!(
            "ANNOUNCED_IP is not set: media is announced at {addresses}, a private address, while FRONTEND_URL names a \
             public site; clients outside this network will join and see no pictures; set ANNOUNCED_IP to the public address"
        ));
    }
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let listens = std::iter::once(loopback)
        .chain(routed)
        .map(|ip| MediaListen { ip, announced: None })
        .collect();
    (listens, warnings)
}

fn listen_of(entry: &Entry, entries: &[Entry], machine: &impl Machine) -> Result<MediaListen, Wrong> {
    let announced = match &entry.announced {
        Announced::Ip(ip) => ip.to_string(),
        Announced::Name(name) => name.clone(),
    };
    let ip = match (entry.listen, &entry.announced) {
        (Some(ip), _) if ip.is_unspecified() || machine.has(ip) => ip,
        (Some(ip), _) => {
            return Err(format!(
                "{ip} cannot be listened on: it is not an address of this machine"
            ));
        }
        // A port can be listened on once for "any address"; several addresses of this machine get a socket each.
        (None, Announced::Ip(ip)) if has_company(*ip, entries) && machine.has(*ip) => *ip,
        (None, Announced::Ip(IpAddr::V6(_))) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        (None, _) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    let same = ip.to_string() == announced;
    Ok(MediaListen {
        ip,
        announced: (!same).then_some(announced),
    })
}

/// Whether another entry is of the same address family.
fn has_company(ip: IpAddr, entries: &[Entry]) -> bool {
    let family = |entry: &&Entry| match (entry.listen, &entry.announced) {
        (Some(listen), _) => listen.is_ipv4() == ip.is_ipv4(),
        (None, Announced::Ip(announced)) => announced.is_ipv4() == ip.is_ipv4(),
        (None, Announced::Name(_)) => ip.is_ipv4(),
    };
    entries.iter().filter(family).count() > 1
}

/// Whether sockets of both addresses cannot have the same port.
fn collide(left: IpAddr, right: IpAddr) -> bool {
    left == right || left.is_ipv4() == right.is_ipv4() && (left.is_unspecified() || right.is_unspecified())
}

/// What is odd about an entry. `listen=announced` and public addresses are taken as set on purpose (a NAT in front).
fn doubt(entry: &Entry, machine: &impl Machine) -> Option<String> {
    let (None, Announced::Ip(ip)) = (entry.listen, &entry.announced) else {
        return None;
    };
    let odd = is_private(*ip) && !ip.is_loopback() && !machine.has(*ip);
    let own = join(
        &machine
            .default_route_v4()
            .into_iter()
            .chain(machine.default_route_v6())
            .collect::<Vec<_>>(),
    );
    let own = if own.is_empty() {
        String::new()
    } else {
        format!(" (which has {own})")
    };
    odd.then(|| {
        format!(
            "ANNOUNCED_IP: {ip} is a private address, but not one of this machine{own}: clients are told to send media \
             there; if nothing forwards it they will join and see no pictures; if it is meant so, write it as \
             0.0.0.0={ip} (or [::]={ip})"
        )
    })
}

fn only_this_machine(entries: &[Entry]) -> Option<String> {
    let loopback = |entry: &Entry| matches!(&entry.announced, Announced::Ip(ip) if ip.is_loopback());
    entries.iter().all(loopback).then(|| {
        "ANNOUNCED_IP names this machine itself only: clients on other machines will join and see no pictures"
            .to_owned()
    })
}

/// Whether an address can be reached from its own network only.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1]);
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn join(ips: &[IpAddr]) -> String {
    ips.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with addresses of its choice; the first of each family is on the default route.
    struct Fake(&'static [&'static str]);

    impl Fake {
        fn ips(&self) -> impl Iterator<Item = IpAddr> {
            self.0.iter().map(|text| text.parse().unwrap())
        }
    }

    impl Machine for Fake {
        fn has(&self, ip: IpAddr) -> bool {
            ip.is_loopback() || self.ips().any(|own| own == ip)
        }
        fn default_route_v4(&self) -> Option<IpAddr> {
            self.ips().find(IpAddr::is_ipv4)
        }
        fn default_route_v6(&self) -> Option<IpAddr> {
            self.ips().find(IpAddr::is_ipv6)
        }
    }

    const MACHINE: Fake = Fake(&["10.0.0.5", "10.0.1.5", "2001:db8::5"]);

    /// What is listened on and announced, as `listen=announced`, or the error; then how many warnings there are.
    fn resolved(text: &str) -> (String, usize) {
        match values::list(text, entry).and_then(|entries| resolve(&entries, &MACHINE)) {
            Ok((listens, warnings)) => (shown(&listens), warnings.len()),
            Err(wrong) => (wrong, 0),
        }
    }

    fn shown(listens: &[MediaListen]) -> String {
        let one = |listen: &MediaListen| match &listen.announced {
            Some(announced) => format!("{}={announced}", listen.ip),
            None => listen.ip.to_string(),
        };
        listens.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn entries_of_every_form() {
        for (text, expected, warnings) in [
            ("203.0.113.5", "0.0.0.0=203.0.113.5", 0),
            ("10.0.0.5", "0.0.0.0=10.0.0.5", 0),
            ("2001:db8::5", ":::=2001:db8::5", 0),
            ("203.0.113.5, [2001:db8::5]", "0.0.0.0=203.0.113.5 :::=2001:db8::5", 0),
            ("10.0.0.5=203.0.113.5", "10.0.0.5=203.0.113.5", 0),
            (
                "10.0.0.5=203.0.113.5,10.0.1.5=10.0.1.5",
                "10.0.0.5=203.0.113.5 10.0.1.5",
                0,
            ),
            ("127.0.0.1,10.0.0.5", "127.0.0.1 10.0.0.5", 0),
            ("media.example.com", "0.0.0.0=media.example.com", 0),
            ("0.0.0.0=192.168.7.7", "0.0.0.0=192.168.7.7", 0),
            ("192.168.7.7", "0.0.0.0=192.168.7.7", 1),
            ("127.0.0.1", "0.0.0.0=127.0.0.1", 1),
        ] {
            assert_eq!(resolved(text), (expected.replace(":::=", "::="), warnings), "{text}");
        }
    }

    #[test]
    fn entries_that_cannot_work_are_errors() {
        for (text, expected) in [
            ("0.0.0.0", "\"0.0.0.0\": no client can send media to 0.0.0.0"),
            (
                "10.0.0.300",
                "\"10.0.0.300\": 10.0.0.300 is neither an IP address nor a host name",
            ),
            (
                "eth0=10.0.0.5",
                "\"eth0=10.0.0.5\": eth0 is not an IP address to listen on",
            ),
            (
                "10.9.9.9=203.0.113.5",
                "10.9.9.9 cannot be listened on: it is not an address of this machine",
            ),
            (
                "203.0.113.5,203.0.113.6",
                "two entries would listen on the same ports (0.0.0.0 and 0.0.0.0): write each as listen=announced, with \
                 an address of this machine of its own",
            ),
        ] {
            assert_eq!(resolved(text), (expected.to_owned(), 0), "{text}");
        }
    }

    #[test]
    fn unset_is_this_machine_and_its_default_route() {
        let (listens, warnings) = derive(false, false, &MACHINE);
        assert_eq!((shown(&listens).as_str(), warnings.len()), ("127.0.0.1 10.0.0.5", 0));
        let (listens, _) = derive(true, false, &MACHINE);
        assert_eq!(shown(&listens), "127.0.0.1 10.0.0.5 2001:db8::5");
        let (listens, _) = derive(false, false, &Fake(&["2001:db8::5"]));
        assert_eq!(shown(&listens), "127.0.0.1 2001:db8::5");
        let (listens, warnings) = derive(false, false, &Fake(&[]));
        assert_eq!((shown(&listens).as_str(), warnings.len()), ("127.0.0.1", 1));
        let (_, warnings) = derive(false, true, &MACHINE);
        assert!(
            warnings[0].contains("set ANNOUNCED_IP to the public address"),
            "{warnings:?}"
        );
    }

    #[test]
    fn this_machine_has_its_loopback_and_no_reserved_address() {
        assert!(ThisMachine.has(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(!ThisMachine.has(IpAddr::V4(Ipv4Addr::new(240, 0, 0, 1))));
    }
}
