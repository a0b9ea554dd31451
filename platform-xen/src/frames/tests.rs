//! The table against a model: a family of members, of which each frame's contents and each token are known.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Default)]
struct Map(HashMap<u32, u64>);

impl Words for Map {
    fn get(&self, frame: u32) -> u64 {
        self.0.get(&frame).copied().unwrap_or(0)
    }
    fn set(&mut self, frame: u32, word: u64) {
        self.0.insert(frame, word);
    }
    fn prepare(&mut self, _: u32) -> bool {
        true
    }
}

impl<W: Clone> Clone for FrameTable<W> {
    fn clone(&self) -> Self {
        Self { words: self.words.clone(), live: self.live.clone(), remote: self.remote.clone(), ..*self }
    }
}

/// An app's page: the frame, whether it is an ancestor's, and what it should read.
#[derive(Clone, Copy)]
struct Entry {
    frame: u32,
    remote: bool,
    cow: bool,
    value: u64,
}

struct Member {
    table: FrameTable<Map>,
    /// What each populated frame holds.
    memory: BTreeMap<u32, u64>,
    pages: BTreeMap<u32, Entry>,
    /// Page tables that are frozen whole, and the first clone that froze them.
    frozen: BTreeMap<u32, u32>,
    tokens: BTreeSet<u64>,
    alive: bool,
}

/// Pages of a page table.
const PAGES: u32 = 4;

impl Member {
    /// The entries of a page's table say for themselves what they are.
    fn open(&mut self, page: u32) {
        let Some(clone) = self.frozen.remove(&(page / PAGES)).filter(|clone| self.table.is_out(*clone))
        else {
            return;
        };
        let first = page / PAGES * PAGES;
        for (_, entry) in self.pages.range_mut(first..first + PAGES).filter(|(_, e)| !e.remote && !e.cow) {
            self.table.freeze(entry.frame, clone);
            entry.cow = true;
        }
    }
}

#[derive(Default)]
struct Family {
    members: Vec<Member>,
    /// By token: the owner, and who holds it.
    tokens: BTreeMap<u64, (usize, BTreeSet<usize>)>,
    last: u64,
}

impl Family {
    fn new() -> Self {
        let table = FrameTable::new(Map::default(), 10, 10_000);
        let first = Member {
            table,
            memory: BTreeMap::new(),
            pages: BTreeMap::new(),
            frozen: BTreeMap::new(),
            tokens: BTreeSet::new(),
            alive: true,
        };
        Self { members: std::vec![first], ..Self::default() }
    }

    fn fresh(&mut self, m: usize) -> u32 {
        let m = &mut self.members[m];
        if let Some(frame) = m.table.take_free() {
            assert!(m.memory.contains_key(&frame), "a free frame is populated");
            return frame;
        }
        let frame = m.table.take_number().unwrap();
        assert!(m.memory.insert(frame, 0).is_none(), "a bare number has no frame");
        m.table.put_free(frame);
        assert_eq!(m.table.take_free(), Some(frame));
        frame
    }

    fn drop_unwanted(&mut self, m: usize) {
        while let Some(token) = self.members[m].table.take_unwanted() {
            self.release(token, m);
        }
    }

    fn release(&mut self, token: u64, m: usize) {
        assert!(self.members[m].tokens.remove(&token), "a token is dropped once");
        let (owner, holders) = self.tokens.get_mut(&token).unwrap();
        holders.remove(&m);
        if holders.is_empty() {
            let owner = *owner;
            self.tokens.remove(&token);
            self.members[owner].table.dropped(token);
        }
    }

    /// Copies an ancestor's page, as a touch does.
    fn pull(&mut self, m: usize, page: u32) {
        self.members[m].open(page);
        let entry = self.members[m].pages[&page];
        let token = self.members[m].table.token_of(entry.frame).expect("a remote frame has a token");
        let (owner, holders) = &self.tokens[&token];
        assert!(holders.contains(&m));
        let value = self.members[*owner].memory[&entry.frame];
        assert_eq!(value, entry.value, "an ancestor's frame did not change");
        let member = &mut self.members[m];
        assert!(member.memory.insert(entry.frame, value).is_none());
        member.table.adopt(entry.frame);
        member.pages.insert(page, Entry { remote: false, ..entry });
        self.drop_unwanted(m);
    }

