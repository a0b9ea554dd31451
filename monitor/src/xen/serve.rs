//! The door's server: takes what members ask the platform for, checks it as a lie, answers.

use abi::Errno;
use protocol::xen::{
    ASK_BIND, ASK_CLONE, ASK_CRASH, ASK_DROP, ASK_EXIT, ASK_FRAMES, ASK_GIVE_BACK, ASK_IMAGE, ASK_LOG,
    ASK_PAGES, ASK_POOL, ASK_PULLED, ASK_READY, ASK_RING, ASK_SETTLED, ASK_SYNC, COPIES, FrameRange,
    NOTICE_CLOSE, NOTICE_TOUCHED, PageGrant, REGION_CONTROL, REGION_EVENTS, REGION_FAMILY, REQUEST_DATA_LEN,
};
use std::rc::Rc;
use zerocopy::{FromBytes, IntoBytes};

use super::clone::Wish;
use super::domain::Role;
use super::door::Asked;
use super::host::{Host, WARM};
use super::pages::Pages;
use crate::backend::{Backend, Ended, Vm};
use crate::family::Family;
use crate::regions::RegionId;
use crate::report::{printable, say};
use crate::serve::drain;

/// References that fit into an answer.
const MOST: u64 = (REQUEST_DATA_LEN / size_of::<PageGrant>()) as u64;
/// Pages given for one question about a region: what was asked for, but not so many that others wait.
const PAGES_AT_ONCE: u64 = 64;
/// Pages that a member may have of the holder at one time.
const PAGES_PER_MEMBER: usize = 1 << 16;
/// Touches of a fresh clone that its parent is told of.
const TOLD: u32 = 24;
/// Frames that one of Xen's tables is for, and tables that a member may need for what are not its own frames.
const FRAMES_OF_A_TABLE: u64 = 512;
const MOST_OTHER_TABLES: u64 = 1024;
/// Longest text in a question.
const TEXT: u64 = 4096;

/// An answer: the value, and data for it.
type Said = Result<(i64, Vec<u8>), Errno>;

/// Serves the doors that rang, and sees to members that ended.
pub fn doors_rang(fam: &mut Family) {
    let Backend::Xen(host) = &fam.backend else { return };
    let mut ports = Vec::new();
    host.hyper.rang(&mut ports);
    let ids: Vec<u32> = ports.iter().filter_map(|port| host.by_port.get(port).copied()).collect();
    for id in ids {
        serve(fam, id);
    }
    attend(fam);
}

/// Carries out what became due: kills, ends, and a look at which domains there are.
pub fn attend(fam: &mut Family) {
    let Backend::Xen(host) = &mut fam.backend else { return };
    if host.next_look().is_zero() {
        // A question whose ring nobody heard (a domain that was being bound, a port used again) is found here.
        let ids: Vec<u32> = host.domains.keys().copied().collect();
        for id in ids {
            serve(fam, id);
        }
    }
    let Backend::Xen(host) = &mut fam.backend else { return };
    let broken = host.look();
    let crashes = std::mem::take(&mut host.crashes);
    for (place, report) in crashes {
        fam.report_crash(place.slot, report.as_bytes());
        if let Some(m) = fam.members.get_mut(place.slot) {
            // Its end is told already.
            m.doomed = true;
        }
    }
    while let Backend::Xen(host) = &mut fam.backend {
        let ended = host.take_ended();
        if ended.is_empty() {
            break;
        }
        for (place, how) in ended {
            if fam.members.get(place.slot).is_some_and(|m| m.generation == place.generation) {
                // Its last words first: an end that it told is no loss.
                drain(fam, place.slot);
                fam.vm_ended(place.slot, how);
            }
        }
        fam.apply_pending();
    }
    if broken && fam.ended.is_none() {
        say("the family's holder domain was destroyed: the family ends");
        fam.ended = Some(abi::signal::SIGKILL as u32);
    }
    super::tell_cuts(fam);
}

/// Does one thing that nobody waits for; false when there is nothing to do.
pub fn do_chore(fam: &mut Family) -> bool {
    let Backend::Xen(host) = &mut fam.backend else { return fam.backend.refill() };
    if host.ring_clones() {
        return true;
    }
    if host.end_one() {
        attend(fam);
        return true;
    }
    let slots = fam.members.free_slots().take(WARM);
    host.ready_slots(slots, fam.events.backing()) || host.refill()
}

