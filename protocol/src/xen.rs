//! Facts of the Xen platform that the monitor and the member's kernel share: the guest-physical layout of a member, and
//! its *door*: a few pages of the member's own memory through which the platform (not the kernel above the seam) talks to
//! the monitor: pages of regions, frames of an ancestor, clones, the end. docs/xen.md describes the whole.
//!
//! One vCPU has one door, and asks one thing at a time: it posts a request, notifies the monitor over the
//! event channel that [`Header`] names, and waits for the answer: awake at first, then asleep on that port. The monitor never waits for a member; it treats what it reads here as
//! hostile.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of a page.
pub const PAGE: usize = 4096;
/// First frame of the door, and its length in pages.
pub const DOOR_GFN: u64 = 0x10;
pub const DOOR_PAGES: usize = 16;
/// The frame at which a member has its shared_info page.
pub const SHARED_INFO_GFN: u64 = 0x0f;
/// Guest-physical address of the kernel's image; it is linked at this plus [`IMAGE_VIRT`].
pub const IMAGE_PHYS: u64 = 0x10_0000;
/// Virtual address of guest-physical address 0 as the kernel's image is linked.
pub const IMAGE_VIRT: u64 = 0xffff_ffff_8000_0000;

/// Marks a door: "OSxd".
pub const MAGIC: u32 = 0x6478_534f;

/// Offset of [`Header`], written by the monitor before the member first runs.
pub const HEADER: usize = 0;
/// Offset of [`Exchange`], the member's requests.
pub const REQUEST: usize = 0x100;
/// Offset of [`Exchange`], the monitor's command to a waiting shell.
pub const COMMAND: usize = 0x200;
/// Offset of the notices: tail (u32, the monitor's), head (u32 at +4, the member's), and [`NOTICES`] entries from +16.
pub const NOTICE_RING: usize = 0x400;
/// Entries of the notice ring.
pub const NOTICES: usize = 128;
/// Offset of a word of the monitor's: not 0 while it looks at the door by itself, and whoever asks need not ring. The member
/// looks at it after it has posted a question; the monitor looks for a question once more after it has set it to 0.
pub const WATCHED: usize = NOTICE_RING + 8;
/// Offset of a request's data, in and out.
pub const REQUEST_DATA: usize = 0x1000;
/// Bytes there.
pub const REQUEST_DATA_LEN: usize = 0x7000;
/// Offset of a command's data.
pub const COMMAND_DATA: usize = 0x8000;
/// Bytes there.
pub const COMMAND_DATA_LEN: usize = 0x8000;
/// Pages that the door can take where the data of requests and of commands are: who asks for copies waits for no command.
pub const COPIES: usize = DOOR_PAGES - REQUEST_DATA / PAGE;

/// What a member knows from birth.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: u32,
    /// [`crate::PROTOCOL_VERSION`].
    pub version: u32,
    /// Own domain id.
    pub domid: u32,
    /// Own end of the event channel to the monitor.
    pub port: u32,
    /// Frames that the member may have in all.
    pub max_frames: u64,
    /// First frame behind what the builder populated (image, door, special pages below it).
    pub first_free_gfn: u64,
}

/// [`Exchange::state`]: nothing is asked.
pub const IDLE: u32 = 0;
/// Asked; the other side's turn.
pub const POSTED: u32 = 1;
/// Asked, and the asker sleeps: who answers rings. Who answers a question that is only posted need not.
pub const AWAITED: u32 = 3;
/// Answered; `ret` and the data are valid. The asker sets [`IDLE`].
pub const ANSWERED: u32 = 2;

/// One question and its answer. All fields but `state` are written before `state` is (release), and read after (acquire).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Exchange {
    pub state: u32,
    /// One of the `ASK_*` or `DO_*` constants.
    pub op: u32,
    pub args: [u64; 6],
    /// A value, or a negative errno.
    pub ret: i64,
}

