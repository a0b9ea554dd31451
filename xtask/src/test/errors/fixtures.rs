//! The wrong files that the wrong calls name.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;
use crate::test::bed::Bed;

/// Folders full of wrong files.
pub struct Fixtures {
    /// The folder of them all.
    pub dir: PathBuf,
    /// A root whose programs cannot run.
    pub root: PathBuf,
    /// Ports whose `port.toml` is wrong.
    pub ports: PathBuf,
    /// A root that only its owner, who is root, may look into.
    pub closed: PathBuf,
    /// An empty folder for a full file system.
    pub full: PathBuf,
    /// Where the command keeps what must be gone at its end.
    pub runtime: PathBuf,
}

const MACHINE: usize = 18;
const AARCH64: u8 = 183;
const CLASS: usize = 4;
const CLASS_32: u8 = 1;
const INTERPRETER: &[u8] = b"/lib64/ld-linux-x86-64.so.2";
const LOST: &[u8] = b"/lib64/no-linux-x86-64.so.2";

impl Fixtures {
    /// Makes them all.
    pub fn make(bed: &Bed) -> Result<Fixtures> {
        let dir = bed.folder("errors")?;
        let [root, ports, closed, full, runtime] =
            ["root", "ports", "closed", "full", "runtime"].map(|name| bed.folder(&format!("errors/{name}")));
        let fixtures =
            Fixtures { dir, root: root?, ports: ports?, closed: closed?, full: full?, runtime: runtime? };
        fixtures.fill_root()?;
        for (name, content) in [("wrong", WRONG_KEY), ("broken", "name = \n")] {
            let port = fixtures.ports.join(name);
            fs::create_dir_all(&port)?;
            fs::write(port.join("port.toml"), content)?;
        }
        fs::set_permissions(&fixtures.runtime, Permissions::from_mode(0o700))?;
        // Given back to ourselves and closed: the ordinary user owns the rest.
        std::os::unix::fs::chown(&fixtures.closed, Some(rustix::process::geteuid().as_raw()), None)?;
        fs::set_permissions(&fixtures.closed, Permissions::from_mode(0o000))?;
        Ok(fixtures)
    }

    fn fill_root(&self) -> Result<()> {
        let program = compiled(&self.dir.join("program"))?;
        let patched = |at: usize, byte: u8| {
            let mut copy = program.clone();
            copy[at] = byte;
            copy
        };
        let Some(at) = program.windows(INTERPRETER.len()).position(|window| window == INTERPRETER) else {
            bail!("the C compiler makes no dynamic programs here");
        };
        let mut lost = program.clone();
        lost[at..at + LOST.len()].copy_from_slice(LOST);
        for (name, content) in [
            ("text", b"just a text\n".to_vec()),
            ("empty", Vec::new()),
            ("aarch64", patched(MACHINE, AARCH64)),
            ("i386", patched(CLASS, CLASS_32)),
            ("truncated", program[..100].to_vec()),
            ("header", program[..64].to_vec()),
            ("plain", program.clone()),
            ("lost", lost),
            ("lost-script", b"#!/no/such/interpreter\n".to_vec()),
            ("unreadable", program.clone()),
        ] {
            let path = self.root.join(name);
            fs::write(&path, content)?;
            let mode = match name {
                "plain" => 0o644,
                "unreadable" => 0o000,
                _ => 0o755,
            };
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
        }
        fs::create_dir_all(self.root.join("dir")).context("cannot make a folder")
    }
}

const WRONG_KEY: &str = "name = \"wrong\"\ndescription = \"\"\npackages = [\"bash\"]\ncommand = [\"/bin/bash\"]\n\
                         memroy = \"1g\"\n";

/// A small dynamic program.
fn compiled(path: &PathBuf) -> Result<Vec<u8>> {
    let source = path.with_extension("c");
    fs::write(&source, "int main(void) { return 0; }\n")?;
    shell::run(Command::new("gcc").arg("-o").arg(path).arg(&source))?;
    fs::read(path).context("cannot read the compiled program")
}
