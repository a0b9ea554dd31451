//! Tests of reading `port.toml`: good ones, and the one clear line that a bad one gets.

use super::*;

const GOOD: &str = r#"
name = "demo"
description = "a demo"
packages = ["bash", "libstdc++6"]
command = ["/bin/bash", "-c", "true"]
memory = "64m"
ports = ["8080:80"]
writable = ["/var/log/demo"]

[env]
PATH = "/usr/bin"

[links]
"/usr/bin/awk" = "mawk"
"#;

fn load(text: &str) -> Result<Port> {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("demo");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("port.toml"), text).unwrap();
    Port::load(&dir)
}

fn fault(text: &str) -> String {
    let line = format!("{:#}", load(text).unwrap_err());
    assert!(!line.contains('\n'), "{line}");
    line
}

#[test]
fn reads_all_keys() {
    let port = load(GOOD).unwrap();
    assert_eq!(port.packages, ["bash", "libstdc++6"]);
    assert_eq!(port.memory, Some(64 << 20));
    assert_eq!(port.ports, ["8080:80".parse::<Publish>().unwrap()]);
    assert_eq!(port.workdir, "/");
    assert_eq!(port.links["/usr/bin/awk"], "mawk");
    assert_eq!(port.smoke_test(), None);
}

#[test]
fn names_the_wrong_key_its_line_and_the_allowed_ones() {
    let line = fault(&GOOD.replace("memory", "memroy"));
    assert!(line.contains("demo/port.toml:6: unknown key `memroy`, the allowed keys are `name`"), "{line}");
    assert!(line.contains("`smoke`"), "{line}");
}

#[test]
fn names_a_missing_key() {
    assert!(fault(&GOOD.replace("command", "#")).contains("missing key `command`"));
}

#[test]
fn refuses_wrong_values() {
    for (from, to, want) in [
        ("name = \"demo\"", "name = \"other\"", "the folder's name"),
        ("\"bash\"", "\"Bash!\"", "Debian packages by name"),
        ("\"64m\"", "\"64x\"", "`64x` is not a size"),
        ("\"8080:80\"", "\"8080:x\"", "\"x\" is not a port number"),
        ("/var/log/demo", "../log", "`writable`: `../log` is not an absolute guest path"),
        ("\"/bin/bash\"", "\"bash\"", "the program's absolute path"),
        (
            "[links]",
            "[files]\n\"../secret\" = \"/x\"\n[links]",
            "`../secret` is not a file of the port's folder",
        ),
    ] {
        let line = fault(&GOOD.replace(from, to));
        assert!(line.contains(want) && line.contains("port.toml"), "{line}");
    }
}

#[test]
fn refuses_what_is_not_toml() {
    assert!(fault("name = ").contains("port.toml:1: "));
}
