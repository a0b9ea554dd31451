//! Values of options: each parser says in one sentence what is wrong.

use std::time::Duration;

use monitor::config::{Publish, Volume};

type Parsed<T> = Result<T, String>;

/// `HOST:GUEST[:ro|:rw]`.
pub fn volume(text: &str) -> Parsed<Volume> {
    let (paths, read_only) = match text.rsplit_once(':') {
        Some((rest, "ro")) => (rest, true),
        Some((rest, "rw")) => (rest, false),
        _ => (text, false),
    };
    let (host, guest) = paths.rsplit_once(':').ok_or("write HOST:GUEST or HOST:GUEST:ro")?;
    if !guest.starts_with('/') {
        return Err(format!("the guest's path {guest} must begin with a slash"));
    }
    let host = std::fs::canonicalize(host).map_err(|e| format!("{host}: {}", reason(&e)))?;
    Ok(Volume { host, guest: guest.as_bytes().to_vec(), read_only })
}

/// An error of the host without its number.
pub fn reason(e: &std::io::Error) -> String {
    match e.raw_os_error() {
        Some(n) => abi::Errno(n).message().to_owned(),
        None => e.to_string(),
    }
}

/// `[ADDRESS:]HOST:GUEST[/tcp|/udp]` or `PORT`.
pub fn publish(text: &str) -> Parsed<Publish> {
    text.parse().map(published)
}

/// A port's way to say it, for the monitor.
pub fn published(p: portkit::Publish) -> Publish {
    Publish { address: p.address, host: p.host, guest: p.guest, udp: p.udp }
}

/// `UID[:GID]`.
pub fn user(text: &str) -> Parsed<(u32, u32)> {
    let id = |part: &str| match part.parse::<u32>() {
        Ok(id) if id != u32::MAX => Ok(id),
        _ => Err(format!("{part:?} is not a number: write UID or UID:GID")),
    };
    match text.split_once(':') {
        Some((uid, gid)) => Ok((id(uid)?, id(gid)?)),
        None => id(text).map(|uid| (uid, uid)),
    }
}

/// A number with a unit b, k, m or g.
pub fn size(text: &str) -> Parsed<u64> {
    let bytes = portkit::parse_size(text)?;
    if bytes < 4 << 20 {
        return Err(format!("{text} is too little: a member needs 4m at least"));
    }
    Ok(bytes)
}

/// Seconds, or a number with ms, s, m or h.
pub fn duration(text: &str) -> Parsed<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("{other} is not a unit of time: use ms, s, m or h")),
    };
    let seconds = digits.parse::<f64>().map(|n| n * unit).ok().filter(|s| *s > 0.0 && *s < 1e9);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("{text} is not a time: write 10, 500ms or 2m"))
}

/// A family's name.
pub fn family_name(text: &str) -> Parsed<String> {
    if monitor::control::is_name(text) {
        return Ok(text.to_owned());
    }
    Err("use letters, digits, '_', '.' and '-', at most 64, a letter or digit first".to_owned())
}

/// A host name; gethostname(2) allows 64 bytes.
pub fn host_name(text: &str) -> Parsed<String> {
    let fine = !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if fine { Ok(text.to_owned()) } else { Err("use letters, digits, '.' and '-', at most 64".to_owned()) }
}

/// A signal by number or by name with or without SIG.
pub fn signal(text: &str) -> Parsed<u32> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let numbers = 1..=abi::signal::NSIG as i32;
    let by_name = || {
        let full = format!("SIG{name}");
        if let Some(n) = name.strip_prefix("RTMIN+") {
            return n.parse::<i32>().ok().filter(|n| (0..=30).contains(n)).map(|n| 34 + n);
        }
        numbers.clone().find(|n| abi::signal::name(*n) == Some(&full))
    };
    let number = text.parse::<i32>().ok().filter(|n| numbers.contains(n)).or_else(by_name);
    number
        .map(|n| n as u32)
        .ok_or_else(|| format!("{text} is not a signal: write a name such as TERM, or a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        let p = publish("8080:80").expect("a port");
        assert_eq!((p.host, p.guest, p.udp, p.address.is_unspecified()), (8080, 80, false, true));
        let p = publish("127.0.0.1:53:5353/udp").expect("a port");
        assert_eq!((p.host, p.guest, p.udp, p.address.is_loopback()), (53, 5353, true, true));
        assert_eq!(publish("[::1]:1:2").map(|p| p.address.is_loopback()), Ok(true));
        assert_eq!(publish("7").map(|p| (p.host, p.guest)), Ok((7, 7)));
        for bad in ["", "0", "a:b", "1:2:3", "70000:1", "1:2/sctp"] {
            assert!(publish(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn volumes() {
        let v = volume("/:/host:ro").expect("a volume");
        assert_eq!((v.host.to_str(), &v.guest[..], v.read_only), (Some("/"), &b"/host"[..], true));
        assert!(volume("/nowhere/at/all:/x").is_err());
        assert!(volume("/:x").is_err());
        assert!(volume("/").is_err());
    }

    #[test]
    fn times_and_signals() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert!(duration("-1").is_err() && duration("1y").is_err() && duration("").is_err());
        assert_eq!(signal("sigterm"), Ok(15));
        assert_eq!(signal("KILL"), Ok(9));
        assert_eq!(signal("64"), Ok(64));
        assert!(signal("0").is_err() && signal("FOO").is_err());
    }
}
