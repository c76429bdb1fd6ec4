//! Decoders of stored and external text: any text is decoded or refused in one line, and a decoded
//! value encodes to text that decodes to the same value. The texts are random, or valid ones with
//! random edits.
//!
//! `PROPTEST_CASES` sets the number of texts per property, `PROPTEST_RNG_SEED` the seed.

use cartlog::cart::{Cart, CartEvent, CartModel, Currency, Sku};
use cartlog::catalogue::{Catalogue, Product};
use cartlog::config::Config;
use cartlog::decider::{Decider, DecodedEvent, Event};
use cartlog::history::CommitMetadata;
use cartlog::timestamp::Timestamp;
use cartlog_testkit::seed::seeded;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use std::path::Path;
use uuid::Uuid;

const METADATA: [&str; 4] = [
    concat!(
        r#"{"command":"add_item","command_id":"01990000-0000-7000-8000-000000000001","#,
        r#""actor":"shopper"}"#,
    ),
    concat!(
        r#"{"command":"undo","command_id":"01990000-0000-7000-8000-000000000002","#,
        r#""actor":"shopper","correlation_id":"01990000-0000-7000-8000-000000000003","#,
        r#""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}"#,
    ),
    concat!(
        r#"{"command":"open_cart","command_id":"01990000-0000-7000-8000-000000000004","#,
        r#""actor":"service","key":"00112233445566778899aabbccddeeff","#,
        r#""request":"ffeeddccbbaa99887766554433221100"}"#,
    ),
    concat!(
        r#"{"command":"add_item","command_id":"01990000-0000-7000-8000-000000000005","#,
        r#""actor":"shopper","key":"hmac:00112233445566778899aabbccddeeff","#,
        r#""request":"hmac:ffeeddccbbaa99887766554433221100"}"#,
    ),
];

const TIMES: [&str; 4] = [
    "2026-11-23T09:30:00.123Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999-23:59",
    "2026-11-23t09:30:60+01:00",
];

const CATALOGUE: &str = "currency = \"EUR\"\n\n[[product]]\nsku = \"tea-pot.1\"\n\
    name = \"Té “Ōtani”\"\ndescription = \"a\\nb\"\ncategory = \"C\"\nprice = 1999\n\
    max_per_cart = 4\npicture = \"/p.svg\"\npicture_alt = \"a pot\"\n\n\
    [[product]]\nsku = \"b\"\nname = \"B\"\ncategory = \"C\"\nprice = 0\n";

const PROMOTIONS: &str = "[[promotion]]\ncode = \"TEA10\"\n\
    description = \"10 % off — for all\"\npercent = 10\n\n\
    [[promotion]]\ncode = \"FIVE\"\ndescription = \"€5.00 off\"\namount = 500\n";

/// The number of texts per property.
const CASES: u32 = 1_000;

/// Tokens that parsers often handle wrongly.
const TOKENS: [&str; 24] = [
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\n",
    "\r\n",
    "\0",
    "{",
    "}",
    "[[",
    "null",
    "-1",
    "1e400",
    "0.1",
    "18446744073709551616",
    "-9223372036854775809",
    "é",
    "😀",
    "\u{202e}",
    "=",
    "'''",
    "#",
    ",",
    "\u{feff}",
];

/// An edit of a text, at an index relative to its length.
#[derive(Debug, Clone)]
enum Edit {
    Cut(prop::sample::Index, usize),
    Put(prop::sample::Index, String),
    Repeat(prop::sample::Index, usize),
    End(prop::sample::Index),
}

impl Edit {
    fn apply(&self, text: &mut Vec<char>) {
        if text.is_empty() {
            return;
        }
        let place = |index: &prop::sample::Index, text: &Vec<char>| index.index(text.len());
        match self {
            Edit::Cut(index, count) => {
                let from = place(index, text);
                text.drain(from..text.len().min(from + count));
            }
            Edit::Put(index, token) => {
                let at = place(index, text);
                text.splice(at..at, token.chars());
            }
            Edit::Repeat(index, count) => {
                let from = place(index, text);
                let piece: Vec<char> = text[from..text.len().min(from + count)].to_vec();
                text.splice(from..from, piece);
            }
            Edit::End(index) => text.truncate(place(index, text)),
        }
    }
}

fn edits() -> impl Strategy<Value = Edit> {
    let place = || any::<prop::sample::Index>();
    prop_oneof![
        4 => (place(), 1usize..12).prop_map(|(at, count)| Edit::Cut(at, count)),
        6 => (place(), prop::sample::select(&TOKENS[..]))
            .prop_map(|(at, token)| Edit::Put(at, token.to_owned())),
        2 => (place(), any::<char>()).prop_map(|(at, char)| Edit::Put(at, char.to_string())),
        2 => (place(), 1usize..40).prop_map(|(at, count)| Edit::Repeat(at, count)),
        1 => place().prop_map(Edit::End),
    ]
}