/// Takes the question at a domain's door, if there is one.
pub(super) fn serve(fam: &mut Family, id: u32) {
    let Backend::Xen(host) = &mut fam.backend else { return };
    let Some(domain) = host.domains.get_mut(&id).filter(|d| !d.busy && d.role != Role::Ancestor) else {
        return;
    };
    domain.flush_notices();
    let Some(asked) = domain.door.asked() else { return };
    host.end_frames(id);
    host.watch(id);
    let said = match asked.op {
        ASK_EXIT => {
            host.unwatch(id);
            // What it told before comes first.
            let slot = host.slot_of(id);
            drain(fam, slot);
            let empty = fam.members.get(slot).is_some_and(|m| m.residents().next().is_none());
            let Backend::Xen(host) = &mut fam.backend else { return };
            if empty {
                host.leave(id);
            } else {
                host.retire(id, Ended::Exited(asked.args[0] as i32));
            }
            return;
        }
        ASK_CRASH => {
            host.unwatch(id);
            let text = host.text(id, asked.args[0]).unwrap_or_default();
            if asked.args[1] == 0 {
                let report = super::crash::symbolised(&fam.config.kernel, &text);
                host.crashed(id, &report);
            } else {
                host.starved(id, &printable(&text));
            }
            return;
        }
        ASK_CLONE => clone(fam, id, &asked).map(|token| (token as i64, Vec::new())),
        ASK_PULLED => {
            host.answer(id, 0, &[]);
            host.end_copying(id);
            return;
        }
        ASK_SETTLED => {
            if let Some(domain) = host.domains.get_mut(&id)
                && host.clones.values().any(|clone| clone.is_of(id))
            {
                domain.settling = true;
                domain.busy = true;
                return;
            }
            Ok((0, Vec::new()))
        }
        ASK_PAGES => pages(fam, id, &asked),
        ASK_SYNC => region(fam, id, asked.args[0])
            .and_then(|pages| pages.sync(asked.args[1], asked.args[2]))
            .map(|()| (0, Vec::new())),
        ASK_READY => ready(fam, id),
        ASK_GIVE_BACK => host.give_back(id, asked.args[0]),
        ASK_FRAMES => host.frames(id, &asked),
        ASK_DROP => {
            if let Some(dropped) = host.tokens.release(asked.args[0], id) {
                host.tell_dropped(dropped);
            }
            Ok((0, Vec::new()))
        }
        ASK_POOL => host.pool(id, asked.args[0]),
        ASK_IMAGE => host.image(id, asked.args[0], asked.args[1]),
        ASK_BIND => host.bind(id, asked.args[0]),
        ASK_RING => {
            if let Ok(slot) = u32::try_from(asked.args[0]) {
                host.ports.ring(slot);
            }
            Ok((0, Vec::new()))
        }
        ASK_LOG => {
            let text = host.text(id, asked.args[0]).unwrap_or_default();
            say(&format!("domain {id}: {}", printable(&text)));
            Ok((0, Vec::new()))
        }
        _ => Err(Errno::ENOSYS),
    };
    let Backend::Xen(host) = &mut fam.backend else { return };
    match said {
        Ok((ret, data)) => host.answer(id, ret, &data),
        Err(e) => host.answer(id, -i64::from(e.0), &[]),
    }
}

/// The pages that a member means by a region's number.
fn region(fam: &Family, id: u32, region: u64) -> Result<Rc<Pages>, Errno> {
    let Backend::Xen(host) = &fam.backend else { return Err(Errno::EINVAL) };
    let domain = host.domains.get(&id).ok_or(Errno::ESRCH)?;
    let place = domain.role.place().ok_or(Errno::EACCES)?;
    let pages = match region {
        REGION_CONTROL => domain.control.clone(),
        REGION_FAMILY => fam.published.backing().pages().cloned(),
        REGION_EVENTS => fam.events.backing().pages().cloned(),
        _ => fam.regions.pages(RegionId(region), place.slot),
    };
    pages.ok_or(Errno::EACCES)
}

