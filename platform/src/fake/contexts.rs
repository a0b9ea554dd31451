//! Contexts: each is a thread that runs only while it holds the baton.

use core::cell::Cell;
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::vec::Vec;

use super::lock;
use crate::ContextId;

std::thread_local! {
    static CURRENT: Cell<u32> = const { Cell::new(0) };
}

#[derive(Default)]
struct Baton {
    here: Mutex<bool>,
    came: Condvar,
}

impl Baton {
    fn give(&self) {
        *lock(&self.here) = true;
        self.came.notify_one();
    }

    fn wait(&self) {
        let mut here = lock(&self.here);
        while !*here {
            here = self.came.wait(here).unwrap_or_else(|e| e.into_inner());
        }
        *here = false;
    }
}

/// How a run ended.
type End = Result<(), Box<dyn core::any::Any + Send>>;

/// All contexts.
#[derive(Default)]
pub struct Contexts {
    batons: Mutex<Vec<Arc<Baton>>>,
    end: Mutex<Option<End>>,
    ended: Condvar,
}

impl Contexts {
    /// Runs the first context of a member until the member ends.
    pub fn run(self: &Arc<Self>, first: Box<dyn FnOnce() + Send>) {
        let id = self.create(first);
        self.baton(id).give();
        let mut end = lock(&self.end);
        loop {
            if let Some(how) = end.take() {
                drop(end);
                match how {
                    Ok(()) => return,
                    Err(panic) => resume_unwind(panic),
                }
            }
            end = self.ended.wait(end).unwrap_or_else(|e| e.into_inner());
        }
    }

    /// A context that will run `entry` when it is first switched to.
    pub fn create(self: &Arc<Self>, entry: Box<dyn FnOnce() + Send>) -> ContextId {
        let baton = Arc::new(Baton::default());
        let mut all = lock(&self.batons);
        all.push(baton.clone());
        let id = all.len() as u32 - 1;
        let this = self.clone();
        thread::spawn(move || {
            CURRENT.set(id);
            baton.wait();
            if let Err(panic) = catch_unwind(AssertUnwindSafe(entry)) {
                this.finish(Err(panic));
            }
        });
        ContextId(id)
    }

    /// The running context.
    pub fn current(&self) -> ContextId {
        ContextId(CURRENT.get())
    }

    /// Runs `to` until someone switches back.
    pub fn switch(&self, to: ContextId) {
        let me = self.baton(self.current());
        self.baton(to).give();
        me.wait();
    }

    /// The member ends; the calling context never runs again.
    pub fn exit(&self) -> ! {
        self.finish(Ok(()));
        loop {
            thread::park();
        }
    }

    fn finish(&self, how: End) {
        *lock(&self.end) = Some(how);
        self.ended.notify_one();
    }

    fn baton(&self, id: ContextId) -> Arc<Baton> {
        lock(&self.batons)[id.0 as usize].clone()
    }
}
