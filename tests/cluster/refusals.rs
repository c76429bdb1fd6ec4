//! Each wrong setting, server or database is refused in one line that says what to do.

use crate::adapter::{Writer, connect, refusal, settings, stream};
use cartlog::log::postgres::{PostgresConnector, PostgresSettings};
use cartlog::log::shared::SequencerConnector;
use cartlog_testkit::postgres::{Cluster, PASSWORD, Replication, Server};

#[track_caller]
fn says(reason: &str, part: &str) {
    assert!(reason.contains(part), "{part} in: {reason}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn wrong_setting_is_refused_in_one_line() {
    let cluster = Cluster::start(Replication::None).await;
    let good = settings(&cluster.url());
    let with_url = |url: String| PostgresSettings {
        url,
        ..good.clone()
    };
    let port = cluster.primary().port;
    let at = |rest: &str| with_url(format!("postgres://cartlog_owner:{PASSWORD}@{rest}"));
    for (wrong, part) in [
        (
            with_url("mysql://somewhere".to_owned()),
            "expected postgres://user@host:port/database",
        ),
        (
            with_url(format!("postgres://127.0.0.1:{port}/cartlog")),
            "names no user",
        ),
        (
            with_url("postgres://user@/cartlog".to_owned()),
            "names no host",
        ),
        (
            at(&format!("127.0.0.1:{port}/cartlog?sslmode=verify-full")),
            "disable, prefer or require",
        ),
        (
            at(&format!("127.0.0.1:{port}/cartlog?sslmode=require")),
            "does not support TLS",
        ),
        (at("127.0.0.1:1/cartlog"), "cannot connect to 127.0.0.1:1"),
        (
            at("127.0.0.1:1,127.0.0.1:2/cartlog"),
            "cannot connect to 127.0.0.1:2",
        ),
        (
            at(&format!("127.0.0.1:{port}/missing")),
            "database \"missing\" does not exist",
        ),
        (
            with_url(format!(
                "postgres://cartlog_owner:wrong@127.0.0.1:{port}/cartlog"
            )),
            "password authentication failed",
        ),
        (
            PostgresSettings {
                schema: "Shop\"; DROP".to_owned(),
                ..good.clone()
            },
            "must be a name of lower-case letters",
        ),
        (
            PostgresSettings {
                password_file: Some("/nowhere/password".into()),
                ..good.clone()
            },
            "cannot read the password file /nowhere/password",
        ),
        (
            PostgresSettings {
                root_certificates: Some("/nowhere/root.pem".into()),
                ..good.clone()
            },
            "cannot read the certificates in /nowhere/root.pem",
        ),
    ] {
        says(&refusal(wrong).await, part);
    }
    // None of them has created anything.
    let connector = PostgresConnector::new(good);
    assert!(connector.connect_existing().await.unwrap().is_none());
    assert!(!format!("{connector:?}").contains(PASSWORD));
    assert!(!connector.location().contains(PASSWORD));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn wrong_database_is_refused_in_one_line() {
    let cluster = Cluster::start(Replication::None).await;
    let good = settings(&cluster.url());
    let port = cluster.primary().port;
    let in_database = |name: &str| PostgresSettings {
        url: format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/{name}?sslmode=disable"),
        ..good.clone()
    };
    cluster
        .sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        .await;
    says(&refusal(in_database("latin")).await, "must be UTF8");
    cluster.sql("CREATE TABLE public.orders (id int)").await;
    let other = PostgresSettings {
        schema: "public".to_owned(),
        ..good.clone()
    };
    says(&refusal(other).await, "has tables of something else");

    cluster
        .sql("ALTER ROLE cartlog_owner SET default_transaction_isolation = 'serializable'")
        .await;
    says(&refusal(good.clone()).await, "must be read committed");
    cluster.sql("ALTER ROLE cartlog_owner RESET ALL").await;
    cluster
        .sql("ALTER ROLE cartlog_owner SET default_transaction_read_only = on")
        .await;
    says(&refusal(good.clone()).await, "does not allow writes");
    cluster.sql("ALTER ROLE cartlog_owner RESET ALL").await;

    let first = connect(&good.url).await;
    let again = connect(&good.url).await;
    assert_eq!(first.identity(), again.identity());
    cluster.sql("UPDATE cartlog.log SET format = 2").await;
    says(
        &refusal(good.clone()).await,
        "the log has format 2, but must have format 1",
    );
}

/// A weaker `synchronous_commit` of the role would acknowledge what a failover loses.
#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn weaker_synchronous_commit_is_overruled() {
    let cluster = Cluster::start(Replication::Quorum).await;
    cluster
        .sql("ALTER ROLE cartlog_owner SET synchronous_commit = off")
        .await;
    let mut impatient = settings(&cluster.url());
    impatient.timeout = std::time::Duration::from_secs(1);
    let log = PostgresConnector::new(impatient).connect().await.unwrap();
    let mut writer = Writer::on(stream(1));
    writer.append(&*log).await;
    cluster.standbys().for_each(Server::freeze);
    let (sent, _) = crate::adapter::commit(stream(2), cartlog::log::Head::START, 1);
    let outcome = log.append(&[sent]).await;
    let unknown = matches!(
        outcome[..],
        [cartlog::log::shared::SequencedOutcome::Unknown(_)]
    );
    assert!(unknown, "{outcome:?}");
}
