//! A kernel that Xen can enter by the PVH protocol: an ELF file with a note that names the 32-bit entry.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use goblin::container::Ctx;
use goblin::elf::note::NoteDataIterator;
use goblin::elf::program_header::{PT_LOAD, PT_NOTE};
use goblin::elf::{Elf, ProgramHeader};

use crate::{Error, PAGE, Result};

/// XEN_ELFNOTE_PHYS32_ENTRY (xen/include/public/elfnote.h).
const PHYS32_ENTRY: u32 = 18;

/// A kernel's image, ready to be copied into domains. The first domain's comes straight from the file; later ones' from
/// memory, for the file may be replaced meanwhile.
#[derive(Debug)]
pub struct Image {
    entry: u32,
    segments: Vec<Segment>,
    /// The file, and what it was like when its headers were read.
    file: Option<(File, State)>,
    /// The file's part of each segment, in order.
    held: OnceLock<Vec<Vec<u8>>>,
    /// A domain has been loaded from it.
    loaded: AtomicBool,
}

/// Inode, size, and time of the last change of contents.
type State = (u64, u64, i64, i64);

/// A part of the image in guest-physical memory.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its first address.
    pub address: u64,
    /// Its length there; what the file does not have is zero.
    pub size: u64,
    /// Whether the program may write it.
    pub writable: bool,
    /// Where the file has it, and how much of it.
    pub in_file: Range<u64>,
}

