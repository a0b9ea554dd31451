//! Domains whose monitor died: a monitor that is killed cannot end its members, so the next one does.
//!
//! Each of our domains bears its monitor in its UUID: a mark, the monitor's process number and start time, and a count.

use xenctl::{DomainInfo, Store, Xen};

use crate::report::say;

const MARK: [u8; 4] = *b"OSxd";
/// The count of the holder that all families of a host use: it is nobody's alone.
pub(super) const COMMON: u32 = u32::MAX;

/// A monitor, as UUIDs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    pid: u32,
    /// Low word of the process's start time in clock ticks, proc(5).
    started: u32,
}

impl Owner {
    /// This process.
    pub fn this() -> Self {
        let pid = std::process::id();
        Self { pid, started: started(pid).unwrap_or(0) }
    }

    /// The UUID of its n-th domain.
    pub fn uuid(self, n: u32) -> [u8; 16] {
        let mut uuid = [0; 16];
        for (at, word) in uuid.as_chunks_mut::<4>().0.iter_mut().zip([
            MARK,
            self.pid.to_be_bytes(),
            self.started.to_be_bytes(),
            n.to_be_bytes(),
        ]) {
            *at = word;
        }
        uuid
    }

    /// The monitor that a UUID names; none when the domain is not one of ours.
    pub fn of(uuid: &[u8; 16]) -> Option<Self> {
        let (words, _) = uuid.as_chunks::<4>();
        (words[0] == MARK)
            .then(|| Self { pid: u32::from_be_bytes(words[1]), started: u32::from_be_bytes(words[2]) })
    }

    /// It as one number, which is never 0.
    pub fn name(self) -> u64 {
        u64::from(self.pid) << 32 | u64::from(self.started)
    }

    /// The one that has this number.
    pub fn named(name: u64) -> Self {
        Self { pid: (name >> 32) as u32, started: name as u32 }
    }

    /// Whether it runs.
    pub fn lives(self) -> bool {
        started(self.pid) == Some(self.started)
    }
}

/// True for the UUID of the holder that all families use.
pub(super) fn is_common(uuid: &[u8; 16]) -> bool {
    Owner::of(uuid).is_some() && uuid[12..] == COMMON.to_be_bytes()
}

/// When a process started; none when there is none, or when it is a zombie.
fn started(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name, in parentheses, may contain anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse::<u64>().ok().map(|ticks| ticks as u32)
}

/// True in the control domain of a Xen host.
pub fn is_dom0() -> bool {
    let text = std::fs::read_to_string("/proc/xen/capabilities");
    text.is_ok_and(|text| text.contains("control_d"))
}

/// Removes what dead monitors left in this dom0, if it is one.
pub fn sweep() {
    if is_dom0()
        && let Ok(xen) = Xen::open()
    {
        sweep_with(&xen);
        super::real::sweep_commons(xen);
    }
}

pub(super) fn sweep_with(xen: &Xen) {
    let Ok(domains) = xen.domains() else { return };
    let dead = |d: &DomainInfo| Owner::of(&d.uuid).is_some_and(|owner| !owner.lives());
    let orphan = |d: &&DomainInfo| !d.is_dying() && !is_common(&d.uuid) && dead(d);
    let orphans: Vec<&DomainInfo> = domains.iter().filter(orphan).collect();
    if orphans.is_empty() {
        return;
    }
    let mut store = Store::open().ok();
    for d in &orphans {
        // Another command may be doing the same.
        let _ = xen.destroy(d.id);
        if let Some(store) = &mut store {
            let _ = xenctl::names::withdraw(store, d.id, &d.uuid);
        }
    }
    say(&format!("removed {} domains that a killed monitor had left", orphans.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_names_its_monitor() {
        let me = Owner::this();
        assert_eq!(Owner::of(&me.uuid(7)), Some(me));
        assert!(me.lives());
        assert!(!Owner { started: me.started.wrapping_add(1), ..me }.lives());
        assert_eq!(Owner::of(&[0; 16]), None);
    }
}
