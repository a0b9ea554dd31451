//! The guest to compare with: Debian's own kernel, the one that dom0 has, as a PVH domain that `xl` starts, with nothing in
//! its initial file system but the program that measures. What it prints comes back through Xen's console.

use std::fs;

use anyhow::{Context, Result, bail};

use super::{PROGRAM, run_in_dom0};
use crate::lab::Lab;
use crate::lab::base::Base;
use crate::lab::cpio::Archive;
use crate::lab::place::Place;

/// The domain's name, and that of its console's log.
const NAME: &str = "linux-guest";
/// Its memory, in MiB: as much as a member may have.
const MEMORY: u32 = 256;

/// Where dom0 sees what the guest boots.
const DIR: &str = "guest";

/// Makes the guest's initial file system and its settings for `xl`.
pub fn prepare(place: &Place, base: &Base) -> Result<()> {
    let dir = place.share().join(DIR);
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let program = fs::read(place.binaries().join(PROGRAM)).context("the program that measures is missing")?;
    let mut archive = Archive::default();
    archive.directory("dev");
    archive.file("init", 0o755, &program);
    write(place, "initramfs", &archive.finish())?;
    // RDTSC is not to trap, as in members: the guest's clock costs what it costs elsewhere.
    let common = format!(
        "type = \"pvh\"\nmemory = {MEMORY}\nvcpus = 1\ntsc_mode = \"native\"\non_poweroff = \"destroy\"\n\
         on_crash = \"destroy\"\nkernel = \"{}\"\n",
        base.kernel.display()
    );
    let measuring = format!("{common}name = \"{NAME}\"\nramdisk = \"/lab/{DIR}/initramfs\"\n");
    write(place, "guest.cfg", measuring.as_bytes())?;
    // It is built, and never runs; whoever starts it names a kernel.
    let empty = "type = \"pvh\"\nname = \"empty\"\nmemory = 64\nvcpus = 1\n";
    write(place, "empty.cfg", empty.as_bytes())
}

fn write(place: &Place, name: &str, content: &[u8]) -> Result<()> {
    let path = place.share().join(DIR).join(name);
    fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Runs the program in a fresh guest; what it printed.
pub fn measure(lab: &Lab, words: &str) -> Result<String> {
    let log = format!("/var/log/xen/console/guest-{NAME}.log");
    let line = format!(
        "rm -f {log}; xl create -q /lab/{DIR}/guest.cfg 'extra=\"console=hvc0 quiet rdinit=/init -- guest {words}\"' || exit 1\n\
         while xl domid {NAME} >/dev/null 2>&1; do usleep 200000; done; tr -d '\\r' <{log}"
    );
    let printed = run_in_dom0(lab, &line)?;
    if !printed.lines().any(|line| line == "over") {
        bail!("the Linux guest did not finish; its console says:\n{printed}");
    }
    Ok(printed)
}
