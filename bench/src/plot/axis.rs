//! From quantities to places, and where an axis has its marks.

use crate::workload::grouped;

/// How an axis goes from quantities to places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// From 0, in equal steps.
    Linear,
    /// Every tenfold as long as every other.
    Logarithmic,
}

/// An axis over a range of quantities.
pub(super) struct Axis {
    scale: Scale,
    least: f64,
    greatest: f64,
}

impl Axis {
    /// An axis that has room for all of these quantities, its ends on marks.
    pub(super) fn around(scale: Scale, quantities: &[f64]) -> Self {
        let greatest = quantities.iter().copied().fold(0.0, f64::max);
        match scale {
            Scale::Linear => {
                let step = step(greatest);
                Self {
                    scale,
                    least: 0.0,
                    greatest: (greatest / step).ceil().max(1.0) * step,
                }
            }
            Scale::Logarithmic => {
                let least = quantities
                    .iter()
                    .copied()
                    .filter(|quantity| *quantity > 0.0)
                    .fold(f64::INFINITY, f64::min);
                let (least, greatest) = if least.is_finite() {
                    (least, greatest)
                } else {
                    (1.0, 10.0)
                };
                Self {
                    scale,
                    least: 10_f64.powf(least.log10().floor()),
                    greatest: 10_f64.powf((greatest.log10() + 1e-9).ceil()),
                }
            }
        }
    }

    /// An axis from the least of these quantities to the greatest.
    pub(super) fn exactly(scale: Scale, quantities: &[f64]) -> Self {
        let least = quantities.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = quantities.iter().copied().fold(0.0, f64::max);
        Self {
            scale,
            least,
            greatest,
        }
    }

    /// Where a quantity lies: 0 at the axis's beginning, 1 at its end.
    pub(super) fn place(&self, quantity: f64) -> f64 {
        let on = |quantity: f64| match self.scale {
            Scale::Linear => quantity,
            Scale::Logarithmic => quantity.max(self.least).log10(),
        };
        let length = on(self.greatest) - on(self.least);
        if length > 0.0 {
            (on(quantity) - on(self.least)) / length
        } else {
            0.5
        }
    }

    /// The quantities with a mark.
    pub(super) fn marks(&self) -> Vec<f64> {
        let mut marks = Vec::new();
        let mut mark = self.least;
        while mark <= self.greatest * 1.000_001 {
            marks.push(mark);
            mark = match self.scale {
                Scale::Linear => mark + step(self.greatest),
                Scale::Logarithmic => mark * 10.0,
            };
        }
        marks
    }
}

/// A round step of which some five reach so far.
fn step(greatest: f64) -> f64 {
    let rough = (greatest / 5.0).max(1e-6);
    let power = 10_f64.powf(rough.log10().floor());
    let fitting = [1.0, 2.0, 2.5, 5.0]
        .into_iter()
        .find(|factor| factor * power >= rough * 0.999);
    fitting.unwrap_or(10.0) * power
}

/// A quantity at its mark: with commas, and with no more digits behind the point than it has.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "marks are positive and far below 2^64"
)]
pub(super) fn shown(quantity: f64) -> String {
    if quantity >= 1.0 && (quantity - quantity.round()).abs() < 1e-6 {
        return grouped(quantity.round() as u64);
    }
    let text = format!("{quantity:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_axis_begins_at_nothing_and_ends_on_a_mark() {
        let axis = Axis::around(Scale::Linear, &[31_500.0, 47_000.0]);
        assert_eq!(
            axis.marks(),
            [0.0, 10_000.0, 20_000.0, 30_000.0, 40_000.0, 50_000.0]
        );
        assert!((axis.place(25_000.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_logarithmic_axis_gives_each_tenfold_the_same_length() {
        let axis = Axis::around(Scale::Logarithmic, &[0.3, 42.0]);
        let marks: Vec<String> = axis.marks().into_iter().map(shown).collect();
        assert_eq!(marks, ["0.1", "1", "10", "100"]);
        assert!((axis.place(1.0) - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn quantities_are_shown_short() {
        assert_eq!(shown(50_000.0), "50,000");
        assert_eq!(shown(2.5), "2.5");
        assert_eq!(shown(0.0), "0");
    }
}
