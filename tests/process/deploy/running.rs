//! The image as it is built and run: what is in it, and what the service does in it.

use super::container::{COMMIT, Container, USER};
use super::text;
use cartlog_testkit::PATIENCE;
use cartlog_testkit::load::http_client;
use cartlog_testkit::process::{ServiceProcess, run_to_exit};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const RESOLVER: &str = "/etc/resolv.conf";
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// A name that only the test's DNS server knows.
const COLLECTOR: &str = "collector.test";
/// Where the test's DNS server listens: a resolver of glibc asks port 53 alone.
const DNS: &str = "127.86.12.9";

/// `cartlog serve` in the container, on a free port.
fn serving(container: &Container, mounts: &[(&Path, &str)]) -> Command {
    let mut command = container.command(&["serve"], mounts);
    command
        .env("CARTLOG_SERVER__BIND", "127.0.0.1:0")
        .env("CARTLOG_SERVER__WORKERS", "2")
        .env("CARTLOG_SECURITY__OPERATOR_TOKEN", TOKEN);
    command
}

/// The paths of all files below `folder` with their size, in order. Fails on a file that the user
/// of the service may write, other than on the volume and in /tmp.
fn files(folder: &Path, below: &str, found: &mut Vec<(String, u64)>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap())
        .collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{below}/{}", entry.file_name().to_str().unwrap());
        let metadata = fs::symlink_metadata(entry.path()).unwrap();
        let owner = if path == "/data" { USER } else { 0 };
        let others = metadata.mode() & 0o7022;
        assert_eq!((metadata.uid(), metadata.gid()), (owner, owner), "{path}");
        let expected = if path == "/tmp" { 0o1022 } else { 0 };
        assert_eq!(others, expected, "{path}");
        if metadata.is_dir() {
            files(&entry.path(), &path, found);
        } else {
            found.push((path, metadata.len()));
        }
    }
}

/// Contract (service): The built image contains the program, its libraries, root certificates and
/// users; no shell, no other program, and nothing that the service may write besides its volume.
#[test]
#[ignore = "needs root and buildah"]
fn image_contains_the_program_and_what_it_needs() {
    let container = Container::build();
    let mut found = Vec::new();
    files(container.root(), "", &mut found);
    let is_library = |path: &str| path.starts_with("/lib");
    let (libraries, others): (Vec<_>, Vec<_>) =
        found.iter().partition(|(path, _)| is_library(path));
    let others: Vec<&str> = others.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        others,
        [
            "/etc/group",
            "/etc/nsswitch.conf",
            "/etc/passwd",
            CERTIFICATES,
            "/usr/bin/cartlog",
            "/usr/share/doc/ca-certificates/copyright",
            "/usr/share/doc/cartlog/copyright",
            "/usr/share/doc/libc6/copyright",
            "/usr/share/doc/libgcc-s1/copyright",
        ]
    );
    for (library, _) in libraries {
        let (_, name) = library.rsplit_once('/').unwrap();
        let known = ["ld-linux", "libc.so", "libm.so", "libgcc_s.so"];
        assert!(known.iter().any(|it| name.starts_with(it)), "{library}");
    }
    let size: u64 = found.iter().map(|(_, size)| size).sum();
    let program = found.iter().find(|(path, _)| path == "/usr/bin/cartlog");
    let rest = size - program.unwrap().1;
    // A release's program has half the size of this one: deploy/release checks the sum.
    assert!(rest < 5_000_000, "{rest} bytes beside the program");
    assert!(size < 50_000_000, "{size} bytes");
    let data = fs::metadata(container.root().join("data")).unwrap();
    assert_eq!(data.permissions().mode() & 0o7777, 0o700);

    let config = &container.config;
    let labels = &config["Labels"];
    assert_eq!(labels["org.opencontainers.image.revision"], COMMIT);
    let check = super::image::health_check();
    assert_eq!(
        config["Healthcheck"]["Test"],
        json!([&["CMD".to_owned()], &check[..]].concat())
    );
    assert_eq!(config["Volumes"], json!({ "/data": {} }));
    assert_eq!(config["StopSignal"], "SIGTERM");
}

/// Contract (service): In its image the service runs as user 65532 without privileges, on a
/// read-only root; its health check exits with 0 or 1; it stops on SIGTERM, and its log stays on
/// the volume.
#[tokio::test]
#[ignore = "needs root and buildah"]
async fn image_serves_on_a_read_only_root_as_its_user() {
    let container = Container::build();
    let version = run_to_exit(container.command(&["--version"], &[]));
    let version = String::from_utf8(version.stdout).unwrap();
    let release = concat!("cartlog ", env!("CARGO_PKG_VERSION"), " (commit ");
    assert!(version.starts_with(release), "{version}");

    let mut elsewhere = serving(&container, &[]);
    elsewhere.env("CARTLOG_LOG__PATH", "/events.db");
    let refused = run_to_exit(elsewhere);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let log = String::from_utf8(refused.stderr).unwrap();
    assert!(log.contains("Read-only file system"), "{log}");

    let service = ServiceProcess::run(serving(&container, &[]));
    let status = fs::read_to_string(format!("/proc/{}/status", service.id())).unwrap();
    for line in [
        "Uid:\t65532\t65532\t65532\t65532",
        "Gid:\t65532\t65532\t65532\t65532",
        "CapEff:\t0000000000000000",
        "NoNewPrivs:\t1",
    ] {
        assert!(status.lines().any(|it| it == line), "{line}: {status}");
    }
    let url = format!("http://{}/api/carts", service.address);
    let items = json!({ "items": [{ "sku": "teapot", "quantity": 1 }] });
    let opened = http_client().post(&url).json(&items).send().await.unwrap();
    assert_eq!(opened.status(), 201);
    let opened: Value = opened.json().await.unwrap();

    let check = |address: &str| {
        let check = container.list("/Healthcheck/Test");
        let mut check = container.command(&check[2..], &[]);
        check.env("CARTLOG_SERVER__BIND", address);
        run_to_exit(check).status.code()
    };
    let address = service.address.to_string();
    assert_eq!(check(&address), Some(0));
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    assert_eq!(check(&address), Some(1));

    let service = ServiceProcess::run(serving(&container, &[]));
    let url = format!(
        "http://{}/api/carts/{}",
        service.address,
        text(&opened["id"])
    );
    let cart = http_client().get(url).bearer_auth(text(&opened["token"]));
    assert_eq!(cart.send().await.unwrap().status(), 200);
    assert!(container.volume().join("events.db").exists());
}

