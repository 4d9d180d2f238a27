//! A scenario: who comes, when, what they do, and what must hold. Read from TOML; a key that is not known is refused.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use deskwire_protocol::{Codec, ErrorType};
use serde::{Deserialize, Deserializer, de};

use crate::{
    LoadError,
    mix::{AgentMix, BuyerMix, Deed, Mix},
    texts::Texts,
};

/// Conversations that one agent can attend: what the server lets one session attach to, by default.
const ATTENDED: u32 = 500;

/// What is to be done to a service, and what it must stand.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What the report is headed by.
    pub name: String,
    /// What it is like, for the report.
    #[serde(default)]
    pub description: String,
    /// How long people act, arriving included.
    pub(crate) duration: Span,
    /// What is done before this moment is done, and not measured.
    #[serde(default)]
    pub(crate) warm_up: Span,
    /// How long answers and deliveries are waited for after the end.
    #[serde(default = "settle")]
    pub(crate) settle: Span,
    /// How frames are encoded.
    #[serde(default)]
    pub(crate) codec: Encoding,
    pub(crate) buyers: Buyers,
    #[serde(default)]
    pub(crate) agents: Agents,
    #[serde(default)]
    pub(crate) slow_readers: SlowReaders,
    pub(crate) reconnects: Option<Reconnects>,
    #[serde(default, rename = "storm")]
    pub(crate) storms: Vec<Storm>,
    #[serde(default)]
    texts: TextFile,
    pub(crate) coupon: Option<Rushed>,
    #[serde(default)]
    pub(crate) limits: Limits,
    /// Where it was read.
    #[serde(skip)]
    path: PathBuf,
}

/// A length of time, as `"1m 30s"`, `"5s"` or `"250ms"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd)]
pub(crate) struct Span(pub(crate) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        length_of_time(&text).map(Self).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is no length of time such as \"1m 30s\", \"5s\" or \"250ms\""
            ))
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A length of time as people write it; nothing where it is none.
#[must_use]
pub fn length_of_time(text: &str) -> Option<Duration> {
    text.parse::<jiff::SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok())
}

/// How frames are encoded.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    #[default]
    Json,
    Msgpack,
    /// Every other person speaks MessagePack.
    Both,
}

impl Encoding {
    pub(crate) const fn of(self, person: u32) -> Codec {
        match self {
            Self::Json => Codec::Json,
            Self::Both if person.is_multiple_of(2) => Codec::Json,
            Self::Msgpack | Self::Both => Codec::MsgPack,
        }
    }
}

/// `[buyers]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Buyers {
    pub(crate) count: u32,
    /// They arrive evenly over this time.
    #[serde(default)]
    pub(crate) ramp: Span,
    /// The mean time from one deed of a buyer to the next.
    pub(crate) every: Span,
    #[serde(default)]
    pub(crate) mix: BuyerMix,
}

/// `[agents]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Agents {
    pub(crate) count: u32,
    /// They are there before the buyers unless this says otherwise.
    pub(crate) ramp: Span,
    /// The part of the buyers' messages that are answered, 0 to 1.
    pub(crate) answers: f64,
    /// The mean time from a message to its answer.
    pub(crate) think: Span,
    /// The mean time from one deed of an agent to the next, beside answering.
    pub(crate) every: Option<Span>,
    pub(crate) mix: AgentMix,
}

/// `[slow_readers]`: buyers who ask and do not read the answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SlowReaders {
    pub(crate) count: u32,
    /// How often each asks for the contract's document, which is some hundred KiB.
    pub(crate) every: Span,
    /// How long each does not read.
    pub(crate) hold: Span,
}

impl Default for SlowReaders {
    fn default() -> Self {
        Self { count: 0, every: Span(Duration::from_millis(500)), hold: Span(Duration::from_secs(10)) }
    }
}

/// `[reconnects]`: sockets are lost one by one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reconnects {
    /// The mean life of a socket.
    pub(crate) every: Span,
    /// How long its owner stays away, at most.
    #[serde(default)]
    pub(crate) pause: Span,
}

/// `[[storm]]`: many sockets are lost at once.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Storm {
    /// When, from the beginning.
    pub(crate) at: Span,
    /// All are lost within this time.
    #[serde(default)]
    pub(crate) within: Span,
    /// The part of all people that it hits, 0 to 1.
    #[serde(default = "all")]
    pub(crate) share: f64,
    /// How long they stay away, at most.
    #[serde(default)]
    pub(crate) pause: Span,
}

/// `[texts]`: what is written; a few texts are built in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TextFile {
    /// CSV, from where the scenario's file is.
    file: Option<PathBuf>,
    column: Option<String>,
    /// Without the file the texts that are built in serve.
    optional: bool,
}

/// `[coupon]`: one is made for the run, and rushed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rushed {
    /// How many can be claimed.
    pub(crate) claims: u32,
}

