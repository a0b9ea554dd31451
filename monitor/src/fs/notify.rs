//! inotify objects as descriptions: their object numbers, and who is told of new events.

use std::collections::{BTreeMap, BTreeSet};

use abi::Errno;

use crate::family::Family;

/// An inotify object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct INotifyId(pub u32);

struct Object {
    number: u32,
    /// Members that asked and found nothing.
    armed: BTreeSet<u32>,
}

/// All inotify objects by id.
#[derive(Default)]
pub(super) struct Objects {
    map: BTreeMap<INotifyId, Object>,
}

/// A new inotify object.
pub fn create(fam: &mut Family) -> Result<INotifyId, Errno> {
    let number = fam.objects.alloc()?;
    let id = INotifyId(fam.fs.vfs.notify.borrow_mut().create());
    fam.fs.notify.map.insert(id, Object { number, armed: BTreeSet::new() });
    Ok(id)
}

/// The object's number; 0 when it is gone.
pub fn object(fam: &Family, id: INotifyId) -> u32 {
    fam.fs.notify.map.get(&id).map_or(0, |o| o.number)
}

/// Member `slot` wants to hear of the next event.
pub fn arm(fam: &mut Family, id: INotifyId, slot: u32) {
    if let Some(o) = fam.fs.notify.map.get_mut(&id) {
        o.armed.insert(slot);
    }
}

/// The last reference to an inotify object is gone.
pub fn release_inotify(fam: &mut Family, id: INotifyId) {
    fam.fs.vfs.notify.borrow_mut().destroy(id.0);
    if let Some(o) = fam.fs.notify.map.remove(&id) {
        fam.objects.free(o.number);
    }
}

/// Tells the members whose objects got events.
pub(super) fn settle(fam: &mut Family) {
    let ready = fam.fs.vfs.notify.borrow_mut().take_ready();
    for id in ready {
        if let Some(o) = fam.fs.notify.map.get_mut(&INotifyId(id)) {
            let number = o.number;
            for slot in std::mem::take(&mut o.armed) {
                fam.events.post(slot, number);
            }
        }
    }
}
