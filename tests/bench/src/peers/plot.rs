//! Bars, one a service, as SVG.

use std::path::Path;

use anyhow::{Context, anyhow};
use plotters::prelude::*;

use super::Kind;
use crate::figures::shown;

const SIZE: (u32, u32) = (860, 300);
const KEEPS_NOTHING: RGBColor = RGBColor(150, 163, 179);
const DURABLE: RGBColor = RGBColor(24, 119, 106);
const INK: RGBColor = RGBColor(33, 37, 41);
/// Left of the bars, for the names; right of them, for the figures.
const NAMES: i32 = 190;
const FIGURES: i32 = 110;
const TOP: i32 = 48;

/// Writes `DIR/NAME.svg`: what each service does, those that keep what they are told in another colour.
pub(crate) fn bars(dir: &Path, name: &str, title: &str, figures: &[(Kind, f64)]) -> anyhow::Result<()> {
    let path = dir.join(format!("{name}.svg"));
    draw(&path, title, figures)
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| format!("{} cannot be written", path.display()))
}

fn draw(path: &Path, title: &str, figures: &[(Kind, f64)]) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let text = |size: i32| ("sans-serif", size).into_font().color(&INK);
    area.draw_text(title, &text(17), (14, 14))?;
    let most = figures.iter().map(|(_, figure)| *figure).fold(f64::MIN_POSITIVE, f64::max);
    let (width, height) = (i32::try_from(SIZE.0)? - NAMES - FIGURES, i32::try_from(SIZE.1)? - TOP - 10);
    let step = height / i32::try_from(figures.len().max(1))?;
    for (number, (kind, figure)) in (0..).zip(figures) {
        let top = TOP + number * step;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a bar is at most as long as the picture is wide"
        )]
        let length = (figure / most * f64::from(width)).round() as i32;
        let colour = if kind.is_durable() { DURABLE } else { KEEPS_NOTHING };
        let bar = [(NAMES, top), (NAMES + length.max(1), top + step - 12)];
        area.draw(&Rectangle::new(bar, colour.filled()))?;
        let middle = top + (step - 12) / 2 - 7;
        area.draw_text(kind.short_name(), &text(14), (14, middle))?;
        area.draw_text(&shown(*figure), &text(14), (NAMES + length + 8, middle))?;
    }
    Ok(area.present()?)
}