    fn write(&mut self, m: usize, page: u32, value: u64) {
        self.members[m].open(page);
        match self.members[m].pages.get(&page).copied() {
            None => {
                let frame = self.fresh(m);
                self.members[m].memory.insert(frame, value);
                self.members[m].pages.insert(page, Entry { frame, remote: false, cow: false, value });
            }
            Some(entry) if entry.remote => {
                self.pull(m, page);
                let member = &mut self.members[m];
                member.memory.insert(entry.frame, value);
                member.pages.insert(page, Entry { remote: false, cow: false, value, ..entry });
            }
            Some(entry) => {
                let frozen = entry.cow && self.members[m].table.is_frozen(entry.frame);
                let frame = if frozen { self.fresh(m) } else { entry.frame };
                let member = &mut self.members[m];
                member.memory.insert(frame, value);
                member.pages.insert(page, Entry { frame, remote: false, cow: false, value });
                if frozen {
                    member.table.release(entry.frame);
                }
            }
        }
    }

    fn unmap(&mut self, m: usize, page: u32) {
        self.members[m].open(page);
        let Some(entry) = self.members[m].pages.remove(&page) else { return };
        if entry.remote {
            self.members[m].table.release_remote(entry.frame);
        } else {
            self.members[m].table.release(entry.frame);
        }
        self.drop_unwanted(m);
    }

    fn fork(&mut self, m: usize) {
        let member = &mut self.members[m];
        let clone = member.table.begin_clone();
        for page in member.pages.keys() {
            member.frozen.entry(page / PAGES).or_insert(clone);
        }
        let (mut table, mut pages, mut tokens) =
            (member.table.clone(), member.pages.clone(), member.tokens.clone());
        self.last += 1;
        member.table.commit_clone(self.last);
        let child = self.members.len();
        for token in &tokens {
            self.tokens.get_mut(token).unwrap().1.insert(child);
        }
        self.tokens.insert(self.last, (m, BTreeSet::from([child])));
        tokens.insert(self.last);
        table.become_child(self.last);
        for entry in pages.values_mut() {
            (entry.remote, entry.cow) = (true, false);
            table.count_remote(entry.frame);
        }
        let (memory, frozen) = (BTreeMap::new(), BTreeMap::new());
        self.members.push(Member { table, memory, pages, frozen, tokens, alive: true });
        self.drop_unwanted(child);
    }

    fn end(&mut self, m: usize) {
        let tables: Vec<u32> = self.members[m].frozen.keys().copied().collect();
        tables.iter().for_each(|table| self.members[m].open(table * PAGES));
        let Member { table, memory, .. } = &mut self.members[m];
        if table.has_tokens_out() {
            table.unfrozen(|frame| {
                memory.remove(&frame).expect("what is given back is there");
            });
        }
        self.members[m].alive = false;
        for token in self.members[m].tokens.clone() {
            self.release(token, m);
        }
    }

    fn check(&mut self) {
        for m in 0..self.members.len() {
            if self.members[m].alive {
                let member = &self.members[m];
                for entry in member.pages.values().filter(|e| !e.remote) {
                    assert_eq!(member.memory[&entry.frame], entry.value);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn every_member_reads_what_it_should(
        steps in proptest::collection::vec((0u8..8, any::<u8>(), 0u32..12, 1u64..1000), 1..150)
    ) {
        let mut family = Family::new();
        for (what, who, page, value) in steps {
            let alive: Vec<usize> = (0..family.members.len()).filter(|m| family.members[*m].alive).collect();
            let m = alive[who as usize % alive.len()];
            match what {
                0..=2 => family.write(m, page, value),
                3 => family.unmap(m, page),
                4 if family.members[m].pages.get(&page).is_some_and(|e| e.remote) => family.pull(m, page),
                5 | 6 if alive.len() < 8 => family.fork(m),
                7 if alive.len() > 1 => family.end(m),
                _ => {}
            }
            family.check();
        }
        for m in 0..family.members.len() {
            if family.members[m].alive {
                family.end(m);
            }
        }
        prop_assert!(family.tokens.is_empty());
    }
}
