//! A program's file and those of its libraries: what the dynamic linker would load, ld.so(8).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use goblin::elf::Elf;
use goblin::elf::header::EM_X86_64;
use goblin::elf::program_header::{PF_X, PT_LOAD};
use goblin::elf::reloc::{
    R_X86_64_64, R_X86_64_GLOB_DAT, R_X86_64_IRELATIVE, R_X86_64_JUMP_SLOT, R_X86_64_RELATIVE,
};
use goblin::elf::section_header::SHF_EXECINSTR;

use super::code::{self, Blocks, Known};

/// Where Debian's dynamic linker looks when a file names no place itself.
const PLACES: [&str; 6] = [
    "/usr/local/lib/x86_64-linux-gnu",
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/local/lib",
    "/usr/lib",
];

/// One file.
pub struct Object {
    /// As the program sees it.
    path: PathBuf,
    pub blocks: Blocks,
    /// Functions that others can call.
    pub exports: BTreeMap<String, u64>,
    /// Code that runs although nobody names it: the entry, and what data refers to.
    pub roots: BTreeSet<u64>,
    needed: Vec<String>,
    places: Vec<PathBuf>,
    interpreter: Option<String>,
}

/// The program, and then its libraries in the order in which they are loaded.
pub struct Objects {
    pub all: Vec<Object>,
    /// Libraries that are not there.
    pub lost: Vec<String>,
}

impl Objects {
    /// Reads them all.
    pub fn load(program: &Path, root: Option<&Path>) -> Result<Objects> {
        let mut objects = Objects { all: vec![Object::read(program, root)?], lost: Vec::new() };
        let mut next = 0;
        while next < objects.all.len() {
            let (needed, places, interpreter) = {
                let object = &objects.all[next];
                (object.needed.clone(), object.places.clone(), object.interpreter.clone())
            };
            for name in interpreter.into_iter().chain(needed) {
                objects.add(&name, &places, root)?;
            }
            next += 1;
        }
        Ok(objects)
    }

    fn add(&mut self, name: &str, places: &[PathBuf], root: Option<&Path>) -> Result<()> {
        let file = Path::new(name).file_name();
        if self.all.iter().any(|object| object.path.file_name() == file)
            || self.lost.iter().any(|l| l == name)
        {
            return Ok(());
        }
        let candidates: Vec<PathBuf> = match name.contains('/') {
            true => vec![name.into()],
            false => {
                places.iter().cloned().chain(PLACES.map(PathBuf::from)).map(|dir| dir.join(name)).collect()
            }
        };
        match candidates.into_iter().find(|path| within(path, root).is_file()) {
            Some(path) => self.all.push(Object::read(&path, root)?),
            None => self.lost.push(name.to_owned()),
        }
        Ok(())
    }

    /// A file's name without its folder.
    pub fn name(&self, at: usize) -> String {
        let path = &self.all[at].path;
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    }

    /// The libraries.
    pub fn paths(&self) -> Vec<&Path> {
        self.all.iter().skip(1).map(|object| object.path.as_path()).collect()
    }
}

fn within(path: &Path, root: Option<&Path>) -> PathBuf {
    root.map_or_else(|| path.to_owned(), |root| root.join(path.strip_prefix("/").unwrap_or(path)))
}

impl Object {
    fn read(path: &Path, root: Option<&Path>) -> Result<Object> {
        let bytes =
            fs::read(within(path, root)).with_context(|| format!("cannot read {}", path.display()))?;
        if let Some(line) = bytes.strip_prefix(b"#!") {
            let line =
                String::from_utf8_lossy(line.split(|b| *b == b'\n').next().unwrap_or_default()).into_owned();
            bail!("{} is a script; check its interpreter instead: {}", path.display(), line.trim());
        }
        if !bytes.starts_with(b"\x7fELF") {
            bail!("{} is not an ELF file", path.display());
        }
        let elf = Elf::parse(&bytes).with_context(|| format!("{} is a damaged ELF file", path.display()))?;
        if elf.header.e_machine != EM_X86_64 || !elf.is_64 {
            bail!("{} is not for x86-64", path.display());
        }
        let known = known(&elf, &bytes);
        let mut roots: BTreeSet<u64> = known.starts.clone();
        let exports = functions(&elf);
        // A function that is only exported runs when somebody names it.
        let entry = elf.entry;
        roots.retain(|at| *at == entry || !exports.values().any(|address| address == at));
        roots.extend(referred(&elf));
        let origin = path.parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned();
        let places = elf
            .runpaths
            .iter()
            .chain(&elf.rpaths)
            .flat_map(|list| list.split(':'))
            .map(|dir| PathBuf::from(dir.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin)))
            .collect();
        Ok(Object {
            path: path.to_owned(),
            blocks: code::read(&known),
            exports,
            roots,
            needed: elf.libraries.iter().map(|name| (*name).to_owned()).collect(),
            places,
            interpreter: elf.interpreter.map(str::to_owned),
        })
    }
}

/// Exported functions, also those that are chosen when they are bound.
fn functions(elf: &Elf<'_>) -> BTreeMap<String, u64> {
    elf.dynsyms
        .iter()
        .filter(|symbol| symbol.st_value != 0 && symbol.st_shndx != 0)
        .filter_map(|symbol| Some((elf.dynstrtab.get_at(symbol.st_name)?.to_owned(), symbol.st_value)))
        .collect()
}

/// Addresses that data holds once the file is loaded.
fn referred(elf: &Elf<'_>) -> impl Iterator<Item = u64> {
    let relative = |kind| [R_X86_64_RELATIVE, R_X86_64_IRELATIVE].contains(&kind);
    let held = |r: goblin::elf::Reloc| relative(r.r_type).then(|| r.r_addend.unwrap_or(0) as u64);
    elf.dynrelas.iter().chain(elf.pltrelocs.iter()).filter_map(held).collect::<Vec<_>>().into_iter()
}

fn known(elf: &Elf<'_>, bytes: &[u8]) -> Known {
    let part = |offset: u64, size: u64, at: u64| {
        let bytes = bytes.get(offset as usize..(offset.checked_add(size)?) as usize)?;
        Some((at, bytes.to_vec()))
    };
    let mut known = Known::default();
    for s in elf.section_headers.iter().filter(|s| s.sh_flags & u64::from(SHF_EXECINSTR) != 0) {
        known.parts.extend(part(s.sh_offset, s.sh_size, s.sh_addr));
    }
    if known.parts.is_empty() {
        for p in elf.program_headers.iter().filter(|p| p.p_type == PT_LOAD && p.p_flags & PF_X != 0) {
            known.parts.extend(part(p.p_offset, p.p_filesz, p.p_vaddr));
        }
    }
    known.starts.insert(elf.entry);
    known.starts.extend(functions(elf).into_values());
    known.starts.extend(elf.syms.iter().filter(|s| s.is_function() && s.st_value != 0).map(|s| s.st_value));
    known.starts.extend(referred(elf));
    for r in elf.dynrelas.iter().chain(elf.pltrelocs.iter()) {
        let bound = [R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT, R_X86_64_64].contains(&r.r_type);
        let symbol = elf.dynsyms.get(r.r_sym).filter(|symbol| bound && symbol.st_shndx == 0);
        if let Some(name) = symbol.and_then(|symbol| elf.dynstrtab.get_at(symbol.st_name)) {
            known.slots.insert(r.r_offset, name.to_owned());
        }
    }
    known
}
