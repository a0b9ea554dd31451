//! The ranges against a plain table of pages.

use proptest::prelude::*;

use super::*;

const PAGES: usize = 40;

#[derive(Clone, Debug)]
enum Op {
    Insert(usize, usize, u32, Option<(u64, bool)>),
    Remove(usize, usize),
    Protect(usize, usize, u32),
}

fn op() -> impl Strategy<Value = Op> {
    let range = (0..PAGES - 1).prop_flat_map(|a| (Just(a), a + 1..PAGES));
    let backing = proptest::option::of((0..4u64, any::<bool>()));
    prop_oneof![
        (range.clone(), 0..8u32, backing).prop_map(|((a, b), prot, backing)| Op::Insert(a, b, prot, backing)),
        range.clone().prop_map(|(a, b)| Op::Remove(a, b)),
        (range, 0..8u32).prop_map(|((a, b), prot)| Op::Protect(a, b, prot)),
    ]
}

proptest! {
    #[test]
    fn ranges_are_the_pages(ops in proptest::collection::vec(op(), 1..60)) {
        let mut vmas = Vmas::new();
        let mut pages: [Option<(Prot, Backing)>; PAGES] = [None; PAGES];
        for op in ops {
            match op {
                Op::Insert(a, b, prot, backing) => {
                    let prot = Prot::from_bits_truncate(prot);
                    let at = |page: usize| match backing {
                        None => Backing::Anon,
                        Some((id, shared)) => {
                            Backing::Region { id, offset: ((page - a) * PAGE_SIZE) as u64, shared }
                        }
                    };
                    vmas.insert(a * PAGE_SIZE, Vma { end: b * PAGE_SIZE, prot, backing: at(a) });
                    for (page, slot) in pages.iter_mut().enumerate().take(b).skip(a) {
                        *slot = Some((prot, at(page)));
                    }
                }
                Op::Remove(a, b) => {
                    vmas.remove(a * PAGE_SIZE, b * PAGE_SIZE);
                    pages[a..b].fill(None);
                }
                Op::Protect(a, b, prot) => {
                    let prot = Prot::from_bits_truncate(prot);
                    vmas.protect(a * PAGE_SIZE, b * PAGE_SIZE, prot);
                    for slot in pages[a..b].iter_mut().flatten() {
                        slot.0 = prot;
                    }
                }
            }
            for (page, want) in pages.iter().enumerate() {
                let addr = page * PAGE_SIZE;
                let found = vmas.at(addr + 5).map(|(start, vma)| (vma.prot, vma.shifted(addr - start).backing));
                prop_assert_eq!(found, *want);
            }
            prop_assert_eq!(vmas.pages(0, PAGES * PAGE_SIZE), pages.iter().flatten().count());
        }
    }
}
