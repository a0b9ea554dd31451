//! One version of a file in the commons: where its pages are, and how they get there.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use abi::Errno;
use rustix::fs::{Stat, fstat};

use super::commons::{Chunk, Commons};
use super::holder::Frame;
use super::pages::PAGE;
use super::register::{CHUNK, Version};
use super::window::{Window, read_file};

/// A file that was changed less than this ago may change once more within the same tick of its clock.
const SETTLED: Duration = Duration::from_secs(2);

/// A file's pages in the commons. What is mapped of them goes before they do.
pub struct CommonFile {
    commons: Rc<Commons>,
    version: Version,
    chunks: BTreeMap<u64, Part>,
}

/// Pages in a row, and those that were filled from here where the monitor has them mapped.
struct Part {
    window: Option<Rc<dyn Window>>,
    chunk: Rc<Chunk>,
}

/// What these attributes say of a file's contents.
fn version(stat: &Stat) -> Version {
    let changed = stat.st_ctime.wrapping_mul(1_000_000_000).wrapping_add(stat.st_ctime_nsec as i64);
    Version([stat.st_dev, stat.st_ino, changed as u64, stat.st_size as u64])
}

impl CommonFile {
    /// The file with these attributes; none when it was changed just now.
    pub fn of(commons: &Rc<Commons>, stat: &Stat) -> Option<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let changed = Duration::new(u64::try_from(stat.st_ctime).ok()?, stat.st_ctime_nsec as u32);
        let settled = now.checked_sub(changed).is_some_and(|age| age > SETTLED);
        settled.then(|| Self { commons: commons.clone(), version: version(stat), chunks: BTreeMap::new() })
    }

    /// True when these are attributes of the same contents, and the commons are there.
    pub fn is(&self, stat: &Stat) -> bool {
        !self.commons.is_over() && version(stat) == self.version
    }

    /// The frames of those of these pages, which the file has, that are there or can be filled. An error: the file is not what
    /// it was, or the commons are gone.
    pub fn frames(
        &mut self,
        file: BorrowedFd<'_>,
        pages: Range<u64>,
    ) -> Result<Vec<(u64, Rc<Frame>)>, Errno> {
        let mut found = Vec::new();
        let mut at = pages.start;
        while at < pages.end {
            let number = at / CHUNK;
            let end = pages.end.min((number + 1) * CHUNK);
            let run = at % CHUNK..at % CHUNK + (end - at);
            let Self { commons, version, chunks } = self;
            if commons.is_over() {
                return Err(Errno::ESTALE);
            }
            let part = match chunks.entry(number) {
                Entry::Occupied(part) => Some(part.into_mut()),
                Entry::Vacant(none) => {
                    let chunk = commons.chunk(version, number);
                    chunk.map(|chunk| none.insert(Part { window: None, chunk }))
                }
            };
            if let Some(part) = part {
                let source = Source { file, commons, version, start: number * CHUNK };
                part.fill(&source, run.clone())?;
                let frame = |page: u64| part.chunk.frame(page).map(|frame| (source.start + page, frame));
                found.extend(run.filter_map(frame));
            }
            at = end;
        }
        Ok(found)
    }
}

/// Where the pages of a part come from.
struct Source<'a> {
    file: BorrowedFd<'a>,
    commons: &'a Commons,
    version: &'a Version,
    /// The file's page that is the part's first.
    start: u64,
}

impl Part {
    /// Fills what nobody has filled or begun of a run of pages. What there is no memory for stays away.
    fn fill(&mut self, source: &Source<'_>, run: Range<u64>) -> Result<(), Errno> {
        let mut at = run.start;
        while at < run.end {
            let count = (at..run.end).take_while(|page| self.chunk.begin(*page)).count() as u64;
            if count > 0 {
                let filled = self.read(source, at..at + count);
                (at..at + count).for_each(|page| self.chunk.finish(page, filled.is_ok()));
                if filled == Err(Errno::ESTALE) {
                    return filled;
                }
            }
            at += count.max(1);
        }
        Ok(())
    }

    /// Gives pages frames with the file's bytes; none of them has one where that fails.
    fn read(&mut self, source: &Source<'_>, pages: Range<u64>) -> Result<(), Errno> {
        let (hyper, domain) = (source.commons.hyper(), source.commons.domain());
        let gfns: Vec<u64> = pages.clone().map(|page| self.chunk.gfn(page)).collect();
        let (at, count) = (pages.start as usize, gfns.len());
        let window = match &self.window {
            Some(window) => window.clone(),
            None => self.window.insert(hyper.window(CHUNK as usize)?).clone(),
        };
        let filled = hyper.populate(domain, &gfns).and_then(|()| {
            window.map(at, domain, &gfns)?;
            let from = (source.start + pages.start) * PAGE as u64;
            let read = read_file(&*window, at, count, source.file, from).and_then(|()| {
                let stat = fstat(source.file).map_err(|e| Errno(e.raw_os_error()))?;
                if version(&stat) == *source.version { Ok(()) } else { Err(Errno::ESTALE) }
            });
            if read.is_err() {
                window.unmap(at, count)?;
            }
            read
        });
        filled.inspect_err(|_| hyper.depopulate(domain, &gfns))
    }
}
