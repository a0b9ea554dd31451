//! What a Debian system has before its packages: the merged `/usr`, mount points, and the few files that Debian
//! makes only when packages are configured.

use std::path::Path;

use anyhow::Result;

use crate::Port;
use crate::tree::Tree;

const MERGED: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

const DIRECTORIES: [(&str, u32); 17] = [
    ("/", 0o755),
    ("/dev", 0o755),
    ("/etc", 0o755),
    ("/home", 0o755),
    ("/mnt", 0o755),
    ("/opt", 0o755),
    ("/proc", 0o555),
    ("/root", 0o755),
    ("/run", 0o755),
    ("/run/lock", 0o1777),
    ("/srv", 0o755),
    ("/sys", 0o555),
    ("/tmp", 0o1777),
    ("/var/cache", 0o755),
    ("/var/lib", 0o755),
    ("/var/log", 0o755),
    ("/var/tmp", 0o1777),
];

const FILES: [(&str, &str); 6] = [
    (
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\n\
         www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    ("/etc/group", "root:x:0:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n"),
    ("/etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"),
    ("/etc/hostname", "offshoot\n"),
    (
        "/etc/nsswitch.conf",
        "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n\
         protocols: files\nservices: files\n",
    ),
    ("/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n"),
];

/// Lays out an empty root, before the packages.
pub fn lay(tree: &Tree) -> Result<()> {
    for name in MERGED {
        let target = Path::new("usr").join(name);
        tree.directory(&target, 0o755)?;
        tree.symlink(Path::new(name), &target)?;
    }
    for (path, mode) in DIRECTORIES {
        tree.directory(Path::new(path), mode)?;
    }
    tree.symlink(Path::new("/var/run"), Path::new("/run"))?;
    tree.symlink(Path::new("/var/lock"), Path::new("/run/lock"))?;
    for (path, content) in FILES {
        tree.file(Path::new(path), 0o644, &mut content.as_bytes())?;
    }
    Ok(())
}

/// Adds what the port itself brings, after the packages.
pub fn add_port(tree: &Tree, port: &Port) -> Result<()> {
    // What unpacking may have reset: the shared directories' modes.
    for path in ["/tmp", "/var/tmp", "/run/lock"].into_iter().chain(port.writable.iter().map(String::as_str))
    {
        tree.directory(Path::new(path), 0o1777)?;
    }
    for path in port.directories.iter().chain([&port.workdir]) {
        if !tree.exists(path) {
            tree.directory(Path::new(path), 0o755)?;
        }
    }
    for (place, target) in &port.links {
        tree.symlink(Path::new(place), Path::new(target))?;
    }
    for (source, place) in &port.files {
        let mut file = std::fs::File::open(port.dir.join(source))?;
        let executable =
            std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions()) & 0o111 != 0;
        tree.file(Path::new(place), if executable { 0o755 } else { 0o644 }, &mut file)?;
    }
    // The C library's default shell must be there for system(3) and scripts, whichever shell the port chose.
    if !tree.exists("/bin/sh") && tree.exists("/bin/bash") {
        tree.symlink(Path::new("/usr/bin/sh"), Path::new("bash"))?;
    }
    Ok(())
}
