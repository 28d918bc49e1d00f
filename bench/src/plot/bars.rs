//! Bars side by side.

use super::{
    axis::{Axis, Scale, shown},
    canvas::{Anchor, BOTTOM, Canvas, LEFT, Mark, RIGHT, TOP, colour},
};

/// Groups of bars, one of each kind.
pub(crate) struct BarChart {
    pub(crate) title: String,
    /// What a bar's length measures, with its unit.
    pub(crate) upright: String,
    /// What the groups are.
    pub(crate) across: String,
    /// What each bar of a group is of.
    pub(crate) kinds: Vec<String>,
    /// The groups' names, and their bars' values.
    pub(crate) groups: Vec<(String, Vec<f64>)>,
}

impl BarChart {
    pub(super) fn draw(&self, canvas: &mut Canvas) {
        let values: Vec<f64> = self
            .groups
            .iter()
            .flat_map(|(_, values)| values.clone())
            .collect();
        let vertical = Axis::around(Scale::Linear, &values);
        let y = |quantity| BOTTOM - vertical.place(quantity) * (BOTTOM - TOP);
        let legend: Vec<_> = self
            .kinds
            .iter()
            .enumerate()
            .map(|(number, name)| (name.as_str(), colour(number), Mark::Filled))
            .collect();
        canvas.frame(&self.title, &self.across, &self.upright, &legend);
        for mark in vertical.marks() {
            canvas.grid((LEFT, y(mark)), (RIGHT, y(mark)));
            canvas.text((LEFT - 8.0, y(mark) + 4.0), Anchor::End, 12, &shown(mark));
        }
        let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let room = (RIGHT - LEFT) / count(self.groups.len().max(1));
        let width = room * 0.8 / count(self.kinds.len().max(1));
        let mut left = LEFT + room * 0.1;
        for (name, values) in &self.groups {
            let middle = left + width * count(self.kinds.len()) / 2.0;
            canvas.text((middle, BOTTOM + 20.0), Anchor::Middle, 12, name);
            for (number, value) in values.iter().enumerate() {
                let x = left + width * count(number);
                canvas.rectangle(
                    (x + 1.5, y(*value)),
                    (width - 3.0, BOTTOM - y(*value)),
                    colour(number),
                );
                canvas.text(
                    (x + width / 2.0, y(*value) - 5.0),
                    Anchor::Middle,
                    11,
                    &shown(value.round()),
                );
            }
            left += room;
        }
    }
}
