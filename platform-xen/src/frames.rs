//! The table of the app's frames: what each frame number stands for, which frames are frozen for a clone, and how many
//! frames of an ancestor are still wanted. Pure bookkeeping over words that the caller keeps.
//!
//! Time is counted in clones. An own frame notes the first clone that froze it; a frame that was given up while frozen
//! notes the last one as well. A frame is wanted as long as the token of a clone between the two is out. So thawing needs
//! no walk: it is found out when somebody writes.
//!
//! Generations count in the other direction: each clone is one further from the first member. A frame's generation says
//! whose it is; for each earlier generation there is a token.

use alloc::vec::Vec;

/// Memory for one word a frame.
pub trait Words {
    /// The word of a frame; 0 where none was set.
    fn get(&self, frame: u32) -> u64;
    /// Sets it; [`Words::prepare`] was called.
    fn set(&mut self, frame: u32, word: u64);
    /// Makes room for a frame's word; false when there is no memory.
    fn prepare(&mut self, frame: u32) -> bool;
}

/// What a word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unused,
    /// Populated, of no use now; the next such frame.
    Free(u32),
    /// A number without a frame; the next such.
    Bare(u32),
    /// In use: generation, and the first clone that froze it (0: none).
    Own(u32, u32),
    /// Given up while clones want it: the first and the last of them.
    Kept(u32, u32),
}

const FIELD: u64 = (1 << 30) - 1;
/// The end of a list.
const NIL: u32 = FIELD as u32;

impl State {
    fn word(self) -> u64 {
        let (kind, a, b) = match self {
            Self::Unused => (0, 0, 0),
            Self::Free(next) => (1, next, 0),
            Self::Bare(next) => (2, next, 0),
            Self::Own(generation, first) => (3, generation, first),
            Self::Kept(first, last) => (4, first, last),
        };
        kind << 60 | u64::from(a) << 30 | u64::from(b)
    }

    fn of(word: u64) -> Self {
        let (a, b) = ((word >> 30 & FIELD) as u32, (word & FIELD) as u32);
        match word >> 60 {
            1 => Self::Free(a),
            2 => Self::Bare(a),
            3 => Self::Own(a, b),
            4 => Self::Kept(a, b),
            _ => Self::Unused,
        }
    }
}

/// An ancestor's token and how many of its frames are wanted.
#[derive(Clone, Copy, Debug)]
struct Remote {
    token: u64,
    wanted: u32,
    dropped: bool,
}

/// The table.
pub struct FrameTable<W> {
    pub words: W,
    free: u32,
    bare: u32,
    free_count: u32,
    /// Never used from here on.
    next: u32,
    first: u32,
    limit: u32,
    generation: u32,
    /// Clones made so far.
    clones: u32,
    /// Clones whose tokens are out, in order, with the tokens.
    live: Vec<(u32, u64)>,
    kept: u32,
    /// By generation.
    remote: Vec<Remote>,
}

impl<W: Words> FrameTable<W> {
    /// An empty table of the numbers `first..limit`.
    pub const fn new(words: W, first: u32, limit: u32) -> Self {
        Self {
            words,
            free: NIL,
            bare: NIL,
            free_count: 0,
            next: first,
            first,
            limit,
            generation: 0,
            clones: 0,
            live: Vec::new(),
            kept: 0,
            remote: Vec::new(),
        }
    }

    fn state(&self, frame: u32) -> State {
        State::of(self.words.get(frame))
    }

    fn put(&mut self, frame: u32, state: State) {
        self.words.set(frame, state.word());
    }

    /// Populated frames of no use.
    pub fn free_count(&self) -> u32 {
        self.free_count
    }

    /// A populated frame of no use, if there is one; it is in use now.
    pub fn take_free(&mut self) -> Option<u32> {
        if self.free == NIL {
            return None;
        }
        let frame = self.free;
        if let State::Free(next) = self.state(frame) {
            self.free = next;
        }
        self.free_count -= 1;
        self.put(frame, State::Own(self.generation, 0));
        Some(frame)
    }

