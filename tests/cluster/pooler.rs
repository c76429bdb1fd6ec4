//! A pooler in transaction mode between the nodes and the server. It also speaks TLS, which the
//! server's wheel does not.

use crate::adapter::{Writer, lost, refusal, settings, stream, whole_tail};
use cartlog::log::postgres::{PostgresConnector, PostgresSettings};
use cartlog::log::shared::{Sequence, SequencerConnector};
use cartlog_testkit::postgres::{Cluster, PASSWORD, Replication, programs};
use cartlog_testkit::{PATIENCE, free_port};
use futures_util::future::join_all;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tokio::time::timeout;

struct Pooler {
    port: u16,
    process: Child,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// PgBouncer in transaction mode, with two connections to the server for everybody, and further
/// `settings`.
fn pool(folder: &Path, server: u16, settings: &str) -> Pooler {
    let port = free_port();
    let users = folder.join("users.txt");
    fs::write(&users, format!("\"cartlog_owner\" \"{PASSWORD}\"\n")).expect("a file");
    let file = folder.join("pgbouncer.ini");
    let text = format!(
        "[databases]\ncartlog = host=127.0.0.1 port={server} dbname=cartlog\n[pgbouncer]\n\
         listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = plain\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = 2\n\
         {settings}",
        users.display()
    );
    fs::write(&file, text).expect("a file");
    programs::hand_over(&users);
    programs::hand_over(&file);
    let mut process = programs::unprivileged(Path::new("/usr/sbin/pgbouncer"))
        .arg("-q")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pgbouncer runs");
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = process.try_wait().expect("the process can be asked");
        assert!(
            ended.is_none() && started.elapsed() < PATIENCE,
            "pgbouncer does not start"
        );
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    Pooler { port, process }
}

#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer"]
async fn nodes_work_through_a_pooler_in_transaction_mode() {
    const COMMITS: usize = 100;
    let cluster = Cluster::start(Replication::Quorum).await;
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    programs::hand_over(folder.path());
    let pooler = pool(folder.path(), cluster.primary().port, "");
    let pooled = PostgresSettings {
        url: format!(
            "postgres://cartlog_owner:{PASSWORD}@127.0.0.1:{}/cartlog?sslmode=disable",
            pooler.port
        ),
        listen_url: Some(cluster.url()),
        ..settings("")
    };
    let nodes = [0, 1].map(|_| PostgresConnector::new(pooled.clone()));
    let nodes = join_all(nodes.iter().map(SequencerConnector::connect)).await;
    let nodes: Vec<_> = nodes.into_iter().map(|node| node.expect("a log")).collect();
    let writers = nodes.iter().zip(1..).map(|(node, number)| async move {
        let mut writer = Writer::on(stream(number));
        for _ in 0..COMMITS {
            writer.append(&**node).await;
            node.barrier().await.expect("a barrier");
        }
        writer
    });
    let writers = join_all(writers).await;
    for node in &nodes {
        let log = whole_tail(&**node).await;
        assert_eq!(log.len(), 2 * COMMITS);
        for writer in &writers {
            assert_eq!(writer.repeats, 0);
            assert_eq!(lost(&writer.acknowledged, &log), 0);
        }
    }
    // Notifications do not pass the pooler, so that they come from the server.
    let reached = timeout(PATIENCE, nodes[0].news(Sequence(2 * COMMITS as u64 - 1))).await;
    assert_eq!(reached, Ok(Sequence(2 * COMMITS as u64)));
    drop(pooler);
}

/// A key and a certificate for 127.0.0.1 that it signs itself, readable by the pooler.
fn certify(folder: &Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join("server.key"))
        .arg("-out")
        .arg(folder.join("server.crt"))
        .output()
        .expect("openssl runs");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    programs::hand_over(&folder.join("server.key"));
    programs::hand_over(&folder.join("server.crt"));
}

/// Promise (cluster): With `sslmode=require` a node talks to the server that its certificate names,
/// or to none.
/// Fault: The certificate is not trusted, or is of another host.
/// Control: Trusted, under its own name, it is used.
#[tokio::test]
#[ignore = "needs PostgreSQL and PgBouncer"]
async fn tls_requires_a_trusted_certificate_of_the_host() {
    let cluster = Cluster::start(Replication::None).await;
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    programs::hand_over(folder.path());
    certify(folder.path());
    let certificate = folder.path().join("server.crt");
    let tls = format!(
        "client_tls_sslmode = require\nclient_tls_key_file = {}\nclient_tls_cert_file = {}\n",
        folder.path().join("server.key").display(),
        certificate.display()
    );
    let pooler = pool(folder.path(), cluster.primary().port, &tls);
    let at = |host: &str, trusted: bool| PostgresSettings {
        url: format!(
            "postgres://cartlog_owner:{PASSWORD}@{host}:{}/cartlog?sslmode=require",
            pooler.port
        ),
        root_certificates: trusted.then(|| certificate.clone()),
        ..settings("")
    };
    for (untrusted, reason) in [
        (at("127.0.0.1", false), "invalid peer certificate"),
        (
            at("localhost", true),
            "certificate not valid for name \"localhost\"",
        ),
    ] {
        let refused = refusal(untrusted).await;
        assert!(refused.contains(reason), "{refused}");
    }
    let connector = PostgresConnector::new(at("127.0.0.1", true));
    let log = connector.connect().await.expect("a trusted server");
    let mut writer = Writer::on(stream(1));
    writer.append(&*log).await;
}
