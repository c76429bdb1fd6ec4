//! Money in whole minor units, and currencies, which define the minor unit.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// An integer amount in minor units (for example cents) of the cart's or catalogue's currency.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Money(i64);

impl Money {
    pub const ZERO: Money = Money(0);

    pub const fn from_minor(minor: i64) -> Self {
        Money(minor)
    }

    /// The amount in minor units.
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// The sum, or `None` on overflow.
    pub fn checked_add(self, other: Money) -> Option<Money> {
        self.0.checked_add(other.0).map(Money)
    }

    /// This amount times `quantity`, or `None` on overflow.
    pub fn checked_times(self, quantity: u32) -> Option<Money> {
        self.0.checked_mul(i64::from(quantity)).map(Money)
    }

    /// The sum, saturating on overflow. For `evolve`, which cannot fail; `decide` keeps every cart
    /// far from the limits of an `i64`.
    pub fn saturating_add(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }

    /// The difference, saturating on overflow.
    pub fn saturating_sub(self, other: Money) -> Money {
        Money(self.0.saturating_sub(other.0))
    }

    /// This amount times `quantity`, saturating on overflow.
    pub fn saturating_times(self, quantity: u32) -> Money {
        Money(self.0.saturating_mul(i64::from(quantity)))
    }

    /// `percent` per cent of this amount, with half a minor unit rounded up.
    pub fn percent(self, percent: u8) -> Money {
        let hundredths = i128::from(self.0) * i128::from(percent) + 50;
        let whole = hundredths.div_euclid(100);
        Money(i64::try_from(whole).unwrap_or(i64::MAX))
    }

    /// The amount formatted for display, such as `€19.99`.
    pub fn display(self, currency: Currency) -> impl fmt::Display {
        Displayed(self, currency)
    }
}

struct Displayed(Money, Currency);

impl fmt::Display for Displayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Displayed(money, currency) = self;
        let sign = if money.0 < 0 { "−" } else { "" };
        let minor = money.0.unsigned_abs();
        match currency.symbol() {
            Some(symbol) => write!(f, "{sign}{symbol}")?,
            None => write!(f, "{sign}{currency}\u{a0}")?,
        }
        match currency.decimals() {
            0 => write!(f, "{}", Grouped(minor)),
            digits => {
                let unit = 10u64.pow(digits);
                let width = digits as usize;
                write!(f, "{}.{:0width$}", Grouped(minor / unit), minor % unit)
            }
        }
    }
}

/// A whole number with commas between its thousands, as on the pages.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            number @ ..1_000 => write!(f, "{number}"),
            number => write!(f, "{},{:03}", Grouped(number / 1_000), number % 1_000),
        }
    }
}

/// A currency, identified by its three-letter ISO 4217 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    pub const EUR: Currency = Currency(*b"EUR");

    /// Accepts any three capital letters, including codes that ISO 4217 does not assign.
    pub fn parse(code: &str) -> Result<Self, InvalidCurrency> {
        match <[u8; 3]>::try_from(code.as_bytes()) {
            Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Currency(letters)),
            _ => Err(InvalidCurrency(code.chars().take(16).collect())),
        }
    }

    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency code is ASCII")
    }

    fn symbol(self) -> Option<&'static str> {
        match &self.0 {
            b"EUR" => Some("€"),
            b"USD" => Some("$"),
            b"GBP" => Some("£"),
            b"JPY" => Some("¥"),
            _ => None,
        }
    }

    /// The number of decimal places of an amount, the ISO 4217 exponent; `None` for a code that
    /// ISO 4217 does not assign, and for one without a minor unit, such as gold.
    pub fn exponent(self) -> Option<u32> {
        let assigned = iso_currency::Currency::from_code(self.code())?;
        assigned.exponent().map(u32::from)
    }

    /// The decimal places that amounts are displayed with. Events may have any code, so a code
    /// without an exponent has two, as on the pages.
    fn decimals(self) -> u32 {
        self.exponent().unwrap_or(2)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidCurrency;

    fn try_from(code: String) -> Result<Self, InvalidCurrency> {
        Currency::parse(&code)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl JsonSchema for Currency {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[A-Z]{3}$",
            "description": "An ISO 4217 currency code.",
        })
    }
}

/// A text is not a currency code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("currency {0:?} must be an ISO 4217 code of three capital letters, such as EUR")]
pub struct InvalidCurrency(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amount_is_displayed_with_decimals_of_its_currency() {
        for (minor, code, shown) in [
            (1999, "EUR", "€19.99"),
            (5, "EUR", "€0.05"),
            (-250, "EUR", "−€2.50"),
            (1999, "JPY", "¥1,999"),
            (99_999, "EUR", "€999.99"),
            (100_000, "EUR", "€1,000.00"),
            (123_400_567, "EUR", "€1,234,005.67"),
            (-100_000, "EUR", "−€1,000.00"),
            (1999, "CHF", "CHF\u{a0}19.99"),
            (1999, "HUF", "HUF\u{a0}19.99"),
            (1999, "IDR", "IDR\u{a0}19.99"),
            (1999, "IQD", "IQD\u{a0}1.999"),
            (5, "KWD", "KWD\u{a0}0.005"),
            (1999, "CLF", "CLF\u{a0}0.1999"),
            (1999, "QQQ", "QQQ\u{a0}19.99"),
        ] {
            let currency = Currency::parse(code).unwrap();
            assert_eq!(
                Money::from_minor(minor).display(currency).to_string(),
                shown
            );
        }
    }

    #[test]
    fn exponent_is_none_without_a_minor_unit() {
        for (code, exponent) in [
            ("EUR", Some(2)),
            ("JPY", Some(0)),
            ("XCG", Some(2)),
            ("XAU", None),
            ("QQQ", None),
        ] {
            assert_eq!(
                Currency::parse(code).unwrap().exponent(),
                exponent,
                "{code}"
            );
        }
    }

    /// Contract (carts): A percentage discount is rounded to a minor unit, half of one up.
    #[test]
    fn percentage_rounds_half_a_minor_unit_up() {
        for (minor, percent, share) in [
            (5797, 10, 580),
            (5, 10, 1),
            (4, 10, 0),
            (100, 100, 100),
            (i64::MAX, 100, i64::MAX),
        ] {
            assert_eq!(
                Money::from_minor(minor).percent(percent),
                Money::from_minor(share)
            );
        }
    }

    #[test]
    fn currency_code_must_be_three_capital_letters() {
        for bad in ["", "eur", "EURO", "E1R", "€"] {
            assert!(Currency::parse(bad).is_err(), "{bad:?}");
        }
    }
}
