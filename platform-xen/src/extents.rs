//! Frame numbers in a row: Xen populates aligned runs of them at the price of one.

/// Orders of extents, the largest first: each is for 2^order numbers.
const ORDERS: [u32; 3] = [4, 3, 2];

/// The order of the largest extent that these numbers begin with; 0 when it is a single one.
pub fn order(gfns: &[u64]) -> u32 {
    let begins = |order: &u32| {
        let len = 1 << order;
        gfns.len() >= len
            && gfns[0].is_multiple_of(len as u64)
            && gfns[..len].iter().zip(gfns[0]..).all(|(gfn, next)| *gfn == next)
    };
    ORDERS.into_iter().find(begins).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_are_aligned_and_in_a_row() {
        let row: [u64; 40] = core::array::from_fn(|i| i as u64);
        let at = |from: usize, len: usize| order(&row[from..from + len]);
        assert_eq!([at(0, 40), at(0, 16), at(0, 15), at(8, 32), at(16, 16)], [4, 4, 3, 3, 4]);
        assert_eq!([at(4, 30), at(2, 30), at(1, 30), at(0, 1), at(0, 4)], [2, 0, 0, 0, 2]);
        assert_eq!(order(&[0, 1, 2, 4]), 0);
        assert_eq!(order(&[8, 9, 10, 11, 13, 14, 15, 16]), 2);
    }
}
