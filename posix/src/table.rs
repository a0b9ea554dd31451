//! The one table of system calls: number, name, arguments, handler, support level, note. It makes the dispatch, the
//! trace, `offshoot syscalls` and the coverage page.

use abi::errno::SysResult;

use crate::arg::ArgKind;
use crate::cx::Cx;

/// How much of a call is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All that Linux does and a program can see.
    Full,
    /// What the note says is missing.
    Partial,
}

impl Level {
    /// The word for it in lists.
    pub fn name(self) -> &'static str {
        match self {
            Level::Full => "full",
            Level::Partial => "partial",
        }
    }
}

/// A handler: takes the call's context, gives the value or the error.
pub type Handler = fn(&mut Cx<'_>) -> SysResult<usize>;

/// One system call.
pub struct Row {
    pub nr: usize,
    pub name: &'static str,
    pub args: &'static [(&'static str, ArgKind)],
    pub level: Level,
    /// What is missing or special; empty for a plain full call.
    pub note: &'static str,
    pub handler: Handler,
}

impl Row {
    /// True when the call's value is an address.
    pub fn returns_address(&self) -> bool {
        matches!(self.nr, abi::nr::SYS_mmap | abi::nr::SYS_mremap | abi::nr::SYS_brk | abi::nr::SYS_shmat)
    }
}

/// Declares a family's rows: `nr name(arg: Type, …) Level "note" => handler;`. Handlers take the context and the decoded
/// arguments.
#[macro_export]
macro_rules! syscalls {
    ($($nr:ident $name:ident($($arg:ident: $ty:ty),*) $level:ident $note:literal => $handler:path;)*) => {
        /// This family's rows of the table.
        pub const ROWS: &[$crate::table::Row] = &[$(
            $crate::table::Row {
                nr: abi::nr::$nr,
                name: stringify!($name),
                args: &[$((stringify!($arg), <$ty as $crate::arg::FromArg>::KIND)),*],
                level: $crate::table::Level::$level,
                note: $note,
                handler: {
                    #[allow(unused_mut, unused_variables, unused_assignments)]
                    fn call(cx: &mut $crate::cx::Cx<'_>) -> abi::errno::SysResult<usize> {
                        let mut i = 0;
                        $(
                            let $arg = <$ty as $crate::arg::FromArg>::from_arg(cx.frame.arg(i))?;
                            i += 1;
                        )*
                        $handler(cx, $($arg),*)
                    }
                    call
                },
            },
        )*];
    };
}

/// All families. A new family is added here.
const FAMILIES: &[&[Row]] = &[
    crate::ids::ROWS,
    crate::arch::ROWS,
    crate::memory::ROWS,
    crate::mempolicy::ROWS,
    crate::clone::ROWS,
    crate::exec::ROWS,
    crate::wait::ROWS,
    crate::pidfd::ROWS,
    crate::futex::ROWS,
    crate::signal::ROWS,
    crate::creds::ROWS,
    crate::prctl::ROWS,
    crate::sched::ROWS,
    crate::system::ROWS,
    crate::time::ROWS,
    crate::timer::ROWS,
    crate::limits::ROWS,
    crate::rw::ROWS,
    crate::fd::ROWS,
    crate::locks::ROWS,
    crate::open::ROWS,
    crate::stat::ROWS,
    crate::names::ROWS,
    crate::attr::ROWS,
    crate::dirs::ROWS,
    crate::pipe::ROWS,
    crate::ioctl::ROWS,
    crate::splice::ROWS,
    crate::inotify::ROWS,
    crate::epoll::ROWS,
    crate::poll::ROWS,
    crate::timerfd::ROWS,
    crate::signalfd::ROWS,
    crate::socket::ROWS,
    crate::sockopt::ROWS,
    crate::msg::ROWS,
    crate::mqueue::ROWS,
    crate::sysv::shm::ROWS,
    crate::sysv::sem::ROWS,
    crate::sysv::msg::ROWS,
];

/// Largest number in the table, plus one.
pub const TABLE_SIZE: usize = 512;

static TABLE: [Option<&'static Row>; TABLE_SIZE] = {
    let mut table = [None; TABLE_SIZE];
    let mut f = 0;
    while f < FAMILIES.len() {
        let rows: &'static [Row] = FAMILIES[f];
        let mut i = 0;
        while i < rows.len() {
            assert!(table[rows[i].nr].is_none(), "two rows for one number");
            table[rows[i].nr] = Some(&rows[i]);
            i += 1;
        }
        f += 1;
    }
    table
};

/// All rows, by their numbers.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().copied().flatten()
}

/// The row of a number.
pub fn row(nr: usize) -> Option<&'static Row> {
    TABLE.get(nr).copied().flatten()
}
