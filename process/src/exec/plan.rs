//! Everything about an exec that can fail without harm: opening the program, its script interpreters and its ELF
//! interpreter, and reading their headers. After a plan is made there is no way back.

use abi::errno::{Errno, SysResult};
use abi::fs::S_ISGID;
use abi::fs::S_ISUID;
use alloc::sync::Arc;
use alloc::vec::Vec;
use vfs::host::Host;

use super::elf::{Elf, ImageFile};
use super::program::{self, ProgramFile};
use super::{script, stack};
use crate::mm::MappedFile;

/// Scripts that may name scripts as interpreters (BINPRM's limit).
const MAX_SCRIPTS: usize = 5;

/// A checked exec.
pub struct Plan {
    /// Stays open as long as the program runs.
    pub(super) file: Arc<ProgramFile>,
    pub(super) elf: Elf,
    /// Held from here on: exec may close the descriptor that the program was given by.
    pub(super) pages: MappedFile,
    pub(super) interp: Option<(MappedFile, Elf)>,
    /// The file that was asked for is a script.
    script: bool,
    /// The path that was asked for (AT_EXECFN).
    pub(super) path: Vec<u8>,
    pub(super) argv: Vec<Vec<u8>>,
    /// As the caller gave them, for a fresh member that makes the plan again.
    pub(super) given_argv: Vec<Vec<u8>>,
    pub(super) envp: Vec<Vec<u8>>,
}

impl Plan {
    /// Checks that `file` (called `path`) can be run with these arguments. `closing`: the path leads through a descriptor
    /// that exec closes, so that a script's interpreter would not find it (ENOENT).
    pub fn make(
        host: &'static Host,
        mut file: ProgramFile,
        path: &[u8],
        mut argv: Vec<Vec<u8>>,
        envp: Vec<Vec<u8>>,
        stack_limit: u64,
        closing: bool,
    ) -> SysResult<Self> {
        if argv.is_empty() {
            argv.push(Vec::new());
        }
        stack::check_size(&argv, &envp, stack_limit)?;
        let given_argv = argv.clone();
        let mut scripts = 0;
        let mut name = path.to_vec();
        loop {
            let mut head = [0u8; script::HEAD];
            let n = file.read_at(0, &mut head)?;
            if !head[..n].starts_with(b"#!") {
                break;
            }
            scripts += 1;
            if scripts > MAX_SCRIPTS {
                return Err(Errno::ELOOP);
            }
            let (interp, arg) = script::parse(&head[..n]).ok_or(Errno::ENOEXEC)?;
            if closing {
                return Err(Errno::ENOENT);
            }
            argv.remove(0);
            argv.insert(0, name);
            if let Some(arg) = arg {
                argv.insert(0, arg);
            }
            argv.insert(0, interp.clone());
            file = program::open(host, &interp)?;
            name = interp;
        }
        stack::check_size(&argv, &envp, stack_limit)?;
        let elf = Elf::read(&file)?;
        let interp = match &elf.interp {
            Some(interp) => {
                let f = program::open(host, interp)?;
                let e = Elf::read(&f).map_err(|_| Errno::ELIBBAD)?;
                Some((f.pages()?, e))
            }
            None => None,
        };
        let pages = file.pages()?;
        Ok(Self {
            file: Arc::new(file),
            elf,
            pages,
            interp,
            script: scripts > 0,
            path: path.to_vec(),
            argv,
            given_argv,
            envp,
        })
    }

    /// The file that a fresh member must be given, because the path does not lead to it there: a name under /dev/fd of a
    /// descriptor that exec may close.
    pub(super) fn file_elsewhere(&self) -> Option<Arc<ProgramFile>> {
        let by_descriptor = self.path.starts_with(b"/dev/fd/") || self.path.starts_with(b"/proc/self/");
        // A script's descriptor stays open, or there would be no plan.
        (by_descriptor && !self.script).then(|| self.file.clone())
    }

    /// True when the file has a set-user-ID or set-group-ID bit (AT_SECURE and credentials are the caller's matter).
    pub fn set_id_bits(&self) -> u32 {
        self.file.mode() & (S_ISUID | S_ISGID)
    }
}