/// `[limits]`: what must hold for the run to pass, beside that nothing is lost, doubled or out of order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) connect: Quantiles,
    pub(crate) resume: Quantiles,
    pub(crate) reply: Quantiles,
    pub(crate) delivery: Quantiles,
    pub(crate) rpc: Quantiles,
    /// The part of all requests that may fail, 0 to 1.
    pub(crate) errors: Option<f64>,
    /// Types of errors that belong to the scenario, such as `not_sendable` where a coupon is rushed: told, and not counted.
    pub(crate) expected_errors: Vec<ErrorType>,
    /// Sockets that may be lost without the scenario's doing.
    pub(crate) disconnects: Option<u64>,
    /// Messages a second that must be acknowledged at least.
    pub(crate) messages_per_second: Option<f64>,
}

/// The most that so many of the latencies may be.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Quantiles {
    pub(crate) p50: Option<Span>,
    pub(crate) p90: Option<Span>,
    pub(crate) p99: Option<Span>,
    #[serde(rename = "p99.9")]
    pub(crate) p999: Option<Span>,
    pub(crate) max: Option<Span>,
}

fn settle() -> Span {
    Span(Duration::from_secs(10))
}

const fn all() -> f64 {
    1.0
}

impl Scenario {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let text = fs::read_to_string(path)
            .map_err(|source| LoadError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, LoadError> {
        let problem = |problem: String| LoadError::Scenario { path: path.to_owned(), problem };
        let mut scenario: Self = toml::from_str(text).map_err(|error| problem(error.to_string()))?;
        path.clone_into(&mut scenario.path);
        scenario.check().map_err(problem)?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), String> {
        let share = |key: &str, value: f64| {
            if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(format!("`{key}` must be 0 to 1")) }
        };
        let positive = |key: &str, span: Span| {
            if span.0.is_zero() { Err(format!("`{key}` must be longer than nothing")) } else { Ok(()) }
        };
        positive("duration", self.duration)?;
        positive("buyers.every", self.buyers.every)?;
        positive("slow_readers.every", self.slow_readers.every)?;
        if let Some(every) = self.agents.every {
            positive("agents.every", every)?;
        }
        if let Some(reconnects) = &self.reconnects {
            positive("reconnects.every", reconnects.every)?;
        }
        share("agents.answers", self.agents.answers)?;
        for storm in &self.storms {
            share("storm.share", storm.share)?;
            if storm.at >= self.duration {
                return Err("`storm.at` must be before the end (`duration`)".into());
            }
        }
        if let Some(errors) = self.limits.errors {
            share("limits.errors", errors)?;
        }
        if self.warm_up >= self.duration {
            return Err("`warm_up` must be shorter than `duration`".into());
        }
        if self.buyers.count == 0 {
            return Err("`buyers.count` must be at least 1: conversations are theirs".into());
        }
        if self.agents.count > 0 && self.conversations().div_ceil(self.agents.count) > ATTENDED {
            return Err(format!(
                "`agents.count` must be at least {}: one agent attends {ATTENDED} conversations at most",
                self.conversations().div_ceil(ATTENDED)
            ));
        }
        if self.coupon.is_some() && self.agents.count == 0 {
            return Err("`coupon` needs an agent to make it: `agents.count`".into());
        }
        if self.texts.file.is_some() != self.texts.column.is_some() {
            return Err("`texts.file` and `texts.column` go together".into());
        }
        if self.needs_goods() && self.agents.count == 0 {
            return Err("`buyers.mix` needs products or coupons, which an agent lists: `agents.count`".into());
        }
        Ok(())
    }

    /// So many times the people and the coupons; at least one of each that there is.
    #[must_use]
    pub fn scaled(mut self, factor: f64) -> Self {
        self.buyers.count = times(self.buyers.count, factor);
        self.agents.count =
            times(self.agents.count, factor).max(self.buyers.count.div_ceil(ATTENDED).min(self.agents.count));
        self.slow_readers.count = times(self.slow_readers.count, factor);
        if let Some(coupon) = &mut self.coupon {
            coupon.claims = times(coupon.claims, factor);
        }
        if let Some(rate) = &mut self.limits.messages_per_second {
            *rate *= factor;
        }
        self
    }

