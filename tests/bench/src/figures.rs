//! What was measured, in the two forms in which it is told: tables for people, JSON for programs.

use std::{fmt, time::Duration};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// What one part has measured.
pub(crate) struct Outcome {
    pub(crate) tables: Vec<Table>,
    /// What was asked for, and what came of it.
    pub(crate) aims: Vec<Aim>,
    /// All figures of all rounds.
    pub(crate) raw: Value,
}

/// Rows under a title.
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) columns: &'static [&'static str],
    pub(crate) rows: Vec<Vec<String>>,
}

/// A figure that the project has set itself.
pub(crate) struct Aim {
    pub(crate) name: String,
    pub(crate) measured: String,
    pub(crate) is_met: bool,
}

impl Outcome {
    pub(crate) fn to_json(&self) -> Value {
        let tables: Vec<Value> = self
            .tables
            .iter()
            .map(|table| json!({ "title": table.title, "columns": table.columns, "rows": table.rows }))
            .collect();
        let aims: Vec<Value> = self
            .aims
            .iter()
            .map(|aim| json!({ "name": aim.name, "measured": aim.measured, "met": aim.is_met }))
            .collect();
        json!({ "tables": tables, "aims": aims, "raw": self.raw })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in &self.tables {
            writeln!(f, "{table}")?;
        }
        for aim in &self.aims {
            let met = if aim.is_met { "met" } else { "MISSED" };
            writeln!(f, "{met}: {}: {}", aim.name, aim.measured)?;
        }
        Ok(())
    }
}

/// As a table of Markdown, so that it can be pasted where figures are kept.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([self.columns[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        writeln!(f, "{}\n", self.title)?;
        let mut line = |cells: &[String]| {
            let padded = cells.iter().zip(&widths).enumerate().map(|(index, (cell, &width))| {
                // What is named stands left, figures stand right.
                if index == 0 { format!(" {cell:<width$} |") } else { format!(" {cell:>width$} |") }
            });
            writeln!(f, "|{}", padded.collect::<String>())
        };
        line(&self.columns.iter().map(|&column| column.to_owned()).collect::<Vec<_>>())?;
        let rules = widths.iter().enumerate().map(|(index, &width)| {
            if index == 0 { "-".repeat(width) } else { format!("{}:", "-".repeat(width.max(2) - 1)) }
        });
        line(&rules.collect::<Vec<_>>())?;
        self.rows.iter().try_for_each(|row| line(row))
    }
}

/// Latencies in nanoseconds, to three digits.
pub(crate) fn latencies() -> Histogram<u64> {
    let mut latencies = Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are supported"));
    latencies.auto(true);
    latencies
}

/// Notes a latency.
pub(crate) fn note(latencies: &mut Histogram<u64>, took: Duration) {
    // It grows as needed; only what is longer than a century does not fit.
    latencies.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)).unwrap_or(());
}

/// A quantile in microseconds.
pub(crate) fn micros(latencies: &Histogram<u64>, quantile: f64) -> f64 {
    latencies.value_at_quantile(quantile) as f64 / 1000.0
}

/// The middle one, or the mean of the middle two.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => f64::NAN,
        length if length % 2 == 0 => f64::midpoint(figures[middle - 1], figures[middle]),
        _ => figures[middle],
    }
}

/// A figure with as many digits as it deserves.
pub(crate) fn shown(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => {
            let digits = format!("{figure:.0}");
            // Thousands apart, as a person reads them.
            let mut apart = String::new();
            for (index, digit) in digits.chars().enumerate() {
                if index > 0 && (digits.len() - index) % 3 == 0 {
                    apart.push(' ');
                }
                apart.push(digit);
            }
            apart
        }
        size if size >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// Microseconds as milliseconds.
pub(crate) fn millis(micros: f64) -> String {
    format!("{:.2}", micros / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_as_people_read_them() {
        assert_eq!(shown(1_234_567.8), "1 234 568");
        assert_eq!(shown(999.6), "1 000");
        assert_eq!(shown(12.34), "12.3");
        assert_eq!(shown(1.234), "1.23");
    }

    #[test]
    fn a_latency_is_kept_however_long() {
        let mut latencies = latencies();
        note(&mut latencies, Duration::from_micros(3));
        note(&mut latencies, Duration::from_mins(1));
        assert!((micros(&latencies, 0.25) - 3.0).abs() < 0.01);
        assert!((micros(&latencies, 0.99) - 60e6).abs() < 60e3);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }
}
