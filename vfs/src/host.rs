//! The member's line to its monitor: requests and replies through the control region.
//!
//! A request blocks the calling thread, never the member: while the reply is not there, other threads run (the
//! `block` function, given by the scheduler). Requests are not interruptible; the monitor answers at once.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::cache::Cache;
use crate::stats::Stats;
use abi::errno::{Errno, SysResult, from_ret};
use alloc::collections::BTreeMap;
use alloc::sync::Weak;
use alloc::vec::Vec;
use platform::sync::{Mutex, Rank};
use platform::{Platform, RegionView};
use protocol::control::{MemberSide, NOREPLY, RegionRef, Reply, Request, SLOT_DATA, data_at};
use protocol::{EV_REPLY, MONITOR_SLOT, Op, SharedMem, family};

/// Blocks the calling thread until the condition holds; it is checked again after each event `key`.
pub type Block = fn(key: u32, done: &mut dyn FnMut() -> bool);

/// Who asks: process and thread number, filled into each request.
pub type Caller = fn() -> (u32, u32);

/// Wakes the threads that are registered for a key.
pub type Wake = fn(key: u32);

/// A key for wake-ups that nobody else uses.
pub type LocalKey = fn() -> u32;

/// `TTIN_IGNORED` and `TTOU_IGNORED` of the calling thread (`protocol::op`).
pub type TtyMask = fn() -> u64;

/// What the kernel above offers to this crate.
#[derive(Clone, Copy)]
pub struct Hooks {
    pub block: Block,
    pub caller: Caller,
    pub wake: Wake,
    pub local_key: LocalKey,
    pub tty_mask: TtyMask,
}

/// Someone who wants to hear of a key's events even while no thread of his sleeps: an epoll instance's item.
pub trait Watch: Send + Sync {
    /// The key was woken.
    fn changed(&self, host: &Host);
    /// The open file that is watched is closed.
    fn gone(&self);
}

/// The line to the monitor and the platform that it runs over.
pub struct Host {
    pub platform: &'static dyn Platform,
    control: Mutex<RegionView>,
    family: RegionView,
    side: Mutex<MemberSide>,
    /// Threads that wait for a free request slot.
    starving: AtomicU32,
    pub(crate) regions: crate::region::Table,
    hooks: Hooks,
    watches: Mutex<BTreeMap<u32, Vec<Weak<dyn Watch>>>>,
    forks: AtomicU32,
    epoch: AtomicU32,
    /// Small files that are opened often.
    pub cache: Cache,
    /// Attributes that were asked for by path.
    pub stats: Stats,
}

impl Host {
    /// A line over the platform's control region.
    pub fn new(platform: &'static dyn Platform, hooks: Hooks) -> Self {
        Self {
            platform,
            control: Mutex::new(Rank::Channel, platform.control()),
            family: platform.family(),
            side: Mutex::new(Rank::Channel, MemberSide::new()),
            starving: AtomicU32::new(0),
            regions: crate::region::Table::new(),
            hooks,
            watches: Mutex::new(Rank::Leaf, BTreeMap::new()),
            forks: AtomicU32::new(0),
            epoch: AtomicU32::new(0),
            cache: Cache::default(),
            stats: Stats::default(),
        }
    }

    /// After a clone, in the child: a fresh control region is in place of the parent's.
    pub fn rebind(&self) {
        *self.control.lock() = self.platform.control();
        *self.side.lock() = MemberSide::new();
        // Only the thread that cloned is here.
        self.starving.store(0, Ordering::SeqCst);
        self.next_epoch();
    }

    /// What was armed before was armed for another member.
    pub(crate) fn next_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes with every clone: what was armed before was armed for another member.
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// The control region.
    pub fn control(&self) -> RegionView {
        self.control.lock().clone()
    }

    /// The family region.
    pub fn family(&self) -> &RegionView {
        &self.family
    }

    /// Own slot.
    pub fn slot(&self) -> u32 {
        self.platform.slot()
    }

    /// Blocks the calling thread until the condition holds; it is checked again whenever `key` is woken.
    pub fn block(&self, key: u32, done: &mut dyn FnMut() -> bool) {
        (self.hooks.block)(key, done);
    }

    /// Forgets what was learnt by paths: credentials or the program changed.
    pub fn forget_names(&self) {
        self.cache.clear();
        self.stats.clear();
    }

    /// A key for wake-ups that nobody else uses.
    pub fn local_key(&self) -> u32 {
        (self.hooks.local_key)()
    }

    /// Process and thread number of the caller.
    pub fn caller(&self) -> (u32, u32) {
        (self.hooks.caller)()
    }

    /// Which terminal signals the calling thread ignores or blocks.
    pub fn tty_mask(&self) -> u64 {
        (self.hooks.tty_mask)()
    }

