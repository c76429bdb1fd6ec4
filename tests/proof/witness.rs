//! A service asks witnesses for cosignatures. [`crate::cosigning`] has what a witness itself does.

use crate::published::{checkpoint, fill, key, proof, text};
use crate::witness_oracle::{OracleWitness, is_cosigned};
use cartlog_testkit::PATIENCE;
use cartlog_testkit::api::ApiClient;
use cartlog_testkit::app::TestApp;
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
pub fn witness(folder: &Path, vkey: &str) -> ServiceProcess {
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
