//! The median of several runs, how far they lie apart, and the ratio of two such.

/// The median of several runs, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`; none of no values.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Self { median, min, max })
    }
}

/// The ratios of `values` to `others`: run by run where there are as many of both, since what slowed one slowed its
/// neighbour; else of the medians.
pub fn ratios(values: &[f64], others: &[f64]) -> Vec<f64> {
    if values.len() == others.len() {
        return values.iter().zip(others).map(|(a, b)| a / b).collect();
    }
    let medians = Spread::of(values.to_vec()).zip(Spread::of(others.to_vec()));
    medians.map(|(a, b)| a.median / b.median).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_run_by_run() {
        // The second run was slow for both.
        assert_eq!(ratios(&[1.0, 20.0, 3.0], &[1.0, 10.0, 2.0]), [1.0, 2.0, 1.5]);
        assert_eq!(ratios(&[4.0, 4.0], &[2.0]), [2.0]);
        assert!(ratios(&[4.0], &[]).is_empty());
    }

    #[test]
    fn the_middle_and_the_ends() {
        let spread = |values: &[f64]| Spread::of(values.to_vec()).map(|s| (s.median, s.min, s.max));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0]), Some((3.0, 3.0, 3.0)));
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some((2.0, 1.0, 3.0)));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), Some((2.5, 1.0, 4.0)));
    }
}
