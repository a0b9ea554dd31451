//! The set of mappings against a model that keeps one entry per page.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use abi::mm::PAGE_SIZE;
use platform::Prot;
use proptest::prelude::*;

use crate::mempolicy::Policy;

use super::vma::{OnFork, Source, Vma, VmaSet};

const PAGES: usize = 64;

#[derive(Clone, Debug)]
enum Step {
    Map { at: usize, len: usize, prot: u32, named: bool },
    Unmap { at: usize, len: usize },
    Protect { at: usize, len: usize, prot: u32 },
}

fn step() -> impl Strategy<Value = Step> {
    let range = (0..PAGES, 1..PAGES / 4);
    prop_oneof![
        (range.clone(), 0..8u32, any::<bool>()).prop_map(|((at, len), prot, named)| Step::Map {
            at,
            len,
            prot,
            named
        }),
        range.clone().prop_map(|(at, len)| Step::Unmap { at, len }),
        (range, 0..8u32).prop_map(|((at, len), prot)| Step::Protect { at, len, prot }),
    ]
}

fn vma(end: usize, prot: u32, named: bool) -> Vma {
    Vma {
        end,
        prot: Prot::from_bits_truncate(prot),
        max_prot: Prot::all(),
        shared: false,
        on_fork: OnFork::Keep,
        locked: false,
        policy: Policy::default(),
        source: Source::Anon(if named { "[heap]" } else { "" }),
    }
}

type Model = BTreeMap<usize, (u32, bool)>;

fn apply(set: &mut VmaSet, model: &mut Model, s: &Step) {
    match *s {
        Step::Map { at, len, prot, named } => {
            set.insert(at * PAGE_SIZE, vma((at + len) * PAGE_SIZE, prot, named));
            model.extend((at..at + len).map(|p| (p, (prot, named))));
        }
        Step::Unmap { at, len } => {
            set.remove(at * PAGE_SIZE, (at + len) * PAGE_SIZE);
            model.retain(|p, _| !(at..at + len).contains(p));
        }
        Step::Protect { at, len, prot } => {
            set.protect(at * PAGE_SIZE, (at + len) * PAGE_SIZE, Prot::from_bits_truncate(prot));
            for (_, v) in model.range_mut(at..at + len) {
                v.0 = prot;
            }
        }
    }
}

fn pages(set: &VmaSet) -> Model {
    let mut out = Model::new();
    for (s, v) in set.iter() {
        let named = matches!(v.source, Source::Anon("[heap]"));
        out.extend((s / PAGE_SIZE..v.end / PAGE_SIZE).map(|p| (p, (v.prot.bits(), named))));
    }
    out
}

proptest! {
    #[test]
    fn agrees_with_a_page_map(steps in proptest::collection::vec(step(), 1..60)) {
        let mut set = VmaSet::default();
        let mut model = Model::new();
        for s in &steps {
            apply(&mut set, &mut model, s);
            prop_assert_eq!(pages(&set), model.clone());
            // Equal neighbours are one mapping.
            let all: Vec<_> = set.iter().map(|(s, v)| (s, v.end, v.prot, matches!(v.source, Source::Anon("")))).collect();
            prop_assert!(all.windows(2).all(|w| w[0].1 < w[1].0 || (w[0].2, w[0].3) != (w[1].2, w[1].3)));
        }
    }

    #[test]
    fn gaps_are_free_and_highest(
        steps in proptest::collection::vec(step(), 1..40),
        len in 1..PAGES,
        low in 0..PAGES,
        high in 0..2 * PAGES,
    ) {
        let mut set = VmaSet::default();
        let mut model = Model::new();
        steps.iter().for_each(|s| apply(&mut set, &mut model, s));
        let expected = (low..=high.saturating_sub(len))
            .rev()
            .find(|at| *at + len <= high && (*at..*at + len).all(|p| !model.contains_key(&p)));
        let found = set.find_gap_down(low * PAGE_SIZE, high * PAGE_SIZE, len * PAGE_SIZE);
        prop_assert_eq!(found.map(|a| a / PAGE_SIZE), expected);
    }
}
