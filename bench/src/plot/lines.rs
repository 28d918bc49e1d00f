//! Lines over a growing quantity.

use super::{
    axis::{Axis, Scale, shown},
    canvas::{Anchor, BOTTOM, Canvas, INK, LEFT, Mark, RIGHT, TOP, colour},
};

/// How far inside the field the first and the last mark stand, so that their numbers have room.
const INSET: f64 = 36.0;

/// What a kind of line stands for.
pub(crate) struct Key {
    pub(crate) name: String,
    /// The colour of its lines; `None` where the kind has lines of every colour.
    pub(crate) colour: Option<usize>,
    pub(crate) dashed: bool,
}

/// A line of a chart.
pub(crate) struct Line {
    /// Lines of one colour belong together.
    pub(crate) colour: usize,
    /// Whether it is what the others are compared with.
    pub(crate) dashed: bool,
    /// The quantities across and upright.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Lines that share their axes. Each value across that any line has is marked.
pub(crate) struct LineChart {
    pub(crate) title: String,
    /// What grows, with its unit. Its scale is logarithmic.
    pub(crate) across: String,
    /// What is measured, with its unit.
    pub(crate) upright: String,
    pub(crate) scale: Scale,
    pub(crate) keys: Vec<Key>,
    pub(crate) lines: Vec<Line>,
}

impl LineChart {
    pub(super) fn draw(&self, canvas: &mut Canvas) {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let mut across: Vec<f64> = points().map(|point| point.0).collect();
        across.sort_by(f64::total_cmp);
        across.dedup();
        let measured: Vec<f64> = points().map(|point| point.1).collect();
        let horizontal = Axis::exactly(Scale::Logarithmic, &across);
        let vertical = Axis::around(self.scale, &measured);
        let x = |quantity| LEFT + INSET + horizontal.place(quantity) * (RIGHT - LEFT - 2.0 * INSET);
        let y = |quantity| BOTTOM - vertical.place(quantity) * (BOTTOM - TOP);

        let legend: Vec<_> = self
            .keys
            .iter()
            .map(|key| {
                (
                    key.name.as_str(),
                    key.colour.map_or(INK, colour),
                    Mark::Line { dashed: key.dashed },
                )
            })
            .collect();
        canvas.frame(&self.title, &self.across, &self.upright, &legend);
        for mark in vertical.marks() {
            canvas.grid((LEFT, y(mark)), (RIGHT, y(mark)));
            canvas.text((LEFT - 8.0, y(mark) + 4.0), Anchor::End, 12, &shown(mark));
        }
        for mark in across {
            canvas.grid((x(mark), BOTTOM), (x(mark), BOTTOM + 5.0));
            canvas.text((x(mark), BOTTOM + 20.0), Anchor::Middle, 12, &shown(mark));
        }
        for line in &self.lines {
            let points: Vec<_> = line.points.iter().map(|point| (x(point.0), y(point.1))).collect();
            canvas.line(&points, colour(line.colour), line.dashed);
        }
    }
}
