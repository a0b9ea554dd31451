//! Mapping an ELF file into the address space.

use abi::errno::{Errno, SysResult};
use platform::{Platform, Prot};

use super::elf::{Elf, Segment};
use crate::mm::{AddressSpace, Content, MappedFile, Place, Source, page_down, page_up};

/// Where a file came to lie.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    /// What was added to the file's addresses.
    pub bias: usize,
    pub entry: usize,
    pub phdr: usize,
    /// End of its last segment: the heap may start there.
    pub end: usize,
}

/// Maps all segments. `wish` is where a position-independent file should go (0: anywhere).
pub fn map_image(
    pf: &dyn Platform,
    mm: &AddressSpace,
    elf: &Elf,
    file: &MappedFile,
    wish: usize,
) -> SysResult<Loaded> {
    let (first, last) = elf.span();
    let base = if elf.dynamic {
        let len = last - first;
        let room = len + elf.align;
        // Reserve with room to align, then let the segments replace the reservation.
        let none = Source::Anon("");
        let at = mm.map(pf, Place::Hint(wish), room, Content::private(none, Prot::empty()))?;
        let aligned = at.next_multiple_of(elf.align);
        if aligned > at {
            mm.unmap(pf, at, aligned - at)?;
        }
        if at + room > aligned + len {
            mm.unmap(pf, aligned + len, at + room - aligned - len)?;
        }
        aligned
    } else {
        first
    };
    let bias = base.wrapping_sub(first);
    for s in &elf.segments {
        map_segment(pf, mm, s, file, bias)?;
    }
    if elf.dynamic {
        close_gaps(pf, mm, elf, bias)?;
    }
    Ok(Loaded {
        bias,
        entry: bias.wrapping_add(elf.entry),
        phdr: bias.wrapping_add(elf.phdr),
        end: bias.wrapping_add(last),
    })
}

fn map_segment(
    pf: &dyn Platform,
    mm: &AddressSpace,
    s: &Segment,
    file: &MappedFile,
    bias: usize,
) -> SysResult<()> {
    let start = bias.wrapping_add(s.vaddr);
    let file_end = start + s.file_size;
    let mem_end = page_up(start + s.mem_size).ok_or(Errno::ENOMEM)?;
    let map_start = page_down(start);
    let file_top = if s.file_size == 0 { map_start } else { page_up(file_end).ok_or(Errno::ENOMEM)? };
    if s.file_size > 0 {
        let offset = s.offset - (start - map_start) as u64;
        let source = Source::File(file.clone(), offset);
        mm.map(pf, Place::Fixed(map_start), file_top - map_start, Content::private(source, s.prot))?;
        // The rest of the last page belongs to the zeroed part.
        if s.mem_size > s.file_size && file_end < file_top {
            if !s.prot.contains(Prot::WRITE) {
                mm.protect(pf, file_top - 4096, 4096, s.prot | Prot::WRITE)?;
            }
            let zeros = [0u8; 4096];
            pf.copy_out(file_end, &zeros[..file_top - file_end]).map_err(|_| Errno::EFAULT)?;
            if !s.prot.contains(Prot::WRITE) {
                mm.protect(pf, file_top - 4096, 4096, s.prot)?;
            }
        }
    }
    if mem_end > file_top {
        let source = Source::Anon("");
        mm.map(pf, Place::Fixed(file_top), mem_end - file_top, Content::private(source, s.prot))?;
    }
    Ok(())
}

/// What the reservation left between segments goes.
fn close_gaps(pf: &dyn Platform, mm: &AddressSpace, elf: &Elf, bias: usize) -> SysResult<()> {
    for pair in elf.segments.windows(2) {
        let gap_start = page_up(bias + pair[0].vaddr + pair[0].mem_size).ok_or(Errno::ENOMEM)?;
        let gap_end = page_down(bias + pair[1].vaddr);
        if gap_end > gap_start {
            mm.unmap(pf, gap_start, gap_end - gap_start)?;
        }
    }
    Ok(())
}
