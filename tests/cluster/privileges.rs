//! What the roles may do, with the grants that `docs/cluster.md` lists.

use crate::adapter::{Writer, connect, refusal, settings, stream, whole_tail};
use cartlog::log::shared::{Sequence, SequencerError};
use cartlog_testkit::postgres::{Cluster, PASSWORD, Replication};
use cartlog_testkit::repository;
use tokio_postgres::NoTls;

/// The statement under the heading that names the serving role.
pub fn documented_grants() -> String {
    let page = std::fs::read_to_string(repository().join("docs/cluster.md")).expect("the page");
    let blocks = page.split("```sql\n").skip(1);
    let mut blocks = blocks.filter_map(|block| block.split("```").next());
    let grants = blocks.find(|block| block.contains("GRANT EXECUTE"));
    grants.expect("the grants").to_owned()
}

/// The reason why `role` may not run `statement`, or what it returned.
async fn run(cluster: &Cluster, role: &str, statement: &str) -> Result<usize, String> {
    let port = cluster.primary().port;
    let url = format!("postgres://{role}:{PASSWORD}@127.0.0.1:{port}/cartlog?sslmode=disable");
    let (client, connection) = tokio_postgres::connect(&url, NoTls)
        .await
        .expect("a connection");
    tokio::spawn(connection);
    match client.simple_query(statement).await {
        Ok(messages) => Ok(messages.len()),
        Err(error) => Err(error.as_db_error().expect("a refusal").message().to_owned()),
    }
}

/// Promise (cluster): The log cannot be changed, deleted or replaced: the serving role has no
/// privilege to, and the triggers refuse even the owner and a superuser.
/// Fault: Each statement that would do so
/// Control: Without the triggers it is done: [altered_row_is_noticed_and_named].
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn log_refuses_every_change() {
    let cluster = Cluster::start(Replication::None).await;
    let owner = connect(&cluster.url()).await;
    owner.record_secret_digest([7; 32], false).await.unwrap();
    cluster.sql(&documented_grants()).await;
    let server = connect(&cluster.url_of("cartlog_server")).await;
    let mut writer = Writer::on(stream(1));
    writer.append(&*server).await;
    assert_eq!(server.secret_digest().await, Ok(Some([7; 32])));
    assert!(
        run(&cluster, "cartlog_server", "SELECT * FROM cartlog.commits")
            .await
            .is_ok()
    );

    let changes = [
        "UPDATE cartlog.commits SET events = '[]'",
        "DELETE FROM cartlog.commits",
        "TRUNCATE cartlog.commits",
        "UPDATE cartlog.log SET log_id = gen_random_uuid()",
        "DELETE FROM cartlog.log",
        "TRUNCATE cartlog.log",
        "DELETE FROM cartlog.signed_checkpoint",
        "TRUNCATE cartlog.signed_checkpoint",
    ];
    for change in changes {
        let refused = run(&cluster, "cartlog_server", change).await.unwrap_err();
        assert!(refused.contains("permission denied"), "{change}: {refused}");
        for role in ["cartlog_owner", "postgres"] {
            let refused = run(&cluster, role, change).await.unwrap_err();
            assert!(
                refused.contains("never changed"),
                "{role}: {change}: {refused}"
            );
        }
        let replaying = format!("SET session_replication_role = replica; {change}");
        let refused = run(&cluster, "postgres", &replaying).await.unwrap_err();
        assert!(refused.contains("never changed"), "{replaying}: {refused}");
    }
    for more in [
        "INSERT INTO cartlog.commits SELECT * FROM cartlog.commits",
        "UPDATE cartlog.log SET secret_digest = NULL",
        "DROP FUNCTION cartlog.append",
        "DROP FUNCTION cartlog.replace_checkpoint",
        "UPDATE cartlog.signed_checkpoint SET note = 'another'",
        "INSERT INTO cartlog.signed_checkpoint VALUES (true, 'another')",
        "DROP TABLE cartlog.signed_checkpoint",
        "DROP TABLE cartlog.commits",
        "ALTER TABLE cartlog.commits DISABLE TRIGGER ALL",
        "CREATE TABLE cartlog.other ()",
        "DROP SCHEMA cartlog CASCADE",
    ] {
        let refused = run(&cluster, "cartlog_server", more).await.unwrap_err();
        let denied = refused.contains("permission denied") || refused.contains("must be owner");
        assert!(denied, "{more}: {refused}");
    }
    assert_eq!(server.replace_note(None, "signed").await, Ok(true));
    let replaced = server
        .record_secret_digest([8; 32], true)
        .await
        .unwrap_err();
    assert!(
        replaced.to_string().contains("the role that owns the log"),
        "{replaced}"
    );
    assert_eq!(whole_tail(&*owner).await.len(), 1);
}

/// Promise (cluster): A row that was damaged by hand is noticed on arrival and named.
/// Fault: A superuser disables the triggers and damages a row.
/// Control: With the triggers it is refused: [log_refuses_every_change].
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn altered_row_is_noticed_and_named() {
    let cluster = Cluster::start(Replication::None).await;
    let log = connect(&cluster.url()).await;
    let mut writer = Writer::on(stream(1));
    for _ in 0..4 {
        writer.append(&*log).await;
    }
    let alter = |change: &str| {
        format!("ALTER TABLE cartlog.commits DISABLE TRIGGER ALL; {change} WHERE sequence = 3")
    };
    cluster
        .sql(&alter("UPDATE cartlog.commits SET events = '[{]'"))
        .await;
    assert_eq!(log.tail(Sequence(0), 10).await.unwrap().len(), 2);
    let unreadable = log.tail(Sequence(2), 10).await.unwrap_err();
    let named = matches!(
        unreadable,
        SequencerError::Unreadable {
            sequence: Sequence(3),
            ..
        }
    );
    assert!(named, "{unreadable}");

    let other = "UPDATE cartlog.commits SET
        events = (SELECT replace(events, '\"number\":1', '\"number\":9')
                    FROM cartlog.commits WHERE sequence = 1)";
    cluster.sql(&alter(other)).await;
    // Readable again. That its hashes are those of another commit is the replica's to notice.
    let read = log.tail(Sequence(2), 10).await.unwrap();
    assert_ne!(read[0].id(), Some(writer.acknowledged[2].1));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn serving_role_without_tables_is_told_what_to_do() {
    let cluster = Cluster::start(Replication::None).await;
    let reason = refusal(settings(&cluster.url_of("cartlog_server"))).await;
    assert!(
        reason.contains("start cartlog once as the role that owns the log"),
        "{reason}"
    );
    connect(&cluster.url()).await;
    let reason = refusal(settings(&cluster.url_of("cartlog_server"))).await;
    assert!(
        reason.contains("grant the role what docs/cluster.md lists"),
        "{reason}"
    );
}
