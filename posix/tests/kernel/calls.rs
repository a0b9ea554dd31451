//! The table of calls: unknown numbers, and each row with arguments that nobody should give.

use std::sync::{Arc, Mutex};

use abi::Errno;
use abi::nr::*;
use offshoot_posix::table;
use process::kernel;
use proptest::prelude::*;
use protocol::Op;
use protocol::wire::Reader;

use crate::lab::{error, of_kind, run};

#[test]
fn unknown_calls_are_counted() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = told.clone();
    let requests = run(move |app| {
        app.answer(move |r, data| {
            if r.op == Op::Unknown as u16 {
                list.lock().expect("a list").extend_from_slice(data);
            }
            None
        });
        let free = (400..table::TABLE_SIZE).find(|nr| table::row(*nr).is_none()).expect("a free number");
        assert_eq!(free, 400);
        for nr in [400, 400, table::TABLE_SIZE, 100_000, 400] {
            assert_eq!(app.call(nr, &[1, 2, 3, 4, 5, 6]), error(Errno::ENOSYS));
        }
    });
    assert_eq!(of_kind(&requests, Op::Unknown).len(), 1, "told once, at the end");
    let bytes = told.lock().expect("a list");
    let mut r = Reader::new(&bytes);
    let n = r.u32().expect("a count");
    let counts: Vec<_> = (0..n).map(|_| (r.u32().expect("a number"), r.u64().expect("how often"))).collect();
    assert_eq!(counts, [(400, 3), (table::TABLE_SIZE as u32, 1), (100_000, 1)]);
}

#[test]
fn rows_are_sound() {
    let mut last = None;
    for row in table::rows() {
        assert!(last < Some(row.nr), "in order");
        last = Some(row.nr);
        assert!(row.args.len() <= 6, "{}", row.name);
        assert_eq!(table::row(row.nr).map(|r| r.name), Some(row.name));
        assert!(row.level == table::Level::Full || !row.note.is_empty(), "{}: what is missing?", row.name);
    }
    assert!(table::row(usize::MAX).is_none());
}

/// Calls that do not come back, wait, or take the ground from under the test.
const NOT_THESE: &[usize] =
    &[SYS_exit, SYS_exit_group, SYS_pause, SYS_rt_sigreturn, SYS_vfork, SYS_munmap, SYS_brk];

#[test]
fn no_argument_harms_the_kernel() {
    let mut harmed = Vec::new();
    for value in [usize::MAX, 0, 1 << 63, 0x7fff_ffff, 1] {
        for row in table::rows().filter(|r| !NOT_THESE.contains(&r.nr)) {
            let result = std::panic::catch_unwind(|| {
                run(move |app| {
                    // A wait for ever ends with the process.
                    app.fake().when_idle(Box::new(|| kernel().platform.exit()));
                    let got = app.call(row.nr, &[value; 6]);
                    assert!(got >= -4095 || row.returns_address(), "{got}");
                })
            });
            if result.is_err() {
                harmed.push(format!("{}({value:#x}, …)", row.name));
            }
        }
    }
    assert!(harmed.is_empty(), "{harmed:?}");
}

/// Calls whose arguments decide what the test's own user mode does next.
const NOR_THESE: &[usize] = &[SYS_rt_sigaction, SYS_clone, SYS_clone3, SYS_fork, SYS_sigaltstack];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Calls one after the other, with numbers that are small, huge or addresses of memory that is there or ends soon.
    #[test]
    fn no_sequence_harms_the_kernel(
        calls in proptest::collection::vec((any::<usize>(), proptest::array::uniform6(0..18usize)), 1..24),
        fill in any::<[u8; 64]>(),
    ) {
        run(move |app| {
            app.fake().when_idle(Box::new(|| kernel().platform.exit()));
            let page = app.memory(4096);
            app.write(page, fill);
            let rows: Vec<_> = table::rows()
                .filter(|r| !NOT_THESE.contains(&r.nr) && !NOR_THESE.contains(&r.nr))
                .collect();
            let pool = [
                0, 1, 2, 3, 4, 8, 17, 64, 4096, 1 << 20, 0x7fff_ffff, 1 << 63, usize::MAX, usize::MAX - 99,
                page, page + 8, page + 4090, page + 3,
            ];
            for (which, args) in calls {
                let row = rows[which % rows.len()];
                let got = app.call(row.nr, &args.map(|i| pool[i]));
                assert!(got >= -4095 || row.returns_address(), "{}: {got}", row.name);
            }
        });
    }
}
