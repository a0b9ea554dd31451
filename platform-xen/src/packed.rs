//! Pages written short. Most pages of a kernel are nearly empty: tables of which few entries are used, heap that is not. A
//! page's record is a word that says which of its lines are not zero, followed by these lines.

use abi::mm::PAGE_SIZE;

/// Words of a page.
pub const WORDS: usize = PAGE_SIZE / 8;
/// Words of a line: a page has as many lines as a word has bits.
const LINE: usize = WORDS / 64;
/// Words of the longest record.
pub const MOST: usize = 1 + WORDS;

/// Writes a page's record; how many words it has.
pub fn pack(page: &[u64; WORDS], record: &mut [u64; MOST]) -> usize {
    let (mut lines, mut at) = (0, 1);
    for (i, line) in page.as_chunks::<LINE>().0.iter().enumerate() {
        if line.iter().fold(0, |all, word| all | word) != 0 {
            lines |= 1 << i;
            record[at..at + LINE].copy_from_slice(line);
            at += LINE;
        }
    }
    record[0] = lines;
    at
}

/// Fills a page from the record that `records` begins with; how many words that has. None when it ends too early.
pub fn unpack(records: &[u64], page: &mut [u64; WORDS]) -> Option<usize> {
    let (lines, mut rest) = records.split_first()?;
    for (i, line) in page.as_chunks_mut::<LINE>().0.iter_mut().enumerate() {
        *line = if lines >> i & 1 != 0 {
            let (next, behind) = rest.split_first_chunk::<LINE>()?;
            rest = behind;
            *next
        } else {
            [0; LINE]
        };
    }
    Some(records.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(page: &[u64; WORDS]) -> usize {
        let mut record = [7; MOST];
        let len = pack(page, &mut record);
        let mut back = [9; WORDS];
        assert_eq!(unpack(&record, &mut back), Some(len));
        assert_eq!(back, *page);
        assert_eq!(unpack(&record[..len - 1], &mut back), None);
        len
    }

    #[test]
    fn pages_come_back() {
        let mut page = [0; WORDS];
        assert_eq!(round(&page), 1);
        page[17] = 1;
        page[511] = u64::MAX;
        assert_eq!(round(&page), 1 + 2 * LINE);
        assert_eq!(round(&core::array::from_fn(|i| i as u64)), MOST);
    }
}
