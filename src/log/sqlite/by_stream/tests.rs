use super::*;

/// A low threshold, for many merges in a short test.
const FEW: usize = 8_192;

/// Commits groups of so many events each through three merges.
fn merge_in_groups_of(events: usize) {
    let tables = Connection::open_in_memory().unwrap();
    let tables_of_the_log = "CREATE TABLE by_stream (
            stream BLOB, version INTEGER, position INTEGER, PRIMARY KEY (stream, version)
         ) STRICT, WITHOUT ROWID;
         CREATE TABLE by_stream_checkpoint (position INTEGER) STRICT;
         INSERT INTO by_stream_checkpoint VALUES (0);";
    tables.execute_batch(tables_of_the_log).unwrap();
    let number = |sql: &str| -> u64 { tables.query_row(sql, [], |row| row.get(0)).unwrap() };
    let index = StreamIndex::with_threshold(FEW);
    let (mut last, mut steps, mut ended) = (0, 0, 0);
    while ended < 3 {
        index.merge_step(&tables, events).unwrap();
        let step = index.lock().step;
        for _ in 0..events {
            last += 1;
            let stream = Uuid::from_u128(u128::from(last % 1_000));
            let place = (stream, Version(last / 1_000 + 1));
            index.lock().gathering.insert(place, Position(last));
        }
        index.commit(&[], Position(last));
        let waiting = index.lock().gathering.len();
        assert!(waiting < FEW + events, "{events}: {waiting} waiting");
        steps += u64::from(matches!(step, Step::MergedUpTo(_) | Step::Complete));
        if step == Step::Complete {
            ended += 1;
            let entries = number("SELECT count(*) FROM by_stream");
            assert_eq!(entries, number("SELECT position FROM by_stream_checkpoint"));
            assert_eq!(entries, number("SELECT max(position) FROM by_stream"));
        }
    }
    let entries = number("SELECT count(*) FROM by_stream");
    assert!(entries >= 3 * FEW as u64, "{entries}");
    let most = entries / MIN_MERGE_STEP as u64 + ended;
    assert!(steps <= most, "{events}: {steps} steps, {most} at most");
}

#[test]
fn merge_ends_before_the_next_is_due_for_any_group_size() {
    for events in [1, 2, 7, 63, 64, 500] {
        merge_in_groups_of(events);
    }
}
