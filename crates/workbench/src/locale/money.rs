//! Amounts as people write them: symbol, grouping and digits by language and currency, and never a cent lost.

use deskwire_protocol::money::Money;
use icu_decimal::{DecimalFormatter, input::Decimal};
use icu_experimental::dimension::currency::{
    formatter::CurrencyFormatter, options::CurrencyFormatterOptions,
};
use icu_locale_core::preferences::extensions::unicode::keywords::CurrencyType;

use super::Locale;

type Formatter = CurrencyFormatter<DecimalFormatter>;

/// An amount in words of a language.
pub(super) fn format(locale: Locale, numbers: &DecimalFormatter, money: Money) -> String {
    let digits = i16::try_from(money.currency.digits()).unwrap_or(0);
    let mut amount = Decimal::from(money.minor);
    amount.multiply_pow10(-digits);
    let mut positive = Decimal::from(money.minor.unsigned_abs());
    positive.multiply_pow10(-digits);
    let exact = numbers.format(&positive).to_string();

    let by_currency = CurrencyType::try_from_str(money.currency.code())
        .ok()
        .and_then(|currency| formatter(locale, money, currency))
        .map(|formatter| formatter.format_fixed_decimal(&amount).to_string());
    // CLDR writes some currencies with fewer digits than ISO 4217 counts (12,345.67 IDR as "IDR 12,346"). Whole
    // amounts are written so; any other would be rounded, and is written out.
    let whole = {
        let mut whole = positive.clone();
        whole.trim_end_if_integer();
        numbers.format(&whole).to_string()
    };
    let is_whole = whole != exact;
    match by_currency {
        Some(text) if text.contains(&exact) || (is_whole && text.contains(&whole)) => text,
        Some(_) | None => {
            let sign = if money.minor < 0 { "-" } else { "" };
            format!("{sign}{exact}\u{a0}{}", money.currency.code())
        }
    }
}

fn formatter(locale: Locale, money: Money, currency: CurrencyType) -> Option<Formatter> {
    let preferences = super::speech::icu_locale(locale).ok()?.into();
    // CLDR has Thais write "THB 250.00"; shops there write "฿250.00".
    let narrow = locale == Locale::Thai && money.currency.code() == "THB";
    if narrow {
        Formatter::try_new_symbol_narrow(preferences, currency, CurrencyFormatterOptions::default()).ok()
    } else {
        Formatter::try_new_symbol(preferences, currency, CurrencyFormatterOptions::default()).ok()
    }
}
