//! A kernel that Xen can enter by the PVH protocol: an ELF file with a note that names the 32-bit entry.

use std::ops::Range;

use goblin::elf::Elf;
use goblin::elf::program_header::PT_LOAD;

use crate::{Error, PAGE, Result};

/// XEN_ELFNOTE_PHYS32_ENTRY (xen/include/public/elfnote.h).
const PHYS32_ENTRY: u32 = 18;

/// A kernel's image, ready to be copied into domains.
#[derive(Clone, Debug)]
pub struct Image {
    bytes: Vec<u8>,
    entry: u32,
    segments: Vec<Segment>,
}

/// A part of the image in guest-physical memory.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its first address.
    pub address: u64,
    /// Its length there; what the file does not have is zero.
    pub size: u64,
    /// Whether the program may write it.
    pub writable: bool,
    content: Range<usize>,
}

impl Image {
    /// Reads an ELF file, 32 or 64 bits.
    pub fn parse(bytes: Vec<u8>) -> Result<Image> {
        let elf = Elf::parse(&bytes).map_err(|error| Error::Image(error.to_string()))?;
        let entry = entry(&elf, &bytes)?;
        let mut segments = Vec::new();
        for header in
            elf.program_headers.iter().filter(|header| header.p_type == PT_LOAD && header.p_memsz > 0)
        {
            let content = header.file_range();
            let fits = header.p_filesz <= header.p_memsz && bytes.get(content.clone()).is_some();
            if !fits || header.p_paddr.checked_add(header.p_memsz).is_none_or(|end| end > 1 << 32) {
                return Err(Error::Image("a segment lies outside of the file or above 4 GiB".to_owned()));
            }
            let (address, size, writable) = (header.p_paddr, header.p_memsz, header.is_write());
            segments.push(Segment { address, size, writable, content });
        }
        if segments.is_empty() {
            return Err(Error::Image("nothing to load".to_owned()));
        }
        segments.sort_by_key(|segment| segment.address);
        Ok(Image { bytes, entry, segments })
    }

    /// The physical address at which it is entered.
    pub fn entry(&self) -> u32 {
        self.entry
    }

    /// Its parts, by address.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// What the file has of a part.
    pub fn content(&self, segment: &Segment) -> &[u8] {
        &self.bytes[segment.content.clone()]
    }

    /// The frames that it takes, each once, in order.
    pub fn frames(&self) -> Vec<u64> {
        let page = PAGE as u64;
        let mut frames = Vec::new();
        for segment in &self.segments {
            let first = (segment.address / page).max(frames.last().map_or(0, |last| last + 1));
            frames.extend(first..(segment.address + segment.size).div_ceil(page));
        }
        frames
    }

    /// The frames of parts that the program may not write, but for such as they share with one that it may.
    pub fn sealed(&self) -> Vec<Range<u64>> {
        let page = PAGE as u64;
        let frames = |s: &Segment| s.address / page..(s.address + s.size).div_ceil(page);
        let (writable, fixed): (Vec<_>, Vec<_>) = self.segments.iter().partition(|s| s.writable);
        let mut sealed = Vec::new();
        for mut range in fixed.into_iter().map(frames) {
            for other in writable.iter().map(|s| frames(s)) {
                if other.contains(&range.start) {
                    range.start = other.end;
                }
                if range.end > range.start && other.contains(&(range.end - 1)) {
                    range.end = other.start;
                }
            }
            if range.start < range.end {
                sealed.push(range);
            }
        }
        sealed
    }
}

/// The entry that the note names.
fn entry(elf: &Elf<'_>, bytes: &[u8]) -> Result<u32> {
    let notes = elf.iter_note_headers(bytes).into_iter().chain(elf.iter_note_sections(bytes, None)).flatten();
    for note in notes.filter_map(std::result::Result::ok) {
        if note.name.trim_end_matches('\0') == "Xen" && note.n_type == PHYS32_ENTRY {
            let mut word = [0; 4];
            if let Some(low) = note.desc.get(..4) {
                word.copy_from_slice(low);
                return Ok(u32::from_le_bytes(word));
            }
        }
    }
    Err(Error::Image("no note XEN_ELFNOTE_PHYS32_ENTRY names where Xen should enter it".to_owned()))
}
