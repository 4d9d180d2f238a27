//! Coupons: what the shop gives, to whom, and under which conditions.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    ids::{ClientCouponId, ConversationId, CouponId, OrderId, ProductId, Timestamp, UserId},
    money::Money,
    page::PageSize,
};

/// The longest name of a coupon, in characters.
pub const TITLE_CHARS: usize = 50;

/// Whether a coupon can be claimed now. It follows from the time and from whether it was deactivated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CouponStatus {
    /// Not yet.
    NotStart,
    /// Now.
    Ongoing,
    /// No longer.
    Expired,
    /// Ended early by the shop.
    Deactivated,
}

/// For whom a coupon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DisplayType {
    /// For everyone.
    Regular,
    /// Personalized: issued to one buyer in chat.
    Chat,
}

/// A part of a hundred, exact to two digits after the point; on the wire a decimal string: `"12.5"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percentage(u16);

impl Percentage {
    /// Above nothing, up to 100 %. In hundredths of a percent.
    #[must_use]
    pub const fn from_basis_points(basis_points: u16) -> Option<Self> {
        if basis_points >= 1 && basis_points <= 10_000 { Some(Self(basis_points)) } else { None }
    }

    /// In hundredths of a percent.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// So much of an amount, rounded down to its smallest unit.
    #[must_use]
    pub fn of(self, money: Money) -> Money {
        let minor = i128::from(money.minor) * i128::from(self.0) / 10_000;
        Money { minor: i64::try_from(minor).unwrap_or(money.minor), ..money }
    }
}

impl std::fmt::Display for Percentage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, hundredths) = (self.0 / 100, self.0 % 100);
        match hundredths {
            0 => write!(f, "{whole}"),
            tenths if tenths % 10 == 0 => write!(f, "{whole}.{}", tenths / 10),
            hundredths => write!(f, "{whole}.{hundredths:02}"),
        }
    }
}

impl std::str::FromStr for Percentage {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be a decimal string above 0, up to 100, as \"12.5\"";
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || fraction.len() > 2 {
            return Err(FORM);
        }
        format!("{whole}{fraction:0<2}").parse().ok().and_then(Self::from_basis_points).ok_or(FORM)
    }
}

impl Serialize for Percentage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percentage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Percentage {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Percentage".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A decimal above 0, up to 100.",
            "type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]{1,2})?$", "examples": ["12.5"]
        })
    }
}

/// How a discount is reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DiscountType {
    /// A fixed amount.
    AmountOff,
    /// A part of the price.
    PercentOff,
}

/// What a coupon takes off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    /// How it is reckoned.
    #[serde(rename = "type")]
    pub kind: DiscountType,
    /// With `AMOUNT_OFF`: so much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduction_amount: Option<Money>,
    /// With `PERCENT_OFF`: this part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentage: Option<Percentage>,
    /// With `PERCENT_OFF`: never more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_discount: Option<Money>,
}

/// Whether a minimum must be spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ThresholdType {
    /// No.
    #[default]
    None,
    /// Yes.
    MinSpend,
}

/// What must be spent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Whether something must be.
    #[serde(rename = "type")]
    pub kind: ThresholdType,
    /// At least so much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_spend: Option<Money>,
}

/// On what a coupon can be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProductScope {
    /// Everything.
    #[default]
    FullShop,
    /// The `product_ids`.
    SpecificProducts,
}

/// When a coupon can be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimDuration {
    /// From then.
    pub start_time: Timestamp,
    /// Until then.
    pub end_time: Timestamp,
}

/// How the time to use a coupon is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RedemptionType {
    /// From `start_time` until `end_time`.
    Absolute,
    /// For `relative_days` after it was claimed.
    Relative,
}

/// When a claimed coupon can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedemptionDuration {
    /// How it is told.
    #[serde(rename = "type")]
    pub kind: RedemptionType,
    /// With `ABSOLUTE`: from then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// With `ABSOLUTE`: until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Timestamp>,
    /// With `RELATIVE`: so many days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_days: Option<u32>,
}

/// How often a coupon can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageLimits {
    /// Claims of all buyers; absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_claim_limit: Option<u32>,
    /// Claims of one buyer.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub single_buyer_claim_limit: u32,
    /// Uses of all buyers; absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redemption_limit: Option<u32>,
}

const fn one() -> u32 {
    1
}

/// Why a personalized coupon was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    /// To whom; no one else can claim it.
    pub buyer_id: UserId,
    /// What it makes good, in words; for the shop only.
    pub reason: String,
    /// The order that it makes good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
}

/// A coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coupon {
    /// As the shop names it.
    pub id: CouponId,
    /// Its name, at most 50 characters.
    #[schemars(length(min = 1, max = 50))]
    pub title: String,
    /// Whether it can be claimed now. Made by the server.
    pub status: CouponStatus,
    /// For whom it is.
    pub display_type: DisplayType,
    /// What it takes off.
    pub discount: Discount,
    /// What must be spent.
    #[serde(default)]
    pub threshold: Threshold,
    /// On what it can be used.
    #[serde(default)]
    pub product_scope: ProductScope,
    /// With `SPECIFIC_PRODUCTS`: these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub product_ids: Vec<ProductId>,
    /// When it can be claimed.
    pub claim_duration: ClaimDuration,
    /// When it can be used.
    pub redemption_duration: RedemptionDuration,
    /// How often it can be had.
    pub usage_limits: UsageLimits,
    /// With `CHAT`: for whom and why. Told to agents only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<Issue>,
    /// How often it was claimed. Made by the server.
    #[serde(default)]
    pub claimed_count: u32,
    /// How often it was used. Made by the server.
    #[serde(default)]
    pub redeemed_count: u32,
    /// How many claims are left; absent: any number. Made by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u32>,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// Counts its changes, claims excepted.
    #[serde(default)]
    pub version: u32,
    /// Its detail page. Made by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// What a buyer has of a coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// Of which coupon.
    pub coupon_id: CouponId,
    /// 1 for the buyer's first, counting up.
    pub number: u32,
    /// When it was claimed.
    pub claim_time: Timestamp,
    /// It can be used from then.
    pub start_time: Timestamp,
    /// It can be used until then.
    pub end_time: Timestamp,
    /// The order on which it was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
}

