//! Licences of all dependencies, from the packages' own metadata.

use cargo_metadata::Metadata;

use super::verdict;

/// Licences whose terms a binary under Apache-2.0 OR MIT can meet.
const ALLOWED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Checks every package of the dependency graph.
pub fn check(metadata: &Metadata) -> Result<(), String> {
    let mut faults = Vec::new();
    for package in &metadata.packages {
        match &package.license {
            Some(expression) if is_allowed(expression) => {}
            Some(expression) => faults.push(format!("{} is under {expression}", package.name)),
            None => faults.push(format!("{} names no licence", package.name)),
        }
    }
    verdict(faults)
}

/// Whether an SPDX expression can be met with allowed licences alone. OR binds weaker than AND, which binds weaker
/// than WITH; a slash is how older packages wrote OR.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any(&tokens, &mut at);
    met && at == tokens.len()
}

fn any(tokens: &[&str], at: &mut usize) -> bool {
    let mut met = all(tokens, at);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all(tokens, at);
    }
    met
}

fn all(tokens: &[&str], at: &mut usize) -> bool {
    let mut met = one(tokens, at);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(tokens, at);
    }
    met
}

fn one(tokens: &[&str], at: &mut usize) -> bool {
    let Some(token) = tokens.get(*at) else { return false };
    *at += 1;
    if *token == "(" {
        let met = any(tokens, at);
        let closed = tokens.get(*at) == Some(&")");
        *at += 1;
        return met && closed;
    }
    if tokens.get(*at) == Some(&"WITH") {
        let exception = tokens.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return ALLOWED.contains(&format!("{token} WITH {exception}").as_str());
    }
    ALLOWED.contains(token)
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn expressions() {
        for yes in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR MIT",
        ] {
            assert!(is_allowed(yes), "{yes}");
        }
        for no in ["GPL-3.0", "MIT AND GPL-3.0", "", "(MIT", "MIT WITH odd", "MIT) OR MIT"] {
            assert!(!is_allowed(no), "{no}");
        }
    }
}
