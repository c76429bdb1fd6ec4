//! An attacker who has the files: what was signed shows what they did.

use crate::published::{checkpoint, proof, text};
use cartlog::proof::{EventProof, VerifierKey};
use cartlog_testkit::api::{ApiClient, CartClient};
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use cartlog_testkit::tampering::{Tampering, tamper};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A stopped service with two carts, and the checkpoint that a visitor kept.
struct Shop {
    folder: TempDir,
    /// The events that were signed.
    size: u64,
    carts: [CartClient; 2],
}

const ALL: [Tampering; 4] = [
    Tampering::TailRemoved,
    Tampering::CartRemoved,
    Tampering::ChainRecomputed,
    Tampering::EventAltered,
];

impl Shop {
    async fn new() -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let service = ServiceProcess::serve(folder.path());
        let api = ApiClient::at(service.address);
        let carts = [api.open_cart().await, api.open_cart().await];
        for _ in 0..10 {
            for cart in &carts {
                assert!(cart.add("teapot", 1).await.status < 300);
            }
        }
        let (note, size, _) = checkpoint(&api, 22).await;
        let shop = Shop {
            folder,
            size,
            carts,
        };
        fs::write(shop.file("kept.checkpoint"), note).unwrap();
        fs::write(shop.file("key"), text(&api, "/log/key").await).unwrap();
        assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
        shop
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Changes the log, and returns the first position that is not what it was.
    fn tamper(&self, how: Tampering) -> u64 {
        tamper(&self.file("data/events.db"), how, &self.carts[1].id)
    }

    fn verify(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let arguments = [&["verify"], arguments].concat();
        let output = run_to_exit(command(self.folder.path(), &arguments));
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        let notes = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), report + &notes)
    }

    fn forget_views(&self) {
        for file in ["data/views.db", "data/views.db-wal", "data/views.db-shm"] {
            let _ = fs::remove_file(self.file(file));
        }
    }

    /// Removes the key and the checkpoint that was signed last.
    fn forget_signatures(&self) {
        fs::remove_file(self.file("data/proof.key")).unwrap();
        fs::remove_file(self.file("data/proof.key.checkpoint")).unwrap();
    }

    fn serve(&self) -> (ServiceProcess, ApiClient) {
        let service = ServiceProcess::serve(self.folder.path());
        let api = ApiClient::at(service.address);
        (service, api)
    }
}

/// Promise (proof): `cartlog verify` names the first position that is not what was signed, also by
/// a checkpoint that a visitor kept.
/// Fault: The last events or a whole cart are removed, a chain is computed again, an event is
/// altered.
/// Control: Without a checkpoint the removed tail goes unnoticed:
/// [control_tail_is_not_missed_without_a_checkpoint].
#[tokio::test]
async fn verify_finds_what_contradicts_a_checkpoint() {
    for how in ALL {
        let shop = Shop::new().await;
        let sound = shop.verify(&["--checkpoint", "kept.checkpoint"]);
        assert_eq!(sound.0, Some(0), "{}", sound.1);
        let position = format!("position {}: ", shop.tamper(how));
        let (code, report) = shop.verify(&[]);
        assert_eq!(code, Some(1), "{how:?}: {report}");
        assert!(report.contains(&position), "{how:?}: {position}: {report}");
        shop.forget_signatures();
        let (code, report) = shop.verify(&["--checkpoint", "kept.checkpoint"]);
        assert_eq!(code, Some(1), "{how:?}: {report}");
        assert!(report.contains(&position), "{how:?}: {position}: {report}");
        // Without the views, whose tree is still the signed one, it is found all the same.
        shop.forget_views();
        let (code, report) = shop.verify(&["--checkpoint", "kept.checkpoint"]);
        assert_eq!(code, Some(1), "{how:?}: {report}");
    }
}

#[tokio::test]
async fn control_tail_is_not_missed_without_a_checkpoint() {
    let shop = Shop::new().await;
    shop.tamper(Tampering::TailRemoved);
    shop.forget_views();
    let (code, report) = shop.verify(&[]);
    assert_eq!(code, Some(1), "{report}");
    let missing = format!("position {}", shop.size - 2);
    assert!(report.contains(&missing), "{report}");
    shop.forget_signatures();
    let (code, report) = shop.verify(&[]);
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("no problems found"), "{report}");
}

