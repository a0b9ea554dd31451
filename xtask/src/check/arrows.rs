//! The dependency arrows of the tree, as docs/architecture.md has them.

use cargo_metadata::Metadata;

use super::verdict;

/// Each package of the workspace and what it may use of the others.
const ARROWS: [(&str, &[&str]); 17] = [
    ("abi", &[]),
    ("protocol", &["abi"]),
    ("platform", &["abi", "protocol"]),
    ("vfs", &["abi", "protocol", "platform"]),
    ("process", &["vfs", "abi", "protocol", "platform"]),
    ("posix", &["process", "vfs", "abi", "protocol", "platform"]),
    ("platform-x86", &["abi", "protocol", "platform"]),
    ("platform-xen", &["abi", "protocol", "platform", "platform-x86"]),
    ("platform-hosted", &["abi", "protocol", "platform", "platform-x86"]),
    (
        "kernel",
        &["posix", "process", "vfs", "abi", "protocol", "platform", "platform-xen", "platform-hosted"],
    ),
    ("xenctl", &[]),
    ("monitor", &["protocol", "vfs", "abi", "xenctl"]),
    ("portkit", &[]),
    ("cli", &["monitor", "protocol", "abi", "portkit", "posix", "compat-tests"]),
    ("compat-tests", &["portkit"]),
    ("bench", &["portkit"]),
    ("xtask", &["portkit", "posix", "compat-tests"]),
];

/// Checks every dependency of a workspace member on another, of whatever kind.
pub fn check(metadata: &Metadata) -> Result<(), String> {
    let mut faults = Vec::new();
    for package in metadata.workspace_packages() {
        let name = short(&package.name);
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            faults.push(format!("{name} has no row in the table of arrows"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            let target = short(&dependency.name);
            if !allowed.contains(&target) {
                faults.push(format!("{name} must not use {target}"));
            }
        }
    }
    verdict(faults)
}

fn short(package: &str) -> &str {
    package.strip_prefix("offshoot-").unwrap_or(package)
}