/// `workbench.coupons.list`: the shop's coupons that can be claimed now, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponsListParams {
    /// Parts of words of the name, in any case, with or without accents; every word must be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub query: Option<String>,
    /// Only these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_type: Option<DisplayType>,
    /// Of the personalized ones only this buyer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_id: Option<UserId>,
    /// Those of this status; `ONGOING` when not said. For the management page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<CouponStatus>,
    /// Rows of a page.
    #[serde(default)]
    pub page_size: PageSize,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// A page of coupons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CouponsListResult {
    /// Newest first.
    pub coupons: Vec<Coupon>,
    /// Empty at the end.
    pub next_page_token: String,
    /// The page on which coupons are managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manage_link: Option<String>,
}

/// Names a coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponParams {
    /// Which.
    pub coupon_id: CouponId,
}

/// One coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CouponResult {
    /// As it stands.
    pub coupon: Coupon,
}

/// `workbench.coupons.create`: twice with one `client_coupon_id` is one coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponCreateParams {
    /// The same for every try.
    pub client_coupon_id: ClientCouponId,
    /// Its name.
    #[schemars(length(min = 1, max = 50))]
    pub title: String,
    /// What it takes off.
    pub discount: Discount,
    /// What must be spent.
    #[serde(default)]
    pub threshold: Threshold,
    /// On what it can be used.
    #[serde(default)]
    pub product_scope: ProductScope,
    /// With `SPECIFIC_PRODUCTS`: these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub product_ids: Vec<ProductId>,
    /// When it can be claimed.
    pub claim_duration: ClaimDuration,
    /// When it can be used.
    pub redemption_duration: RedemptionDuration,
    /// How often it can be had.
    pub usage_limits: UsageLimits,
}

/// `workbench.coupons.update`. Once a coupon has begun, only its name, the end of its claims and its quantity change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponUpdateParams {
    /// Which.
    pub coupon_id: CouponId,
    /// The version that the editor has seen. Another one stands: `conflict`.
    pub version: u32,
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Another discount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Discount>,
    /// Another threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// Another scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_scope: Option<ProductScope>,
    /// Other products.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_ids: Option<Vec<ProductId>>,
    /// Other times to claim it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_duration: Option<ClaimDuration>,
    /// Other times to use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redemption_duration: Option<RedemptionDuration>,
    /// Other limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_limits: Option<UsageLimits>,
}

/// `workbench.coupons.duplicate`: a new coupon like another, with times of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponDuplicateParams {
    /// Like which.
    pub coupon_id: CouponId,
    /// The same for every try.
    pub client_coupon_id: ClientCouponId,
    /// Its name; that of the other one when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// When it can be claimed; as long as the other one, from now on, when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_duration: Option<ClaimDuration>,
}

/// `workbench.coupons.issue`: a personalized coupon, sent into the conversation at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponIssueParams {
    /// For the buyer of this conversation.
    pub conversation_id: ConversationId,
    /// The same for every try.
    pub client_coupon_id: ClientCouponId,
    /// Its name.
    #[schemars(length(min = 1, max = 50))]
    pub title: String,
    /// What it takes off.
    pub discount: Discount,
    /// What must be spent.
    #[serde(default)]
    pub threshold: Threshold,
    /// What it makes good, in words; at most 500 characters, for the shop only.
    #[schemars(length(min = 1, max = 500))]
    pub reason: String,
    /// The order that it makes good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// It can be claimed and used for so many days; 30 when not said.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 365))]
    pub valid_days: u32,
}

const fn thirty() -> u32 {
    30
}

/// The answer to `buyer.coupons.claim`: the same for a repeated claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimResult {
    /// As it stands.
    pub coupon: Coupon,
    /// What the caller has of it.
    pub claim: Claim,
}

/// `buyer.coupons.claim`. A buyer who may claim a coupon several times tells which claim this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponClaimParams {
    /// Which.
    pub coupon_id: CouponId,
    /// 1 for the first claim, when not said; up to `single_buyer_claim_limit`. Claiming twice by one number is one claim.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub number: u32,
}

/// `buyer.coupons.list`: what the caller has claimed, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BuyerCouponsListParams {
    /// Rows of a page.
    #[serde(default)]
    pub page_size: PageSize,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// A page of claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuyerCouponsListResult {
    /// Newest first.
    pub claims: Vec<ClaimResult>,
    /// Empty at the end.
    pub next_page_token: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_exact_and_written_short() {
        for (text, basis_points) in [("12.5", 1250), ("100", 10_000), ("0.01", 1), ("5", 500), ("7.25", 725)]
        {
            let percentage: Percentage = text.parse().unwrap();
            assert_eq!((percentage.basis_points(), percentage.to_string().as_str()), (basis_points, text));
        }
        for bad in ["", "0", "100.01", "12.505", "-1", "1e1", ".5", "5."] {
            assert!(bad.parse::<Percentage>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_part_of_an_amount_is_rounded_down() {
        let money = Money::new(999, "EUR".parse().unwrap());
        assert_eq!("12.5".parse::<Percentage>().unwrap().of(money).minor, 124);
    }
}
