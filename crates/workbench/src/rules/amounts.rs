//! Reckoning with money that never wraps: a sum that cannot be written is an error that names its field.

use deskwire_protocol::money::{Currency, Money};

use crate::error::WorkbenchError;

/// An amount of this currency, not below nothing.
pub(crate) fn check(field: &str, money: Money, currency: Currency) -> Result<(), WorkbenchError> {
    if money.currency != currency {
        return Err(WorkbenchError::invalid(
            field,
            format_args!("must be in {currency}, as all amounts here"),
        ));
    }
    if money.minor < 0 {
        return Err(WorkbenchError::invalid(field, "must not be negative"));
    }
    Ok(())
}

/// An amount that may be missing.
pub(crate) fn check_optional(
    field: &str,
    money: Option<Money>,
    currency: Currency,
) -> Result<(), WorkbenchError> {
    money.map_or(Ok(()), |money| check(field, money, currency))
}

/// An amount of this currency, above nothing.
pub(crate) fn check_positive(field: &str, money: Money, currency: Currency) -> Result<(), WorkbenchError> {
    check(field, money, currency)?;
    if money.minor == 0 {
        return Err(WorkbenchError::invalid(field, "must be above zero"));
    }
    Ok(())
}

/// The sum, where it can be written.
pub(crate) fn sum(
    field: &str,
    currency: Currency,
    amounts: impl IntoIterator<Item = Money>,
) -> Result<Money, WorkbenchError> {
    amounts
        .into_iter()
        .try_fold(Money::new(0, currency), Money::plus)
        .ok_or_else(|| WorkbenchError::invalid(field, "adds up to more than can be written"))
}

/// So many times as much, where it can be written.
pub(crate) fn times(field: &str, money: Money, count: u32) -> Result<Money, WorkbenchError> {
    money.times(count).ok_or_else(|| WorkbenchError::invalid(field, "comes to more than can be written"))
}

/// `whole` × `part` / `of`, rounded down. The part is between nothing and `of`, so that the share is between nothing
/// and the whole.
pub(crate) fn share(field: &str, whole: Money, part: i128, of: i128) -> Result<Money, WorkbenchError> {
    let part = part.clamp(0, of.max(0));
    let too_large = || WorkbenchError::invalid(field, "is too large to be shared out");
    let minor = match of {
        0 => 0,
        of => i128::from(whole.minor).checked_mul(part).ok_or_else(too_large)?.div_euclid(of),
    };
    Ok(Money { minor: i64::try_from(minor).map_err(|_| too_large())?, ..whole })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::samples::{eur, field_of, money};

    #[test]
    fn what_cannot_be_written_is_an_error_and_no_panic() {
        let most = money(i64::MAX);
        assert_eq!(field_of(sum("total", eur(), [most, money(1)])), "total");
        assert_eq!(field_of(times("price", most, 2)), "price");
        assert_eq!(sum("total", eur(), []).unwrap(), money(0));
        let yen = Money::new(1, "JPY".parse().unwrap());
        assert_eq!(field_of(sum("total", eur(), [yen])), "total");
        assert_eq!(field_of(share("s", most, i128::MAX, i128::MAX)), "s");
    }

    proptest! {
        #[test]
        fn a_share_never_exceeds_the_whole(whole in 0..i64::MAX, part: i64, of in 0..i64::MAX) {
            let got = share("s", money(whole), i128::from(part), i128::from(of)).unwrap();
            prop_assert!((0..=whole).contains(&got.minor));
        }
    }
}
