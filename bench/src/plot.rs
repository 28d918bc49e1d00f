//! Plots as SVG: lines over a growing quantity, and bars side by side.
//!
//! A picture has its own background, so that it reads the same on a light page and on a dark one.

mod axis;
mod bars;
mod canvas;
mod lines;

use std::path::{Path, PathBuf};

pub(crate) use axis::Scale;
pub(crate) use bars::BarChart;
pub(crate) use lines::{Key, Line, LineChart};

use crate::BenchError;
use canvas::Canvas;

/// The height of one chart.
const HEIGHT: f64 = 330.0;

/// A chart of either kind.
pub(crate) enum Chart {
    /// Lines over a growing quantity.
    Lines(LineChart),
    /// Bars side by side.
    Bars(BarChart),
}

/// The charts one below another as one picture. `title` says to who cannot see it what it shows.
pub(crate) fn picture(title: &str, charts: &[Chart]) -> String {
    let mut canvas = Canvas::default();
    for (index, chart) in charts.iter().enumerate() {
        canvas.top = f64::from(u32::try_from(index).unwrap_or_default()) * HEIGHT;
        match chart {
            Chart::Lines(chart) => chart.draw(&mut canvas),
            Chart::Bars(chart) => chart.draw(&mut canvas),
        }
    }
    canvas.finish(
        title,
        HEIGHT * f64::from(u32::try_from(charts.len()).unwrap_or_default()),
    )
}

/// Writes a picture beside those of the documents, and gives what a document calls it by.
pub(crate) fn write(name: &str, title: &str, charts: &[Chart]) -> Result<String, BenchError> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images");
    let path: PathBuf = directory.join(format!("{name}.svg"));
    std::fs::write(&path, picture(title, charts))?;
    Ok(format!("![{title}](images/{name}.svg)"))
}
