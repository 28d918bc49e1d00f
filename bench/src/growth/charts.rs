//! The plots of growth.

use super::{
    Round,
    report::{asked, high, median, memory, names, rate},
    sweeps::{Point, Sweep},
};
use crate::{
    plot::{Chart, Key, Line, LineChart, Scale},
    report::middle,
};

/// What is read off a round, and what it is called.
type Measure = (&'static str, fn(&Round) -> f64);

/// The points of a quantity that grows.
pub(super) struct Grown<'a> {
    pub(super) sweep: Sweep,
    pub(super) heading: &'a str,
    /// What grows, with its unit.
    pub(super) across: &'a str,
    pub(super) points: &'a [&'a Point],
}

impl Grown<'_> {
    /// The rate; and for connections, what else depends on them.
    pub(super) fn charts(&self) -> Vec<Chart> {
        let rates: [Measure; 2] = [("Billfold", rate), ("pgbench, the same statement", asked)];
        let mut charts = vec![self.chart(("rate", "requests a second", Scale::Linear), &rates)];
        if self.sweep == Sweep::Connections {
            let times: [Measure; 2] = [
                ("99 of 100 are answered within", high),
                ("half are answered within", median),
            ];
            charts.push(self.chart(("time of answers", "milliseconds", Scale::Logarithmic), &times));
            let memories: [Measure; 1] = [("Billfold, largest resident memory", memory)];
            charts.push(self.chart(("memory", "MiB", Scale::Linear), &memories));
        }
        charts
    }

    /// Lines of each request: the first measure in full, the second dashed.
    fn chart(&self, (what, unit, scale): (&str, &str, Scale), measures: &[Measure]) -> Chart {
        let names = names(self.points);
        let (only, of_request) = match names[..] {
            [name] => (Some(0), format!(" of {name}")),
            _ => (None, String::new()),
        };
        let of_measure = |(number, (name, _)): (usize, &Measure)| Key {
            name: (*name).to_owned(),
            colour: only,
            dashed: number > 0,
        };
        let mut keys: Vec<Key> = measures.iter().enumerate().map(of_measure).collect();
        let mut lines = Vec::new();
        for (colour, name) in names.iter().enumerate() {
            if only.is_none() {
                keys.push(Key {
                    name: (*name).to_owned(),
                    colour: Some(colour),
                    dashed: false,
                });
            }
            let points = || self.points.iter().filter(|point| point.question.name == *name);
            for (number, (_, of)) in measures.iter().enumerate() {
                let place = |point: &&Point| (f64::from(point.quantity), middle(&point.values(*of)));
                lines.push(Line {
                    colour,
                    dashed: number > 0,
                    points: points().map(place).collect(),
                });
            }
        }
        Chart::Lines(LineChart {
            title: format!("{}: {what}{of_request}", self.heading),
            across: self.across.to_owned(),
            upright: unit.to_owned(),
            scale,
            keys,
            lines,
        })
    }
}