/// One of the valid texts with up to three edits, or a random text.
fn texts(valid: Vec<String>) -> impl Strategy<Value = String> {
    let edited = (prop::sample::select(valid), vec(edits(), 0..4)).prop_map(|(valid, edits)| {
        let mut text: Vec<char> = valid.chars().collect();
        for edit in edits {
            edit.apply(&mut text);
        }
        text.into_iter().collect()
    });
    prop_oneof![8 => edited, 1 => ".{0,64}", 1 => any::<String>()]
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The name, schema and data of every released event shape, from the golden files.
fn stored_events() -> Vec<(String, u32, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events");
    let files = std::fs::read_dir(folder).expect("the golden events");
    let mut stored: Vec<(String, u32, String)> = files
        .map(|file| {
            let path = file.expect("a file").path();
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let data = std::fs::read_to_string(&path).expect("an event");
            let (name, rest) = name.split_once(".v").expect("an event's name");
            let schema = rest.split('.').next().expect("a schema version");
            let schema = schema.parse().expect("a number");
            (name.to_owned(), schema, data.trim_end().to_owned())
        })
        .collect();
    stored.sort();
    stored
}

fn events() -> impl Strategy<Value = (String, u32, String)> {
    let stored = stored_events();
    let data = stored.iter().map(|(_, _, data)| data.clone()).collect();
    let own = prop::sample::select(stored).prop_flat_map(|(name, schema, data)| {
        texts(vec![data]).prop_map(move |data| (name.clone(), schema, data))
    });
    let names = stored_events().into_iter().map(|(name, ..)| name).collect();
    let any = (texts(names), any::<u32>(), texts(data));
    prop_oneof![4 => own, 1 => any]
}

/// A temporary file with `text`.
fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("the file can be written");
    file
}

fn one_line(error: &impl ToString) -> bool {
    let text = error.to_string();
    !text.is_empty() && !text.contains('\n')
}

fn config_text() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.toml");
    std::fs::read_to_string(path).expect("the configuration")
}

