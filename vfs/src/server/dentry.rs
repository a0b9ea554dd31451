//! Names in use: a cache of looked-up names, each knowing its parent, so that `..`, getcwd(2), the names that procfs
//! shows and inotify's events need no search.
//!
//! A parent holds its cached children and a child its parent; [`Dentry::prune`] breaks the cycle for what nobody uses.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use hashbrown::HashMap;

use crate::server::inode::{NodeKey, NodeRef};

/// One name of one node.
pub struct Dentry {
    /// The node behind the name.
    pub node: NodeRef,
    parent: RefCell<Option<Rc<Dentry>>>,
    name: RefCell<Box<[u8]>>,
    deleted: Cell<bool>,
    /// A file that was made without a name and may get one yet.
    pub linkable: Cell<bool>,
    /// Number of mounts that sit on this name.
    pub mounts: Cell<u32>,
    children: RefCell<HashMap<Box<[u8]>, Rc<Dentry>>>,
}

impl Dentry {
    /// The root of a file system, or a node without a name (`name` is then what procfs shows).
    pub fn root(node: NodeRef, name: &[u8]) -> Rc<Dentry> {
        Rc::new(Dentry {
            node,
            parent: RefCell::new(None),
            name: RefCell::new(name.into()),
            deleted: Cell::new(false),
            linkable: Cell::new(false),
            mounts: Cell::new(0),
            children: RefCell::new(HashMap::new()),
        })
    }

    /// The parent; `None` for a root.
    pub fn parent(&self) -> Option<Rc<Dentry>> {
        self.parent.borrow().clone()
    }

    /// The name in the parent.
    pub fn name(&self) -> Box<[u8]> {
        self.name.borrow().clone()
    }

    /// True when the name was removed while someone still used the node.
    pub fn is_deleted(&self) -> bool {
        self.deleted.get()
    }

    /// The cached child of that name.
    pub fn cached(&self, name: &[u8]) -> Option<Rc<Dentry>> {
        self.children.borrow().get(name).cloned()
    }

    /// The child of that name for a node just looked up: the cached one if it is still the same node.
    pub fn child(self: &Rc<Self>, name: &[u8], node: NodeRef) -> Rc<Dentry> {
        if let Some(old) = self.cached(name) {
            if old.node.key() == node.key() {
                return old;
            }
            self.forget(name);
        }
        let child = Rc::new(Dentry {
            node,
            parent: RefCell::new(Some(self.clone())),
            name: RefCell::new(name.into()),
            deleted: Cell::new(false),
            linkable: Cell::new(false),
            mounts: Cell::new(0),
            children: RefCell::new(HashMap::new()),
        });
        self.children.borrow_mut().insert(name.into(), child.clone());
        child
    }

    /// The name is gone: whoever holds its dentry sees it as deleted.
    pub fn forget(&self, name: &[u8]) -> Option<Rc<Dentry>> {
        let old = self.children.borrow_mut().remove(name)?;
        old.deleted.set(true);
        Some(old)
    }

    /// The node got another name by rename.
    pub fn moved(self: &Rc<Self>, name: &[u8], to: &Rc<Dentry>, to_name: &[u8]) {
        to.forget(to_name);
        let Some(child) = self.children.borrow_mut().remove(name) else { return };
        *child.parent.borrow_mut() = Some(to.clone());
        *child.name.borrow_mut() = to_name.into();
        to.children.borrow_mut().insert(to_name.into(), child);
    }

    /// Two names exchanged their nodes.
    pub fn exchanged(self: &Rc<Self>, name: &[u8], to: &Rc<Dentry>, to_name: &[u8]) {
        let a = self.children.borrow_mut().remove(name);
        let b = to.children.borrow_mut().remove(to_name);
        for (child, dir, name) in [(a, to, to_name), (b, self, name)] {
            let Some(child) = child else { continue };
            *child.parent.borrow_mut() = Some(dir.clone());
            *child.name.borrow_mut() = name.into();
            dir.children.borrow_mut().insert(name.into(), child);
        }
    }

    /// Marks a dentry of an unnamed node as having no name.
    pub fn set_deleted(&self) {
        self.deleted.set(true);
    }

    /// True when `self` is `of` or lies below it, within one file system.
    pub fn is_within(self: &Rc<Self>, of: &Rc<Dentry>) -> bool {
        let mut at = Some(self.clone());
        while let Some(d) = at {
            if Rc::ptr_eq(&d, of) {
                return true;
            }
            at = d.parent();
        }
        false
    }

    /// Identity of the node.
    pub fn key(&self) -> NodeKey {
        self.node.key()
    }

    /// Drops all cached names below that nobody uses; gives the number that stay.
    pub fn prune(&self) -> usize {
        let children: Vec<Rc<Dentry>> = self.children.borrow().values().cloned().collect();
        let mut kept = 0;
        for child in children {
            kept += child.prune();
            let idle = child.children.borrow().is_empty() && child.mounts.get() == 0;
            // One reference is the parent's, one ours.
            if idle && Rc::strong_count(&child) == 2 {
                self.children.borrow_mut().remove(&*child.name.borrow());
            } else {
                kept += 1;
            }
        }
        kept
    }
}