/// `ASK_PAGES`.
fn pages(fam: &mut Family, id: u32, asked: &Asked) -> Said {
    let [number, first, count, write, copied, refused] = asked.args;
    let write = write != 0;
    if refused != 0
        && let Backend::Xen(host) = &mut fam.backend
    {
        host.look_for_commons();
    }
    let pages = region(fam, id, number)?;
    if copied != 0 {
        return copies(fam, id, &pages, first, count);
    }
    if write && (number == REGION_FAMILY || !pages.is_writable()) {
        return Err(Errno::EACCES);
    }
    let Backend::Xen(host) = &mut fam.backend else { return Err(Errno::EINVAL) };
    host.make_room(Some(id));
    let domain = host.domains.get_mut(&id).ok_or(Errno::ESRCH)?;
    let count = count.clamp(1, PAGES_AT_ONCE);
    if domain.granted.len() as u64 + count > PAGES_PER_MEMBER as u64 {
        return Err(Errno::ENOMEM);
    }
    let there = pages.count()?;
    pages.bring(there, first..first.saturating_add(count));
    let mut given = Vec::new();
    for i in 0..count {
        let granted = first.checked_add(i).ok_or(Errno::ENOENT).and_then(|page| {
            let frame = pages.frame_below(there, page, write)?;
            match domain.granted.add(id, &frame, write) {
                // The common table may be full where the family's own is not.
                Err(_) if frame.is_common() => domain.granted.add(id, &pages.own_frame(page)?, write),
                granted => granted,
            }
        });
        match granted {
            Ok(grant) => given.push(grant),
            Err(e) if i == 0 => return Err(e),
            // Fewer than asked for; the member meets the reason when it touches the next page.
            Err(_) => break,
        }
    }
    Ok((given.len() as i64, given.as_bytes().to_vec()))
}

/// `ASK_PAGES` for copies.
fn copies(fam: &mut Family, id: u32, pages: &Pages, first: u64, count: u64) -> Said {
    let Backend::Xen(host) = &mut fam.backend else { return Err(Errno::EINVAL) };
    let domain = host.domains.get(&id).ok_or(Errno::ESRCH)?;
    let there = pages.count()?.saturating_sub(first).min(count.clamp(1, COPIES as u64)) as usize;
    if there == 0 {
        return Err(Errno::ENOENT);
    }
    let (door, at) = domain.door.copies();
    pages.copy(first, door, at, there)?;
    Ok((there as i64, Vec::new()))
}

/// `ASK_READY`.
fn ready(fam: &mut Family, id: u32) -> Said {
    let Backend::Xen(host) = &mut fam.backend else { return Err(Errno::EINVAL) };
    let data = host.ready_pages(id, fam.published.backing(), fam.events.backing())?;
    Ok(((data.len() / size_of::<PageGrant>()) as i64, data))
}

/// `ASK_CLONE`: the token.
fn clone(fam: &mut Family, id: u32, asked: &Asked) -> Result<u64, Errno> {
    let [slot, root, stack, count, copy, copied] = asked.args;
    let Backend::Xen(host) = &mut fam.backend else { return Err(Errno::EINVAL) };
    let domain = host.domains.get(&id).ok_or(Errno::ESRCH)?;
    let Role::Member(place) = domain.role else { return Err(Errno::EACCES) };
    let slot = u32::try_from(slot).map_err(|_| Errno::EINVAL)?;
    let child = fam.members.get(slot).map(|m| m.born_as).ok_or(Errno::EINVAL)?;
    let parent = fam.members.get(place.slot).ok_or(Errno::ESRCH)?;
    if !parent.forks.iter().any(|(pid, _)| *pid == child) {
        return Err(Errno::EACCES);
    }
    let len = count.checked_mul(size_of::<FrameRange>() as u64).ok_or(Errno::EINVAL)?;
    let data = domain.door.data(len).ok_or(Errno::EINVAL)?;
    let ranges = list::<FrameRange>(&data);
    let wish = Wish { slot, root, stack, copy, copied, ranges };
    let (child, token) = host.begin_clone(id, &wish, fam.events.backing())?;
    // It is a member from here on: should it not get its copy, the parent learns of its end as of any child's.
    fam.adopt(slot, Vm::Domain(child))?;
    Ok(token)
}

impl Host {
    /// Answers a domain's question.
    pub(super) fn answer(&mut self, id: u32, ret: i64, data: &[u8]) {
        if let Some(domain) = self.domains.get_mut(&id) {
            domain.busy = false;
            domain.settling = false;
            if domain.door.answer(ret, data) {
                self.hyper.ring(domain.port);
            }
        }
    }

    fn text(&self, id: u32, len: u64) -> Option<Vec<u8>> {
        let mut text = self.domains.get(&id)?.door.data(len.min(TEXT))?;
        text.truncate(text.iter().position(|b| *b == 0).unwrap_or(text.len()));
        Some(text)
    }

    fn give_back(&mut self, id: u32, count: u64) -> Said {
        if count > MOST {
            return Err(Errno::EINVAL);
        }
        let domain = self.domains.get_mut(&id).ok_or(Errno::ESRCH)?;
        let data = domain.door.data(count * size_of::<PageGrant>() as u64).ok_or(Errno::EINVAL)?;
        let mut ended = 0;
        for page in list::<PageGrant>(&data) {
            ended += i64::from(domain.granted.end(page));
        }
        Ok((ended, Vec::new()))
    }

