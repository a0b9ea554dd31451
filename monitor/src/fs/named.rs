//! Descriptions that other modules own but that were opened by a name: FIFOs and terminals. Their attributes and the
//! name that procfs shows are the node's.

use std::collections::HashMap;

use vfs::server::walk::Loc;

use crate::family::Family;

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
