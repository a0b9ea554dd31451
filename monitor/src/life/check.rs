//! Looks at the first program before a member is started for it, so that the user hears in one line what is wrong.
//! The member's kernel makes its own checks; this is only for the words.

use abi::Errno;
use abi::fs::{S_IFDIR, S_IFMT, S_IFREG, Stat, X_OK};
use protocol::Op;
use protocol::control::Request;
use protocol::op::DIR_CWD;
use zerocopy::FromBytes;

use crate::call::{Answer, Call};
use crate::family::Family;
use crate::ops;
use crate::report::printable;

/// Why a program cannot be started, and the exit code for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: i32,
    pub text: String,
}

/// Scripts whose interpreters are scripts: as far as Linux follows; execve(2).
const MAX_SCRIPTS: u32 = 4;
/// What a program is looked for in when PATH is not set.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How much of a file the checks read.
const HEAD: u64 = 4096;

type Checked<T> = Result<T, Refusal>;

fn refuse<T>(code: i32, path: &[u8], why: &str) -> Checked<T> {
    Err(Refusal { code, text: format!("{}: {why}", printable(path)) })
}

impl Family {
    /// The path of the program that the first argument names: itself, or found by PATH.
    pub(super) fn find_program(&mut self, pid: u32, name: &[u8]) -> Checked<Vec<u8>> {
        if name.is_empty() {
            return Err(Refusal { code: 127, text: "the program's name is empty".into() });
        }
        if name.contains(&b'/') {
            self.check_program(pid, name, 0)?;
            return Ok(name.to_vec());
        }
        let path = self.config.env.iter().find_map(|v| v.strip_prefix(b"PATH=".as_slice()));
        let path = path.unwrap_or(DEFAULT_PATH).to_vec();
        let mut denied = None;
        for dir in path.split(|b| *b == b':') {
            let dir = if dir.is_empty() { b".".as_slice() } else { dir };
            let candidate = [dir, b"/", name].concat();
            match self.stat(pid, &candidate) {
                Ok(stat) if stat.st_mode & S_IFMT == S_IFREG => {
                    match self.check_program(pid, &candidate, 0) {
                        Ok(()) => return Ok(candidate),
                        Err(refusal) => denied = denied.or(Some(refusal)),
                    }
                }
                _ => {}
            }
        }
        match denied {
            Some(refusal) => Err(refusal),
            None => refuse(127, name, &format!("not found in the guest's PATH ({})", printable(&path))),
        }
    }

    fn ask(&mut self, pid: u32, op: Op, args: &[u64], data: &[u8]) -> Result<Answer, Errno> {
        let mut all = [0; 8];
        all[..args.len()].copy_from_slice(args);
        let req = Request {
            op: op as u16,
            pid,
            tid: pid,
            data_len: data.len() as u32,
            args: all,
            ..Request::default()
        };
        ops::dispatch(self, &Call { slot: protocol::MONITOR_SLOT, pid, req: &req, data })
    }

    fn stat(&mut self, pid: u32, path: &[u8]) -> Result<Stat, Errno> {
        let answer = self.ask(pid, Op::Stat, &[DIR_CWD, 0], path)?;
        Stat::read_from_bytes(&answer.data).map_err(|_| Errno::EIO)
    }

    /// Up to [`HEAD`] bytes of a file from `offset`; none when it may be executed but not read.
    fn read_head(&mut self, pid: u32, path: &[u8], offset: u64) -> Option<Vec<u8>> {
        let answer = self.ask(pid, Op::Open, &[DIR_CWD, 0, 0, 0], path).ok()?;
        let info = protocol::desc::DescInfo::read_from_bytes(&answer.data).ok()?;
        let head = self.ask(pid, Op::PRead, &[info.desc.into(), HEAD, offset], &[]).ok();
        self.close_desc(info.desc, pid);
        head.map(|a| a.data)
    }

    fn check_program(&mut self, pid: u32, path: &[u8], depth: u32) -> Checked<()> {
        let stat = match self.stat(pid, path) {
            Ok(stat) => stat,
            Err(Errno::ENOENT) => return refuse(127, path, "no such file in the guest"),
            Err(Errno::ENOTDIR) => return refuse(127, path, "a part of the path is not a directory"),
            Err(e) => return refuse(126, path, e.message()),
        };
        match stat.st_mode & S_IFMT {
            S_IFREG => {}
            S_IFDIR => return refuse(126, path, "is a directory"),
            _ => return refuse(126, path, "is not a regular file"),
        }
        if self.ask(pid, Op::Access, &[DIR_CWD, X_OK.into(), 0], path).is_err() {
            return refuse(126, path, "is not executable (chmod +x makes it so)");
        }
        let Some(head) = self.read_head(pid, path, 0) else { return Ok(()) };
        if let Some(rest) = head.strip_prefix(b"#!") {
            let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
            let words = line.split(|b| *b == b' ' || *b == b'\t');
            let Some(interpreter) = words.filter(|w| !w.is_empty()).map(<[u8]>::to_vec).next() else {
                return refuse(126, path, "its #! line names no interpreter");
            };
            if depth >= MAX_SCRIPTS {
                return refuse(126, path, "too many interpreters of interpreters");
            }
            return self.check_interpreter(pid, path, &interpreter, depth + 1);
        }
        let interpreter = match elf_interpreter(&head, stat.st_size as u64) {
            Ok(place) => place,
            Err(why) => return refuse(126, path, &why),
        };
        let Some((offset, len)) = interpreter else { return Ok(()) };
        let Some(bytes) = self.read_head(pid, path, offset) else { return Ok(()) };
        let name: Vec<u8> = bytes.into_iter().take(len as usize).take_while(|b| *b != 0).collect();
        self.check_interpreter(pid, path, &name, MAX_SCRIPTS)
    }

