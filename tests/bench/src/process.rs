//! What the kernel says of a process: the time it has had on a core, and the memory that is its own.

use std::{fs, time::Duration};

use anyhow::{Context, anyhow};
use serde_json::{Value, json};

/// The kernel counts in hundredths of a second, on every Linux of today.
const TICK: Duration = Duration::from_millis(10);

/// Time on a core, of all threads together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CpuTime {
    user: Duration,
    system: Duration,
}

impl CpuTime {
    /// Of a process until now.
    pub(crate) fn of(process: &str) -> anyhow::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        // The second field is a name in parentheses, which may hold anything.
        let (_, fields) = stat.rsplit_once(") ").context("/proc/PID/stat has another form")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let ticks = |index: usize| -> anyhow::Result<Duration> {
            let ticks: u32 = fields.get(index).ok_or_else(|| anyhow!("no field {index}"))?.parse()?;
            Ok(TICK * ticks)
        };
        Ok(Self { user: ticks(11)?, system: ticks(12)? })
    }

    /// Since an earlier look.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }

    /// Of two processes together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { user: self.user + other.user, system: self.system + other.system }
    }

    /// The part of one core that was used over this time: 1 is all of it.
    pub(crate) fn share(self, of: Duration) -> f64 {
        (self.user + self.system).as_secs_f64() / of.as_secs_f64()
    }

    /// Seconds in all.
    pub(crate) fn seconds(self) -> f64 {
        (self.user + self.system).as_secs_f64()
    }

    /// Microseconds each.
    pub(crate) fn micros_each(self, things: f64) -> f64 {
        (self.user + self.system).as_secs_f64() * 1e6 / things
    }

    pub(crate) fn to_json(self) -> Value {
        json!({ "user_seconds": self.user.as_secs_f64(), "system_seconds": self.system.as_secs_f64() })
    }
}

/// Memory in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Resident; what it shares with others counted by its part.
    pub(crate) pss: u64,
    /// Resident, its own, and not a part of a file.
    pub(crate) anonymous: u64,
}

impl Memory {
    /// Of a process, now.
    pub(crate) fn of(process: &str) -> anyhow::Result<Self> {
        let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
        let bytes = |name: &str| -> anyhow::Result<u64> {
            let line = rollup
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .with_context(|| format!("no {name}"))?;
            Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
        };
        Ok(Self { pss: bytes("Pss:")?, anonymous: bytes("Anonymous:")? })
    }

    /// Bytes for each of so many things that were not there at the earlier look.
    pub(crate) fn each_since(self, earlier: Self, things: usize) -> (f64, f64) {
        let each = |now: u64, then: u64| (now as f64 - then as f64) / things as f64;
        (each(self.pss, earlier.pss), each(self.anonymous, earlier.anonymous))
    }

    pub(crate) fn to_json(self) -> Value {
        json!({ "pss_bytes": self.pss, "anonymous_bytes": self.anonymous })
    }
}
