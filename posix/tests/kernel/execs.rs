//! execve(2) of what cannot be run: the error, and a process that goes on.

use abi::Errno;
use abi::fs::S_IFREG;
use abi::nr::*;
use protocol::Op;
use protocol::control::Reply;
use protocol::desc::{DescInfo, Kind};
use zerocopy::IntoBytes;

use crate::lab::{error, of_kind, refusal, run};

/// Execs a file with this content whose interpreter does not exist.
fn exec(content: &[u8]) -> i64 {
    let content = content.to_vec();
    let result = std::sync::Arc::new(std::sync::Mutex::new(0));
    let out = result.clone();
    let requests = run(move |app| {
        app.answer(move |r, data| match Op::from_u16(r.op)? {
            Op::Access | Op::Open if data != b"/program" => refusal(Errno::ENOENT),
            Op::Open => {
                let info = DescInfo {
                    desc: 9,
                    kind: Kind::File as u32,
                    mode: S_IFREG | 0o755,
                    ino: 1,
                    ..DescInfo::default()
                };
                Some((Reply::default(), info.as_bytes().to_vec()))
            }
            Op::PRead => {
                let rest = content.get(r.args[2] as usize..).unwrap_or_default();
                let part = &rest[..rest.len().min(r.args[1] as usize)];
                Some((Reply { ret: part.len() as i64, ..Reply::default() }, part.to_vec()))
            }
            _ => None,
        });
        let kept = app.place(0xfeed_u64);
        let path = app.place(*b"/program\0\0\0\0\0\0\0\0");
        let argv = app.place([path as u64, 0]);
        *out.lock().expect("a result") = app.call(SYS_execve, &[path, argv, 0]);
        assert_eq!(app.read::<u64>(kept), 0xfeed, "the memory is what it was");
    });
    let (opened, closed) = (of_kind(&requests, Op::Open).len(), of_kind(&requests, Op::Close).len());
    assert!(closed == opened || closed + 1 == opened, "every program file that was opened is closed");
    *result.lock().expect("a result")
}

fn own() -> Vec<u8> {
    std::fs::read("/proc/self/exe").expect("the test program's file")
}

#[test]
fn what_is_no_program_is_refused() {
    let changed = |at: usize, byte: u8| {
        let mut own = own();
        own[at] = byte;
        own
    };
    for (name, content) in [
        ("empty", Vec::new()),
        ("text", b"echo hello\n".to_vec()),
        ("another class", changed(4, 1)),
        ("another machine", changed(18, 183)),
        ("an object file", changed(16, 1)),
        ("no program headers", changed(56, 0)),
        ("cut within its header", own()[..40].to_vec()),
        ("cut behind its header", own()[..64].to_vec()),
        ("a script without an interpreter", b"#!  \n".to_vec()),
    ] {
        assert_eq!(exec(&content), error(Errno::ENOEXEC), "{name}");
    }
    assert_eq!(exec(&own()), error(Errno::ENOENT), "its interpreter");
    assert_eq!(exec(b"#!/nowhere\n"), error(Errno::ENOENT), "a script's interpreter");
    assert_eq!(exec(b"#!/program\n"), error(Errno::ELOOP), "a script that is its own interpreter");
}
