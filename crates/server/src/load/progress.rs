//! How a load stands, while it runs: one line on a terminal, a line now and then elsewhere.

use std::{io::IsTerminal, time::Duration};

use deskwire_load::Live;
use indicatif::{ProgressBar, ProgressStyle};

/// Where nobody looks on, so often is enough.
const APART: Duration = Duration::from_secs(10);

/// Goes to standard error.
pub(super) struct Progress {
    bar: ProgressBar,
    name: String,
    told: Duration,
}

impl Progress {
    pub(super) fn new(name: &str) -> Self {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {msg}") {
            bar.set_style(style);
        }
        Self { bar, name: name.to_owned(), told: Duration::ZERO }
    }

    pub(super) fn show(&mut self, live: &Live) {
        let Live { elapsed, duration, doing, sockets, messages, deliveries, rpcs, errors, .. } = live;
        let shown = format!(
            "{:.0} s, {doing}: {sockets} sockets, {messages} messages/s, {deliveries} deliveries/s, {rpcs} requests/s, \
             reply p99 {:.1} ms, delivery p99 {:.1} ms, {errors} errors",
            elapsed.as_secs_f64(),
            live.reply_p99,
            live.delivery_p99
        );
        if self.bar.is_hidden() {
            if *elapsed >= self.told + APART {
                self.told = *elapsed;
                eprintln!("{}: {shown}", self.name);
            }
            return;
        }
        let millis = |time: &Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.bar.set_length(millis(duration));
        self.bar.set_position(millis(elapsed).min(millis(duration)));
        self.bar.set_message(shown);
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
