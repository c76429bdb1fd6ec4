//! Witnesses: a service asks for cosignatures, and `cartlog witness` gives them.

use crate::oracle::{OracleTree, accepts_consistency};
use crate::published::{checkpoint, fill, key, proof, text};
use crate::witness_oracle::{OracleWitness, is_cosigned};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cartlog::log::Hash;
use cartlog::merkle::{self, Subtrees};
use cartlog::proof::{
    Refusal, SignedTreeHead, SigningKey, TreeHead, VerifierKey, Witness, WitnessKey,
};
use cartlog_testkit::PATIENCE;
use cartlog_testkit::api::ApiClient;
use cartlog_testkit::app::TestApp;
use cartlog_testkit::load::http_client;
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use cartlog_testkit::receiver::{Reply, WebhookReceiver};
use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A witness of the oracle on a real socket.
struct Running {
    receiver: WebhookReceiver,
    witness: Arc<Mutex<OracleWitness>>,
    vkey: String,
}

impl Running {
    /// A witness that does not know its log yet, and responds to nothing until
    /// [`answer`](Self::answer).
    fn new(name: &str, seed: u8) -> Running {
        let receiver = WebhookReceiver::start();
        receiver.answer(|_| Reply::Status(503, ""));
        let witness = OracleWitness::new(name, seed);
        let vkey = witness.vkey.clone();
        Running {
            receiver,
            witness: Arc::new(Mutex::new(witness)),
            vkey,
        }
    }

    /// From now on it cosigns checkpoints of the log with this key.
    fn answer(&self, log: &str) {
        log.clone_into(&mut self.witness.lock().unwrap().log);
        let witness = self.witness.clone();
        self.receiver
            .answer(move |request| witness.lock().unwrap().reply(&request.body));
    }

    fn table(&self) -> String {
        format!(
            "{{ url = \"{}\", key = \"{}\" }}",
            self.receiver.origin(),
            self.vkey
        )
    }
}

