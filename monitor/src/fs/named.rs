//! Descriptions that other modules own but that were opened by a name: FIFOs and terminals. Their attributes and the
//! name that procfs shows are the node's.

use std::collections::HashMap;

use protocol::desc::DescInfo;
use vfs::server::walk::Loc;

use super::{Ids, with_process};
use crate::family::Family;
use crate::procs::INIT_PID;

/// What members are told of such a description: its node's attributes.
pub fn named_info(fam: &Family, info: DescInfo) -> DescInfo {
    let Some(loc) = Named::get(fam, info.desc) else { return info };
    with_process(fam, INIT_PID, 0, Ids::Fs, |cx, _| match loc.dentry.node.attr(cx) {
        Ok(a) => DescInfo { mode: a.mode, ino: a.ino, dev: a.dev, rdev: a.rdev, ..info },
        Err(_) => info,
    })
}

/// Places by description number; the generation tells a number's later use apart.
#[derive(Default)]
pub struct Named {
    map: HashMap<u32, (u32, Loc)>,
}

impl Named {
    /// Description `desc` was opened at `loc`.
    pub fn insert(fam: &Family, desc: u32, loc: Loc) {
        let generation = fam.descs.generation(desc);
        let map = &mut fam.fs.named.borrow_mut().map;
        if map.len() >= 64 && map.len() == map.capacity() {
            map.retain(|d, (g, _)| fam.descs.any(*d).is_some() && fam.descs.generation(*d) == *g);
        }
        map.insert(desc, (generation, loc));
    }

    /// Where `desc` was opened, if it is such a description.
    pub fn get(fam: &Family, desc: u32) -> Option<Loc> {
        let named = fam.fs.named.borrow();
        let (generation, loc) = named.map.get(&desc)?;
        (*generation == fam.descs.generation(desc)).then(|| loc.clone())
    }
}