    /// A key's event: tells the watchers, then wakes the threads that wait for it.
    pub fn changed(&self, key: u32) {
        // Mostly there is one watcher or none: no allocation for those.
        let (mut few, mut many) = ([const { None }; 4], Vec::new());
        if let Some(list) = self.watches.lock().get(&key) {
            for (i, w) in list.iter().filter_map(Weak::upgrade).enumerate() {
                match few.get_mut(i) {
                    Some(place) => *place = Some(w),
                    None => many.push(w),
                }
            }
        }
        for w in few.iter().flatten().chain(&many) {
            w.changed(self);
        }
        (self.hooks.wake)(key);
    }

    /// Tells `watch` of every event of `key` from now on.
    pub fn watch(&self, key: u32, watch: Weak<dyn Watch>) {
        self.watches.lock().entry(key).or_default().push(watch);
    }

    /// Ends [`Host::watch`].
    pub fn unwatch(&self, key: u32, watch: &Weak<dyn Watch>) {
        let mut all = self.watches.lock();
        let Some(list) = all.get_mut(&key) else { return };
        list.retain(|w| !Weak::ptr_eq(w, watch));
        if list.is_empty() {
            all.remove(&key);
        }
    }

    /// Descriptions are about to get another holder: they stay with the monitor until [`Host::fork_done`].
    pub(crate) fn fork_begins(&self) {
        self.forks.fetch_add(1, Ordering::SeqCst);
    }

    /// They got it, or not.
    pub(crate) fn fork_done(&self) {
        let _ = self.forks.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
    }

    /// True between the two.
    pub fn forking(&self) -> bool {
        self.forks.load(Ordering::SeqCst) > 0
    }

    /// What the monitor publishes of a description.
    pub fn desc_state(&self, desc: u32) -> family::DescState {
        family::desc_state(&self.family, desc)
    }

    /// Starts a request: takes a slot whose buffer can be filled.
    pub fn begin(&self, op: Op) -> Outgoing<'_> {
        let control = self.control();
        let mut slot = None;
        let mut try_alloc = || {
            slot = slot.or_else(|| self.side.lock().alloc(&control));
            slot.is_some()
        };
        if !try_alloc() {
            self.starving.fetch_add(1, Ordering::SeqCst);
            (self.hooks.block)(EV_REPLY, &mut try_alloc);
            self.starving.fetch_sub(1, Ordering::SeqCst);
        }
        Outgoing {
            host: self,
            control,
            slot: slot.unwrap_or_default(),
            op,
            len: 0,
            sent: false,
            alone: false,
        }
    }

    /// Gives a slot back. Whoever waits for one is woken: no event tells of it.
    fn free(&self, control: &RegionView, slot: u32) {
        self.side.lock().free(control, slot);
        if self.starving() {
            (self.hooks.wake)(EV_REPLY);
        }
    }

    /// True while a thread waits for a free request slot: then others must run on, as they hold the slots.
    pub fn starving(&self) -> bool {
        self.starving.load(Ordering::SeqCst) > 0
    }

    /// A request without data.
    pub fn call(&self, op: Op, args: &[u64]) -> SysResult<Answer<'_>> {
        self.begin(op).send(args)
    }

    /// A request without data, during which no other thread of the member runs: what the monitor sees of it then stays so
    /// until the caller lets others run. The answer counts although a region of it could not be taken: it is missing then.
    pub fn call_alone(&self, op: Op, args: &[u64]) -> SysResult<Answer<'_>> {
        let mut out = self.begin(op);
        out.alone = true;
        let (answer, _) = out.exchange(args);
        from_ret(answer.reply.ret)?;
        Ok(answer)
    }

    /// A request with data.
    pub fn call_with(&self, op: Op, args: &[u64], data: &[u8]) -> SysResult<Answer<'_>> {
        let mut out = self.begin(op);
        out.put(data)?;
        out.send(args)
    }

    /// A request that has no reply.
    pub fn post(&self, op: Op, args: &[u64], data: &[u8]) -> SysResult<()> {
        let mut out = self.begin(op);
        out.put(data)?;
        out.submit(args, NOREPLY);
        Ok(())
    }
}

/// A request being filled.
pub struct Outgoing<'h> {
    host: &'h Host,
    control: RegionView,
    slot: u32,
    op: Op,
    len: usize,
    sent: bool,
    /// Nobody else runs until the reply is there.
    alone: bool,
}

impl<'h> Outgoing<'h> {
    /// Where the next data goes: the control region and the offset in it. The caller says with [`Outgoing::advance`] how
    /// much it put there.
    pub fn place(&self) -> (&RegionView, usize) {
        (&self.control, data_at(self.slot) + self.len)
    }

    /// `n` more bytes of data are in place; at most [`Outgoing::room`].
    pub fn advance(&mut self, n: usize) {
        self.len += n.min(self.room());
    }

    /// Room left in the buffer.
    pub fn room(&self) -> usize {
        SLOT_DATA - self.len
    }

    /// Appends data; ENAMETOOLONG-like overflow is reported as EINVAL.
    pub fn put(&mut self, data: &[u8]) -> SysResult<()> {
        if data.len() > self.room() {
            return Err(Errno::EINVAL);
        }
        self.control.write(data_at(self.slot) + self.len, data);
        self.len += data.len();
        Ok(())
    }

