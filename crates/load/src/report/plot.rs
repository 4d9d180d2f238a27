//! Plots as SVG, coloured by the page that they stand in.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 34.0;

/// How an axis grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    /// Each step is ten times the one before.
    Decades,
    /// Of percentiles: each step is a tenth of what is left.
    Nines,
}

/// A line: its name, its colour among those of the page, and whether it is broken.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) colour: usize,
    pub(super) is_dashed: bool,
    pub(super) points: Vec<(f64, f64)>,
}

/// Lines over one another.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    pub(super) title: &'static str,
    pub(super) x: (&'static str, Scale),
    pub(super) y: (&'static str, Scale),
    pub(super) lines: Vec<Line>,
}

impl Plot {
    /// The figure, with its legend; nothing where there is nothing to show.
    pub(super) fn figure(&self) -> String {
        let mut out = String::new();
        if self.lines.iter().any(|line| !line.points.is_empty()) {
            self.write(&mut out).unwrap_or(());
        }
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = Axis::over(self.x.1, points().map(|point| point.0), LEFT, WIDTH - RIGHT);
        let y = Axis::over(self.y.1, points().map(|point| point.1), HEIGHT - BOTTOM, TOP);
        write!(out, "<figure><figcaption>{}<span class=\"legend\">", self.title)?;
        for line in self.lines.iter().filter(|line| !line.points.is_empty()) {
            write!(
                out,
                "<span class=\"c{}{}\"><i></i>{}</span>",
                line.colour,
                if line.is_dashed { " dashed" } else { "" },
                line.name
            )?;
        }
        write!(
            out,
            "</span></figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            self.title
        )?;
        for (value, at) in y.ticks() {
            write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 7.0,
                at + 4.0,
                short(value)
            )?;
        }
        for (value, at) in x.ticks() {
            write!(
                out,
                "<line class=\"tick\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{}\" y2=\"{}\"/>\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 4.0,
                HEIGHT - BOTTOM + 17.0,
                short(value)
            )?;
        }
        write!(
            out,
            "<text class=\"unit\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <text class=\"unit\" x=\"{}\" y=\"{}\">{}</text>",
            WIDTH - RIGHT,
            HEIGHT - 2.0,
            self.x.0,
            LEFT + 4.0,
            TOP + 9.0,
            self.y.0
        )?;
        for line in self.lines.iter().filter(|line| !line.points.is_empty()) {
            let path: Vec<String> =
                line.points.iter().map(|&(px, py)| format!("{:.1},{:.1}", x.at(px), y.at(py))).collect();
            write!(
                out,
                "<polyline class=\"line c{}{}\" points=\"{}\"/>",
                line.colour,
                if line.is_dashed { " dashed" } else { "" },
                path.join(" ")
            )?;
            for &(px, py) in &line.points {
                // Seen only when pointed at: what stands here, in figures.
                write!(
                    out,
                    "<circle class=\"c{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\"><title>{}: {} {} at {} {}</title></circle>",
                    line.colour,
                    x.at(px),
                    y.at(py),
                    line.name,
                    short(py),
                    self.y.0,
                    short(px),
                    self.x.0
                )?;
            }
        }
        write!(out, "</svg></figure>")
    }
}

/// From values to places.
struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(scale: Scale, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let values: Vec<f64> = values.collect();
        let most = values.iter().copied().fold(0.0, f64::max);
        let (low, high) = match scale {
            Scale::Linear => (0.0, if most > 0.0 { most * 1.05 } else { 1.0 }),
            Scale::Decades => {
                let least =
                    values.iter().copied().filter(|value| *value > 0.0).fold(f64::MAX, f64::min).min(most);
                let low = least.max(0.01).log10().floor();
                (low, most.max(0.1).log10().ceil().max(low + 1.0))
            }
            Scale::Nines => (0.0, nines(most).max(1.0)),
        };
        Self { scale, low, high, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let value = match self.scale {
            Scale::Linear => value,
            Scale::Decades => value.max(1e-9).log10().max(self.low),
            Scale::Nines => nines(value),
        };
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    fn ticks(&self) -> Vec<(f64, f64)> {
        let values: Vec<f64> = match self.scale {
            Scale::Linear => {
                let step = step(self.high);
                (0..12).map(|index| f64::from(index) * step).filter(|value| *value <= self.high).collect()
            }
            Scale::Decades => (-2..9)
                .map(|power| 10f64.powi(power))
                .filter(|value| (self.low..=self.high).contains(&value.log10()))
                .collect(),
            Scale::Nines => [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999]
                .into_iter()
                .filter(|value| nines(*value) <= self.high)
                .collect(),
        };
        values.into_iter().map(|value| (value, self.at(value))).collect()
    }
}

/// How many nines a percentile has.
fn nines(percentile: f64) -> f64 {
    -(1.0 - percentile.min(99.9999) / 100.0).log10()
}

/// A step of which about five make up the axis: 1, 2 or 5 and noughts.
fn step(high: f64) -> f64 {
    let rough = high / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * power)
}

fn short(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 1_000_000.0 => return format!("{}M", trimmed(value / 1_000_000.0, 1)),
        size if size >= 10_000.0 => return format!("{}k", trimmed(value / 1_000.0, 1)),
        size if size >= 100.0 => trimmed(value, 0),
        size if size >= 10.0 => trimmed(value, if value > 99.0 { 3 } else { 1 }),
        _ => trimmed(value, 3),
    };
    if text.is_empty() { "0".into() } else { text }
}

fn trimmed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_between_the_ends_of_their_axis_and_ticks_are_round() {
        for (scale, values) in [
            (Scale::Linear, vec![0.0, 3.0, 47.0]),
            (Scale::Decades, vec![0.3, 12.0, 4_700.0]),
            (Scale::Nines, vec![0.0, 99.0, 99.99]),
        ] {
            let axis = Axis::over(scale, values.iter().copied(), 0.0, 100.0);
            for value in values {
                assert!((-0.01..=100.01).contains(&axis.at(value)), "{scale:?} {value}");
            }
            assert!(axis.ticks().len() >= 3, "{scale:?}");
        }
        assert!((step(47.0) - 10.0).abs() < 1e-9 && (step(0.9) - 0.2).abs() < 1e-9);
    }

    #[test]
    fn figures_on_axes_are_short() {
        let shown = [0.0, 0.25, 5.0, 99.9, 99.99, 100.0, 12_500.0, 3_000_000.0].map(short);
        assert_eq!(shown, ["0", "0.25", "5", "99.9", "99.99", "100", "12.5k", "3M"]);
    }
}
