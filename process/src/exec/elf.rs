//! Reading ELF files: which parts go where. Pure; see elf(5).

use abi::errno::{Errno, SysResult};
use abi::mm::PAGE_SIZE;
use alloc::vec::Vec;
use goblin::elf64::header::{ELFCLASS64, ELFMAG, EM_X86_64, ET_DYN, ET_EXEC, Header, SIZEOF_EHDR};
use goblin::elf64::program_header::{
    PF_R, PF_W, PF_X, PT_GNU_STACK, PT_INTERP, PT_LOAD, PT_PHDR, ProgramHeader, SIZEOF_PHDR,
};
use platform::Prot;

use crate::mm::{page_down, page_up};

/// Most program headers that Linux reads (64 KiB worth).
const MAX_PHDRS: usize = 65_536 / SIZEOF_PHDR;
/// Longest interpreter name.
const MAX_INTERP: u64 = abi::fs::PATH_MAX as u64;

/// A file that a program is loaded from.
pub trait ImageFile {
    /// Reads at an offset; less than asked only at the end of the file.
    fn read_at(&self, off: u64, dst: &mut [u8]) -> SysResult<usize>;
}

/// One loadable part, page offsets as in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub vaddr: usize,
    pub file_size: usize,
    pub mem_size: usize,
    pub offset: u64,
    pub prot: Prot,
}

/// What an ELF file asks for.
#[derive(Clone, Debug)]
pub struct Elf {
    pub entry: usize,
    /// Position independent: may be loaded anywhere.
    pub dynamic: bool,
    pub segments: Vec<Segment>,
    /// Virtual address of the program headers in memory.
    pub phdr: usize,
    pub phnum: usize,
    pub interp: Option<Vec<u8>>,
    pub exec_stack: bool,
    /// Largest alignment that a segment asks for.
    pub align: usize,
}

fn read_exact(file: &dyn ImageFile, off: u64, len: usize) -> SysResult<Vec<u8>> {
    let mut buf = alloc::vec![0; len];
    if file.read_at(off, &mut buf)? < len {
        return Err(Errno::ENOEXEC);
    }
    Ok(buf)
}

impl Elf {
    /// Reads the headers. ENOEXEC for what is no x86-64 ELF program.
    pub fn read(file: &dyn ImageFile) -> SysResult<Self> {
        let head: [u8; SIZEOF_EHDR] =
            read_exact(file, 0, SIZEOF_EHDR)?.try_into().map_err(|_| Errno::ENOEXEC)?;
        let h = Header::from_bytes(&head);
        let is_ours = head.starts_with(ELFMAG)
            && head[4] == ELFCLASS64
            && h.e_machine == EM_X86_64
            && matches!(h.e_type, ET_EXEC | ET_DYN)
            && h.e_phentsize as usize == SIZEOF_PHDR
            && (1..=MAX_PHDRS).contains(&(h.e_phnum as usize));
        if !is_ours {
            return Err(Errno::ENOEXEC);
        }
        let phnum = h.e_phnum as usize;
        let raw = read_exact(file, h.e_phoff, phnum * SIZEOF_PHDR)?;
        let phdrs = ProgramHeader::from_bytes(&raw, phnum);
        let mut elf = Elf {
            entry: h.e_entry as usize,
            dynamic: h.e_type == ET_DYN,
            segments: Vec::new(),
            phdr: 0,
            phnum,
            interp: None,
            exec_stack: false,
            align: PAGE_SIZE,
        };
        for p in &phdrs {
            elf.take_header(file, h.e_phoff, p)?;
        }
        if elf.segments.is_empty() {
            return Err(Errno::ENOEXEC);
        }
        Ok(elf)
    }

    fn take_header(&mut self, file: &dyn ImageFile, phoff: u64, p: &ProgramHeader) -> SysResult<()> {
        match p.p_type {
            PT_LOAD if p.p_memsz > 0 => self.take_load(phoff, p)?,
            PT_PHDR => self.phdr = p.p_vaddr as usize,
            PT_GNU_STACK => self.exec_stack = p.p_flags & PF_X != 0,
            PT_INTERP => {
                if !(2..=MAX_INTERP).contains(&p.p_filesz) {
                    return Err(Errno::ENOEXEC);
                }
                let mut name = read_exact(file, p.p_offset, p.p_filesz as usize)?;
                if name.pop() != Some(0) {
                    return Err(Errno::ENOEXEC);
                }
                self.interp = Some(name);
            }
            _ => {}
        }
        Ok(())
    }

    fn take_load(&mut self, phoff: u64, p: &ProgramHeader) -> SysResult<()> {
        let (vaddr, mem) = (p.p_vaddr as usize, p.p_memsz as usize);
        let end = vaddr.checked_add(mem).and_then(page_up).ok_or(Errno::ENOEXEC)?;
        let congruent = p.p_vaddr % PAGE_SIZE as u64 == p.p_offset % PAGE_SIZE as u64;
        let ordered = self.segments.last().is_none_or(|s| s.vaddr + s.mem_size <= vaddr);
        if p.p_filesz > p.p_memsz || (p.p_filesz > 0 && !congruent) || !ordered || end > 1 << 47 {
            return Err(Errno::ENOEXEC);
        }
        let mut prot = Prot::empty();
        for (flag, bit) in [(PF_R, Prot::READ), (PF_W, Prot::WRITE), (PF_X, Prot::EXEC)] {
            if p.p_flags & flag != 0 {
                prot |= bit;
            }
        }
        if self.phdr == 0 && (p.p_offset..p.p_offset.saturating_add(p.p_filesz)).contains(&phoff) {
            self.phdr = vaddr + (phoff - p.p_offset) as usize;
        }
        if p.p_align.is_power_of_two() && p.p_align as usize > self.align && p.p_align <= 1 << 30 {
            self.align = p.p_align as usize;
        }
        self.segments.push(Segment {
            vaddr,
            file_size: p.p_filesz as usize,
            mem_size: mem,
            offset: p.p_offset,
            prot,
        });
        Ok(())
    }

    /// First and one-past-last byte in memory, page-aligned.
    pub fn span(&self) -> (usize, usize) {
        let first = self.segments.first().map_or(0, |s| page_down(s.vaddr));
        let last = self.segments.last().map_or(0, |s| page_up(s.vaddr + s.mem_size).unwrap_or(s.vaddr));
        (first, last)
    }
}
