//! The `#!` line of a script; see execve(2), "Interpreter scripts".

use alloc::vec::Vec;

/// Bytes of a file that are looked at for the line (BINPRM_BUF_SIZE).
pub const HEAD: usize = 256;

/// Interpreter and its one optional argument, if the file starts with a usable `#!` line.
pub fn parse(head: &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let line = head.strip_prefix(b"#!")?;
    let end = line.iter().position(|b| *b == b'\n' || *b == 0);
    let cut = &line[..end.unwrap_or(line.len())];
    let cut = trim(cut);
    let split = cut.iter().position(|b| blank(*b));
    // A name that runs into the end of what was read may be cut: refused, as Linux does.
    if cut.is_empty() || (end.is_none() && head.len() >= HEAD && split.is_none()) {
        return None;
    }
    let Some(split) = split else { return Some((cut.to_vec(), None)) };
    let arg = trim(&cut[split..]);
    Some((cut[..split].to_vec(), (!arg.is_empty()).then(|| arg.to_vec())))
}

fn blank(b: u8) -> bool {
    b == b' ' || b == b'\t'
}

fn trim(mut s: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = s
        && blank(*first)
    {
        s = rest;
    }
    while let [rest @ .., last] = s
        && blank(*last)
    {
        s = rest;
    }
    s
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn one_argument_is_kept_whole() {
        assert_eq!(
            parse(b"#! /usr/bin/env  -S bash -e \nrest"),
            Some((b"/usr/bin/env".to_vec(), Some(b"-S bash -e".to_vec())))
        );
        assert_eq!(parse(b"#!/bin/sh\n"), Some((b"/bin/sh".to_vec(), None)));
        assert_eq!(parse(b"#!\n"), None);
        assert_eq!(parse(b"\x7fELF"), None);
        assert_eq!(parse(&[b"#!".as_slice(), &[b'a'; 254]].concat()), None);
    }
}
