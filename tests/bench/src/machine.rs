//! The kind of machine that figures are from. Nothing that names this one machine.

use std::{fs, thread};

use serde_json::{Value, json};

/// Cores, memory, processor, kernel.
pub(crate) fn describe() -> Value {
    let gib = field("/proc/meminfo", "MemTotal").and_then(|total| {
        let kib: f64 = total.trim_end_matches(" kB").parse().ok()?;
        Some((kib / 1024.0 / 1024.0).round())
    });
    // The parallelism of this process would be that of its own core.
    let cores = fs::read_to_string("/proc/cpuinfo").map_or_else(
        |_| thread::available_parallelism().map_or(0, usize::from),
        |info| info.matches("processor\t").count(),
    );
    json!({
        "cores": cores,
        "memory_gib": gib,
        "processor": field("/proc/cpuinfo", "model name"),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").map(|release| release.trim().to_owned()).ok(),
    })
}

/// Of the last minute.
pub(crate) fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let (_, value) =
        text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}