    /// The same course of events in another time; how often people act stays as it is.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        let factor = duration.as_secs_f64() / self.duration.0.as_secs_f64();
        let stretch = |span: &mut Span| span.0 = span.0.mul_f64(factor);
        for span in
            [&mut self.warm_up, &mut self.buyers.ramp, &mut self.agents.ramp, &mut self.slow_readers.hold]
        {
            stretch(span);
        }
        for storm in &mut self.storms {
            stretch(&mut storm.at);
            stretch(&mut storm.within);
            stretch(&mut storm.pause);
        }
        if let Some(reconnects) = &mut self.reconnects {
            stretch(&mut reconnects.every);
            stretch(&mut reconnects.pause);
        }
        self.duration = Span(duration);
        self
    }

    /// Buyers of either kind.
    pub(crate) fn conversations(&self) -> u32 {
        self.buyers.count + self.slow_readers.count
    }

    /// Everyone.
    pub(crate) fn people(&self) -> u32 {
        self.conversations() + self.agents.count
    }

    /// What people will write.
    pub(crate) fn texts(&self) -> Result<Texts, LoadError> {
        let (Some(file), Some(column)) = (&self.texts.file, &self.texts.column) else {
            return Ok(Texts::built_in());
        };
        let path = self.path.parent().unwrap_or(Path::new(".")).join(file);
        if self.texts.optional && !path.exists() {
            return Ok(Texts::built_in());
        }
        Texts::read(&path, column)
    }

    fn needs_goods(&self) -> bool {
        let mix = Mix::from(&self.buyers.mix);
        mix.has(Deed::Product) || mix.has(Deed::Claim) || mix.has(Deed::Place)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of people, rounded")]
fn times(count: u32, factor: f64) -> u32 {
    if count == 0 { 0 } else { (f64::from(count) * factor).round().max(1.0) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "name = \"x\"\nduration = \"10s\"\n[buyers]\ncount = 2\nevery = \"1s\"\n";

    fn parse(text: &str) -> Result<Scenario, String> {
        Scenario::parse(text, Path::new("x.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        for (text, millis) in
            [("250ms", 250), ("5s", 5_000), ("1m 30s", 90_000), ("1m30s", 90_000), ("0s", 0)]
        {
            let scenario = parse(&format!("settle = \"{text}\"\n{LEAST}")).unwrap();
            assert_eq!(scenario.settle.0, Duration::from_millis(millis), "{text}");
        }
        for text in ["5", "five seconds", "-5s"] {
            let error = parse(&format!("settle = \"{text}\"\n{LEAST}")).unwrap_err();
            assert!(error.contains("no length of time") && error.contains("settle"), "{error}");
        }
    }

    #[test]
    fn unknown_keys_are_refused_and_named() {
        for (text, key) in [
            ("speed = 3", "speed"),
            ("[buyers.mix]\nmesage = 1", "mesage"),
            ("[limits]\nreply = { p98 = \"1s\" }", "p98"),
            ("[limits]\nexpected_errors = [\"to_many\"]", "to_many"),
            ("[[storm]]\nat = \"1s\"\nwhen = 3", "when"),
        ] {
            let text =
                if text.starts_with('[') { format!("{LEAST}{text}") } else { format!("{text}\n{LEAST}") };
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with("x.toml: ") && error.contains(key), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused_and_names_the_key() {
        for (text, key) in [
            ("[agents]\ncount = 1\nanswers = 2.0", "agents.answers"),
            ("[[storm]]\nat = \"11s\"", "storm.at"),
            ("[coupon]\nclaims = 5", "agents.count"),
            ("[buyers.mix]\nclaim = 5", "agents.count"),
            ("[texts]\nfile = \"a.csv\"", "texts.column"),
            ("[limits]\nerrors = 1.5", "limits.errors"),
        ] {
            let error = parse(&format!("{LEAST}{text}")).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
        let many = LEAST.replace("count = 2", "count = 5000");
        let error = parse(&format!("{many}[agents]\ncount = 3")).unwrap_err();
        assert!(error.contains("`agents.count` must be at least 10"), "{error}");
    }

    #[test]
    fn a_scenario_is_made_smaller_and_shorter_in_all_its_parts() {
        let text = format!("{LEAST}[agents]\ncount = 2\n[[storm]]\nat = \"5s\"\n[coupon]\nclaims = 300\n");
        let scenario =
            parse(&text.replace("count = 2\nevery", "count = 1000\nramp = \"4s\"\nevery")).unwrap();
        let small = scenario.scaled(0.01).lasting(Duration::from_secs(2));
        assert_eq!((small.buyers.count, small.agents.count), (10, 1));
        assert_eq!(small.coupon.map(|coupon| coupon.claims), Some(3));
        assert_eq!(small.buyers.ramp.0, Duration::from_millis(800));
        assert_eq!(small.storms[0].at.0, Duration::from_secs(1));
        assert_eq!(small.buyers.every.0, Duration::from_secs(1));
    }

    #[test]
    fn texts_that_are_optional_may_be_missing() {
        let table = "[texts]\nfile = \"nowhere.csv\"\ncolumn = \"said\"\n";
        assert!(parse(&format!("{LEAST}{table}")).unwrap().texts().is_err());
        assert!(!parse(&format!("{LEAST}{table}optional = true\n")).unwrap().texts().unwrap().are_own);
    }
}