proptest! {
    #![proptest_config(seeded(CASES))]

    /// Promise (input): Any event, metadata, time, sku, configuration or catalogue is decoded or
    /// refused in one line; a decoded value encodes to text that decodes to the same value.
    /// Fault: Events: random texts, and valid ones with random edits, 1,000 each
    /// Control: The same texts detect four broken decoders:
    /// [control_broken_decoders_are_detected].
    #[test]
    fn event_round_trips_and_evolves_a_cart((name, schema, data) in events()) {
        let Ok(event) = CartEvent::read(&name, schema, &data) else { return Ok(()) };
        prop_assert_eq!(event.name(), name.as_str());
        prop_assert!(event.schema() >= schema);
        let written = event.data();
        prop_assert!(!written.contains('\n'), "{}", written);
        let again = CartEvent::read(&name, event.schema(), &written);
        prop_assert_eq!(again.as_ref(), Ok(&event));
        let stored = stored_events().into_iter().find(|(name, ..)| name == "CartOpened");
        let (name, schema, opened) = stored.expect("a golden CartOpened");
        let opened = CartEvent::read(&name, schema, &opened).expect("a golden event");
        let mut cart = Cart::default();
        for (version, event) in (1..).zip([opened, event.clone(), event]) {
            let decoded = DecodedEvent {
                version,
                at: Timestamp::MIN,
                command: "add_item".to_owned(),
                command_id: Uuid::from_u128(u128::from(version)),
                event,
            };
            CartModel::evolve(&mut cart, &decoded.event, &decoded.context());
        }
    }

    /// Promise (input): Any event, metadata, time, sku, configuration or catalogue is decoded or
    /// refused in one line; a decoded value encodes to text that decodes to the same value.
    /// Fault: Metadata likewise
    #[test]
    fn metadata_round_trips(text in texts(owned(&METADATA))) {
        let Ok(metadata) = CommitMetadata::read(&text) else { return Ok(()) };
        let written = metadata.to_json();
        prop_assert!(!written.contains('\n'), "{}", written);
        prop_assert_eq!(CommitMetadata::read(&written), Ok(metadata));
    }

    /// Promise (input): Any event, metadata, time, sku, configuration or catalogue is decoded or
    /// refused in one line; a decoded value encodes to text that decodes to the same value.
    /// Fault: Times likewise
    #[test]
    fn time_round_trips_in_fixed_width(text in texts(owned(&TIMES))) {
        let Ok(time) = Timestamp::parse(&text) else { return Ok(()) };
        let written = time.to_string();
        prop_assert_eq!(written.len(), 24);
        prop_assert_eq!(Timestamp::parse(&written), Ok(time));
    }

    /// Promise (input): Any event, metadata, time, sku, configuration or catalogue is decoded or
    /// refused in one line; a decoded value encodes to text that decodes to the same value.
    /// Fault: Skus and currencies likewise
    #[test]
    fn skus_and_currencies_keep_their_text(text in texts(owned(&["tea-pot.1", "EUR", "a", "0_"]))) {
        if let Ok(sku) = Sku::parse(&text) {
            prop_assert_eq!(sku.as_str(), &text);
            let in_a_path = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            prop_assert!(text.bytes().all(in_a_path) && text.len() <= 64 && !text.starts_with('.'));
        }
        if let Ok(currency) = Currency::parse(&text) {
            prop_assert_eq!(currency.code(), &text);
        }
    }

    /// Promise (input): Any event, metadata, time, sku, configuration or catalogue is decoded or
    /// refused in one line; a decoded value encodes to text that decodes to the same value.
    /// Fault: Configurations likewise
    #[test]
    fn configuration_loads_or_fails_in_one_line(
        text in texts(vec![
            config_text(),
            "[limits]\nlines = 2\n[server]\nhosts = [\"é\"]\n".to_owned(),
        ]),
        name in texts(owned(&[
            "CARTLOG_LIMITS__LINES",
            "CARTLOG_SERVER__HOSTS",
            "CARTLOG_SERVER__BIND",
            "CARTLOG_LOG__DURABILITY",
        ])),
        value in texts(owned(&["2", "localhost,a", "127.0.0.1:0", "power", "true"])),
    ) {
        for environment in [Vec::new(), vec![(name, value)]] {
            let file = Some(("config.toml".to_owned(), text.clone()));
            if let Err(error) = Config::from_sources(file, environment) {
                prop_assert!(one_line(&error), "{}", error);
            }
        }
    }

    /// Promise (input): Any event, metadata, time, sku, configuration or catalogue is decoded or
    /// refused in one line; a decoded value encodes to text that decodes to the same value.
    /// Fault: Catalogues likewise
    #[test]
    fn catalogue_loads_or_fails_in_one_line(
        products in texts(vec![CATALOGUE.to_owned()]),
        promotions in texts(vec![PROMOTIONS.to_owned()]),
    ) {
        let (products, promotions) = (file(&products), file(&promotions));
        match Catalogue::load(Some(products.path()), Some(promotions.path())) {
            Ok(catalogue) => for product in catalogue.products() {
                let found = catalogue.product(product.sku()).map(Product::sku);
                prop_assert_eq!(found, Some(product.sku()));
            },
            Err(error) => prop_assert!(one_line(&error), "{}", error),
        }
    }
}

/// The control: these texts and properties detect typical faults of decoders.
#[test]
fn control_broken_decoders_are_detected() {
    fn finds(
        texts: impl Strategy<Value = String>,
        property: impl Fn(String) -> Result<(), TestCaseError>,
    ) -> bool {
        let mut runner = TestRunner::new(seeded(CASES));
        runner.run(&texts, property).is_err()
    }
    let times = || texts(owned(&TIMES));
    assert!(!finds(times(), |_| Ok(())));
    // Panics on a slice inside a multi-byte character.
    assert!(finds(times(), |text| {
        let day = (text.len() >= 10).then(|| text[..10].to_owned());
        prop_assert!(day.is_none_or(|day| day.len() == 10));
        Ok(())
    }));
    // Ignores the UTC offset of a time.
    assert!(finds(times(), |text| {
        let Ok(time) = Timestamp::parse(&text) else {
            return Ok(());
        };
        let local = text.get(..19).map(|local| format!("{local}Z"));
        let without_offset = local.and_then(|local| Timestamp::parse(&local).ok());
        let seconds = |time: Timestamp| time.millis().div_euclid(1_000);
        prop_assert_eq!(without_offset.map(seconds), Some(seconds(time)));
        Ok(())
    }));
    // Drops optional members of the metadata.
    assert!(finds(texts(owned(&METADATA)), |text| {
        let Ok(metadata) = CommitMetadata::read(&text) else {
            return Ok(());
        };
        let written = metadata.to_json();
        let incomplete = written.split(",\"key\"").next().unwrap_or_default();
        let incomplete = format!("{}}}", incomplete.trim_end_matches('}'));
        prop_assert_eq!(CommitMetadata::read(&incomplete), Ok(metadata));
        Ok(())
    }));
    // Reports a multi-line error, as the TOML parser does.
    assert!(finds(texts(vec![config_text()]), |text| {
        let read = toml::from_str::<toml::Table>(&text);
        prop_assert!(read.err().is_none_or(|error| one_line(&error)));
        Ok(())
    }));
}
