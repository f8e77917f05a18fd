//! Text to types: one pure function for each kind of value. An error says what is wrong beyond "not one of the values".

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

/// What a parser says about a wrong value; an empty text adds nothing to "expected …".
pub(crate) type Wrong = String;

/// A whole number within bounds.
pub(crate) fn number<T>(text: &str, bounds: RangeInclusive<T>) -> Result<T, Wrong>
where
    T: FromStr + PartialOrd,
{
    let number = text.trim().replace('_', "").parse().map_err(|_| Wrong::new())?;
    if bounds.contains(&number) {
        Ok(number)
    } else {
        Err(Wrong::new())
    }
}

/// `true` or `false`, also written 1 or 0.
pub(crate) fn switch(text: &str) -> Result<bool, Wrong> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Wrong::new()),
    }
}

/// One of a few words, capitals or not.
pub(crate) fn word(text: &str, words: &[&'static str]) -> Result<&'static str, Wrong> {
    let text = text.trim();
    words
        .iter()
        .find(|word| word.eq_ignore_ascii_case(text))
        .copied()
        .ok_or_else(Wrong::new)
}

/// A time within bounds: `10s`, `500ms`, `1m 30s`; a bare number is seconds.
pub(crate) fn duration(text: &str, bounds: RangeInclusive<Duration>) -> Result<Duration, Wrong> {
    let text = text.trim();
    let time = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(text).map_err(|_| Wrong::new())?,
    };
    if bounds.contains(&time) {
        return Ok(time);
    }
    let (least, most) = (
        humantime::format_duration(*bounds.start()),
        humantime::format_duration(*bounds.end()),
    );
    Err(format!("it is not between {least} and {most}"))
}

/// The entries of a comma list, without the spaces around them. An empty text is an empty list; an empty entry is wrong.
pub(crate) fn list<T>(text: &str, entry: impl Fn(&str) -> Result<T, Wrong>) -> Result<Vec<T>, Wrong> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let one = |part: &str| match part.trim() {
        "" => Err("an entry is empty".to_owned()),
        part => entry(part).map_err(|wrong| match wrong.as_str() {
            "" => format!("\"{part}\" is none"),
            _ => format!("\"{part}\": {wrong}"),
        }),
    };
    text.split(',').map(one).collect()
}

/// A list with at least one entry and none twice.
pub(crate) fn distinct<T: PartialEq>(entries: Vec<T>) -> Result<Vec<T>, Wrong> {
    let twice = entries
        .iter()
        .enumerate()
        .any(|(index, entry)| entries[..index].contains(entry));
    match (entries.is_empty(), twice) {
        (true, _) => Err("it is empty".to_owned()),
        (_, true) => Err("an entry is there twice".to_owned()),
        _ => Ok(entries),
    }
}

/// An IP address, IPv6 with or without brackets.
pub(crate) fn ip_address(text: &str) -> Result<IpAddr, Wrong> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse().map_err(|_| Wrong::new())
}

/// A network such as `10.0.0.0/8`; a bare address is the network of that one.
pub(crate) fn network(text: &str) -> Result<IpNet, Wrong> {
    text.parse::<IpNet>().or_else(|_| ip_address(text).map(IpNet::from))
}

/// A web origin, in the form that browsers send: scheme, host, and the port unless it is the usual one.
pub(crate) fn origin(text: &str) -> Result<String, Wrong> {
    let uri: axum::http::Uri = text.parse().map_err(|_| Wrong::new())?;
    let (scheme, host) = (uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default());
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return Err("an origin begins with http:// or https://".to_owned()),
    };
    let user = uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'));
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() || user {
        return Err("an origin is only scheme, host and port".to_owned());
    }
    let host = host.to_ascii_lowercase();
    Ok(match uri.port_u16() {
        Some(port) if port != usual => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

/// A node's name: 1 to 64 letters, digits, dots, underscores and dashes.
pub(crate) fn node_name(text: &str) -> Result<String, Wrong> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(Wrong::new())
    }
}

/// A host name as DNS allows it.
pub(crate) fn host_name(text: &str) -> Result<String, Wrong> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // All digits and dots was meant as an address.
    let address = text.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    if text.len() <= 253 && !address && text.split('.').all(label) {
        Ok(text.to_owned())
    } else {
        Err(Wrong::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_bounds() {
        let bounds = Duration::from_secs(1)..=Duration::from_secs(300);
        assert_eq!(duration("5s", bounds.clone()), Ok(Duration::from_secs(5)));
        assert_eq!(duration("10 s", bounds.clone()), Ok(Duration::from_secs(10)));
        assert_eq!(duration("7", bounds.clone()), Ok(Duration::from_secs(7)));
        assert_eq!(duration("1500ms", bounds.clone()), Ok(Duration::from_millis(1_500)));
        assert_eq!(
            duration("5000", bounds.clone()),
            Err("it is not between 1s and 5m".to_owned())
        );
        assert!(duration("soon", bounds).is_err());
    }

    #[test]
    fn origins_take_the_form_that_browsers_send() {
        assert_eq!(
            origin("https://Meet.Example.com/"),
            Ok("https://meet.example.com".to_owned())
        );
        assert_eq!(
            origin("https://meet.example.com:443"),
            Ok("https://meet.example.com".to_owned())
        );
        assert_eq!(origin("http://localhost:5173"), Ok("http://localhost:5173".to_owned()));
        assert_eq!(origin("http://[::1]:80"), Ok("http://[::1]".to_owned()));
        for wrong in ["meet.example.com", "ftp://a", "https://a/b", "https://u@a", "*", ""] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn networks_and_addresses() {
        assert_eq!(network("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(network("::1").unwrap().to_string(), "::1/128");
        assert!(network("10.0.0.0/33").is_err());
        assert_eq!(ip_address("[2001:db8::1]"), ip_address("2001:db8::1"));
    }

    #[test]
    fn host_names_are_not_mistyped_addresses() {
        assert!(host_name("media.example.com").is_ok());
        for wrong in ["10.0.0.300", "10.0.0", "-a.example", "a..b", "a b", ""] {
            assert!(host_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lists_name_the_wrong_entry() {
        let port = |text: &str| number::<u16>(text, 0..=u16::MAX);
        assert_eq!(list("1, 2", port), Ok(vec![1, 2]));
        assert_eq!(list("", port), Ok(vec![]));
        assert_eq!(list("1,x", port), Err("\"x\" is none".to_owned()));
        assert_eq!(list("1,,2", port), Err("an entry is empty".to_owned()));
        assert!(distinct(vec![1, 1]).is_err() && distinct(Vec::<u8>::new()).is_err());
    }
}
