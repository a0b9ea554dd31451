//! A kernel that Xen can enter by the PVH protocol: an ELF file with a note that names the 32-bit entry.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use goblin::container::Ctx;
use goblin::elf::note::NoteDataIterator;
use goblin::elf::program_header::{PT_LOAD, PT_NOTE};
use goblin::elf::{Elf, ProgramHeader};

use crate::{Error, PAGE, Result};

/// XEN_ELFNOTE_PHYS32_ENTRY (xen/include/public/elfnote.h).
const PHYS32_ENTRY: u32 = 18;

/// A kernel's image, ready to be copied into domains.
#[derive(Clone, Debug)]
pub struct Image {
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
    /// What the file has of it.
    pub content: Vec<u8>,
}

/// Bytes of the file: from an offset, so many; None when there are not so many.
type Read<'a> = dyn FnMut(u64, u64) -> Option<Vec<u8>> + 'a;

impl Image {
    /// Takes an ELF file, 32 or 64 bits.
    pub fn parse(bytes: &[u8]) -> Result<Image> {
        Self::take(&mut |at, len| {
            let (at, end) = (usize::try_from(at).ok()?, usize::try_from(at.checked_add(len)?).ok()?);
            bytes.get(at..end).map(<[u8]>::to_vec)
        })
    }

    /// Reads an ELF file, 32 or 64 bits: only what is loaded of it, for what it has for debuggers is many times as long.
    pub fn read(file: &File) -> Result<Image> {
        let size = file.metadata().map_err(|error| Error::Image(error.to_string()))?.len();
        Self::take(&mut |at, len| {
            if at.checked_add(len)? > size {
                return None;
            }
            let mut bytes = vec![0; usize::try_from(len).ok()?];
            file.read_exact_at(&mut bytes, at).ok()?;
            Some(bytes)
        })
    }

    fn take(read: &mut Read<'_>) -> Result<Image> {
        let (headers, ctx) = program_headers(read)?;
        let entry = entry(&headers, ctx, read)?;
        let mut segments = Vec::new();
        for header in headers.iter().filter(|header| header.p_type == PT_LOAD && header.p_memsz > 0) {
            let fits = header.p_filesz <= header.p_memsz;
            if !fits || header.p_paddr.checked_add(header.p_memsz).is_none_or(|end| end > 1 << 32) {
                return Err(outside());
            }
            let content = read(header.p_offset, header.p_filesz).ok_or_else(outside)?;
            let (address, size, writable) = (header.p_paddr, header.p_memsz, header.is_write());
            segments.push(Segment { address, size, writable, content });
        }
        if segments.is_empty() {
            return Err(Error::Image("nothing to load".to_owned()));
        }
        segments.sort_by_key(|segment| segment.address);
        Ok(Image { entry, segments })
    }

    /// The physical address at which it is entered.
    pub fn entry(&self) -> u32 {
        self.entry
    }

    /// Its parts, by address.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
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

fn outside() -> Error {
    Error::Image("a segment lies outside of the file or above 4 GiB".to_owned())
}

/// The table of what is to be loaded, and how its numbers are written.
fn program_headers(read: &mut Read<'_>) -> Result<(Vec<ProgramHeader>, Ctx)> {
    let bad = |error: goblin::error::Error| Error::Image(error.to_string());
    let none = || Error::Image("too short for an ELF file".to_owned());
    let header = Elf::parse_header(&read(0, 64).ok_or_else(none)?).map_err(bad)?;
    let container = header.container().map_err(bad)?;
    let ctx = Ctx::new(container, header.endianness().map_err(bad)?);
    let count = usize::from(header.e_phnum);
    let table = read(header.e_phoff, (count * ProgramHeader::size(ctx)) as u64).ok_or_else(none)?;
    Ok((ProgramHeader::parse(&table, 0, count, ctx).map_err(bad)?, ctx))
}

/// The entry that the note names.
fn entry(headers: &[ProgramHeader], ctx: Ctx, read: &mut Read<'_>) -> Result<u32> {
    for header in headers.iter().filter(|header| header.p_type == PT_NOTE) {
        let data = read(header.p_offset, header.p_filesz).ok_or_else(outside)?;
        let alignment = usize::try_from(header.p_align).unwrap_or(0);
        let notes = NoteDataIterator { data: &data, size: data.len(), offset: 0, ctx: (alignment, ctx) };
        for note in notes.filter_map(std::result::Result::ok) {
            if note.name.trim_end_matches('\0') == "Xen" && note.n_type == PHYS32_ENTRY {
                let mut word = [0; 4];
                if let Some(low) = note.desc.get(..4) {
                    word.copy_from_slice(low);
                    return Ok(u32::from_le_bytes(word));
                }
            }
        }
    }
    Err(Error::Image("no note XEN_ELFNOTE_PHYS32_ENTRY names where Xen should enter it".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// An ELF file with a note and a segment of 5 bytes, 8 in memory, and something behind them.
    fn elf() -> Vec<u8> {
        let header = |kind: u32, flags: u32, offset: u64, address: u64, file: u64, memory: u64| {
            let words = [offset, address, address, file, memory, 4];
            let mut bytes = [kind.to_le_bytes(), flags.to_le_bytes()].concat();
            words.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
            bytes
        };
        let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
        bytes.extend(0u64.to_le_bytes());
        bytes.extend(64u64.to_le_bytes());
        bytes.extend([0; 12]);
        // Sizes of the headers, two of which are for programs, none for sections.
        [64u16, 56, 2, 64, 0, 0].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
        bytes.extend(header(PT_LOAD, 4, 196, 0x10_0000, 5, 8));
        bytes.extend(header(PT_NOTE, 4, 176, 0, 20, 20));
        [4u32, 4, PHYS32_ENTRY].iter().for_each(|n| bytes.extend(n.to_le_bytes()));
        bytes.extend(b"Xen\0");
        bytes.extend(0x10_0002u32.to_le_bytes());
        bytes.extend(b"abcdefor debuggers");
        bytes
    }

    #[test]
    fn what_is_loaded_is_read() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let path = std::env::temp_dir().join(format!("offshoot-image-{}", std::process::id()));
        File::create(&path)?.write_all(&elf())?;
        let read = Image::read(&File::open(&path)?);
        std::fs::remove_file(&path)?;
        for image in [read?, Image::parse(&elf())?] {
            assert_eq!(image.entry(), 0x10_0002);
            let [segment] = image.segments() else { panic!("one segment") };
            assert_eq!((segment.address, segment.size, segment.writable), (0x10_0000, 8, false));
            assert_eq!(segment.content, b"abcde");
            assert_eq!(image.frames(), [0x100]);
        }
        Ok(())
    }

    #[test]
    fn a_file_that_is_cut_is_refused() {
        for len in [0, 63, 100, 170, 190, 199] {
            assert!(Image::parse(&elf()[..len]).is_err(), "of {len} bytes");
        }
    }
}
