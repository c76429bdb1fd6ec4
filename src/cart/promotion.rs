//! What takes something off a cart's total.

use super::money::Money;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A promotion as it was when it was applied. It is kept whole in its event: a code may mean
/// something else tomorrow, and yesterday's cart must not change with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Promotion {
    /// What the shopper types, such as `TEA10`.
    pub code: String,
    /// What the shopper reads, such as `10% off`.
    pub description: String,
    #[serde(flatten)]
    pub terms: Terms,
}

/// How much is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Terms {
    /// Per cent of the items' total, half a minor unit rounded up.
    Percent(u8),
    /// A fixed amount, at most the items' total.
    Amount(Money),
}

impl Promotion {
    /// What is taken off `items_total`: never more than that, so that no total is below zero.
    pub fn discount(&self, items_total: Money) -> Money {
        let wanted = match self.terms {
            Terms::Percent(percent) => items_total.percent(percent),
            Terms::Amount(amount) => amount,
        };
        wanted.clamp(Money::ZERO, items_total.max(Money::ZERO))
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
    fn no_promotion_takes_a_total_below_zero() {
        let five = promotion(Terms::Amount(Money::from_minor(500)));
        let all = promotion(Terms::Percent(255));
        for total in [0, 1, 499, 500, 501] {
            let total = Money::from_minor(total);
            assert!(five.discount(total) <= total);
            assert!(all.discount(total) <= total);
        }
    }

    #[test]
    fn terms_stand_flat_beside_the_code() {
        let json = serde_json::to_string(&promotion(Terms::Percent(10))).unwrap();
        assert_eq!(json, r#"{"code":"X","description":"","percent":10}"#);
        let back: Promotion = serde_json::from_str(&json).unwrap();
        assert_eq!(back, promotion(Terms::Percent(10)));
    }
}
