//! What every lab boots: the hypervisor, dom0's kernel, and its initial file system, made from Debian's packages as they
//! are. Nothing is installed; the files are kept in the cache until the packages or this program change.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use portkit::{Cache, Port, Progress, open_root};

use super::cpio::Archive;
use crate::repo::Repo;

/// Counts up when the files are made differently.
const LAYOUT: u32 = 5;
const INIT: &str = include_str!("../../lab/init");
const AGENT: &str = include_str!("../../lab/agent");

/// dom0's modules, in the order in which they are loaded.
const MODULES: [&str; 17] = [
    "drivers/xen/xen-evtchn",
    "drivers/xen/xen-privcmd",
    "drivers/xen/xen-gntdev",
    "drivers/xen/xen-gntalloc",
    "drivers/xen/xenfs/xenfs",
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci",
    "net/core/failover",
    "drivers/net/net_failover",
    "drivers/net/virtio_net",
    "fs/netfs/netfs",
    "fs/fscache/fscache",
    "net/9p/9pnet",
    "net/9p/9pnet_virtio",
];
/// The last one, which needs those before it.
const LAST_MODULE: &str = "fs/9p/9p";

/// Xen's tools in dom0.
const TOOLS: [&str; 12] = [
    "xl",
    "xenstored",
    "xenconsoled",
    "xenconsole",
    "xen-init-dom0",
    "xen-hvmctx",
    "xenctx",
    "lsevtchn",
    "xentop",
    "xentrace",
    "xentrace_setsize",
    "libxl-save-helper",
];
const TOOLS_DIR: &str = "usr/lib/xen-4.17/bin";
const STORE_TOOLS: [&str; 6] =
    ["xenstore", "xenstore-read", "xenstore-write", "xenstore-list", "xenstore-ls", "xenstore-rm"];
/// Where the shared libraries lie.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// The files that QEMU boots.
pub struct Base {
    /// The hypervisor, an ELF file.
    pub xen: PathBuf,
    /// dom0's kernel, unpacked: that saves seconds of emulation.
    pub kernel: PathBuf,
    /// Its initial file system.
    pub initramfs: PathBuf,
}

impl Base {
    /// The files, made first if need be.
    pub fn open(repo: &Repo, cache: &Cache, progress: &Progress) -> Result<Base> {
        let port = Port::load(&repo.root.join("xtask/lab"))?;
        let root = open_root(&port, cache, progress)?;
        let key = format!("{}-{LAYOUT}-{:x}", root_name(root.path()), digest(&[INIT, AGENT]));
        let dir = cache.dir().join("labs-base").join(key);
        let base =
            Base { xen: dir.join("xen"), kernel: dir.join("vmlinux"), initramfs: dir.join("initramfs") };
        if !base.initramfs.is_file() {
            let step = progress.step("Making", "the lab's dom0");
            fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
            let root = root.path();
            let xen = read(&find(&root.join("boot"), "xen-4", ".gz")?)?;
            let mut gunzip = Command::new(root.join("bin/busybox"));
            gunzip.args(["gunzip", "-c"]);
            write(&base.xen, &decompress(gunzip, &xen)?)?;
            let kernel = read(&find(&root.join("boot"), "vmlinuz-", "")?)?;
            let mut unxz = with_loader(root);
            unxz.arg(root.join("usr/bin/xz")).arg("-dc");
            write(&base.kernel, &decompress(unxz, payload(&kernel)?)?)?;
            write(&base.initramfs, &initramfs(root)?)?;
            step.done("Made", "the lab's dom0");
        }
        Ok(base)
    }
}

fn root_name(root: &Path) -> String {
    root.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A digest that only has to differ when the texts do (FNV-1a).
pub fn digest(texts: &[&str]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file that is whole or not there.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    fs::write(&fresh, content)
        .and_then(|()| fs::rename(&fresh, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The file of a folder whose name begins and ends so.
fn find(dir: &Path, begin: &str, end: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut names: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    names.retain(|path| {
        let name = root_name(path);
        name.starts_with(begin) && name.ends_with(end) && path.is_file()
    });
    names.sort();
    names.pop().with_context(|| format!("there is no {begin}*{end} in {}", dir.display()))
}

/// The compressed kernel in a bzImage (Documentation/x86/boot.rst: payload_offset and payload_length), without the
/// length that follows it.
fn payload(image: &[u8]) -> Result<&[u8]> {
    let word = |at: usize| {
        let bytes = image.get(at..at + 4).context("dom0's kernel is too short")?;
        Ok::<usize, anyhow::Error>(u32::from_le_bytes(bytes.try_into()?) as usize)
    };
    let sectors = usize::from(*image.get(0x1f1).context("dom0's kernel is too short")?);
    let start = (sectors + 1) * 512 + word(0x248)?;
    let len = word(0x24c)?;
    image.get(start..start + len - 4).context("dom0's kernel has no payload")
}

/// Decompresses with the packages' own programs.
fn decompress(mut command: Command, content: &[u8]) -> Result<Vec<u8>> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().context("cannot run a program of the lab's packages")?;
    let mut input = child.stdin.take().context("no pipe")?;
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(content));
        child.wait_with_output()
    })?;
    if !output.status.success() || output.stdout.is_empty() {
        bail!("a part of the lab cannot be decompressed");
    }
    Ok(output.stdout)
}