    /// Appends `len` bytes of the app's memory.
    pub fn put_user(&mut self, src: usize, len: usize) -> SysResult<()> {
        if len > self.room() {
            return Err(Errno::EINVAL);
        }
        self.host
            .platform
            .copy_in_region(&self.control, data_at(self.slot) + self.len, src, len)
            .map_err(|_| Errno::EFAULT)?;
        self.len += len;
        Ok(())
    }

    fn submit(&mut self, args: &[u64], flags: u16) {
        let (pid, tid) = (self.host.hooks.caller)();
        let mut all = [0u64; 8];
        all[..args.len()].copy_from_slice(args);
        let req = Request { op: self.op as u16, flags, pid, tid, data_len: self.len as u32, args: all };
        self.host.side.lock().submit(&self.control, self.slot, &req);
        self.sent = true;
        self.host.platform.notify(MONITOR_SLOT, self.host.slot());
    }

    /// Submits and waits for the reply. A negative result becomes the error.
    pub fn send(self, args: &[u64]) -> SysResult<Answer<'h>> {
        let answer = self.send_raw(args)?;
        from_ret(answer.reply.ret)?;
        Ok(answer)
    }

    /// As [`Outgoing::send`], but a negative result comes with the rest of the reply ([`Answer::error`]).
    pub fn send_raw(self, args: &[u64]) -> SysResult<Answer<'h>> {
        let (answer, whole) = self.exchange(args);
        if whole { Ok(answer) } else { Err(Errno::ENOMEM) }
    }

    /// Submits and waits; the reply, without the regions that could not be taken, and whether it has all.
    fn exchange(mut self, args: &[u64]) -> (Answer<'h>, bool) {
        self.submit(args, 0);
        let (control, slot) = (self.control.clone(), self.slot);
        let mut done = || MemberSide::is_done(&control, slot);
        while self.alone && !done() {
            self.host.platform.wait(None);
        }
        if !done() {
            (self.host.hooks.block)(EV_REPLY, &mut done);
        }
        let mut reply = MemberSide::reply(&control, slot);
        let mut whole = true;
        for (i, r) in reply.regions.iter_mut().enumerate() {
            if reply.deliver & (1 << i) != 0 && self.host.platform.accept(r.id, r.size).is_err() {
                *r = RegionRef::default();
                whole = false;
            }
        }
        (Answer { host: self.host, control, slot, reply }, whole)
    }
}

impl Drop for Outgoing<'_> {
    fn drop(&mut self) {
        if !self.sent {
            self.host.free(&self.control, self.slot);
        }
    }
}

/// A reply; its data stays readable until this is dropped.
pub struct Answer<'h> {
    host: &'h Host,
    control: RegionView,
    slot: u32,
    reply: Reply,
}

impl Answer<'_> {
    /// The value (not negative).
    pub fn ret(&self) -> u64 {
        self.reply.ret as u64
    }
    /// The error, if the result is one.
    pub fn error(&self) -> Option<Errno> {
        from_ret(self.reply.ret).err()
    }
    /// Further value `i`.
    pub fn value(&self, i: usize) -> u64 {
        self.reply.rets[i]
    }
    /// Region `i`, if the reply named one.
    pub fn region(&self, i: usize) -> Option<RegionRef> {
        Some(self.reply.regions[i]).filter(|r| r.id != 0)
    }
    /// Length of the data.
    pub fn len(&self) -> usize {
        self.reply.data_len as usize
    }
    /// True without data.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Copies data from `off` on; true when all of `dst` was there.
    pub fn read(&self, off: usize, dst: &mut [u8]) -> bool {
        let fits = off <= self.len() && dst.len() <= self.len() - off;
        if fits {
            self.control.read(data_at(self.slot) + off, dst);
        }
        fits
    }
    /// Where the data lies: the control region and the offset in it.
    pub fn place(&self) -> (&RegionView, usize) {
        (&self.control, data_at(self.slot))
    }
    /// The data.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut v = alloc::vec![0; self.len()];
        self.read(0, &mut v);
        v
    }
    /// One structure at `off`; EIO when the reply is too short.
    pub fn get<T: zerocopy::FromBytes + zerocopy::IntoBytes>(&self, off: usize) -> SysResult<T> {
        let mut v = T::new_zeroed();
        if self.read(off, v.as_mut_bytes()) { Ok(v) } else { Err(Errno::EIO) }
    }
    /// Copies `len` bytes of the data from `off` to the app's memory.
    pub fn copy_out(&self, off: usize, dst: usize, len: usize) -> SysResult<()> {
        if off > self.len() || len > self.len() - off {
            return Err(Errno::EIO);
        }
        self.host
            .platform
            .copy_out_region(dst, &self.control, data_at(self.slot) + off, len)
            .map_err(|_| Errno::EFAULT)
    }
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        self.host.free(&self.control, self.slot);
    }
}