/// Where a segment's part of the file is to be had.
pub(crate) enum Content<'a> {
    Bytes(&'a [u8]),
    File(&'a File),
}

/// Bytes of the file: from an offset, so many; None when there are not so many.
type Read<'a> = dyn FnMut(u64, u64) -> Option<Vec<u8>> + 'a;

impl Image {
    /// Takes an ELF file, 32 or 64 bits.
    pub fn parse(bytes: &[u8]) -> Result<Image> {
        let mut read = |at: u64, len: u64| {
            let (at, end) = (usize::try_from(at).ok()?, usize::try_from(at.checked_add(len)?).ok()?);
            bytes.get(at..end).map(<[u8]>::to_vec)
        };
        let image = Self::take(bytes.len() as u64, &mut read)?;
        let parts = image.segments.iter();
        let held: Option<Vec<_>> =
            parts.map(|s| read(s.in_file.start, s.in_file.end - s.in_file.start)).collect();
        Ok(Image { held: OnceLock::from(held.ok_or_else(outside)?), ..image })
    }

    /// Takes an ELF file, 32 or 64 bits. Only what is loaded of it will be read, for what it has for debuggers is many times
    /// as long.
    pub fn read(file: File) -> Result<Image> {
        let state = state(&file)?;
        let image = Self::take(state.1, &mut |at, len| read_file(&file, at, len))?;
        Ok(Image { file: Some((file, state)), ..image })
    }

    /// Lets `put` write each segment's part of the file to its place, or read it there from the file by itself.
    pub(crate) fn load(&self, put: &mut dyn FnMut(&Segment, Content<'_>) -> Result<()>) -> Result<()> {
        if let (Some((file, known)), false) = (&self.file, self.loaded.swap(true, Ordering::Relaxed))
            && self.held.get().is_none()
        {
            self.segments.iter().try_for_each(|segment| put(segment, Content::File(file)))?;
            return is_still(file, known);
        }
        let held = self.held()?;
        self.segments.iter().zip(held).try_for_each(|(segment, bytes)| put(segment, Content::Bytes(bytes)))
    }

    /// The file's part of each segment, from memory once it was read.
    fn held(&self) -> Result<&[Vec<u8>]> {
        let held = match (self.held.get(), &self.file) {
            (Some(held), _) => held,
            (None, Some((file, known))) => {
                let part = |s: &Segment| read_file(file, s.in_file.start, s.in_file.end - s.in_file.start);
                let held: Option<Vec<_>> = self.segments.iter().map(part).collect();
                is_still(file, known)?;
                self.held.get_or_init(|| held.unwrap_or_default())
            }
            (None, None) => return Err(outside()),
        };
        if held.len() == self.segments.len() { Ok(held) } else { Err(outside()) }
    }

    /// Tells what lies in a range of physical addresses: where, and the bytes; all else there is zero.
    pub(crate) fn within(&self, range: Range<u64>, put: &mut dyn FnMut(u64, &[u8])) -> Result<()> {
        for (segment, bytes) in self.segments.iter().zip(self.held()?) {
            let start = segment.address;
            let (from, to) = (range.start.max(start), range.end.min(start + bytes.len() as u64));
            if from < to {
                put(from, &bytes[(from - start) as usize..(to - start) as usize]);
            }
        }
        Ok(())
    }

    fn take(size: u64, read: &mut Read<'_>) -> Result<Image> {
        let (headers, ctx) = program_headers(read)?;
        let entry = entry(&headers, ctx, read)?;
        let mut segments = Vec::new();
        for header in headers.iter().filter(|header| header.p_type == PT_LOAD && header.p_memsz > 0) {
            let fits = header.p_filesz <= header.p_memsz;
            if !fits || header.p_paddr.checked_add(header.p_memsz).is_none_or(|end| end > 1 << 32) {
                return Err(outside());
            }
            let in_file =
                header.p_offset..header.p_offset.checked_add(header.p_filesz).ok_or_else(outside)?;
            if in_file.end > size {
                return Err(outside());
            }
            let (address, size, writable) = (header.p_paddr, header.p_memsz, header.is_write());
            segments.push(Segment { address, size, writable, in_file });
        }
        if segments.is_empty() {
            return Err(Error::Image("nothing to load".to_owned()));
        }
        segments.sort_by_key(|segment| segment.address);
        let (held, loaded) = (OnceLock::new(), AtomicBool::new(false));
        Ok(Image { entry, segments, file: None, held, loaded })
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

fn state(file: &File) -> Result<State> {
    let m = file.metadata().map_err(|error| Error::Image(error.to_string()))?;
    Ok((m.ino(), m.len(), m.mtime(), m.mtime_nsec()))
}

/// An error when the file's contents are others than they were.
fn is_still(file: &File, known: &State) -> Result<()> {
    if state(file)? == *known {
        return Ok(());
    }
    Err(Error::Image("the kernel's file was changed while it was in use".to_owned()))
}

fn read_file(file: &File, at: u64, len: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    file.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes)
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
        for image in [Image::read(File::open(&path)?)?, Image::parse(&elf())?] {
            assert_eq!(image.entry(), 0x10_0002);
            let [segment] = image.segments() else { panic!("one segment") };
            assert_eq!((segment.address, segment.size, segment.writable), (0x10_0000, 8, false));
            assert_eq!(image.frames(), [0x100]);
            // From the file, then from memory.
            for _ in 0..3 {
                assert_eq!(content(&image)?, b"abcde");
            }
            let mut parts = Vec::new();
            image.within(0xf_ffff..0x10_0003, &mut |at, bytes| parts.push((at, bytes.to_vec())))?;
            image.within(0x10_0005..0x20_0000, &mut |at, bytes| parts.push((at, bytes.to_vec())))?;
            assert_eq!(parts, [(0x10_0000, b"abc".to_vec())]);
        }
        Ok(std::fs::remove_file(&path)?)
    }

    fn content(image: &Image) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        image.load(&mut |segment, content| {
            let len = segment.in_file.end - segment.in_file.start;
            match content {
                Content::Bytes(bytes) => all.extend(bytes),
                Content::File(file) => {
                    all.extend(read_file(file, segment.in_file.start, len).ok_or_else(outside)?)
                }
            }
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn a_file_that_changes_is_refused_until_it_is_held() -> std::result::Result<(), Box<dyn std::error::Error>>
    {
        let path = std::env::temp_dir().join(format!("offshoot-changed-image-{}", std::process::id()));
        std::fs::write(&path, elf())?;
        let (early, late) = (Image::read(File::open(&path)?)?, Image::read(File::open(&path)?)?);
        content(&late)?;
        content(&late)?;
        std::fs::write(&path, [elf(), vec![0]].concat())?;
        assert!(content(&early).is_err());
        assert_eq!(content(&late)?, b"abcde");
        Ok(std::fs::remove_file(&path)?)
    }

    #[test]
    fn a_file_that_is_cut_is_refused() {
        for len in [0, 63, 100, 170, 190, 199] {
            assert!(Image::parse(&elf()[..len]).is_err(), "of {len} bytes");
        }
    }
}
