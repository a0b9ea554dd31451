//! One description in several members: whoever holds it, and however it came there, it has one offset.

use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use abi::fs::{O_APPEND, O_RDWR, SEEK_CUR, SEEK_END, SEEK_SET};
use proptest::prelude::*;

use super::OpenFile;
use crate::io::IoBuf;
use crate::lab::Lab;

const MEMBERS: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    /// fork(2), or a descriptor that was passed: one member makes another a holder.
    Pass(usize, usize),
    /// The same, but the clone or the passing fails.
    Fail(usize),
    Close(usize),
    Read(usize, usize),
    Write(usize, usize),
    Seek(usize, i64, u32),
    ReadAt(usize, u64, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || 0..MEMBERS;
    let step = prop_oneof![
        4 => (who(), who()).prop_map(|(a, b)| Step::Pass(a, b)),
        1 => who().prop_map(Step::Fail),
        3 => who().prop_map(Step::Close),
        5 => (who(), 0usize..80).prop_map(|(m, n)| Step::Read(m, n)),
        5 => (who(), 0usize..80).prop_map(|(m, n)| Step::Write(m, n)),
        3 => (who(), 0i64..200, 0u32..3).prop_map(|(m, off, w)| Step::Seek(m, off, w)),
        1 => (who(), 0u64..300, 0usize..80).prop_map(|(m, at, n)| Step::ReadAt(m, at, n)),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Reads, writes and seeks of any holder use and move the one offset, over forks, passing, failures of both and closes.
    #[test]
    fn holders_share_one_offset(steps in steps(), append in any::<bool>()) {
        let first = Lab::new();
        let members: Vec<Lab> = (0..MEMBERS).map(|i| if i == 0 { first.clone() } else { first.beside() }).collect();
        let flags = O_RDWR | if append { O_APPEND } else { 0 };
        let (mut data, mut at): (Vec<u8>, usize) = ((0..=255).collect(), 0);
        let mut held: Vec<Option<Arc<OpenFile>>> = vec![None; MEMBERS];
        held[0] = Some(first.file(&data, flags));
        let desc = held[0].as_ref().map_or(0, |f| f.desc());
        let publish = |held: &[Option<Arc<OpenFile>>]| {
            let holders = held.iter().flatten().count() as u32;
            members.iter().for_each(|m| m.publish(desc, flags, holders));
        };
        publish(&held);
        for (i, step) in steps.into_iter().enumerate() {
            match step {
                Step::Pass(from, to) => {
                    let (Some(f), None) = (&held[from], &held[to]) else { continue };
                    f.recall();
                    held[to] = Some(members[to].share(desc, flags));
                    publish(&held);
                }
                Step::Fail(from) => if let Some(f) = &held[from] { f.recall(); },
                Step::Close(m) => {
                    // The last holder keeps it: the file goes with it.
                    if held.iter().flatten().count() > 1 && held[m].take().is_some() {
                        publish(&held);
                    }
                }
                Step::Read(m, n) => {
                    let Some(f) = &held[m] else { continue };
                    let want: Vec<u8> = data.iter().skip(at).take(n).copied().collect();
                    let mut got = vec![0; n];
                    prop_assert_eq!(f.read(&mut IoBuf::target(&mut got)), Ok(want.len()));
                    prop_assert_eq!(&got[..want.len()], &want[..]);
                    at += want.len();
                }
                Step::Write(m, n) => {
                    let Some(f) = &held[m] else { continue };
                    prop_assert_eq!(f.write(&mut IoBuf::source(&vec![i as u8; n])), Ok(n));
                    if n > 0 {
                        let from = if append { data.len() } else { at };
                        data.resize(data.len().max(from + n), 0);
                        data[from..from + n].fill(i as u8);
                        at = from + n;
                    }
                }
                Step::Seek(m, off, whence) => {
                    let Some(f) = &held[m] else { continue };
                    at = match whence { SEEK_SET => 0, SEEK_END => data.len(), _ => at } + off as usize;
                    prop_assert_eq!(f.seek(off, whence), Ok(at as u64));
                }
                Step::ReadAt(m, from, n) => {
                    let Some(f) = &held[m] else { continue };
                    let want = data.len().saturating_sub(from as usize).min(n);
                    prop_assert_eq!(f.read_at(&mut IoBuf::target(&mut vec![0; n]), from), Ok(want));
                }
            }
        }
        for f in held.iter().flatten() {
            prop_assert_eq!(f.seek(0, SEEK_CUR), Ok(at as u64));
        }
        let f = held.iter().flatten().next().expect("a holder");
        prop_assert_eq!(first.with_file(f, |f| f.data.clone()), data);
    }
}
