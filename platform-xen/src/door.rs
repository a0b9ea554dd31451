//! The member's side of the door: asking the monitor, and taking its notices. No state of its own: all is in the door's
//! pages, and one virtual CPU asks one thing at a time.

use core::sync::atomic::{AtomicU32, Ordering};

use abi::mm::PAGE_SIZE;
use protocol::xen::{
    ANSWERED, AWAITED, COMMAND, COMMAND_DATA, COMMAND_DATA_LEN, COPIES, DOOR_GFN, Exchange, HEADER, Header,
    IDLE, NOTICE_RING, NOTICE_SIZE, NOTICES, POSTED, REQUEST, REQUEST_DATA, REQUEST_DATA_LEN, WATCHED,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::layout::direct;
use crate::{events, hypercall, turns};

const BASE: usize = direct(DOOR_GFN as u32);

/// What the monitor wrote before the first instruction ran.
pub fn header() -> Header {
    // SAFETY: the door's pages are populated and mapped for good; the monitor does not change the header any more.
    unsafe { ((BASE + HEADER) as *const Header).read_volatile() }
}

fn word(at: usize) -> &'static AtomicU32 {
    // SAFETY: in the door, aligned; the other side accesses it atomically too.
    unsafe { &*((BASE + at) as *const AtomicU32) }
}

/// Copies to the data of the next request.
pub fn put(at: usize, bytes: &[u8]) {
    assert!(at + bytes.len() <= REQUEST_DATA_LEN, "a request's data is too long");
    // SAFETY: in the door; the monitor looks only at what is posted.
    unsafe {
        let to = (BASE + REQUEST_DATA + at) as *mut u8;
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
    }
}

/// Puts a list of plain values there.
pub fn put_all<T: IntoBytes + Immutable>(values: &[T]) {
    put(0, values.as_bytes());
}

/// The `index`th plain value in the data of the last answer.
pub fn get<T: FromBytes + KnownLayout + Copy>(index: usize) -> T {
    assert!((index + 1) * size_of::<T>() <= REQUEST_DATA_LEN, "an answer's data is too long");
    // SAFETY: in the door; any bytes are a value of the type.
    unsafe { ((BASE + REQUEST_DATA) as *const T).add(index).read_unaligned() }
}

/// Takes the `index`th of the pages that the last answer copied to the door.
///
/// # Safety
/// `to` is the caller's, and has room for a page.
pub unsafe fn take_page(index: usize, to: *mut u8) {
    assert!(index < COPIES, "the door is too small for so many pages");
    // SAFETY: the page lies in the door, which the monitor leaves alone until it is asked again; the caller answers for
    // `to`, which is elsewhere.
    unsafe {
        let from = (BASE + REQUEST_DATA + index * PAGE_SIZE) as *const u8;
        core::ptr::copy_nonoverlapping(from, to, PAGE_SIZE);
    }
}

/// The `index`th value of a list that begins `at` bytes into a command's data.
pub fn command_data<T: FromBytes + KnownLayout + Copy>(at: usize, index: usize) -> T {
    let at = at + index * size_of::<T>();
    assert!(at + size_of::<T>() <= COMMAND_DATA_LEN, "a command's data is too long");
    // SAFETY: as in `get`.
    unsafe { ((BASE + COMMAND_DATA + at) as *const T).read_unaligned() }
}

fn exchange(at: usize) -> Exchange {
    // SAFETY: as in `get`.
    unsafe { ((BASE + at) as *const Exchange).read_volatile() }
}

/// Posts a request and does not wait.
pub fn post(op: u32, args: &[u64]) {
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    prepare(op, all);
    word(REQUEST).store(POSTED, Ordering::SeqCst);
    if word(WATCHED).load(Ordering::SeqCst) == 0 {
        hypercall::send(header().port);
    }
}

/// Asks and waits for the answer: a value, or a negative errno.
pub fn ask(op: u32, args: &[u64]) -> i64 {
    post(op, args);
    let state = word(REQUEST);
    turns::until(&mut || state.load(Ordering::Acquire) == ANSWERED);
    if state.compare_exchange(POSTED, AWAITED, Ordering::SeqCst, Ordering::Acquire).is_ok() {
        let port = header().port;
        while state.load(Ordering::Acquire) != ANSWERED {
            if !events::clear_port(port) {
                hypercall::poll_port(port);
            }
        }
    }
    let ret = exchange(REQUEST).ret;
    word(REQUEST).store(IDLE, Ordering::Relaxed);
    // What else the event meant is looked at on the way back to the app.
    events::look_soon();
    ret
}

/// Prepares a request that code elsewhere posts; the place of its [`Exchange`].
pub fn prepare(op: u32, args: [u64; 6]) -> *mut Exchange {
    let place = (BASE + REQUEST) as *mut Exchange;
    // SAFETY: in the door; nothing is posted, so the monitor does not look.
    unsafe { place.write_volatile(Exchange { state: IDLE, op, args, ret: 0 }) };
    place
}

/// The answer to a request that was prepared has been seen.
pub fn finish() {
    word(REQUEST).store(IDLE, Ordering::Relaxed);
    events::look_soon();
}

/// A shell's wait for its command.
pub fn command() -> Exchange {
    let port = header().port;
    while word(COMMAND).load(Ordering::Acquire) != POSTED {
        if !events::clear_port(port) {
            hypercall::poll_port(port);
        }
    }
    let command = exchange(COMMAND);
    word(COMMAND).store(ANSWERED, Ordering::Release);
    command
}

/// True when the monitor has left notices.
pub fn has_notices() -> bool {
    word(NOTICE_RING).load(Ordering::Acquire) != word(NOTICE_RING + 4).load(Ordering::Relaxed)
}

/// Takes the monitor's notices.
pub fn notices(each: &mut dyn FnMut(u64, u64)) {
    let (tail, head) = (word(NOTICE_RING), word(NOTICE_RING + 4));
    loop {
        let at = head.load(Ordering::Relaxed);
        if at == tail.load(Ordering::Acquire) {
            return;
        }
        let entry = BASE + NOTICE_RING + 16 + (at as usize % NOTICES) * NOTICE_SIZE;
        // SAFETY: in the door.
        let [kind, arg] = unsafe { (entry as *const [u64; 2]).read_volatile() };
        head.store(at.wrapping_add(1), Ordering::Release);
        each(kind, arg);
    }
}

const _: () = assert!(NOTICE_RING + 16 + NOTICES * NOTICE_SIZE <= PAGE_SIZE && REQUEST_DATA == PAGE_SIZE);
