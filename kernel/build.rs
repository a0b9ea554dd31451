//! Links the member's kernel as a static executable at a fixed place (for Xen: by the script `xen.ld`), without the C library's start files. Only in the
//! profile `kernel`: elsewhere (`cargo check --workspace`, tests) other packages' features would bring the standard
//! library in, and the binaries are checked as programs that do nothing.

use std::path::Path;

fn main() {
    println!("cargo:rustc-check-cfg=cfg(freestanding)");
    if !kernel_profile() {
        return;
    }
    println!("cargo:rustc-cfg=freestanding");
    let hosted = ["-Wl,--image-base=0x70000000"].map(String::from);
    let script = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("xen.ld");
    println!("cargo:rerun-if-changed={}", script.display());
    let xen =
        [format!("-Wl,-T,{}", script.display()), "-Wl,-z,max-page-size=4096".into(), "-Wl,-z,norelro".into()];
    let common =
        ["-nostartfiles", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"].map(String::from);
    let bins: [(&str, &[String]); 4] = [
        ("offshoot-kernel-hosted", &hosted),
        ("offshoot-kernel-selftest", &hosted),
        ("offshoot-kernel-xen", &xen),
        ("offshoot-kernel-hostile", &xen),
    ];
    for (bin, own) in bins {
        for arg in common.iter().chain(own) {
            println!("cargo:rustc-link-arg-bin={bin}={arg}");
        }
    }
}

/// The profile's directory is the third above OUT_DIR: `kernel/build/PACKAGE-HASH/out`.
fn kernel_profile() -> bool {
    let out = std::env::var_os("OUT_DIR").unwrap_or_default();
    Path::new(&out).ancestors().nth(3).and_then(Path::file_name).is_some_and(|dir| dir == "kernel")
}
