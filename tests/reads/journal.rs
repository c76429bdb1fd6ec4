//! The journal's index against a plain search through the log.

use cartlog::cart::Sku;
use cartlog::log::Position;
use cartlog::timestamp::Timestamp;
use cartlog::views::journal::{Candidates, Direction, Question, candidates};
use cartlog_testkit::shop::{Shop, Shoppers};
use rusqlite::Connection;
use serde_json::Value;

/// Contract (views): The journal's filters find what a plain search finds, by an index.
#[tokio::test]
async fn journal_query_finds_exactly_the_events_of_a_scan() {
    let shop = Shop::open();
    let mut shoppers = Shoppers::new(1, 9, 12);
    for _ in 0..29 {
        // Batches of any size, which do not end where the blocks end.
        shop.sell(&mut shoppers, 100).await;
        shop.views().await;
    }
    let views = shop.views().await;
    let events = shop.events();
    assert!(events.len() > 1_500, "several blocks of positions");
    let (early, late) = (time(&events[400]), time(&events[1_100]));
    let some = |text: &str| Some(text.to_owned());
    let questions = [
        Question::default(),
        Question {
            name: some("ItemAdded"),
            ..Question::default()
        },
        Question {
            sku: Some(Sku::parse("sku-3").unwrap()),
            ..Question::default()
        },
        Question {
            command: some("undo"),
            ..Question::default()
        },
        Question {
            promotion: some("TENTH"),
            ..Question::default()
        },
        Question {
            name: some("ItemRemoved"),
            sku: Some(Sku::parse("sku-0").unwrap()),
            command: some("clear_cart"),
            ..Question::default()
        },
        Question {
            from: Some(early),
            to: Some(late),
            ..Question::default()
        },
        Question {
            name: some("CartCheckedOut"),
            from: Some(time(&events[700])),
            ..Question::default()
        },
        Question {
            name: some("CartOpened"),
            sku: Some(Sku::parse("sku-0").unwrap()),
            ..Question::default()
        },
        Question {
            name: some("NeverHeardOf"),
            ..Question::default()
        },
    ];
    let moments = (0..events.len()).step_by(50).map(|place| Question {
        from: Some(time(&events[place])),
        to: events.get(place + 60).map(time),
        ..Question::default()
    });
    for question in &questions.into_iter().chain(moments).collect::<Vec<_>>() {
        let plain: Vec<u64> = events
            .iter()
            .filter(|event| fits(event, question))
            .map(position)
            .collect();
        for wanted in [1, 7, 10_000] {
            let found = walk(&views, question, Direction::Forward, wanted);
            let found = checked(&found, &events, question);
            assert_eq!(found, plain, "{question:?}");
            let mut found = walk(&views, question, Direction::Backward, wanted);
            found.reverse();
            let found = checked(&found, &events, question);
            assert_eq!(found, plain, "backwards: {question:?}");
        }
    }
}

/// Follows the journal from one end to the other.
fn walk(views: &Connection, question: &Question, direction: Direction, wanted: usize) -> Vec<u64> {
    let mut all = Vec::new();
    let mut begin = match direction {
        Direction::Forward => Position(1),
        Direction::Backward => Position(i64::MAX.unsigned_abs()),
    };
    loop {
        let Candidates { positions, more } =
            candidates(views, question, begin, direction, wanted).unwrap();
        all.extend(positions.iter().map(|position| position.0));
        match positions.last() {
            Some(last) if more => {
                begin = match direction {
                    Direction::Forward => Position(last.0 + 1),
                    Direction::Backward => Position(last.0 - 1),
                };
            }
            Some(_) | None => return all,
        }
    }
}

/// What is left of `found` once times and the log's end are looked at. Terms have to fit already.
fn checked(found: &[u64], events: &[Value], question: &Question) -> Vec<u64> {
    let terms = Question {
        from: None,
        to: None,
        ..question.clone()
    };
    let existing = |place: &&u64| **place >= 1 && **place <= events.len() as u64;
    let event = |place: u64| &events[usize::try_from(place).unwrap() - 1];
    found
        .iter()
        .filter(existing)
        .filter(|place| {
            assert!(fits(event(**place), &terms), "{place} for {question:?}");
            fits(event(**place), question)
        })
        .copied()
        .collect()
}

fn fits(event: &Value, question: &Question) -> bool {
    let says = |value: &Value, wanted: Option<&str>| wanted.is_none_or(|wanted| value == wanted);
    says(&event["type"], question.name.as_deref())
        && says(
            &event["data"]["sku"],
            question.sku.as_ref().map(Sku::as_str),
        )
        && says(&event["data"]["code"], question.promotion.as_deref())
        && says(&event["meta"]["command"], question.command.as_deref())
        && question.from.is_none_or(|from| time(event) >= from)
        && question.to.is_none_or(|to| time(event) < to)
}

fn position(event: &Value) -> u64 {
    event["position"].as_u64().unwrap()
}

fn time(event: &Value) -> Timestamp {
    Timestamp::parse(event["at"].as_str().unwrap()).unwrap()
}
