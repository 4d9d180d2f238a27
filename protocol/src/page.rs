//! Paging by key: a size and a token in, a token out.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

/// How many rows a page holds: 1 to 100, 20 when not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct PageSize(#[schemars(range(min = 1, max = 100))] u32);

impl PageSize {
    /// The most rows of a page.
    pub const MAX: u32 = 100;

    /// `None` outside 1 to 100.
    #[must_use]
    pub const fn new(size: u32) -> Option<Self> {
        if size >= 1 && size <= Self::MAX { Some(Self(size)) } else { None }
    }

    /// The number of rows.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(20)
    }
}

impl<'de> Deserialize<'de> for PageSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u32::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("must be 1 to 100"))
    }
}