    fn check_interpreter(&mut self, pid: u32, path: &[u8], interpreter: &[u8], depth: u32) -> Checked<()> {
        self.check_program(pid, interpreter, depth).map_err(|r| Refusal {
            text: format!("{}: its interpreter cannot be used: {}", printable(path), r.text),
            ..r
        })
    }
}

/// Machines that people meet, by `e_machine`; elf(5).
fn machine(n: u16) -> String {
    let name = match n {
        3 => "32-bit x86",
        8 => "MIPS",
        20 | 21 => "PowerPC",
        22 => "s390",
        40 => "32-bit ARM",
        43 => "SPARC",
        183 => "aarch64",
        243 => "RISC-V",
        258 => "LoongArch",
        _ => return format!("machine number {n}"),
    };
    name.into()
}

/// Checks the headers of an ELF file of `size` bytes that begins with `head`; where its interpreter's name lies.
fn elf_interpreter(head: &[u8], size: u64) -> Result<Option<(u64, u64)>, String> {
    let truncated = || "is a truncated ELF file".to_owned();
    if !head.starts_with(b"\x7fELF") {
        return Err("is neither an ELF file nor a script (#!)".into());
    }
    let u16_at = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
    let u64_at = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
    let (Some(class), Some(order), Some(kind), Some(mut arch)) =
        (head.get(4), head.get(5), u16_at(16), u16_at(18))
    else {
        return Err(truncated());
    };
    if *order == 2 {
        arch = arch.swap_bytes();
    }
    if arch != 62 {
        return Err(format!("is a program for {}; members are x86-64", machine(arch)));
    }
    if *class != 2 || *order != 1 {
        return Err("is a 32-bit program; members are x86-64".into());
    }
    if kind != 2 && kind != 3 {
        return Err("is an ELF file, but not a program".into());
    }
    let (Some(table), Some(count)) = (u64_at(32), u16_at(56)) else { return Err(truncated()) };
    let mut interpreter = None;
    for i in 0..u64::from(count) {
        let at = table.checked_add(i * 56).ok_or_else(truncated)?;
        if at.checked_add(56).is_none_or(|end| end > size) {
            return Err(truncated());
        }
        // Headers beyond the part that was read are left to the kernel.
        let at = at as usize;
        let (Some(kind), Some(offset), Some(len)) = (u32_at(at), u64_at(at + 8), u64_at(at + 32)) else {
            break;
        };
        if (kind == 1 || kind == 3) && offset.checked_add(len).is_none_or(|end| end > size) {
            return Err(truncated());
        }
        if kind == 3 {
            interpreter = Some((offset, len));
        }
    }
    Ok(interpreter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf() -> Vec<u8> {
        let mut e = vec![0u8; 64 + 56];
        e[..6].copy_from_slice(b"\x7fELF\x02\x01");
        e[16] = 3;
        e[18] = 62;
        e[32] = 64;
        e[56] = 1;
        e[64] = 3;
        e[64 + 32] = 20;
        e
    }

    #[test]
    fn what_is_wrong_is_said() {
        let good = elf();
        let size = good.len() as u64;
        assert_eq!(elf_interpreter(&good, size), Ok(Some((0, 20))));
        assert!(elf_interpreter(b"hello", 5).is_err_and(|e| e.contains("neither")));
        assert!(elf_interpreter(&good[..10], 10).is_err_and(|e| e.contains("truncated")));
        assert!(elf_interpreter(&good, 100).is_err_and(|e| e.contains("truncated")));
        let mut other = elf();
        other[18] = 183;
        assert!(elf_interpreter(&other, size).is_err_and(|e| e.contains("aarch64")));
        let mut narrow = elf();
        narrow[4] = 1;
        assert!(elf_interpreter(&narrow, size).is_err_and(|e| e.contains("32-bit")));
        for cut in 0..good.len() {
            // Never a panic, whatever is missing.
            let _ = elf_interpreter(&good[..cut], cut as u64);
        }
    }
}