/// Promise (proof): A service does not sign a log that does not extend what it signed. It says why
/// in `/readyz`, and serves all the same.
/// Fault: The log is replaced by an older backup, goes on differently, loses its tail or a cart, or
/// is chained again.
/// Control: With the log that was signed it signs.
#[tokio::test]
async fn log_that_went_on_differently_is_not_signed() {
    for how in [
        Tampering::TailRemoved,
        Tampering::CartRemoved,
        Tampering::ChainRecomputed,
    ] {
        let shop = Shop::new().await;
        shop.tamper(how);
        shop.forget_views();
        refuses(&shop, how).await;
    }
    let shop = Shop::new().await;
    let backup = run_to_exit(command(shop.folder.path(), &["backup", "b.db"]));
    assert!(backup.status.success());
    let (service, api) = shop.serve();
    let cart = api.cart(&shop.carts[0].id, &shop.carts[0].token);
    assert!(cart.add("teapot", 1).await.status < 300);
    checkpoint(&api, shop.size + 1).await;
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    // The backup at another path: the key knows what it signed.
    fs::rename(shop.file("b.db"), shop.file("data/restored.db")).unwrap();
    let mut restored = command(shop.folder.path(), &["serve"]);
    restored.env("CARTLOG_LOG__PATH", "data/restored.db");
    let service = ServiceProcess::run(restored);
    let api = ApiClient::at(service.address);
    let reason = refusal(&api).await;
    assert!(reason.contains("1 are missing"), "{reason}");
    // It grows to the signed size and beyond, with other events.
    let cart = api.cart(&cart.id, &cart.token);
    for _ in 0..3 {
        assert!(cart.add("teapot", 2).await.status < 300);
    }
    api.wait_for_tables().await;
    loop {
        let reason = refusal(&api).await;
        if reason.contains("not those that were signed") {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    // The log that was signed is signed again.
    let (service, api) = shop.serve();
    checkpoint(&api, shop.size + 1).await;
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
}

/// Why the service does not sign, once it has looked.
async fn refusal(api: &ApiClient) -> String {
    loop {
        // Not ready while the views are built; a log that is not signed is served all the same.
        let ready = api.get("/readyz").await;
        let reason = ready.json()["checks"]["proof"].as_str().unwrap().to_owned();
        if reason.contains("cartlog verify") && ready.status == 200 {
            return reason;
        }
        tokio::task::yield_now().await;
    }
}

async fn refuses(shop: &Shop, how: Tampering) {
    let (service, api) = shop.serve();
    let reason = refusal(&api).await;
    for path in [
        "/log/checkpoint",
        "/log/tile/0/000.p/1",
        "/log/proof/consistency?from=1",
    ] {
        let problem = api.get(path).await.expect_problem(503, "log-not-signed");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&reason), "{how:?}: {detail}");
    }
    api.open_cart().await;
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    // The operator gives the old history up: another key signs.
    let old = fs::read_to_string(shop.file("key")).unwrap();
    let replaced = run_to_exit(command(shop.folder.path(), &["key", "--new-history"]));
    assert!(replaced.status.success());
    let (service, api) = shop.serve();
    checkpoint(&api, 1).await;
    assert_ne!(text(&api, "/log/key").await, old);
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
}

/// Promise (proof): The proof of an event shows that the event was altered or chained again since.
/// Fault: An event is altered in the file, with and without its chain, while the tree stays.
/// Control: The proof from before holds, under the same key.
#[tokio::test]
async fn altered_event_has_no_proof() {
    for how in [Tampering::EventAltered, Tampering::ChainRecomputed] {
        let shop = Shop::new().await;
        let key: VerifierKey = fs::read_to_string(shop.file("key"))
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let version = 3;
        let (service, api) = shop.serve();
        let cart = api.cart(&shop.carts[0].id, &shop.carts[0].token);
        let before = proof(&cart, version).await;
        assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
        assert_eq!(EventProof::check(&before, &key).unwrap().position.0, 5);
        shop.tamper(how);
        let (service, api) = shop.serve();
        let cart = api.cart(&shop.carts[0].id, &shop.carts[0].token);
        let after = proof(&cart, version).await;
        EventProof::check(&after, &key).unwrap_err();
        assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    }
}

/// Contract (tools): `cartlog proof check` needs the proof and the key alone: exit code 0 with the
/// event if it holds, 1 with the reason if not.
#[tokio::test]
async fn proof_is_checked_offline() {
    let shop = Shop::new().await;
    let (service, api) = shop.serve();
    let cart = api.cart(&shop.carts[1].id, &shop.carts[1].token);
    let proof = proof(&cart, 2).await;
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    let key = run_to_exit(command(shop.folder.path(), &["key"])).stdout;
    let key = String::from_utf8(key).unwrap();
    assert_eq!(key, fs::read_to_string(shop.file("key")).unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        fs::write(elsewhere.path().join("e.tlog-proof"), text).unwrap();
        let arguments = ["proof", "check", "e.tlog-proof", "--key", key.trim()];
        run_to_exit(command(elsewhere.path(), &arguments))
    };
    let holds = check(&proof);
    let event = String::from_utf8_lossy(&holds.stdout).into_owned();
    assert_eq!(holds.status.code(), Some(0), "{holds:?}");
    assert!(
        event.contains("\"sku\":\"teapot\"") && event.contains(&cart.id),
        "{event}"
    );
    let altered = check(&proof.replace("index ", "index 1"));
    assert_eq!(altered.status.code(), Some(1), "{altered:?}");
    let reason = String::from_utf8_lossy(&altered.stderr).into_owned();
    assert!(reason.contains("does not hold"), "{reason}");
    assert!(
        !Path::new(&elsewhere.path().join("data")).exists(),
        "nothing is created"
    );
}

/// Contract (tools): `cartlog key --rotate` gives a new key that continues what the old one signed;
/// `--new-history` gives that up.
#[tokio::test]
async fn rotated_key_continues_the_history() {
    let shop = Shop::new().await;
    let rotated = run_to_exit(command(shop.folder.path(), &["key", "--rotate"]));
    assert!(rotated.status.success(), "{rotated:?}");
    let kept: Vec<_> = fs::read_dir(shop.file("data")).unwrap().collect();
    let is_kept = |entry: &Result<fs::DirEntry, _>| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains(".replaced-")
    };
    assert_eq!(kept.iter().filter(|entry| is_kept(entry)).count(), 2);
    let (service, api) = shop.serve();
    checkpoint(&api, shop.size).await;
    let key = text(&api, "/log/key").await;
    assert_eq!(key.as_bytes(), rotated.stdout);
    assert_ne!(key, fs::read_to_string(shop.file("key")).unwrap());
    let old = format!("/log/proof/consistency?from={}", shop.size);
    let proof: Value = api.get(&old).await.expect(200).json();
    assert_eq!(proof["from"], shop.size);
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    // The new key knows what the old one signed.
    shop.tamper(Tampering::TailRemoved);
    shop.forget_views();
    let (service, api) = shop.serve();
    refusal(&api).await;
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
}
