//! Links the member's kernel as a static executable at a fixed place, without the C library's start files. Only in the
//! profile `kernel`: elsewhere (`cargo check --workspace`, tests) other packages' features would bring the standard
//! library in, and the binaries are checked as programs that do nothing.

use std::path::Path;

fn main() {
    println!("cargo:rustc-check-cfg=cfg(freestanding)");
    if !kernel_profile() {
        return;
    }
    println!("cargo:rustc-cfg=freestanding");
    let args = [
        "-nostartfiles",
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--image-base=0x70000000",
        "-Wl,--build-id=none",
    ];
    for arg in args {
        println!("cargo:rustc-link-arg-bins={arg}");
    }
}

/// The profile's directory is the third above OUT_DIR: `kernel/build/PACKAGE-HASH/out`.
fn kernel_profile() -> bool {
    let out = std::env::var_os("OUT_DIR").unwrap_or_default();
    Path::new(&out).ancestors().nth(3).and_then(Path::file_name).is_some_and(|dir| dir == "kernel")
}
