//! Tests of the keeping of roots: found again, superseded, pruned unless somebody uses them.

use super::*;

fn port(dir: &Path) -> Port {
    let dir = dir.join("demo");
    fs::create_dir_all(&dir).unwrap();
    let text = "name = \"demo\"\ndescription = \"\"\npackages = [\"bash\"]\ncommand = [\"/bin/bash\"]\n";
    fs::write(dir.join("port.toml"), text).unwrap();
    Port::load(&dir).unwrap()
}

#[test]
fn a_root_is_found_again_until_the_port_changes() {
    let temp = tempfile::tempdir().unwrap();
    let (cache, port) = (Cache::open(&temp.path().join("cache")).unwrap(), port(temp.path()));
    assert!(current(&port, &cache).unwrap().is_none());

    assemble(&port, &[], &cache.roots().join("demo-0123456789ab"), &Progress::silent()).unwrap();
    write_atomically(&stamp(&port, &cache), &format!("{}\ndemo-0123456789ab\n", port.digest().unwrap()))
        .unwrap();
    let root = current(&port, &cache).unwrap().unwrap();
    assert!(root.path().join("etc/passwd").is_file());

    let mut text = fs::read_to_string(port.dir.join("port.toml")).unwrap();
    text.push_str("memory = \"1g\"\n");
    fs::write(port.dir.join("port.toml"), text).unwrap();
    assert!(current(&port, &cache).unwrap().is_none());
}

#[test]
fn roots_in_use_survive() {
    let temp = tempfile::tempdir().unwrap();
    let (cache, port) = (Cache::open(&temp.path().join("cache")).unwrap(), port(temp.path()));
    let names = ["demo-aaaaaaaaaaaa", "demo-bbbbbbbbbbbb", "demo-cccccccccccc", "demo-more-aaaaaaaaaaaa"];
    names.iter().for_each(|name| fs::create_dir(cache.roots().join(name)).unwrap());
    let used = Root::open(cache.roots().join(names[0])).unwrap().unwrap();

    prune(&port, &cache, names[1]);
    let left = |name: &str| cache.roots().join(name).is_dir();
    assert_eq!(names.map(left), [true, true, false, true]);

    drop(used);
    prune(&port, &cache, names[1]);
    assert_eq!(names.map(left), [false, true, false, true]);
}

#[test]
fn a_failed_build_leaves_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let (cache, port) = (Cache::open(&temp.path().join("cache")).unwrap(), port(temp.path()));
    let path = cache.roots().join("demo-0123456789ab");
    assert!(assemble(&port, &[temp.path().join("absent.deb")], &path, &Progress::silent()).is_err());
    assert_eq!(fs::read_dir(cache.roots()).unwrap().count(), 0);
}
