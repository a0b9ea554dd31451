//! One measured thing: its samples on each side, and what was promised of it.

/// What must hold.
#[derive(Clone, Copy, Debug)]
pub enum Must {
    /// hosted ÷ native
    RatioAtMost(f64),
    RatioAtLeast(f64),
    /// hosted by itself, in the figure's unit
    AtMost(f64),
}

/// A measurement's result.
pub struct Figure {
    pub name: &'static str,
    pub what: &'static str,
    pub unit: &'static str,
    pub native: Vec<f64>,
    pub hosted: Vec<f64>,
    /// gVisor's runsc, where it is installed and runs.
    pub runsc: Option<f64>,
    pub must: Option<Must>,
}

impl Figure {
    /// hosted ÷ native, of the medians.
    pub fn ratio(&self) -> f64 {
        median(&self.hosted) / median(&self.native)
    }

    /// Whether what must hold does.
    pub fn reached(&self) -> bool {
        match self.must {
            None => true,
            Some(Must::RatioAtMost(limit)) => self.ratio() <= limit,
            Some(Must::RatioAtLeast(limit)) => self.ratio() >= limit,
            Some(Must::AtMost(limit)) => median(&self.hosted) <= limit,
        }
    }
}

/// The middle one, or the mean of the two in the middle.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
}
