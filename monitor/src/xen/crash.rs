//! Crash reports of members' kernels, with names for addresses.

use std::path::Path;

use goblin::elf::Elf;
use xenctl::registers::Registers;

/// Longest distance from a symbol's beginning at which its name still says something.
const FAR: u64 = 1 << 20;

/// A report with a function's name behind each address of the kernel's image that it mentions.
pub fn symbolised(kernel: &Path, report: &[u8]) -> String {
    let text = String::from_utf8_lossy(report);
    let Some(names) = Names::of(kernel) else { return text.into_owned() };
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find("0x") {
        let digits = rest[at + 2..].bytes().take_while(u8::is_ascii_hexdigit).count();
        let (before, from) = rest.split_at(at + 2 + digits);
        out.push_str(before);
        if let Some(name) = u64::from_str_radix(&before[at + 2..], 16).ok().and_then(|a| names.find(a)) {
            out.push_str(&format!(" ({name})"));
        }
        rest = from;
    }
    out.push_str(rest);
    out
}

struct Names(Vec<(u64, String)>);

impl Names {
    fn of(kernel: &Path) -> Option<Self> {
        let bytes = std::fs::read(kernel).ok()?;
        let elf = Elf::parse(&bytes).ok()?;
        let functions = elf.syms.iter().filter(|s| s.is_function() && s.st_value != 0);
        let mut names: Vec<(u64, String)> = functions
            .filter_map(|s| {
                Some((s.st_value, rustc_demangle::demangle(elf.strtab.get_at(s.st_name)?).to_string()))
            })
            .collect();
        names.sort();
        Some(Self(names))
    }

    fn find(&self, address: u64) -> Option<String> {
        let after = self.0.partition_point(|(start, _)| *start <= address);
        let (start, name) = &self.0[after.checked_sub(1)?];
        (address - start < FAR).then(|| format!("{name:#}+{:#x}", address - start))
    }
}

/// What the registers of a vCPU that stopped tell.
pub fn of_registers(r: &Registers) -> String {
    format!(
        "the CPU gave up (triple fault?): rip {:#x} rsp {:#x} cr2 {:#x} cr3 {:#x} rflags {:#x}",
        r.rip,
        r.rsp(),
        r.cr2,
        r.cr3,
        r.rflags
    )
}
