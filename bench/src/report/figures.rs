//! Figures of several rounds: their middle and their ends.

use std::time::Duration;

/// Each of one divided by its of the other.
pub(crate) fn quotients(numerators: &[f64], denominators: &[f64]) -> Vec<f64> {
    numerators
        .iter()
        .zip(denominators)
        .map(|(numerator, denominator)| numerator / denominator)
        .collect()
}

/// The median of the rounds, with the least and the greatest in parentheses.
pub(crate) fn spread(values: &[f64], shown: impl Fn(f64) -> String) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted[..] {
        [] => String::new(),
        [only] => shown(only),
        [least, .., greatest] => format!("{} ({}–{})", shown(middle(values)), shown(least), shown(greatest)),
    }
}

/// The spread as whole numbers.
pub(crate) fn whole(values: &[f64]) -> String {
    spread(values, |value| format!("{value:.0}"))
}

/// The spread with two places.
pub(crate) fn hundredths(values: &[f64]) -> String {
    spread(values, |value| format!("{value:.2}"))
}

/// The spread of shares as whole percent.
pub(crate) fn percent(values: &[f64]) -> String {
    spread(values, |value| format!("{:.0} %", value * 100.0))
}

/// The value in the middle, or the mean of the two there. NaN where there is none.
pub(crate) fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Times of many requests in milliseconds, a value a round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Percentiles {
    /// The median.
    pub(crate) p50: Vec<f64>,
    /// What 99 of 100 stay below.
    pub(crate) p99: Vec<f64>,
    /// What 999 of 1,000 stay below.
    pub(crate) p999: Vec<f64>,
}

impl Percentiles {
    /// Adds the times of a round.
    pub(crate) fn push(&mut self, mut times: Vec<Duration>) {
        times.sort_unstable();
        self.p50.push(at(&times, 500));
        self.p99.push(at(&times, 990));
        self.p999.push(at(&times, 999));
    }

    /// Adds the rounds of another.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.p50.append(&mut other.p50);
        self.p99.append(&mut other.p99);
        self.p999.append(&mut other.p999);
    }
}

/// The time that so many of a thousand do not exceed, of sorted ones, in milliseconds.
fn at(sorted: &[Duration], of_thousand: usize) -> f64 {
    let place = (sorted.len() * of_thousand).div_ceil(1000).saturating_sub(1);
    sorted
        .get(place)
        .map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_shown_with_the_ends() {
        assert_eq!(whole(&[30.0, 10.0, 20.0]), "20 (10–30)");
        assert_eq!(whole(&[10.0, 20.0]), "15 (10–20)");
        assert_eq!(whole(&[7.0]), "7");
        assert_eq!(whole(&[]), "");
    }

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let mut percentiles = Percentiles::default();
        percentiles.push((1..=1000).rev().map(Duration::from_millis).collect());
        percentiles.push(vec![Duration::from_millis(7)]);
        assert_eq!(percentiles.p50, [500.0, 7.0]);
        assert_eq!(percentiles.p99, [990.0, 7.0]);
        assert_eq!(percentiles.p999, [999.0, 7.0]);
    }
}
