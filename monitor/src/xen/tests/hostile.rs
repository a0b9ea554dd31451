//! A member that lies a hundred thousand times: in its door, its request ring and its indices. Another member of the family
//! is served all the time, gets the right answers, and nothing of it is granted that it did not give.

use super::*;
use crate::config::Net;
use crate::serve::pump;

/// Messages in all.
const MESSAGES: u32 = 100_000;
/// How often the other member is looked at.
const LOOK: u32 = 500;

/// xorshift64: the run is the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A number as liars choose them: small, known, enormous, or any.
    fn number(&mut self, known: &[u64]) -> u64 {
        match self.below(6) {
            0 => self.below(8),
            1 => self.below(70_000),
            2 => u64::MAX - self.below(8),
            3 => 1 << self.below(64),
            4 => self.next(),
            _ => known[self.below(known.len() as u64) as usize],
        }
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// The liar, as it is reached: a clone of the first member.
struct Liar {
    slot: u32,
    pid: u32,
    domain: u32,
    door: Mapped,
    control: Rc<Mapped>,
}

impl Guest {
    fn liar(&mut self) -> Liar {
        let first = self.first;
        let ((slot, pid, domain), _) = self.fork(first);
        let control = self.fam.members.get(slot).expect("a member").control.clone();
        Liar { slot, pid, domain, door: self.door(domain), control }
    }

    fn lives(&self, liar: &Liar) -> bool {
        self.fake.domains().contains(&liar.domain) && self.alive(liar.pid)
    }

    /// The honest member is served as ever.
    fn honest(&mut self) {
        let (_, pid, d) = self.first;
        assert!(self.alive(pid) && self.fam.ended.is_none(), "the honest member was ended");
        let n = self.ask(d, ASK_PAGES, &[REGION_CONTROL, 3, 2, 1], &[]);
        assert_eq!(n, 2, "the honest member gets no pages");
        let given = self.grants(d, n);
        assert_eq!(self.ask(d, ASK_GIVE_BACK, &[2], given.as_bytes()), 2);
        assert_eq!(errno(self.ask(d, ASK_PAGES, &[REGION_FAMILY, 0, 1, 1], &[])), Errno::EACCES);
    }

    /// Nobody may write to frames of the honest member, and only its clones may read them.
    fn nothing_is_given_away(&mut self, liar: &Liar) {
        let holder = self.host().holder().domain();
        let first = self.first.2;
        let mine = self.fake.with(first, |d| d.entries.values().copied().collect::<Vec<_>>());
        for (to, gfn, writable) in mine.expect("the honest member's domain") {
            assert!(!writable, "frame {gfn:#x} of another member may be written to by {to}");
        }
        // What both may write to is the events region; the control region is one member's alone.
        let control = self.host().domains[&first].control.clone().expect("a control region");
        for page in 0..16 {
            let gfn = control.frame(page, true).expect("a frame").gfn;
            let leaked = self
                .fake
                .with(holder, |d| d.entries.values().any(|(to, at, _)| *to == liar.domain && *at == gfn));
            assert_eq!(leaked, Some(false), "page {page} of another's control region was granted");
        }
    }
}

fn at_the_door(random: &mut Random, liar: &Liar, known: &[u64]) {
    let len = random.below(600) as usize;
    let op = if random.below(20) == 0 { random.next() as u32 } else { random.below(14) as u32 };
    // Their texts would be printed a thousand times; an end comes often enough otherwise.
    let rare = matches!(op, ASK_LOG | ASK_CRASH) || op == ASK_EXIT && random.below(50) != 0;
    let op = if rare { ASK_PAGES } else { op };
    let mut args = [0; 6];
    args.fill_with(|| random.number(known));
    let data = match random.below(3) {
        0 => random.bytes(len),
        1 => (0..len / 8).flat_map(|_| random.number(known).to_le_bytes()).collect(),
        _ => Vec::new(),
    };
    liar.door.write(REQUEST_DATA, &data);
    liar.door.write(REQUEST, Exchange { state: IDLE, op, args, ret: 0 }.as_bytes());
    liar.door.u32_at(REQUEST).store(POSTED, Ordering::Release);
}

/// A request slot and the queue's tail, with fields of any value.
fn in_the_ring(random: &mut Random, liar: &Liar, known: &[u64]) {
    let slot = 0x6000 + 256 * random.below(32) as usize;
    let mut words: Vec<u8> = (0..14).flat_map(|_| random.number(known).to_le_bytes()).collect();
    if random.below(2) == 0 {
        let request = [1, 0, random.below(200) as u32 & 0xffff, liar.pid, liar.pid, random.below(300) as u32];
        words[..24].copy_from_slice(request.as_bytes());
    }
    liar.control.write(slot, &words);
    liar.control.write(protocol::control::data_at(random.below(32) as u32), &random.bytes(64));
    let at = random.below(256) as usize;
    liar.control.u32_at(0x1000 + 4 * at).store(random.number(known) as u32, Ordering::Release);
    let tail = liar.control.u32_at(64);
    let step = if random.below(10) == 0 { random.next() as u32 } else { random.below(4) as u32 };
    tail.store(tail.load(Ordering::Relaxed).wrapping_add(step), Ordering::Release);
}

fn anywhere(random: &mut Random, liar: &Liar) {
    let len = 1 + random.below(64) as usize;
    let bytes = random.bytes(len);
    if random.below(2) == 0 {
        let at = random.below((DOOR_PAGES * 4096 - len) as u64) as usize;
        liar.door.write(at, &bytes);
    } else {
        liar.control.write(random.below(0x1_0000 - len as u64) as usize, &bytes);
    }
}

#[test]
fn a_hundred_thousand_lies_harm_nobody() {
    let mut g = Guest::with(Config { net: Net::None, ..Config::default() });
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut liar = g.liar();
    let mut liars = 1;
    for n in 0..MESSAGES {
        if !g.lives(&liar) {
            liar = g.liar();
            liars += 1;
        }
        let known = [
            u64::from(g.first.2),
            u64::from(liar.domain),
            u64::from(liar.slot),
            u64::from(g.first.0),
            REGION_CONTROL,
            REGION_FAMILY,
            REGION_EVENTS,
            n.into(),
        ];
        match random.below(8) {
            0..5 => at_the_door(&mut random, &liar, &known),
            5..7 => in_the_ring(&mut random, &liar, &known),
            _ => anywhere(&mut random, &liar),
        }
        g.fam.events.post_self(liar.slot);
        doors_rang(&mut g.fam);
        pump(&mut g.fam);
        if n % LOOK == 0 {
            g.look();
            g.honest();
            assert_eq!(g.host().inconsistency(), None);
            g.nothing_is_given_away(&liar);
        }
    }
    assert!(liars < MESSAGES / 20, "liars end too soon for this to be a test: {liars}");
    g.fam.end_all();
    assert!(g.fake.domains().is_empty());
}
