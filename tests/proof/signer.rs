//! The signer never contradicts itself, whatever happens to its process and its files.

use crate::published::{checkpoint, key};
use cartlog::log::Hash;
use cartlog_testkit::api::ApiClient;
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use cartlog_testkit::seed::Dice;
use cartlog_testkit::tree_oracle::{OracleTree, open_checkpoint};
use rusqlite::Connection;
use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The hashes of all events in the log of `folder`.
fn entries(folder: &Path) -> Vec<Hash> {
    let log = Connection::open(folder.join("data/events.db")).unwrap();
    let mut rows = log
        .prepare("SELECT hash FROM log ORDER BY position")
        .unwrap();
    let rows = rows.query_map([], |row| Ok(Hash(row.get(0)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Promise (proof): No two checkpoints of a service contradict each other, and none is of events
/// that the log does not have.
/// Fault: `kill -9` at random moments between append, tree and signature, 12 times
/// Control: A checkpoint with another root, forged, is noticed.
#[tokio::test]
async fn killed_signer_never_contradicts_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice(23);
    let seen: RefCell<Vec<(String, u64, Hash)>> = RefCell::default();
    let mut vkey = String::new();
    for _ in 0..12 {
        let service = ServiceProcess::serve(folder.path());
        let api = ApiClient::at(service.address);
        if vkey.is_empty() {
            checkpoint(&api, 0).await;
            vkey = key(&api).await;
        }
        // From the first signature of this run, over some of the signer's intervals.
        let signed_before = seen.borrow().len();
        let mut left = 1 + dice.below(200);
        let commands = async {
            while left > 0 {
                let cart = api.open_cart().await;
                for _ in 0..20 {
                    assert!(cart.add("teapot", 1).await.status < 300);
                    if seen.borrow().len() > signed_before {
                        left = left.saturating_sub(1);
                    }
                }
            }
        };
        let watch = async {
            loop {
                let answer = api.get("/log/checkpoint").await;
                if answer.status == 200 {
                    let note = String::from_utf8(answer.body.clone()).unwrap();
                    let is_new = seen.borrow().last().is_none_or(|(last, ..)| *last != note);
                    if is_new {
                        let (_, size, root) = open_checkpoint(&note, &vkey).unwrap();
                        seen.borrow_mut().push((note, size, root));
                    }
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = commands => {}
            () = watch => {}
        }
        service.kill();
    }
    let service = ServiceProcess::serve(folder.path());
    let entries = entries(folder.path());
    let last = checkpoint(&ApiClient::at(service.address), entries.len() as u64).await;
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    let mut seen = seen.into_inner();
    seen.push(last);
    let oracle = OracleTree::of(&entries);
    let contradicts = |size: u64, root: Hash| size > oracle.size || oracle.root_at(size) != root;
    assert!(
        seen.iter()
            .any(|(_, size, _)| *size > 0 && *size < oracle.size)
    );
    for (note, size, root) in &seen {
        assert!(!contradicts(*size, *root), "{note}");
    }
    assert!(seen.is_sorted_by_key(|(_, size, _)| *size), "{seen:?}");
    let (_, size, root) = &seen[seen.len() - 1];
    assert!(contradicts(*size - 1, *root) && contradicts(*size + 1, *root));
}

/// Promise (proof): A key whose last checkpoint is missing, and a checkpoint whose key is missing,
/// sign nothing, and so does a key that another process uses.
/// Fault: Each file is removed or altered; a second service runs on the same key.
/// Control: With both files back the service signs.
#[tokio::test]
async fn incomplete_or_shared_key_does_not_sign() {
    let folder = tempfile::tempdir().unwrap();
    let service = ServiceProcess::serve(folder.path());
    let api = ApiClient::at(service.address);
    api.open_cart().await;
    checkpoint(&api, 1).await;
    let files =
        ["data/proof.key", "data/proof.key.checkpoint"].map(|name| folder.path().join(name));
    for file in &files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mut second = command(folder.path(), &["serve"]);
    for (name, file) in [
        ("LOG__PATH", "e.db"),
        ("VIEWS__PATH", "v.db"),
        ("SECURITY__SECRET_PATH", "s"),
    ] {
        second.env(format!("CARTLOG_{name}"), file);
    }
    let second = ServiceProcess::run(second);
    assert!(reason(&second).await.contains("in use"));
    assert_eq!(second.exit_on_signal("TERM").code(), Some(0));
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    for (file, expected) in files.iter().zip(["signing key", "last signed checkpoint"]) {
        let kept = fs::read(file).unwrap();
        for altered in [None, Some(b"x".to_vec())] {
            let _ = fs::remove_file(file);
            if let Some(altered) = altered {
                fs::write(file, altered).unwrap();
            }
            let service = ServiceProcess::serve(folder.path());
            let reason = reason(&service).await;
            assert!(reason.contains(expected), "{reason}");
            assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
        }
        fs::write(file, kept).unwrap();
    }
    let service = ServiceProcess::serve(folder.path());
    checkpoint(&ApiClient::at(service.address), 1).await;
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    let verified = run_to_exit(command(folder.path(), &["verify"]));
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
}

async fn reason(service: &ServiceProcess) -> String {
    let ready = ApiClient::at(service.address).get("/readyz").await;
    ready.expect(200).json()["checks"]["proof"]
        .as_str()
        .unwrap()
        .to_owned()
}
