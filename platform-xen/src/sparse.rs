//! Pages of which little is not zero, written as short as that is quick: a page's record has its frame, a bit for each word
//! that is not zero, and these words. ([`crate::packed`] is quicker still, and not as short.)

use crate::packed::WORDS;

/// Words before a page's own in its record.
const HEAD: usize = 1 + WORDS / 64;
/// Words of the longest record. A page that is longer is not worth it.
pub const LONGEST: usize = HEAD + WORDS * 3 / 4;

/// Writes a page's record; how many words it has. None when it is too long.
pub fn pack(frame: u32, page: &[u64; WORDS], record: &mut [u64; LONGEST]) -> Option<usize> {
    record[..HEAD].fill(0);
    record[0] = frame.into();
    let mut at = HEAD;
    for (i, word) in page.iter().enumerate().filter(|(_, word)| **word != 0) {
        record[1 + i / 64] |= 1 << (i % 64);
        *record.get_mut(at)? = *word;
        at += 1;
    }
    Some(at)
}

/// The frame of the record that `records` begin with, and how many words that has.
pub fn first(records: &[u64]) -> Option<(u32, usize)> {
    let (frame, bits) = records.get(..HEAD)?.split_first()?;
    Some((*frame as u32, HEAD + bits.iter().map(|bits| bits.count_ones() as usize).sum::<usize>()))
}

/// Fills a page from its record.
pub fn unpack(record: &[u64], page: &mut [u64; WORDS]) {
    let mut words = record[HEAD..].iter();
    for (i, word) in page.iter_mut().enumerate() {
        let here = record[1 + i / 64] >> (i % 64) & 1 != 0;
        *word = if here { words.next().copied().unwrap_or(0) } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(page: &[u64; WORDS]) -> Option<usize> {
        let mut record = [7; LONGEST];
        let len = pack(9, page, &mut record)?;
        assert_eq!(first(&record), Some((9, len)));
        let mut back = [3; WORDS];
        unpack(&record[..len], &mut back);
        assert_eq!(back, *page);
        Some(len)
    }

    #[test]
    fn pages_come_back() {
        let mut page = [0; WORDS];
        assert_eq!(round(&page), Some(HEAD));
        page[0] = 1;
        page[64] = u64::MAX;
        page[511] = 5;
        assert_eq!(round(&page), Some(HEAD + 3));
        let most: [u64; WORDS] = core::array::from_fn(|i| u64::from(i % 4 != 0));
        assert_eq!(round(&most), Some(LONGEST));
        page.fill(1);
        assert_eq!(round(&page), None);
        assert_eq!(first(&[]), None);
    }
}