fn initramfs(root: &Path) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    let dirs = "dev proc sys run tmp root lab modules etc etc/xen usr usr/bin usr/sbin usr/lib usr/lib/xen-4.17 \
                usr/lib/xen-4.17/bin usr/lib/x86_64-linux-gnu var var/lib var/lib/xen var/log var/log/xen";
    dirs.split_whitespace().for_each(|dir| archive.directory(dir));
    for (link, target) in [
        ("bin", "usr/bin"),
        ("sbin", "usr/sbin"),
        ("lib", "usr/lib"),
        ("lib64", "usr/lib64"),
        ("var/run", "/run"),
        ("var/lock", "/run/lock"),
    ] {
        archive.link(link, target);
    }
    archive.directory("usr/lib64");
    archive.file("init", 0o755, INIT.as_bytes());
    archive.file("agent", 0o755, AGENT.as_bytes());
    archive.file("etc/xen/xl.conf", 0o644, b"autoballoon=\"off\"\n");
    // What programs of any Debian may read, and the differential cases do.
    ["usr/include", "usr/include/linux", "etc/skel"].iter().for_each(|dir| archive.directory(dir));
    archive.file("usr/include/linux/xen.h", 0o644, b"/* none */\n");
    archive.file("etc/skel/.profile", 0o644, b"# none\n");
    archive.file("etc/services", 0o644, b"http\t\t80/tcp\t\twww\n");
    archive.file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n");
    archive.file("etc/group", 0o644, b"root:x:0:\nnogroup:x:65534:\n");

    let busybox = root.join("bin/busybox");
    archive.file("usr/bin/busybox", 0o755, &read(&busybox)?);
    let list = Command::new(&busybox).arg("--list").output().context("cannot run busybox")?;
    for applet in String::from_utf8_lossy(&list.stdout).lines().filter(|name| *name != "busybox") {
        archive.link(&format!("usr/bin/{applet}"), "busybox");
    }
    modules(root, &mut archive)?;

    let mut libraries = BTreeSet::from([PathBuf::from("libgcc_s.so.1")]);
    let tools = TOOLS.map(|tool| format!("{TOOLS_DIR}/{tool}"));
    let more = ["usr/bin/bash".to_owned()];
    for path in tools.into_iter().chain(more).chain(STORE_TOOLS.map(|tool| format!("usr/bin/{tool}"))) {
        let file = root.join(&path);
        archive.file(&path, 0o755, &read(&file)?);
        libraries.extend(needed(root, &file)?);
    }
    for library in libraries {
        let name = library.to_string_lossy().into_owned();
        let place = format!("{LIBRARIES}/{name}");
        archive.file(&place, 0o755, &read(&root.join(&place))?);
    }
    archive.file("usr/lib64/ld-linux-x86-64.so.2", 0o755, &read(&loader(root))?);
    Ok(archive.finish())
}

fn modules(root: &Path, archive: &mut Archive) -> Result<()> {
    let lib = root.join("lib/modules");
    let version = fs::read_dir(&lib).with_context(|| format!("cannot read {}", lib.display()))?;
    let version = version.flatten().next().context("the kernel's package has no modules")?.path();
    let mut order = String::new();
    for module in MODULES.into_iter().chain([LAST_MODULE]) {
        let name = module.rsplit('/').next().unwrap_or(module);
        archive.file(
            &format!("modules/{name}.ko"),
            0o644,
            &read(&version.join("kernel").join(format!("{module}.ko")))?,
        );
        order.push_str(name);
        order.push('\n');
    }
    archive.file("modules/order", 0o644, order.as_bytes());
    Ok(())
}

/// The dynamic loader; its name in lib64 is an absolute link, which would lead to the host's.
fn loader(root: &Path) -> PathBuf {
    root.join(LIBRARIES).join("ld-linux-x86-64.so.2")
}

/// A call of the loader, which takes libraries from the packages alone.
fn with_loader(root: &Path) -> Command {
    let mut command = Command::new(loader(root));
    command.args(["--inhibit-cache", "--library-path"]).arg(root.join(LIBRARIES));
    command
}

/// The shared libraries that a program needs, as the packages' own loader finds them.
fn needed(root: &Path, program: &Path) -> Result<Vec<PathBuf>> {
    let mut command = with_loader(root);
    command.arg("--list").arg(program);
    let output = command.output().context("cannot run the packages' loader")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if let Some(line) = text.lines().find(|line| line.contains("not found")) {
        bail!("{}: {}", program.display(), line.trim());
    }
    let names = text.lines().filter_map(|line| line.split_once(" => ")).map(|(name, _)| name.trim());
    // The loader itself goes by its path.
    Ok(names.filter(|name| !name.contains('/')).map(PathBuf::from).collect())
}
