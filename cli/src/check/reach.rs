//! Which code can run: everything of the program itself, and of the libraries what that, directly or not, refers to.

use std::collections::{BTreeMap, BTreeSet};

use super::object::Objects;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Numbers of system calls, and the files that make them.
    pub calls: BTreeMap<u32, Vec<usize>>,
    /// Files with calls whose number is computed, and how many.
    pub computed: BTreeMap<usize, usize>,
}

/// Follows all references.
pub fn reach(objects: &Objects) -> Found {
    let mut exports: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for (at, object) in objects.all.iter().enumerate() {
        for (name, address) in &object.exports {
            exports.entry(name).or_insert((at, *address));
        }
    }
    let mut waiting: Vec<(usize, u64)> = Vec::new();
    for (at, object) in objects.all.iter().enumerate() {
        match at {
            0 => waiting.extend(object.blocks.keys().map(|address| (0, *address))),
            _ => waiting.extend(object.roots.iter().map(|address| (at, *address))),
        }
    }
    let mut seen: BTreeSet<(usize, u64)> = BTreeSet::new();
    let mut found = Found::default();
    while let Some((at, address)) = waiting.pop() {
        let Some((start, block)) = objects.all[at].blocks.range(..=address).next_back() else { continue };
        if !seen.insert((at, *start)) {
            continue;
        }
        for nr in &block.calls {
            let makers = found.calls.entry(*nr).or_default();
            if !makers.contains(&at) {
                makers.push(at);
            }
        }
        if block.computed > 0 {
            *found.computed.entry(at).or_default() += block.computed;
        }
        waiting.extend(block.refs.iter().map(|to| (at, *to)));
        waiting.extend(block.imports.iter().filter_map(|name| exports.get(name.as_str()).copied()));
        if block.falls {
            let next = objects.all[at].blocks.range(start + 1..).next();
            waiting.extend(next.map(|(next, _)| (at, *next)));
        }
    }
    found.calls.values_mut().for_each(|makers| makers.sort_unstable());
    found
}