    fn frames(&mut self, id: u32, asked: &Asked) -> Said {
        let [token, count, touched, room, ..] = asked.args;
        if count == 0 || count > MOST || room > MOST - count {
            return Err(Errno::EINVAL);
        }
        let owner = self.tokens.owner(token, id).ok_or(Errno::ENOENT)?;
        let data = self.domains.get(&id).and_then(|d| d.door.data(count * 8)).ok_or(Errno::EINVAL)?;
        let gfns: Vec<u64> = list(&data);
        if gfns.iter().any(|gfn| *gfn > u64::from(u32::MAX)) {
            return Err(Errno::EINVAL);
        }
        let from = self.domains.get_mut(&owner).ok_or(Errno::ENOENT)?;
        from.end_grants([]);
        let first = from.grants.grant(id, &gfns, false).map_err(|_| Errno::ENOMEM)?;
        let given: Vec<PageGrant> =
            (first..).take(gfns.len()).map(|gref| PageGrant { domid: owner, gref }).collect();
        let domain = self.domains.get_mut(&id).ok_or(Errno::ESRCH)?;
        domain.copying = given.iter().map(|g| (owner, g.gref)).collect();
        domain.fetches += 1;
        let (fetches, mut told) = (domain.fetches, domain.told);
        let mut data = given.as_bytes().to_vec();
        if let Some(owner) = self.domains.get_mut(&owner).filter(|_| touched != 0) {
            let hints = owner.touches.next(owner.id, &mut told, fetches, room as usize);
            data.extend(
                hints
                    .iter()
                    .copied()
                    .chain(std::iter::repeat(0))
                    .take(room as usize)
                    .flat_map(u64::to_le_bytes),
            );
            owner.touches.add(touched);
            if fetches <= TOLD && owner.role != Role::Ancestor {
                // One that finds no room is no loss.
                owner.door.notice(NOTICE_TOUCHED, touched);
            }
        }
        if let Some(domain) = self.domains.get_mut(&id) {
            domain.told = told;
        }
        Ok((count as i64, data))
    }

    /// `ASK_POOL`: never more than all its frames and all that it may map can need, and never less than it has.
    fn pool(&mut self, id: u32, pages: u64) -> Said {
        let most = self.max_frames / FRAMES_OF_A_TABLE + MOST_OTHER_TABLES;
        let domain = self.domains.get_mut(&id).ok_or(Errno::ESRCH)?;
        let pages = pages.min(most) as u32;
        if pages > domain.pool {
            self.hyper.set_pool(id, pages)?;
            domain.pool = pages;
        }
        Ok((domain.pool.into(), Vec::new()))
    }

    /// `ASK_IMAGE`: a member that was there before comes before warm shells.
    fn image(&mut self, id: u32, first: u64, count: u64) -> Said {
        let end = first.checked_add(count).ok_or(Errno::EINVAL)?;
        let mut restored = self.hyper.restore(id, first..end);
        while restored == Err(Errno::ENOMEM) && self.shrink_pool() {
            restored = self.hyper.restore(id, first..end);
        }
        if restored == Err(Errno::ENOMEM) {
            self.starved(id, "no memory for the kernel's code");
        }
        restored.map(|()| (0, Vec::new()))
    }

    fn bind(&mut self, id: u32, slot: u64) -> Said {
        let at = |d: &&super::domain::Domain| matches!(d.role, Role::Member(p) if u64::from(p.slot) == slot);
        let other = self.domains.values().find(at).map(|d| d.id).ok_or(Errno::ESRCH)?;
        if other == id {
            return Err(Errno::EINVAL);
        }
        let port = self.hyper.unbound(other, id)?;
        if let Some(domain) = self.domains.get_mut(&id) {
            // It binds anew because it has closed its end of the earlier channel.
            let earlier = domain.peers.iter().position(|(domain, _)| *domain == other);
            let earlier = earlier.map(|at| domain.peers.swap_remove(at).1);
            domain.peers.push((other, port));
            if let Some(port) = earlier {
                self.notice(other, NOTICE_CLOSE, port.into());
            }
        }
        let grant = PageGrant { domid: other, gref: port };
        Ok((0, grant.as_bytes().to_vec()))
    }
}

/// A list as a member wrote it.
fn list<T: FromBytes + Copy>(data: &[u8]) -> Vec<T> {
    data.chunks_exact(size_of::<T>()).filter_map(|c| T::read_from_bytes(c).ok()).collect()
}
