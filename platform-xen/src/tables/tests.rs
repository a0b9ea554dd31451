//! The walk over tables in an array, against a map.

use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

struct Memory {
    frames: Vec<[u64; ENTRIES]>,
    free: Vec<u32>,
}

impl Memory {
    fn new() -> Self {
        Self { frames: std::vec![[0; ENTRIES]], free: Vec::new() }
    }
}

impl Tables for Memory {
    fn table(&mut self, frame: u32) -> &mut [u64; ENTRIES] {
        &mut self.frames[frame as usize]
    }
    fn new_table(&mut self) -> Option<u32> {
        if let Some(frame) = self.free.pop() {
            return Some(frame);
        }
        self.frames.push([0; ENTRIES]);
        Some(self.frames.len() as u32 - 1)
    }
    fn free_table(&mut self, frame: u32) {
        assert!(self.frames[frame as usize].iter().all(|e| *e == 0));
        self.free.push(frame);
    }
}

fn addr() -> impl Strategy<Value = usize> {
    let place = prop_oneof![
        Just(0usize),
        Just(0x40_0000),
        Just(0x7fff_ffb0_0000),
        Just(0xffff_a000_0000_0000),
        Just(0xffff_b000_3fff_0000)
    ];
    (place, 0usize..1024).prop_map(|(place, page)| place + page * PAGE_SIZE)
}

proptest! {
    #[test]
    fn entries_are_a_map(
        sets in proptest::collection::vec((addr(), 1u64..1 << 20), 1..80),
        ranges in proptest::collection::vec((addr(), 0usize..3000), 0..8),
    ) {
        let mut memory = Memory::new();
        let mut map = BTreeMap::new();
        for (addr, frame) in sets {
            prop_assert!(set(&mut memory, 0, addr, to(frame as u32)));
            map.insert(addr, to(frame as u32));
        }
        for (start, pages) in ranges {
            let half = if start >> 63 == 0 { 0x8000_0000_0000 } else { usize::MAX & !(PAGE_SIZE - 1) };
            let end = (start + pages * PAGE_SIZE).min(half).max(start);
            let mut seen = Vec::new();
            walk(&mut memory, 0, start, end, true, &mut |at, entry| {
                seen.push((at, *entry));
                *entry = 0;
            });
            let want: Vec<_> = map.range(start..end).map(|(at, entry)| (*at, *entry)).collect();
            prop_assert_eq!(seen, want);
            map.retain(|at, _| *at < start || *at >= end);
        }
        for (at, entry) in &map {
            prop_assert_eq!(get(&mut memory, 0, *at), *entry);
        }
        let mut left = 0;
        walk(&mut memory, 0, 0, 0x8000_0000_0000, true, &mut |_, entry| { left += 1; *entry = 0; });
        walk(&mut memory, 0, 0xffff_8000_0000_0000, usize::MAX & !(PAGE_SIZE - 1), true, &mut |_, entry| { left += 1; *entry = 0; });
        prop_assert_eq!(left, map.len());
        prop_assert!(memory.frames[0].iter().take(255).all(|e| *e == 0));
    }
}

#[test]
fn tables_of_a_range_are_told() {
    let mut memory = Memory::new();
    let of = |memory: &mut Memory, start, end| {
        let mut frames = Vec::new();
        tables_of(memory, 0, start, end, &mut |frame| frames.push(frame));
        frames.sort_unstable();
        frames
    };
    let upper = 0xffff_a000_0000_0000;
    // Three tables for each of the first two pages, one more for a page that lies 2 MiB on.
    for addr in [0x40_0000, upper, upper + 0x20_0000] {
        assert!(set(&mut memory, 0, addr, to(9)));
    }
    assert_eq!(of(&mut memory, upper, upper + 0x40_0000), [4, 5, 6, 7]);
    assert_eq!(of(&mut memory, upper, upper + PAGE_SIZE), [4, 5, 6]);
    assert_eq!(of(&mut memory, 0, 0x80_0000), [1, 2, 3]);
    assert_eq!(of(&mut memory, upper + 0x40_0000, upper + 0x60_0000), [4, 5]);
}