/// The newest checkpoint once it has `size` events and a cosignature by each of `vkeys`.
async fn cosigned(api: &ApiClient, size: u64, vkeys: &[&str]) -> String {
    let seen = async {
        loop {
            let (note, ..) = checkpoint(api, size).await;
            if vkeys.iter().all(|vkey| is_cosigned(&note, vkey)) {
                return note;
            }
            tokio::task::yield_now().await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, seen).await;
    seen.expect("a cosigned checkpoint in time")
}

/// Waits until `/readyz` says `expected` about the proof.
async fn says(api: &ApiClient, expected: &str) {
    let said = async {
        loop {
            let ready = api.get("/readyz").await.expect(200).json();
            if ready["checks"]["proof"]
                .as_str()
                .unwrap()
                .contains(expected)
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let said = tokio::time::timeout(PATIENCE, said).await;
    said.unwrap_or_else(|_| panic!("/readyz does not say {expected}"));
}

/// `cartlog proof check` of `file`.
fn check(folder: &Path, file: &str, key: &str, witnesses: &[&str]) -> Output {
    let mut arguments = vec!["proof", "check", file, "--key", key];
    for witness in witnesses {
        arguments.extend(["--witness", witness]);
    }
    run_to_exit(command(folder, &arguments))
}

/// Promise (proof): Published checkpoints and proofs have the cosignatures of the configured
/// witnesses, as the oracle verifies them, and `cartlog proof check` requires those that it is
/// given.
/// Fault: The service is started again and does not know what its witnesses have cosigned.
/// Control: Required of a key that is no witness, the same proof does not hold.
#[tokio::test]
async fn checkpoint_has_the_cosignatures_of_its_witnesses() {
    let witnesses = [
        Running::new("witness.example/1", 1),
        Running::new("witness.example/2", 2),
    ];
    let [one, two] = &witnesses;
    let list = format!("[{}, {}]", one.table(), two.table());
    let mut app = TestApp::start_with(&[("proof.witnesses", &list)]);
    checkpoint(&app, 0).await;
    let vkey = key(&app).await;
    for witness in &witnesses {
        witness.answer(&vkey);
    }
    let vkeys = [one.vkey.as_str(), two.vkey.as_str()];
    let cart = fill(&app, 5).await;
    cosigned(&app, 5, &vkeys).await;
    app.restart();
    let before = one.witness.lock().unwrap().last.0;
    cosigned(&app, before, &vkeys).await;
    fill(&app, before + 5).await;
    let note = cosigned(&app, before + 5, &vkeys).await;
    assert_eq!(note.matches("\u{2014} ").count(), 3, "{note}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("event"),
        proof(&app.cart(&cart.id, &cart.token), 3).await,
    )
    .unwrap();
    let checked = check(folder.path(), "event", &vkey, &vkeys);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    let report = String::from_utf8(checked.stdout).unwrap();
    assert!(
        report.contains("witness.example/2 has cosigned"),
        "{report}"
    );
    let stranger = OracleWitness::new("witness.example/1", 3).vkey;
    let checked = check(folder.path(), "event", &vkey, &[&stranger]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    let views = app.get("/api/views").await.expect(200).json();
    let first = &views["log"]["witnesses"][0];
    assert_eq!(first["name"], "witness.example/1");
    assert!(first["cosigned_events"].as_u64() >= Some(before + 5) && first["problem"].is_null());
}

/// Promise (proof): A witness that fails or hangs holds up no checkpoint for longer than a second;
/// `/readyz` says so, and the cosignature of the newest checkpoint follows once it is back.
/// Fault: One witness answers nothing, one with a cosignature of another text, and with one by
/// another key.
/// Control: Once both answer as they should, the same checkpoint has their cosignatures.
#[tokio::test]
async fn failing_witness_does_not_hold_up_checkpoints() {
    let witness = Running::new("witness.example/1", 1);
    let silent = Running::new("witness.example/2", 2);
    silent.receiver.answer(|_| Reply::Hang);
    let list = format!("[{}, {}]", witness.table(), silent.table());
    let app = TestApp::start_with(&[("proof.witnesses", &list)]);
    checkpoint(&app, 0).await;
    let vkey = key(&app).await;
    let stranger = OracleWitness::new("witness.example/1", 9).cosign(b"text\n", 1);
    let own = witness.witness.lock().unwrap().cosign(b"text\n", 1);
    let mut size = 0;
    for (reply, expected) in [
        (Reply::Text(200, own), "does not match the text"),
        (
            Reply::Text(200, stranger),
            "has no signature by the key witness.example/1",
        ),
    ] {
        witness.receiver.answer(move |_| reply.clone());
        size += 3;
        fill(&app, size).await;
        let committed = Instant::now();
        let (note, ..) = checkpoint(&app, size).await;
        // A second as ever, and half of one for the witness that hangs.
        assert!(committed.elapsed() < Duration::from_millis(2_500), "{size}");
        assert!(!is_cosigned(&note, &witness.vkey));
        says(&app, expected).await;
    }
    witness.answer(&vkey);
    silent.answer(&vkey);
    // Without a new event.
    let note = cosigned(&app, size, &[&witness.vkey, &silent.vkey]).await;
    assert!(note.contains(&format!("\n{size}\n")), "{note}");
    says(&app, "ok").await;
    let metrics = text(&app, "/metrics").await;
    let counted = |outcome: &str| {
        let line = format!(
            "cartlog_witness_requests_total{{outcome=\"{outcome}\",witness=\"witness.example/1\"}} "
        );
        let count = metrics.lines().find_map(|it| it.strip_prefix(&line));
        count
            .unwrap_or_else(|| panic!("{line}: {metrics}"))
            .parse::<u64>()
            .unwrap()
    };
    assert!(counted("failed") >= 2 && counted("cosigned") >= 1);
}

/// Promise (proof): A witness cosigns one history: a log that was put back to an older state with
/// all of its files, and went on differently, gets no cosignature, and its operator sees why.
/// Fault: All files of the service are replaced by an older copy; other events follow. The witness
/// is killed in between.
/// Control: Without a witness the service signs the second history, and its proofs hold.
#[tokio::test]
async fn witness_does_not_cosign_a_second_history() {
    let shop = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let service = ServiceProcess::serve(shop.path());
    let api = ApiClient::at(service.address);
    checkpoint(&api, 0).await;
    let vkey = key(&api).await;
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    let copy = elsewhere.path().join("older");
    copy_files(&shop.path().join("data"), &copy);
    let witness = witness(elsewhere.path(), &vkey);
    let witness_key = witness.startup_lines[0].clone();
    let serve = |witness: &ServiceProcess| {
        let mut serving = command(shop.path(), &["serve"]);
        let url = format!("http://{}", witness.address);
        let list = format!("[{{ url = \"{url}\", key = \"{witness_key}\" }}]");
        serving.env("CARTLOG_PROOF__WITNESSES", list);
        let service = ServiceProcess::run(serving);
        let api = ApiClient::at(service.address);
        (service, api)
    };
    let (service, api) = serve(&witness);
    let cart = api.open_cart().await;
    assert!(cart.add("teapot", 1).await.status < 300);
    cosigned(&api, 2, &[&witness_key]).await;
    fs::write(shop.path().join("event"), proof(&cart, 1).await).unwrap();
    let held = check(shop.path(), "event", &vkey, &[&witness_key]);
    assert_eq!(held.status.code(), Some(0), "{held:?}");
    service.kill();
    witness.kill();
    fs::remove_dir_all(shop.path().join("data")).unwrap();
    copy_files(&copy, &shop.path().join("data"));
    let witness = self::witness(elsewhere.path(), &vkey);
    assert_eq!(witness.startup_lines[0], witness_key);
    let (service, api) = serve(&witness);
    // First fewer events than the witness has seen, then as many, then more.
    let cart = api.open_cart().await;
    checkpoint(&api, 1).await;
    says(&api, "has cosigned 2 events, but this log has 1").await;
    assert!(cart.add("teapot", 1).await.status < 300);
    checkpoint(&api, 2).await;
    says(&api, "there are two histories under its name").await;
    assert!(cart.add("teapot", 1).await.status < 300);
    let (note, ..) = checkpoint(&api, 3).await;
    assert!(!is_cosigned(&note, &witness_key));
    fs::write(shop.path().join("event"), proof(&cart, 1).await).unwrap();
    let refused = check(shop.path(), "event", &vkey, &[&witness_key]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let unnoticed = check(shop.path(), "event", &vkey, &[]);
    assert_eq!(unnoticed.status.code(), Some(0), "{unnoticed:?}");
    assert_eq!(service.exit_on_signal("TERM").code(), Some(0));
    assert_eq!(witness.exit_on_signal("TERM").code(), Some(0));
}

/// `cartlog witness` of the log with the key `vkey`, its files in `folder`.
fn witness(folder: &Path, vkey: &str) -> ServiceProcess {
    let arguments = ["witness", "--log", vkey, "--name", "witness.example/w1"];
    let arguments = [&arguments[..], &["--bind", "127.0.0.1:0"]].concat();
    ServiceProcess::run_to_line(command(folder, &arguments), "cosigns")
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// A tree in memory.
struct Leaves(Vec<Hash>);

impl Subtrees for Leaves {
    type Error = std::convert::Infallible;

    fn subtree(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error> {
        let first = usize::try_from(index << level).unwrap();
        let leaves = &self.0[first..first + (1 << level)];
        let leaves: Vec<Hash> = leaves
            .iter()
            .map(|entry| merkle::leaf_hash(*entry))
            .collect();
        Ok(merkle::tile_root(&leaves))
    }
}

fn request(old: u64, proof: &[Hash], note: &str) -> String {
    let hashes: String = proof
        .iter()
        .map(|it| STANDARD.encode(it.0) + "\n")
        .collect();
    format!("old {old}\n{hashes}\n{note}")
}

/// Contract (tools): `cartlog witness` responds as C2SP tlog-witness demands, and an independent
/// implementation verifies its cosignatures.
#[tokio::test]
async fn witness_keeps_the_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let log = SigningKey::new("shop.example/log", [7; 32]);
    let other_key = SigningKey::new("shop.example/log", [8; 32]);
    let other_log = SigningKey::new("other.example/log", [7; 32]);
    let running = witness(folder.path(), &log.verifier().to_string());
    let vkey = running.startup_lines[0].clone();
    let entries: Vec<Hash> = (0..40).map(|place| Hash([place; 32])).collect();
    let oracle = OracleTree::of(&entries);
    let head = |size: u64| TreeHead {
        size,
        root: oracle.root_at(size),
    };
    let note = |size: u64, key: &SigningKey| SignedTreeHead::sign(head(size), &[key]).note;
    let forged = TreeHead {
        size: 20,
        root: Hash([1; 32]),
    };
    let forged = SignedTreeHead::sign(forged, &[&log]).note;
    let path =
        |from, to| merkle::consistency_proof(&mut Leaves(entries.clone()), from, to).unwrap();
    let client = http_client();
    let url = format!("http://{}/add-checkpoint", running.address);
    let steps = [
        (request(0, &[], &note(13, &log)), 200),
        (request(13, &[], &note(13, &log)), 200),
        (request(0, &[], &note(13, &log)), 409),
        (request(13, &path(13, 20), &note(20, &other_log)), 404),
        (request(13, &path(13, 20), &note(20, &other_key)), 403),
        (request(13, &path(12, 20), &note(20, &log)), 422),
        (request(13, &path(13, 20)[1..], &note(20, &log)), 422),
        (request(13, &path(13, 20), &forged), 422),
        (request(13, &[], &note(12, &log)), 400),
        (request(13, &[Hash([0; 32]); 64], &note(20, &log)), 400),
        (note(20, &log), 400),
        (request(13, &path(13, 20), &note(20, &log)), 200),
        (request(20, &[], &forged), 409),
        (request(13, &path(13, 21), &note(21, &log)), 409),
        (request(20, &path(20, 40), &note(40, &log)), 200),
    ];
    let mut last = 0;
    for (body, expected) in steps {
        let answer = client.post(&url).body(body.clone()).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{body}");
        let content_type = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        let answer = answer.text().await.unwrap();
        if expected == 200 {
            let (_, note) = body.split_once("\n\n").unwrap();
            assert!(is_cosigned(&format!("{note}{answer}"), &vkey), "{answer}");
            last = SignedTreeHead::read(note).unwrap().head.size;
        } else if expected == 409 {
            assert_eq!(
                (answer, &*content_type),
                (format!("{last}\n"), "text/x.tlog.size")
            );
        }
    }
    assert_eq!(running.exit_on_signal("TERM").code(), Some(0));
}

/// A checkpoint of the public log Arche (staging, 2025h1) with the cosignatures of two public
/// witnesses, as they were published.
const PUBLISHED: &str = concat!(
    "arche2025h1.staging.ct.transparency.dev\n1432088532\n",
    "U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n\n",
    "\u{2014} arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefw",
    "hUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=\n",
    "\u{2014} witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH",
    "+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==\n",
    "\u{2014} remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI",
    "+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==\n",
);

/// Contract (tools): Cosignatures of public witnesses are accepted, and none that was altered.
#[test]
fn cosignature_of_a_public_witness_is_verified() {
    let key = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
    let key: WitnessKey = key.parse().unwrap();
    let checkpoint = SignedTreeHead::read(PUBLISHED).unwrap();
    let cosignature = checkpoint.cosignature(&key).unwrap();
    assert_eq!(
        cosignature.at.to_text().as_str(),
        "2026-05-23T21:50:24.000Z"
    );
    assert!(PUBLISHED.ends_with(&cosignature.line));
    for (part, altered) in [
        ("1432088532", "1432088533"),
        ("U7WM79", "U7WM78"),
        ("AAAABqEiEgPlfF", "AAAABqEiEhPlfF"),
        ("DrAWfBw==", "DrAWfBg=="),
    ] {
        let note = PUBLISHED.replace(part, altered);
        let altered = SignedTreeHead::read(&note).unwrap();
        assert!(altered.cosignature(&key).is_err(), "{note}");
    }
    let plain: Result<VerifierKey, _> = key.to_string().parse();
    assert!(plain.is_err(), "a witness's key is none of a log");
}

/// Promise (proof): A witness cosigns exactly the checkpoints that extend its last one, also after
/// a restart, and never without its last checkpoint.
/// Fault: The file of its last checkpoint, or of its key, is removed; it is opened for another log.
/// Control: The oracle says which proofs extend.
#[test]
fn witness_cosigns_exactly_what_extends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("witness.key");
    let log = SigningKey::new("shop.example/log", [7; 32]);
    let open = |log: &VerifierKey| Witness::open(&path, Some("witness.example/w1"), log.clone(), 1);
    let mut dice = cartlog_testkit::seed::Dice(23);
    let trees = [0_u8, 1].map(|tree| {
        let entry = |place| {
            Hash(
                [if place < 25 {
                    place
                } else {
                    place + 100 * tree
                }; 32],
            )
        };
        (0..60).map(entry).collect::<Vec<Hash>>()
    });
    let oracles = trees.each_ref().map(|entries| OracleTree::of(entries));
    let mut last = (0_u64, None);
    let (mut cosigned, mut refused) = (0, 0);
    for turn in 0..100 {
        let mut witness = open(log.verifier()).unwrap();
        for _ in 0..4 {
            let tree = dice.below(2);
            let size = (last.0 + dice.below(4) as u64).min(60);
            let (old, root) = (last.0, oracles[tree].root_at(size));
            let mut leaves = Leaves(trees[tree].clone());
            let path = merkle::consistency_proof(&mut leaves, old, size).unwrap();
            let extends = match last.1 {
                None => true,
                Some(old_root) => accepts_consistency(&path, (old, old_root), (size, root)),
            };
            let note = SignedTreeHead::sign(TreeHead { size, root }, &[&log]).note;
            let outcome = witness.add_checkpoint(&request(old, &path, &note), turn);
            assert_eq!(
                outcome.is_ok(),
                extends,
                "{old} to {size} of {tree}: {outcome:?}"
            );
            match outcome {
                Ok(_) if size > 0 => last = (size, Some(root)),
                Ok(_) => {}
                Err(Refusal::Inconsistent | Refusal::Conflict(_)) => refused += 1,
                Err(other) => panic!("{other}"),
            }
            cosigned += u32::from(extends);
        }
    }
    assert!(
        last.0 == 60 && cosigned > 50 && refused > 50,
        "{cosigned} {refused}"
    );
    let stranger = SigningKey::new("other.example/log", [7; 32]);
    let error = open(stranger.verifier()).unwrap_err().to_string();
    assert!(error.contains("is of the log shop.example/log"), "{error}");
    for file in ["witness.key", "witness.key.checkpoint"] {
        let file = folder.path().join(file);
        let kept = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let error = open(log.verifier()).unwrap_err().to_string();
        assert!(error.contains("one is missing"), "{error}");
        fs::write(&file, kept).unwrap();
    }
    assert!(open(log.verifier()).is_ok());
}
