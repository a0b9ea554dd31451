//! Sets `freestanding` in the profile `kernel`: only there does this crate define what replaces the standard library
//! (start, panic handler, allocator, memory functions). See the kernel's build script.

use std::path::Path;

fn main() {
    println!("cargo:rustc-check-cfg=cfg(freestanding)");
    let out = std::env::var_os("OUT_DIR").unwrap_or_default();
    if Path::new(&out).ancestors().nth(3).and_then(Path::file_name).is_some_and(|dir| dir == "kernel") {
        println!("cargo:rustc-cfg=freestanding");
    }
}