/// A shell is up and waits for a command at [`COMMAND`]. ret = count; data = [`PageGrant`]s of pages that every member needs,
/// in this order: those of the control region in [`START_CONTROL`] (writable), the first [`START_FAMILY`] of the family
/// region, the first [`START_MONITOR`] of the monitor's part of the events region (writable). The shell maps them while
/// nobody waits for it.
pub const ASK_READY: u32 = 1;
/// Pages of a region: args = region id, first page, count, 1 if writable. ret = how many [`PageGrant`]s are in the data
/// (at least 1, or -errno: ENOENT no such page, EACCES not allowed, ENOMEM). The member maps them; they stay valid until it
/// gives them back. With a fifth argument that is not 0 nothing is granted: ret = how many pages (at most [`COPIES`]) have
/// been copied to the door, from [`REQUEST_DATA`] on. A sixth argument that is not 0: what was granted at the last question could
/// not be mapped.
pub const ASK_PAGES: u32 = 2;
/// The member has unmapped these: args = count; data = [`PageGrant`]s.
pub const ASK_GIVE_BACK: u32 = 3;
/// Frames of an ancestor, frozen since a clone: args = token, count, the address that was touched (0: none), room for hints;
/// data = gfns (u64 each). ret = count; data = [`PageGrant`]s (the owner's), good for GNTTABOP_copy until the member's next
/// request; behind them, if an address was touched, as many u64 as there was room for: addresses of pages that other clones
/// touched next, or 0.
pub const ASK_FRAMES: u32 = 4;
/// No frame of this token is wanted any more: args = token.
pub const ASK_DROP: u32 = 5;
/// Clone me into the shell that was prepared for a slot: args = slot, root page table's gfn, stack pointer to resume at,
/// count, first frame of the copy, frames of the copy; data = [`FrameRange`]s that the child is to have before it runs. What
/// is not the app's is in the copy, for the child to take out of it. Answered at once: ret = the token under which the child
/// knows the rest of this member's memory. The copy must stay as it is until [`NOTICE_PULLED`].
pub const ASK_CLONE: u32 = 6;
/// A fresh clone has copied what [`DO_CLONE`] named. Answered at once; the grants are then gone.
pub const ASK_PULLED: u32 = 7;
/// An event channel to another member: args = slot. ret = a port of this member, bound to that member's domain.
/// data = a [`PageGrant`] whose `domid` is the other domain, `gref` its unbound port: the member binds it itself.
pub const ASK_BIND: u32 = 8;
/// A line for the monitor's log: args = length; data = text.
pub const ASK_LOG: u32 = 9;
/// The member has ended: args = status as for a host process (0: as the kernel told by requests). Not answered.
pub const ASK_EXIT: u32 = 10;
/// The member's kernel crashed: args = length, 1 if it ended for want of memory; data = report. Not answered.
pub const ASK_CRASH: u32 = 11;
/// Pages of a file that the member wrote are to reach the file, as for msync(2): args = region id, first page, count.
pub const ASK_SYNC: u32 = 12;
/// Answered when no clone of this member copies any more.
pub const ASK_SETTLED: u32 = 13;
/// Ring the member in a slot, for one that can bind no port to it: args = slot.
pub const ASK_RING: u32 = 14;
/// More memory for Xen's tables of this domain's frames: args = pages in all. ret = how many there are now.
pub const ASK_POOL: u32 = 15;
/// The member has given back frames of its image that it may not write to, and wants them again as they were: args = first
/// gfn, count. Answered when they are there; a member for which there is no memory is ended.
pub const ASK_IMAGE: u32 = 16;
/// Pages for these tables that a domain has from birth: enough for some tens of MiB.
pub const POOL_PAGES: u32 = 32;

/// Start the kernel: the identity and the program are in the control region. Data = [`StartPages`].
pub const DO_START: u32 = 1;
/// Become a clone: args = parent's domain id, first grant reference, count of ranges, root page table's gfn, stack pointer,
/// token of the rest of the parent's memory. Data = [`StartPages`], then the [`FrameRange`]s. The references are those of the
/// app's frames, in the order of the ranges, and of the frames of the copy.
pub const DO_CLONE: u32 = 2;
/// Nobody needs you: shut down.
pub const DO_QUIT: u32 = 3;

/// Ids of the regions that every member has.
pub const REGION_CONTROL: u64 = u64::MAX - 1;
/// The family region, read-only.
pub const REGION_FAMILY: u64 = u64::MAX - 2;
/// The events region.
pub const REGION_EVENTS: u64 = u64::MAX - 3;

/// A page in another domain's grant table.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct PageGrant {
    pub domid: u32,
    pub gref: u32,
}

/// A run of frames.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct FrameRange {
    pub gfn: u64,
    /// How many, and the mark below.
    pub count: u64,
}

/// [`FrameRange::count`]: frozen frames of the app, copied from where they are.
pub const FRAMES_APP: u64 = 1 << 62;

impl FrameRange {
    /// How many frames.
    pub const fn len(&self) -> u64 {
        self.count & !FRAMES_APP
    }

    /// True when it names none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True for frames of the app.
    pub const fn is_app(&self) -> bool {
        self.count & FRAMES_APP != 0
    }
}

/// Pages of the control region that every member has from the start: the head, the submission queue, the first request slots
/// and the first one's data, the boot record.
pub const START_CONTROL: [u64; 5] = [0, 1, 6, 16, (crate::control::BOOT / PAGE) as u64];
/// Pages of the family region, from the first on.
pub const START_FAMILY: u64 = 2;
/// Pages of the monitor's part of the events region, from the first on.
pub const START_MONITOR: u64 = 2;

/// What a command's data begins with; the [`PageGrant`]s of the own part of the events region follow.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct StartPages {
    pub slot: u32,
    pub own_events: u32,
    /// Of a clone: frames of the parent's copy.
    pub copied: u32,
}

/// A notice of the monitor: kind and argument (u64 each).
pub const NOTICE_SIZE: usize = 16;
/// Nobody knows the frames of this token any more: they may change and be freed.
pub const NOTICE_DROPPED: u64 = 1;
/// A file was cut: argument = a region of it that the member has. The member lets go of all pages of the region; those that
/// are left it gets again at the next touch.
pub const NOTICE_CUT: u64 = 2;
/// The child of this token has its copy of the kernel, or is no more: what it was copied from may change. Not rung.
pub const NOTICE_PULLED: u64 = 3;
/// A clone of this member soon touched the page at this address; the next one may too. Not rung, and not reliable.
pub const NOTICE_TOUCHED: u64 = 4;
/// The member at the other end of a port is no more: argument = the port, which is to be closed. Not rung.
pub const NOTICE_CLOSE: u64 = 5;
/// The holder's grant table is nearly full: the member lets go of the pages of regions that its app has mapped. Those that it
/// needs it gets again at the next touch.
pub const NOTICE_SHED: u64 = 6;

/// Offset in a slot's part of the events region (`protocol::events`) of the domain id (u32) that the slot has now. The
/// monitor writes it before the member runs: who has bound a port to an earlier member of the slot binds anew.
pub const EVENTS_DOMAIN: usize = 8;
/// [`EVENTS_DOMAIN`] of a slot without a member.
pub const NO_DOMAIN: u32 = u32::MAX;
