//! Import through the port's `append`, for engines without a bulk path.

use crate::contract::read_everything;
use crate::sqlite::sqlite;
use cartlog::history::CommitMetadata;
use cartlog::log::{self, Commit, Head, LogConfig, LogWriter, NewEvent, SqliteLogSettings};
use cartlog::timestamp::Timestamp;
use cartlog::transfer::{AppendImporter, ClosingLine, export, import_into};
use uuid::Uuid;

const OPENED: &str = include_str!("../golden/events/CartOpened.v2.json");

/// The lines of an export appended elsewhere give the same log, but for its id.
#[test]
fn import_by_append_reproduces_the_log() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let source = sqlite();
    let (mut lines, mut events) = (Vec::new(), Vec::new());
    runtime.block_on(async {
        let (log, _writer) = source.open_log().unwrap();
        for _ in 0..20 {
            let stream = Uuid::now_v7();
            let metadata = CommitMetadata::new("open_cart", Uuid::now_v7(), "shopper").to_json();
            let opened = NewEvent {
                name: "CartOpened".into(),
                schema: 2,
                data: OPENED.trim_end().to_owned(),
            };
            let now = Timestamp::now();
            let commit = Commit::new(stream, Head::START, now, metadata, vec![opened]);
            log.append(commit).await.unwrap();
        }
        events = read_everything(&*log).await;
        export(&*log, &mut lines, &mut |_, _| {}).await.unwrap();
        log.close();
    });
    let target = sqlite();
    let config = LogConfig::Sqlite(SqliteLogSettings::at(target.path()));
    let importer = Box::new(AppendImporter::open(&config).unwrap());
    let closing_line = ClosingLine::Required;
    let imported = import_into(importer, &mut lines.as_slice(), closing_line, &mut |_| {});
    assert_eq!(imported.unwrap().events, 20);
    let copy = log::open_read_only(&config).unwrap();
    runtime.block_on(async {
        assert_eq!(copy.read_all(log::Position(0), 100).await.unwrap(), events);
    });
    let refused = AppendImporter::open(&config).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("20 events"), "{refused}");
}
