//! Requests are taken, carried out and answered.

use abi::Errno;
use protocol::control::{NOREPLY, RegionRef, Reply, SLOT_DATA, data_at};
use protocol::hosted::SOCK_REGION;
use protocol::{EV_REPLY, FIRST_OBJECT, MAX_MEMBERS, MonitorSide, Op, SharedMem};

use crate::call::{Answer, Call, OpResult};
use crate::family::Family;
use crate::hosted::socket::send_fd;
use crate::{net, ops};

/// Requests taken from one member before others have their turn.
const BATCH: u32 = 64;

/// Handles what is pending; false when there was nothing.
pub fn pump(fam: &mut Family) -> bool {
    if !fam.events.pending() {
        return false;
    }
    let mut events = Vec::new();
    fam.events.take(|e| events.push(e));
    for event in &events {
        if (1..MAX_MEMBERS).contains(event) {
            drain(fam, *event);
        } else if *event >= FIRST_OBJECT {
            net::object_event(fam, *event);
            fam.apply_pending();
        }
        fam.events.flush();
    }
    !events.is_empty()
}

/// Takes and answers the requests of one member.
pub fn drain(fam: &mut Family, slot: u32) {
    fam.flush_overflow(slot);
    let mut data = Vec::new();
    for _ in 0..BATCH {
        let Some(m) = fam.members.get_mut(slot) else { return };
        let control = m.control.clone();
        let Some((place, req)) = m.side.next(&*control) else { return };
        // A region is the member's, whoever of its processes used it last.
        let known = m.hosts(req.pid) || req.op == Op::Detach as u16;
        data.resize((req.data_len as usize).min(SLOT_DATA), 0);
        control.read(data_at(place), &mut data);
        let call = Call { slot, pid: req.pid, req: &req, data: &data };
        let result = if known { ops::dispatch(fam, &call) } else { Err(Errno::ESRCH) };
        fam.apply_pending();
        let noreply = req.flags & NOREPLY != 0;
        let crowded = noreply && MonitorSide::crowded(&*control);
        let reply = fam.make_reply(slot, place, result, noreply);
        if let Some(m) = fam.members.get_mut(slot) {
            m.side.complete(&*control, place, noreply, &reply);
        }
        if !noreply || crowded {
            fam.notify(slot, EV_REPLY);
        }
    }
    // There may be more: this member is looked at again after the others.
    fam.events.post_self(slot);
}

impl Family {
    /// Puts an answer's data into place and delivers regions that are new to the member.
    fn make_reply(&mut self, slot: u32, place: u32, result: OpResult, noreply: bool) -> Reply {
        let failed = |e: Errno| Reply { ret: -i64::from(e.0), ..Reply::default() };
        let answer = match result {
            Ok(answer) => answer,
            Err(e) => return failed(e),
        };
        let mut reply = Reply { ret: answer.ret, rets: answer.rets, ..Reply::default() };
        let delivered = if noreply { Ok(()) } else { self.deliver(slot, &answer, &mut reply) };
        if answer.handoff {
            for id in answer.regions.iter().flatten() {
                self.regions.disown(*id);
            }
        }
        if noreply {
            return Reply::default();
        }
        if let Err(e) = delivered {
            return failed(e);
        }
        let Some(m) = self.members.get(slot) else { return reply };
        if answer.data.len() > SLOT_DATA {
            return failed(Errno::EMSGSIZE);
        }
        m.control.write(data_at(place), &answer.data);
        reply.data_len = answer.data.len() as u32;
        reply
    }

    fn deliver(&mut self, slot: u32, answer: &Answer, reply: &mut Reply) -> Result<(), Errno> {
        for (i, id) in answer.regions.iter().enumerate() {
            let Some(id) = *id else { continue };
            reply.regions[i] = RegionRef { id: id.0, size: self.regions.size(id) };
            if !self.regions.attach(id, slot) {
                continue;
            }
            if let Some(socket) = self.members.get(slot).and_then(|m| m.socket.as_ref())
                && let Some(file) = self.regions.file(id)
                && send_fd(socket, SOCK_REGION, id.0, file).is_err()
            {
                self.regions.detach(id, slot);
                return Err(Errno::ENOMEM);
            }
            reply.deliver |= 1 << i;
        }
        Ok(())
    }
}