    /// A number without a frame, for the caller to populate and pass to [`FrameTable::put_free`], or to put back.
    pub fn take_number(&mut self) -> Option<u32> {
        if self.bare != NIL {
            let frame = self.bare;
            if let State::Bare(next) = self.state(frame) {
                self.bare = next;
            }
            return Some(frame);
        }
        if self.next == self.limit || !self.words.prepare(self.next) {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }

    /// The number has no frame.
    pub fn put_number(&mut self, frame: u32) {
        self.put(frame, State::Bare(self.bare));
        self.bare = frame;
    }

    /// The frame is populated and of no use.
    pub fn put_free(&mut self, frame: u32) {
        self.put(frame, State::Free(self.free));
        self.free = frame;
        self.free_count += 1;
    }

    fn wanted(&self, first: u32, last: u32) -> bool {
        let at = self.live.partition_point(|(clone, _)| *clone < first);
        first != 0 && self.live.get(at).is_some_and(|(clone, _)| *clone <= last)
    }

    /// True when a token names this own frame, so that it must not change.
    pub fn is_frozen(&mut self, frame: u32) -> bool {
        let State::Own(generation, first) = self.state(frame) else { return false };
        if self.wanted(first, self.clones) {
            return true;
        }
        if first != 0 {
            self.put(frame, State::Own(generation, 0));
        }
        false
    }

    /// Nobody here uses this own frame any more.
    pub fn release(&mut self, frame: u32) {
        let first = match self.state(frame) {
            State::Own(_, first) => first,
            _ => return,
        };
        if self.wanted(first, self.clones) {
            self.put(frame, State::Kept(first, self.clones));
            self.kept += 1;
        } else {
            self.put_free(frame);
        }
    }

    /// The token of a remote frame.
    pub fn token_of(&self, frame: u32) -> Option<u64> {
        match self.state(frame) {
            State::Own(generation, _) if generation < self.generation => {
                self.remote.get(generation as usize).map(|r| r.token)
            }
            _ => None,
        }
    }

    fn less_wanted(&mut self, frame: u32) {
        if let State::Own(generation, _) = self.state(frame)
            && let Some(remote) = self.remote.get_mut(generation as usize)
        {
            remote.wanted -= 1;
        }
    }

    /// A remote frame is not wanted any more.
    pub fn release_remote(&mut self, frame: u32) {
        self.less_wanted(frame);
        self.put_number(frame);
    }

    /// A remote frame was populated and copied: it is own now.
    pub fn adopt(&mut self, frame: u32) {
        self.less_wanted(frame);
        self.put(frame, State::Own(self.generation, 0));
    }

    /// Begins a clone, and tells its number: it names every own frame that the app has mapped, and each of them is to be
    /// [`FrameTable::freeze`]d before anything becomes of it, unless [`FrameTable::is_out`] says that it was thawed since.
    pub fn begin_clone(&mut self) -> u32 {
        self.clones += 1;
        self.clones
    }

    /// This own frame is named by that clone and later ones.
    pub fn freeze(&mut self, frame: u32, clone: u32) {
        if let State::Own(generation, 0) = self.state(frame) {
            self.put(frame, State::Own(generation, clone));
        }
    }

    /// True when the token of this clone or of a later one is out.
    pub fn is_out(&self, clone: u32) -> bool {
        self.wanted(clone, self.clones)
    }

    /// The clone that was begun succeeded; its token is out.
    pub fn commit_clone(&mut self, token: u64) {
        self.live.push((self.clones, token));
    }

    /// A token has come back: frames that were kept for it alone are free.
    pub fn dropped(&mut self, token: u64) {
        self.live.retain(|(_, t)| *t != token);
        if self.kept == 0 {
            return;
        }
        for frame in self.first..self.next {
            if let State::Kept(first, last) = self.state(frame)
                && !self.wanted(first, last)
            {
                self.kept -= 1;
                self.put_free(frame);
            }
        }
    }

    /// True when tokens are out.
    pub fn has_tokens_out(&self) -> bool {
        !self.live.is_empty()
    }

    /// In a fresh clone: everything that was own is remote now, of `token`; what was of no use has no frame.
    /// [`FrameTable::count_remote`] must follow for every remote frame that is mapped.
    pub fn become_child(&mut self, token: u64) {
        self.remote.push(Remote { token, wanted: 0, dropped: false });
        for remote in &mut self.remote {
            remote.wanted = 0;
        }
        self.generation += 1;
        self.live.clear();
        while self.free != NIL {
            let frame = self.free;
            if let State::Free(next) = self.state(frame) {
                self.free = next;
            }
            self.put_number(frame);
        }
        self.free_count = 0;
        if self.kept != 0 {
            for frame in self.first..self.next {
                if let State::Kept(..) = self.state(frame) {
                    self.put_number(frame);
                }
            }
            self.kept = 0;
        }
    }

    /// A mapped frame of an ancestor.
    pub fn count_remote(&mut self, frame: u32) {
        if let State::Own(generation, _) = self.state(frame)
            && let Some(remote) = self.remote.get_mut(generation as usize)
        {
            remote.wanted += 1;
        }
    }

    /// A token of which no frame is wanted; told once.
    pub fn take_unwanted(&mut self) -> Option<u64> {
        let remote = self.remote.iter_mut().find(|r| r.wanted == 0 && !r.dropped)?;
        remote.dropped = true;
        Some(remote.token)
    }

    /// Calls `each` with every own frame that no token names, populated; at the end of a member.
    pub fn unfrozen(&mut self, mut each: impl FnMut(u32)) {
        for frame in self.first..self.next {
            let gone = match self.state(frame) {
                State::Free(_) => true,
                State::Own(generation, first) => {
                    generation == self.generation && !self.wanted(first, self.clones)
                }
                _ => false,
            };
            if gone {
                each(frame);
            }
        }
    }
}

#[cfg(test)]
mod tests;
