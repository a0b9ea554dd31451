//! Tries the crate on a real Xen: a domain with a tiny guest is built, greets by an event, is answered, has pages mapped
//! and granted, ends; afterwards the host has the memory and the domains that it had before.
//!
//! `cargo xtask lab test` runs it in the lab's dom0. It prints one line per check, and `N passed, N failed` at the end.

use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use offshoot_xenctl::build::{self, Built, Image, Recipe};
use offshoot_xenctl::names::{self, Identity};
use offshoot_xenctl::{Access, DomId, EventChannels, ForeignMap, GrantTable, PAGE, Store, Xen, grant};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

type Test = fn(&Xen) -> Outcome;
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The guest, in 32-bit mode as the PVH protocol enters it: it greets, waits for a word in its door, answers, and ends.
mod guest {
    /// Where it is loaded; its hypercall page and its stack follow.
    pub const START: u32 = 0x10_0000;
    /// Bytes of memory there.
    pub const SIZE: u32 = 0x4000;
    /// Words of the door: its port, what it is told, what it says; and its greeting, in the second page.
    pub const PORT: usize = 0;
    pub const TOLD: usize = 4;
    pub const SAID: usize = 8;
    pub const GREETING: usize = 0x1000;

    std::arch::global_asm!(
        ".pushsection .rodata.guest, \"a\"",
        ".global xenctl_guest_start, xenctl_guest_end",
        ".code32",
        "xenctl_guest_start:",
        "mov esp, 0x103ff0",
        // The leaf behind Xen's signature names the MSR that fills a hypercall page.
        "mov eax, 0x40000002",
        "xor ecx, ecx",
        "cpuid",
        "mov ecx, ebx",
        "mov eax, 0x101000",
        "xor edx, edx",
        "wrmsr",
        "mov edi, 0x10000",
        "mov dword ptr [edi + 0x1000], 0x6f6c6c48",
        "call 5f",
        "2: cmp dword ptr [edi + 4], 1",
        "je 3f",
        // SCHEDOP_yield
        "xor ebx, ebx",
        "xor ecx, ecx",
        "mov eax, 0x101000 + 29 * 32",
        "call eax",
        "jmp 2b",
        "3: mov dword ptr [edi + 8], 0x1234",
        "call 5f",
        // SCHEDOP_shutdown, SHUTDOWN_poweroff
        "push 0",
        "mov ebx, 2",
        "mov ecx, esp",
        "mov eax, 0x101000 + 29 * 32",
        "call eax",
        "4: hlt",
        "jmp 4b",
        // EVTCHNOP_send
        "5: push dword ptr [edi]",
        "mov ebx, 4",
        "mov ecx, esp",
        "mov eax, 0x101000 + 32 * 32",
        "call eax",
        "add esp, 4",
        "ret",
        "xenctl_guest_end:",
        ".code64",
        ".popsection",
    );

    unsafe extern "C" {
        static xenctl_guest_start: u8;
        static xenctl_guest_end: u8;
    }

    /// Its code.
    pub fn code() -> &'static [u8] {
        // SAFETY: the two labels enclose the bytes assembled above, which are constant.
        unsafe {
            let (start, end) = (&raw const xenctl_guest_start, &raw const xenctl_guest_end);
            std::slice::from_raw_parts(start, end.addr() - start.addr())
        }
    }
}

/// An ELF file of one segment, with Xen's note.
fn elf(code: &[u8]) -> Vec<u8> {
    const HEADERS: u64 = 64 + 2 * 56;
    const NOTE: u64 = 20;
    let mut file = Vec::new();
    file.extend(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.extend([2_u16, 62].map(u16::to_le_bytes).concat());
    file.extend(1_u32.to_le_bytes());
    file.extend([u64::from(guest::START), 64, 0].map(u64::to_le_bytes).concat());
    file.extend(0_u32.to_le_bytes());
    file.extend([64_u16, 56, 2, 64, 0, 0].map(u16::to_le_bytes).concat());
    let mut header = |kind: u32, flags: u32, words: [u64; 6]| {
        file.extend([kind, flags].map(u32::to_le_bytes).concat());
        file.extend(words.map(u64::to_le_bytes).concat());
    };
    let (start, size) = (u64::from(guest::START), u64::from(guest::SIZE));
    header(1, 7, [HEADERS + NOTE, start, start, code.len() as u64, size, 4096]);
    header(4, 4, [HEADERS, 0, 0, NOTE, NOTE, 4]);
    file.extend([4, 4, 18].map(u32::to_le_bytes).concat());
    file.extend(*b"Xen\0");
    file.extend(guest::START.to_le_bytes());
    file.extend(code);
    file
}

/// Waits until one of our ports has an event, and lets it speak again.
fn wait(events: &EventChannels, port: u32) -> Outcome {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        let mut fds = [PollFd::from_borrowed_fd(events.as_fd(), PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 1, tv_nsec: 0 }))?;
        let mut ports = Vec::new();
        events.pending(&mut ports)?;
        events.unmask(&ports)?;
        if ports.contains(&port) {
            return Ok(());
        }
    }
    Err("no event within ten seconds".into())
}

