//! The files of the catalogue: what is read, and what is refused with which words.

use super::*;

#[test]
fn built_in_catalogue_is_complete() {
    let catalogue = Catalogue::load(None, None).unwrap();
    let categories: std::collections::BTreeSet<&str> = catalogue
        .products()
        .iter()
        .map(|product| product.category.as_str())
        .collect();
    assert!((24..=40).contains(&catalogue.products().len()));
    assert!(categories.len() >= 4, "{categories:?}");
    assert!(catalogue.promotion("tea10").is_some());
    for product in catalogue.products() {
        let picture = product.picture.as_ref().unwrap();
        assert!(!picture.alt.is_empty(), "{}", product.sku());
        assert!(product.description.len() > 40, "{}", product.sku());
    }
}

#[test]
fn ten_thousand_products_load() {
    let mut text = "currency = \"EUR\"\n".to_owned();
    for number in 0..10_000 {
        let rest = "name = \"P\"\ncategory = \"C\"\nprice = 1\n";
        text.extend(["[[product]]\nsku = \"p", &number.to_string(), "\"\n", rest]);
    }
    assert_eq!(read_products("x", &text).unwrap().products().len(), 10_000);
}

#[test]
fn invalid_catalogue_fails_with_line_and_reason() {
    let good = "currency = \"EUR\"\n[[product]]\nsku = \"a\"\nname = \"A\"\n\
                category = \"C\"\nprice = 1\n";
    for (from, to, line, reason) in [
        ("\"EUR\"", "\"euro\"", 1, "three capital letters"),
        ("\"EUR\"", "\"QQQ\"", 1, "must be a currency of ISO 4217"),
        ("\"EUR\"", "\"XAU\"", 1, "must be a currency of ISO 4217"),
        ("price = 1", "price = -1", 6, "price = -1 must be 0 to"),
        (
            "price = 1",
            "price = \"1\"",
            6,
            "price = \"1\" must be 0 to",
        ),
        ("price = 1", "price = nan", 6, "must be in minor units"),
        ("price = 1", "prize = 1", 6, "prize"),
        ("name = \"A\"", "name = \"\"", 2, "name must have 1 to 200"),
        ("\"a\"", "\"a b\"", 3, "a sku must be"),
        ("price = 1", "price = 1\npicture = \"x.png\"", 2, "https://"),
        ("category", "category =", 5, ""),
        (
            "price = 1\n",
            "price = 1\nmax_per_cart = 0\n",
            2,
            "max_per_cart",
        ),
        (
            "price = 1\n",
            "price = 1\n[[product]]\nsku = \"a\"\nname = \"A\"\ncategory = \"C\"\nprice = 1\n",
            7,
            "twice",
        ),
    ] {
        let text = good.replace(from, to);
        let error = read_products("shop.toml", &text).unwrap_err().to_string();
        let start = format!("shop.toml, line {line}: ");
        assert!(error.starts_with(&start), "{text}\n{error}");
        assert!(error.contains(reason), "{text}\n{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn description_is_optional_and_bounded() {
    let with = |description: &str| {
        let text = format!(
            "currency = \"EUR\"\n[[product]]\nsku = \"a\"\nname = \"A\"\ncategory = \"C\"\n\
             price = 1\n{description}"
        );
        read_products("shop.toml", &text)
    };
    assert_eq!(with("").unwrap().products()[0].description, "");
    let of_length = |length| format!("description = \"{}\"\n", "é".repeat(length));
    assert!(with(&of_length(1_000)).is_ok());
    for (description, reason) in [
        (of_length(1_001), "description must have at most 1000"),
        (
            "description = \"a\\nb\"\n".to_owned(),
            "must not contain control characters",
        ),
    ] {
        let error = with(&description).unwrap_err().to_string();
        assert!(error.starts_with("shop.toml, line 2: "), "{error}");
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn promotion_needs_percent_or_amount_but_not_both() {
    for terms in [
        "",
        "percent = 0",
        "percent = 101",
        "amount = 0",
        "percent = 1\namount = 1",
    ] {
        let text = format!("[[promotion]]\ncode = \"A\"\ndescription = \"\"\n{terms}\n");
        let read = read_promotions("x", &text, Currency::EUR);
        assert!(read.is_err(), "{terms}");
    }
}

#[test]
fn amount_with_decimal_point_is_refused_in_every_currency() {
    let in_minor_units = "must be in minor units, without a decimal point: ";
    for (currency, amount, reason) in [
        ("EUR", "19.99", "1999 for €19.99"),
        ("EUR", "19.9", "1990 for €19.90"),
        ("EUR", "19.999", "more decimals than EUR, which has 2"),
        ("HUF", "1500.0", "150000 for HUF\u{a0}1,500.00"),
        ("IDR", "0.5", "50 for IDR\u{a0}0.50"),
        ("IQD", "1.25", "1250 for IQD\u{a0}1.250"),
        ("JPY", "1500.5", "more decimals than JPY, which has 0"),
        ("JPY", "1500.0", "1500 for ¥1,500"),
        ("KWD", "1.999", "1999 for KWD\u{a0}1.999"),
        ("KWD", "1.9999", "more decimals than KWD, which has 3"),
    ] {
        let products = format!(
            "currency = \"{currency}\"\n[[product]]\nsku = \"a\"\nname = \"A\"\n\
             category = \"C\"\nprice = {amount}\n"
        );
        let promotions = format!(
            "currency = \"{currency}\"\n[[promotion]]\ncode = \"A\"\n\
             description = \"\"\namount = {amount}\n"
        );
        let errors = [
            (6, read_products("shop.toml", &products).map(drop)),
            (
                5,
                read_promotions("shop.toml", &promotions, Currency::EUR).map(drop),
            ),
        ];
        for (line, outcome) in errors {
            let error = outcome.unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("shop.toml, line {line}: ")),
                "{error}"
            );
            assert!(error.contains(reason), "{error}");
            let names_minor_units = error.contains(in_minor_units);
            assert_eq!(names_minor_units, reason.contains(" for "), "{error}");
        }
    }
}

#[test]
fn promotions_have_a_currency_of_their_own_or_of_the_products() {
    let text = "[[promotion]]\ncode = \"FIVE\"\ndescription = \"\"\namount = 500\n";
    let jpy = Currency::parse("JPY").unwrap();
    for (file, expected) in [
        (text.to_owned(), jpy),
        (format!("currency = \"EUR\"\n{text}"), Currency::EUR),
    ] {
        let promotions = read_promotions("x", &file, jpy).unwrap();
        assert_eq!(promotions["FIVE"].currency, expected);
    }
}
