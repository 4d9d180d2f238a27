//! Whether this process was the bottleneck: the processor time it used, and the files it may open.

use std::{fs, time::Duration};

/// The kernel counts in hundredths of a second, on every Linux of today.
const TICK: Duration = Duration::from_millis(10);

/// Time on a core of all threads of this process so far. Nothing where the kernel has no `/proc`.
pub(crate) fn cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in parentheses, which may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let ticks = |field: Option<&str>| field?.parse::<u32>().ok();
    Some(TICK * (ticks(fields.next())? + ticks(fields.next())?))
}

/// How many files this process may open, where the kernel tells.
pub(crate) fn open_files() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_of_this_process() {
        assert!(cpu_time().is_some());
        assert!(open_files().is_some_and(|files| files > 16));
        assert!(cores() >= 1);
    }
}
