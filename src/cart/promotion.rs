//! Promotions, which reduce a cart's total.

use super::money::Money;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A promotion with its terms at the time it was applied. Later changes of the code's terms do
/// not affect a cart that has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Promotion {
    /// The code that the shopper enters, such as `TEA10`.
    pub code: String,
    /// The description shown to the shopper, such as `10% off`.
    pub description: String,
    #[serde(flatten)]
    pub terms: Terms,
}

/// The size of the discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Terms {
    /// A percentage of the items' total, with half a minor unit rounded up.
    Percent(u8),
    /// A fixed amount, limited to the items' total.
    Amount(Money),
}

impl Promotion {
    /// The discount on `items_total`, limited to it so that no total is below zero.
    pub fn discount(&self, items_total: Money) -> Money {
        let discount = match self.terms {
            Terms::Percent(percent) => items_total.percent(percent),
            Terms::Amount(amount) => amount,
        };
        discount.clamp(Money::ZERO, items_total.max(Money::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promotion(terms: Terms) -> Promotion {
        Promotion {
            code: "X".into(),
            description: String::new(),
            terms,
        }
    }

    #[test]
    fn discount_never_exceeds_total() {
        let five = promotion(Terms::Amount(Money::from_minor(500)));
        let all = promotion(Terms::Percent(255));
        for total in [0, 1, 499, 500, 501] {
            let total = Money::from_minor(total);
            assert!(five.discount(total) <= total);
            assert!(all.discount(total) <= total);
        }
    }

    #[test]
    fn terms_are_flattened_into_the_promotion() {
        let json = serde_json::to_string(&promotion(Terms::Percent(10))).unwrap();
        assert_eq!(json, r#"{"code":"X","description":"","percent":10}"#);
        let back: Promotion = serde_json::from_str(&json).unwrap();
        assert_eq!(back, promotion(Terms::Percent(10)));
    }
}