/// Answers each question for the address of [`COLLECTOR`] with 127.0.0.1.
fn serve_dns() {
    let socket = UdpSocket::bind((DNS, 53)).expect("port 53");
    let name = COLLECTOR.split('.').flat_map(|label| {
        let length = u8::try_from(label.len()).unwrap();
        [&[length], label.as_bytes()].concat()
    });
    let name: Vec<u8> = name.chain([0]).collect();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let query = &buffer[..length];
            // Of the header: the id, a response without an error, and the count of answers.
            let asked = query[12..].starts_with(&name);
            let end = 12 + name.len() + 4;
            let is_address = asked && query[end - 4..end] == [0, 1, 0, 1];
            let mut answer = [&query[..2], &[0x81, 0x80, 0, 1, 0, u8::from(is_address)]].concat();
            answer.extend([0; 4]);
            answer.extend(&query[12..end]);
            if is_address {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
            }
            let _ = socket.send_to(&answer, client);
        }
    });
}

/// A collector of traces with a certificate for [`COLLECTOR`] in `server.crt`: its port, and the
/// first line of each request or why TLS failed.
fn serve_https(folder: &Path) -> (u16, Receiver<String>) {
    let mut openssl = Command::new("openssl");
    openssl
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=test"])
        .args(["-addext", &format!("subjectAltName=DNS:{COLLECTOR}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "server.key", "-out", "server.crt"]);
    let output = openssl.current_dir(folder).output().expect("openssl runs");
    assert!(output.status.success(), "{output:?}");
    let certificate = CertificateDer::from_pem_file(folder.join("server.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, received) = channel();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let session = ServerConnection::new(config.clone()).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(session, connection));
            let mut line = String::new();
            let outcome = match stream.read_line(&mut line) {
                Ok(_) => line,
                Err(error) => error.to_string(),
            };
            let _ = stream
                .get_mut()
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            let _ = send.send(outcome);
        }
    });
    (port, received)
}

/// A database under a name of the hosts file is connected to.
fn check_hosts_file(container: &Container) {
    let hosts = container.file("hosts", "127.0.0.1 database.test\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, connected) = channel();
    thread::spawn(move || send.send(listener.accept().map(drop)));
    let mut command = serving(container, &[(&hosts, "/etc/hosts")]);
    let url = format!("postgres://cartlog:password@database.test:{port}/cartlog?sslmode=disable");
    command
        .env("CARTLOG_SECURITY__SECRET", TOKEN.repeat(2))
        .env("CARTLOG_LOG__ENGINE", "postgres")
        .env("CARTLOG_LOG__POSTGRES__URL", url);
    let mut service = command.spawn().unwrap();
    let outcome = connected.recv_timeout(PATIENCE);
    service.kill().unwrap();
    service.wait().unwrap();
    outcome.expect("a connection in time").unwrap();
}

/// Contract (service): In its image the service resolves names by DNS and the hosts file, and
/// trusts servers with a certificate under the root certificates of the system, no others.
#[tokio::test]
#[ignore = "needs root, buildah and openssl"]
async fn image_resolves_names_and_checks_certificates() {
    let container = Container::build();
    let bundle = container.root().join(CERTIFICATES.trim_start_matches('/'));
    let is_copied = fs::read(bundle).unwrap() == fs::read(CERTIFICATES).unwrap();
    assert!(is_copied, "other root certificates");
    check_hosts_file(&container);
    serve_dns();
    let resolver = container.file("resolv.conf", &format!("nameserver {DNS}\n"));
    let folder = tempfile::tempdir().unwrap();
    let (port, received) = serve_https(folder.path());
    let certificate = folder.path().join("server.crt");

    let log = folder.path().join("stderr");
    let traced = async |mounts: &[(&Path, &str)]| {
        let mut command = serving(&container, mounts);
        let endpoint = format!("https://{COLLECTOR}:{port}");
        command.env("CARTLOG_TRACES__ENDPOINT", endpoint);
        command.env("CARTLOG_TRACES__SAMPLE", "1.0");
        command.stderr(File::create(&log).unwrap());
        let service = ServiceProcess::run(command);
        let url = format!("http://{}/api/products", service.address);
        assert_eq!(http_client().get(url).send().await.unwrap().status(), 200);
        service
    };
    let connection = || received.recv_timeout(PATIENCE).expect("a connection");
    let resolver = (resolver.as_path(), RESOLVER);
    let service = traced(&[resolver]).await;
    let outcome = connection();
    assert!(!outcome.starts_with("POST"), "{outcome}");
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    let reason = fs::read_to_string(&log).unwrap();
    assert!(reason.contains("certificate: UnknownIssuer"), "{reason}");

    let _service = traced(&[resolver, (&certificate, CERTIFICATES)]).await;
    // The first service may have tried again at its end.
    while connection() != "POST /v1/traces HTTP/1.1\r\n" {}
}
