//! What is drawn: shapes and text, in a column as wide as a document's.

use std::fmt::Write as _;

/// The picture's width.
pub(super) const WIDTH: f64 = 760.0;

/// Where the field of a chart lies: what is left of the picture for axes, their names and the legend.
pub(super) const LEFT: f64 = 74.0;
pub(super) const RIGHT: f64 = WIDTH - 24.0;
pub(super) const TOP: f64 = 74.0;
pub(super) const BOTTOM: f64 = super::HEIGHT - 52.0;

/// Colours that people with any sight tell apart (Okabe and Ito's).
const COLOURS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#aa4499", "#8a6d00"];

/// The colour of text, and of what is of no colour.
pub(super) const INK: &str = "#222222";
const FAINT: &str = "#dddddd";

/// Where a text's position lies in it.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// How a legend shows what it names.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    Line { dashed: bool },
    Filled,
}

/// An SVG in the making. Positions are of the chart that is drawn, whose upper edge lies at `top`.
#[derive(Default)]
pub(super) struct Canvas {
    body: String,
    /// The upper edge of the chart that is drawn.
    pub(super) top: f64,
}

/// The colour of this number; they come round again.
pub(super) fn colour(number: usize) -> &'static str {
    COLOURS[number % COLOURS.len()]
}

impl Canvas {
    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // A String takes everything.
        let _ = writeln!(self.body, "{element}");
    }

    /// A text; what it is made of is the program's own words, with no markup in them.
    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, size: u32, text: &str) {
        let (y, anchor) = (y + self.top, anchor.as_str());
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        self.push(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" font-size="{size}" fill="{INK}">{text}</text>"#
        ));
    }

    /// The name of the upright axis, along it.
    pub(super) fn upright_text(&mut self, text: &str) {
        let (x, y) = (18.0, f64::midpoint(TOP, BOTTOM) + self.top);
        self.push(format_args!(
            r#"<text transform="translate({x:.1} {y:.1}) rotate(-90)" text-anchor="middle" font-size="13" fill="{INK}">{text}</text>"#
        ));
    }

    /// A thin line of the grid.
    pub(super) fn grid(&mut self, from: (f64, f64), to: (f64, f64)) {
        let (y1, y2) = (from.1 + self.top, to.1 + self.top);
        self.push(format_args!(
            r#"<path d="M{:.1} {y1:.1}L{:.1} {y2:.1}" stroke="{FAINT}"/>"#,
            from.0, to.0
        ));
    }

    /// A line through points, with a mark at each.
    pub(super) fn line(&mut self, points: &[(f64, f64)], colour: &str, dashed: bool) {
        let mut path = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{x:.1} {:.1}", y + self.top);
        }
        let style = if dashed { r#" stroke-dasharray="6 4""# } else { "" };
        self.push(format_args!(
            r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="2.2"{style}/>"#
        ));
        for (x, y) in points {
            let (y, fill) = (y + self.top, if dashed { "#ffffff" } else { colour });
            self.push(format_args!(
                r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.6" fill="{fill}" stroke="{colour}" stroke-width="1.6"/>"#
            ));
        }
    }

    /// A filled rectangle, from its upper left corner.
    pub(super) fn rectangle(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: &str) {
        let y = y + self.top;
        self.push(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{colour}"/>"#
        ));
    }

    /// The chart's title, the names of its axes and what its colours stand for.
    pub(super) fn frame(&mut self, title: &str, across: &str, upright: &str, legend: &[(&str, &str, Mark)]) {
        self.text((LEFT, 24.0), Anchor::Start, 16, title);
        self.text(
            (f64::midpoint(LEFT, RIGHT), BOTTOM + 40.0),
            Anchor::Middle,
            13,
            across,
        );
        self.upright_text(upright);
        let (mut x, mut y) = (LEFT, 44.0);
        for (name, colour, mark) in legend {
            let width = 46.0 + 6.6 * f64::from(u32::try_from(name.chars().count()).unwrap_or_default());
            if x + width > RIGHT + 14.0 {
                (x, y) = (LEFT, y + 17.0);
            }
            match mark {
                Mark::Line { dashed } => self.line(&[(x, y - 4.0), (x + 22.0, y - 4.0)], colour, *dashed),
                Mark::Filled => self.rectangle((x, y - 10.0), (22.0, 11.0), colour),
            }
            self.text((x + 30.0, y), Anchor::Start, 12, name);
            x += width;
        }
    }

    /// The whole picture.
    pub(super) fn finish(self, title: &str, height: f64) -> String {
        let body = self.body;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
             role=\"img\" aria-label=\"{title}\" font-family=\"system-ui, 'DejaVu Sans', Arial, sans-serif\">\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"8\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }
}