fn until(what: &str, mut done: impl FnMut() -> Result<bool, Box<dyn std::error::Error>>) -> Outcome {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if done()? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(format!("not within ten seconds: {what}").into())
}

fn check(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn recipe(uuid: u8) -> Recipe {
    let mut recipe = Recipe { door: 0x10..0x20, ..Recipe::default() };
    recipe.config.uuid = [uuid; 16];
    recipe
}

fn built(xen: &Xen, uuid: u8) -> Result<Built, Box<dyn std::error::Error>> {
    let image = Image::parse(&elf(guest::code()))?;
    Ok(build::build(xen, &image, &recipe(uuid), |door| {
        door.map.u32_at(guest::PORT).store(door.port, Ordering::Relaxed);
        Ok(())
    })?)
}

/// Build, run, greet, answer, end.
fn life(xen: &Xen) -> Outcome {
    let built = built(xen, 1)?;
    let outcome = conversation(xen, &built);
    xen.destroy(built.domain)?;
    outcome
}

fn conversation(xen: &Xen, built: &Built) -> Outcome {
    let Built { domain, door, .. } = built;
    let events = EventChannels::open()?;
    let port = events.bind(*domain, built.port)?;
    // The first event is that of the binding itself.
    wait(&events, port)?;
    xen.unpause(*domain)?;
    wait(&events, port)?;
    check(door.u32_at(guest::GREETING).load(Ordering::Acquire) == 0x6f6c_6c48, "the greeting is not there")?;
    door.u32_at(guest::TOLD).store(1, Ordering::Release);
    wait(&events, port)?;
    check(door.u32_at(guest::SAID).load(Ordering::Acquire) == 0x1234, "the answer is not there")?;
    until("the guest's shutdown", || {
        Ok(xen.domain_info(*domain)?.is_some_and(|info| info.shutdown() == Some(0)))
    })
}

/// A window in which frames come and go, and frames given and taken.
fn memory(xen: &Xen) -> Outcome {
    let domain = build::holder(xen, &recipe(2))?;
    let outcome = (|| {
        let gfns: Vec<u64> = (0x1000..0x1400).collect();
        xen.populate(domain, &gfns, 0)?;
        let window = ForeignMap::reserve(xen, 1 << 20)?;
        for (page, gfn) in [(7, 0x1003), (900_000, 0x1004), (8, 0x1005)] {
            window.map(page, domain, &[gfn])?;
            window.u64_at(page * PAGE).store(gfn, Ordering::Relaxed);
        }
        check(window.map(9, domain, &[0x2000]).is_err(), "a frame that is not there was mapped")?;
        window.map(9, domain, &[0x1006])?;
        window.unmap(7, 1)?;
        window.map(7, domain, &[0x1004])?;
        check(window.u64_at(7 * PAGE).load(Ordering::Relaxed) == 0x1004, "another frame than asked for")?;
        let all = ForeignMap::new(xen, domain, &gfns)?;
        check(all.u64_at(5 * PAGE).load(Ordering::Relaxed) == 0x1005, "the frames are in disorder")?;
        let mut text = [0; 5];
        all.write(13, b"hello");
        all.read(13, &mut text);
        check(text == *b"hello", "bytes that were written are not read")?;
        drop(all);
        check(xen.depopulate(domain, &gfns, 0)? == gfns.len(), "frames could not be taken")?;
        check(xen.highest_gfn(domain)? >= 0x13ff, "the highest frame")
    })();
    xen.destroy(domain)?;
    outcome
}

/// Entries of a grant table: taken, in use, ended.
fn grants(xen: &Xen) -> Outcome {
    let domain = build::holder(xen, &recipe(3))?;
    let mut table = GrantTable::open(xen, domain, u32::MAX)?;
    let outcome = (|| {
        xen.populate(domain, &[0x1000], 0)?;
        let one = table.grant(DomId::DOM0, 0x1000, Access::ReadOnly)?;
        let run = table.grant_all(DomId::DOM0, std::iter::repeat_n(0x1000, 1500), Access::ReadWrite)?;
        check(table.in_use() == 1501, "the count of entries")?;
        check(
            !table.is_mapped(one) && table.end(one) && table.end_all(run, 1500),
            "an entry cannot be ended",
        )?;
        check(table.in_use() == 0 && table.collect() == 0, "entries are left")?;
        // A table of 64 frames: 32,768 entries, less the reserved ones.
        let most = table.grant_all(DomId::DOM0, std::iter::repeat_n(0x1000, 32_760), Access::ReadOnly)?;
        check(table.grant(DomId::DOM0, 0x1000, Access::ReadOnly).is_err(), "a full table gave an entry")?;
        check(table.end_all(most, 32_760), "the last entries cannot be ended")
    })();
    xen.destroy(domain)?;
    outcome
}

/// Names in xenstore, and the daemon's use of a grant.
fn store(xen: &Xen) -> Outcome {
    let mut store = Store::open()?;
    let uuid = [4; 16];
    let mut built = built(xen, 4)?;
    let outcome = named(xen, &mut store, &mut built, uuid);
    xen.destroy(built.domain)?;
    names::withdraw(&mut store, built.domain, &uuid)?;
    outcome?;
    check(store.get(&format!("/local/domain/{}/name", built.domain))?.is_none(), "a node is left")
}

fn named(xen: &Xen, store: &mut Store, built: &mut Built, uuid: [u8; 16]) -> Outcome {
    let domain = built.domain;
    let console = built.console.map(|ring| (ring.gfn, ring.port));
    names::publish(store, domain, &Identity { name: "xenctl-test", uuid, console })?;
    check(store.directory("/local/domain")?.contains(&domain.to_string()), "no node of the domain")?;
    store.watch("@releaseDomain", "gone")?;
    let ring = built.store.ok_or("no ring for xenstore")?;
    store.introduce(domain, ring.gfn, ring.port)?;
    until("xenstored has the ring mapped", || Ok(built.grants.is_mapped(grant::XENSTORE)))?;
    check(!built.grants.end(grant::XENSTORE), "a grant was ended that is in use")?;
    store.release(domain)?;
    until("xenstored lets the ring go", || Ok(built.grants.collect() == 0))?;
    until("the watch speaks", || Ok(store.next_event()?.is_some_and(|event| event.token == "gone")))?;
    check(
        store.read("/no/such/node").is_err() && store.get("/no/such/node")?.is_none(),
        "a node from nowhere",
    )?;
    check(xen.domain_info(domain)?.is_some_and(|info| info.uuid == uuid && info.is_paused()), "its own facts")
}

/// What the domain sees of the processor, and its vCPU's state.
fn state(xen: &Xen) -> Outcome {
    let built = built(xen, 5)?;
    let outcome = (|| {
        let mut policy = xen.policy(built.domain)?;
        check(policy.leaf(1, 0).is_some_and(|leaf| leaf.d & 1 << 25 != 0), "the domain has no SSE")?;
        xen.set_policy(built.domain, &policy)?;
        let context = xen.hvm_context(built.domain)?;
        xen.set_hvm_context(built.domain, &context)?;
        xen.set_paging_pool(built.domain, 2 << 20)?;
        xen.map_shared_info(built.domain, 0xf)?;
        xen.pause(built.domain)?;
        xen.unpause(built.domain)?;
        let nobody = xen.domain_info(DomId(0x7000))?;
        check(
            nobody.is_none() && xen.pause(DomId(0x7000)).is_err_and(|error| error.is_gone()),
            "nobody is there",
        )
    })();
    xen.destroy(built.domain)?;
    outcome
}

/// The domains and the free memory come back to what they were.
fn nothing_left(xen: &Xen, domains: usize, free: u64) -> Outcome {
    // Xen frees and scrubs in the background.
    until("as many domains and free pages as before", || {
        Ok(xen.domains()?.len() == domains && xen.host_memory()?.free >= free)
    })
    .map_err(|_| {
        let now = xen.host_memory().map_or(0, |memory| memory.free);
        let domains_now = xen.domains().map_or(0, |all| all.len());
        format!("{domains} domains and {free} free pages before, {domains_now} and {now} after").into()
    })
}

/// Runs a test twice: what dom0 and Xen keep for themselves after the first time is no leak.
fn twice(xen: &Xen, test: Test) -> Outcome {
    let domains = xen.domains()?.len();
    test(xen)?;
    nothing_left(xen, domains, 0)?;
    let free = xen.host_memory()?.free;
    test(xen)?;
    nothing_left(xen, domains, free)
}

fn main() -> ExitCode {
    let xen = match Xen::open() {
        Ok(xen) => xen,
        Err(error) => {
            eprintln!("xenctl-selftest: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (mut passed, mut failed) = (0, 0);
    let tests: [(&str, Test); 5] =
        [("life", life), ("memory", memory), ("grants", grants), ("store", store), ("state", state)];
    for (name, test) in tests {
        let started = Instant::now();
        match twice(&xen, test) {
            Ok(()) => {
                passed += 1;
                println!("ok {name} ({:.1} ms)", started.elapsed().as_secs_f64() * 1e3);
            }
            Err(error) => {
                failed += 1;
                println!("not ok {name}: {error}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
