//! /proc/self/maps and smaps; proc(5).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use abi::mm::PAGE_SIZE;
use platform::{Platform, Prot};

use super::space::AddressSpace;
use super::vma::{Source, Vma};

/// Column at which names start, as Linux pads it.
const NAME_COLUMN: usize = 73;

/// The text of /proc/self/maps.
pub fn maps(mm: &AddressSpace) -> Vec<u8> {
    let lines = mm.with(|set| set.iter().map(|(s, v)| line(s, v)).collect::<Vec<_>>());
    lines.concat()
}

/// The text of /proc/self/smaps: sizes and resident pages are real, what the platform does not tell is left out.
pub fn smaps(mm: &AddressSpace, pf: &dyn Platform) -> Vec<u8> {
    let all: Vec<(usize, Vma)> = mm.with(|set| set.iter().map(|(s, v)| (s, v.clone())).collect());
    let mut out = Vec::new();
    for (start, v) in all {
        out.extend(line(start, &v));
        let resident = resident_pages(pf, start, v.end) * PAGE_SIZE / 1024;
        let kib = (v.end - start) / 1024;
        let text = format!(
            "Size:           {kib:8} kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\nRss:            {resident:8} kB\n"
        );
        out.extend_from_slice(text.as_bytes());
    }
    out
}

/// The text of /proc/self/statm, in pages: size, resident, shared, text, 0, data and stack, 0.
pub fn statm(mm: &AddressSpace, pf: &dyn Platform) -> Vec<u8> {
    let all: Vec<(usize, Vma)> = mm.with(|set| set.iter().map(|(s, v)| (s, v.clone())).collect());
    let (mut size, mut resident, mut shared, mut text, mut data) = (0, 0, 0, 0, 0);
    for (start, v) in &all {
        let pages = (v.end - start) / PAGE_SIZE;
        let here = resident_pages(pf, *start, v.end);
        size += pages;
        resident += here;
        if !matches!(v.source, Source::Anon(_)) {
            shared += here;
        }
        if v.prot.contains(Prot::EXEC) {
            text += pages;
        } else if v.prot.contains(Prot::WRITE) && !v.shared {
            data += pages;
        }
    }
    format!("{size} {resident} {shared} {text} 0 {data} 0\n").into_bytes()
}

fn resident_pages(pf: &dyn Platform, start: usize, end: usize) -> usize {
    let mut buf = [0u8; 256];
    let mut at = start;
    let mut count = 0;
    while at < end {
        let n = buf.len().min((end - at) / PAGE_SIZE);
        if pf.resident(at, &mut buf[..n]).is_ok() {
            count += buf[..n].iter().filter(|b| **b & 1 != 0).count();
        }
        at += n * PAGE_SIZE;
    }
    count
}

fn line(start: usize, v: &Vma) -> Vec<u8> {
    let flag = |bit: Prot, c: char| if v.prot.contains(bit) { c } else { '-' };
    let (offset, dev, ino, name): (u64, u64, u64, &[u8]) = match &v.source {
        Source::Anon(name) => (0, 0, 0, name.as_bytes()),
        Source::Shared(region, offset) => (*offset, 1, region.id, b"/dev/zero (deleted)"),
        Source::File(f, offset) => (*offset, f.dev, f.ino, &f.path),
    };
    let (major, minor) = ((dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xf_ff00));
    let mut head: String = format!(
        "{start:08x}-{:08x} {}{}{}{} {offset:08x} {major:02x}:{minor:02x} {ino} ",
        v.end,
        flag(Prot::READ, 'r'),
        flag(Prot::WRITE, 'w'),
        flag(Prot::EXEC, 'x'),
        if v.shared { 's' } else { 'p' },
    );
    if !name.is_empty() {
        while head.len() < NAME_COLUMN {
            head.push(' ');
        }
    }
    let mut out = head.into_bytes();
    // A newline in a name would forge a line.
    for b in name {
        if *b == b'\n' { out.extend_from_slice(b"\\012") } else { out.push(*b) }
    }
    out.push(b'\n');
    out
}
