//! Money: exact, never a float. A decimal string and a currency on the wire, integer minor units within.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeStruct};

/// An ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The code: three upper-case letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many digits follow the decimal point: 2 for `EUR`, 0 for `JPY`, 3 for `KWD`.
    #[must_use]
    pub fn digits(self) -> u32 {
        // Those without one (gold, test codes) are counted whole.
        self.0.exponent().map_or(0, u32::from)
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(code: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(code).map(Self).ok_or(MoneyError::Currency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "ISO 4217 code.", "type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]
        })
    }
}

/// Why something is no money; continues the sentence "`field` …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// No such currency.
    #[error("must be an ISO 4217 currency code")]
    Currency,
    /// Not digits with an optional sign and decimal point.
    #[error("must be a decimal number in a string, as \"12.50\"")]
    Form,
    /// A fraction of the smallest unit.
    #[error("must have at most {digits} digits after the decimal point in this currency")]
    Digits {
        /// How many the currency has.
        digits: u32,
    },
    /// Beyond 64 bits of minor units.
    #[error("is too large")]
    Range,
}

/// An amount of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// In the currency's smallest unit: cents for `EUR`.
    pub minor: i64,
    /// Of which currency.
    pub currency: Currency,
}

impl Money {
    /// So many of the currency's smallest unit.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// From the wire's form: `"12.50"` in a currency of two digits is 1250.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (negative, number) = match amount.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, amount),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) {
            return Err(MoneyError::Form);
        }
        let digits = currency.digits();
        // "12.500" is 12.50 written by someone careful; "12.505" is not.
        let fraction = fraction.trim_end_matches('0');
        let missing = usize::try_from(digits).unwrap_or(0).checked_sub(fraction.len());
        let missing = missing.ok_or(MoneyError::Digits { digits })?;
        let digits = format!("{whole}{fraction}{}", "0".repeat(missing));
        let minor: i64 = digits.parse().map_err(|_| MoneyError::Range)?;
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }

    /// The decimal string of the wire, with all digits of the currency.
    #[must_use]
    pub fn amount(self) -> String {
        let digits = usize::try_from(self.currency.digits()).unwrap_or(0);
        let sign = if self.minor < 0 { "-" } else { "" };
        let number = format!("{:0>width$}", self.minor.unsigned_abs(), width = digits + 1);
        let (whole, fraction) = number.split_at(number.len() - digits);
        if digits == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }

    /// The sum, where both are of one currency and it can be written.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let minor = self.minor.checked_add(other.minor).filter(|_| self.currency == other.currency)?;
        Some(Self { minor, ..self })
    }

    /// So many times as much.
    #[must_use]
    pub fn times(self, count: u32) -> Option<Self> {
        Some(Self { minor: self.minor.checked_mul(i64::from(count))?, ..self })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

/// Documents that people and other programs read have `{amount, currency}`; the store's own have
/// `{minor, currency}`, with an integer.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let for_people = serializer.is_human_readable();
        let mut fields = serializer.serialize_struct("Money", 2)?;
        if for_people {
            fields.serialize_field("amount", &self.amount())?;
        } else {
            fields.serialize_field("minor", &self.minor)?;
        }
        fields.serialize_field("currency", &self.currency)?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire {
            amount: String,
            currency: Currency,
        }
        #[derive(Deserialize)]
        struct Stored {
            minor: i64,
            currency: Currency,
        }
        if deserializer.is_human_readable() {
            let Wire { amount, currency } = Wire::deserialize(deserializer)?;
            Self::parse(&amount, currency)
                .map_err(|problem| de::Error::custom(format_args!("`amount` {problem}")))
        } else {
            let Stored { minor, currency } = Stored::deserialize(deserializer)?;
            Ok(Self { minor, currency })
        }
    }
}

impl JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An exact amount of money.",
            "type": "object",
            "properties": {
                "amount": {
                    "description": "Exact; as many digits after the point as the currency has.",
                    "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$", "examples": ["12.50"]
                },
                "currency": generator.subschema_for::<Currency>(),
            },
            "required": ["amount", "currency"]
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn an_amount_has_the_digits_of_its_currency() {
        for (minor, code, amount) in [
            (1250, "EUR", "12.50"),
            (5, "EUR", "0.05"),
            (-5, "EUR", "-0.05"),
            (0, "EUR", "0.00"),
            (1250, "JPY", "1250"),
            (1250, "KWD", "1.250"),
            (i64::MAX, "BRL", "92233720368547758.07"),
        ] {
            let money = Money::new(minor, currency(code));
            assert_eq!(money.amount(), amount);
            assert_eq!(Money::parse(amount, money.currency), Ok(money));
        }
    }

    #[test]
    fn what_is_no_exact_amount_is_refused() {
        let euro = currency("EUR");
        for bad in ["", "-", ".", "1.", ".5", "1,5", "1e3", "+1", " 1", "0x1", "1.2.3", "１"] {
            assert_eq!(Money::parse(bad, euro), Err(MoneyError::Form), "{bad:?}");
        }
        assert_eq!(Money::parse("12.505", euro), Err(MoneyError::Digits { digits: 2 }));
        assert_eq!(Money::parse("1.5", currency("JPY")), Err(MoneyError::Digits { digits: 0 }));
        assert_eq!(Money::parse("12.500", euro).unwrap().minor, 1250);
        assert_eq!(Money::parse("99999999999999999999", euro), Err(MoneyError::Range));
        assert_eq!("EURO".parse::<Currency>(), Err(MoneyError::Currency));
    }

    #[test]
    fn the_wire_has_a_string_and_the_store_an_integer() {
        let money = Money::new(1250, currency("EUR"));
        assert_eq!(serde_json::to_string(&money).unwrap(), r#"{"amount":"12.50","currency":"EUR"}"#);
        let stored = rmp_serde::to_vec_named(&money).unwrap();
        assert_eq!(rmp_serde::from_slice::<Money>(&stored).unwrap(), money);
        assert!(rmp_serde::from_slice::<serde_json::Value>(&stored).unwrap()["minor"].is_i64());
        let float = serde_json::from_str::<Money>(r#"{"amount":12.5,"currency":"EUR"}"#);
        assert!(float.is_err(), "a float is not exact");
    }

    proptest! {
        #[test]
        fn every_amount_survives_the_wire(minor: i64, code in prop::sample::select(vec!["EUR", "JPY", "KWD", "IDR"])) {
            prop_assume!(minor != i64::MIN);
            let money = Money::new(minor, currency(code));
            prop_assert_eq!(Money::parse(&money.amount(), money.currency), Ok(money));
        }
    }
}
