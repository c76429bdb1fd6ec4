//! Nodes that share a log sign it together.

use crate::witness_oracle::{OracleWitness, is_cosigned};
use async_trait::async_trait;
use cartlog::background::Background;
use cartlog::cart::{CartCommand, CartModel, Currency};
use cartlog::commands::{CommandContext, CommandHandler};
use cartlog::log::shared::SharedLog;
use cartlog::log::{EventLog, Hash, LogReader, LogWriter, NoteStore, NoteStoreError, Position};
use cartlog::outbound::Target;
use cartlog::proof::{
    Cosigner, KeyFile, KeySettings, Signer, SigningKey, SigningStatus, WitnessSettings,
    WitnessStatus,
};
use cartlog::read_side::ReadSide;
use cartlog::views::Reader;
use cartlog_testkit::PATIENCE;
use cartlog_testkit::receiver::{Reply, WebhookReceiver};
use cartlog_testkit::shared_memory::SharedMemory;
use cartlog_testkit::tree_oracle::{OracleTree, open_checkpoint};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::sync::{Barrier, watch};
use tokio::time::timeout;
use uuid::Uuid;

/// How many events the nodes append.
const EVENTS: u64 = 400;

fn key() -> SigningKey {
    SigningKey::new("shop.example/log", [5; 32])
}

/// A node: the log, its views and the signer.
struct Node {
    log: Arc<SharedLog>,
    commands: CommandHandler<CartModel>,
    status: watch::Receiver<SigningStatus>,
    witnesses: watch::Receiver<Vec<WitnessStatus>>,
    stop: watch::Sender<bool>,
    threads: Vec<Background>,
    read_side: ReadSide,
}

impl Node {
    /// A node of `engine` with its files in `folder`, whose checkpoints `notes` keeps; the engine,
    /// if that is `None`.
    async fn start(
        engine: &SharedMemory,
        folder: &Path,
        notes: Option<Arc<dyn NoteStore>>,
    ) -> Node {
        Node::start_with(engine, folder, notes, &[]).await
    }

    /// A node whose checkpoints `witnesses` cosign.
    async fn start_with(
        engine: &SharedMemory,
        folder: &Path,
        notes: Option<Arc<dyn NoteStore>>,
        witnesses: &[WitnessSettings],
    ) -> Node {
        let (log, worker) = engine.open(&folder.join("replica.db")).expect("a log");
        log.wait_until_filled().await.expect("a filled replica");
        let (stop, stopping) = watch::channel(false);
        let views = folder.join("views.db");
        let read_side = ReadSide::open(&views, 1 << 20, log.clone(), &stopping).await;
        let read_side = read_side.expect("views");
        let reader = || Reader::new(views.clone(), read_side.read_handle.clone());
        let settings = KeySettings {
            path: folder.join("proof.key"),
            origin: None,
            key: Some(key()),
        };
        let opened = KeyFile::open_shared(&settings, "a log", false).expect("a key");
        let notes = notes.unwrap_or_else(|| log.clone());
        let signer = Signer::new(opened, log.clone(), Some(notes));
        let cosigner = Cosigner::new(witnesses, signer.status(), true);
        let (status, witnesses) = (cosigner.published(), cosigner.witnesses());
        let readers = [reader(), reader()];
        let signing = Background::spawn("signer", move || {
            let [for_signer, for_cosigner] = readers;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = signer.run(for_signer, stopping) => {}
                    () = cosigner.run(for_cosigner) => {}
                }
            });
            Ok(())
        });
        let handled: Arc<dyn EventLog> = log.clone();
        Node {
            log,
            commands: CommandHandler::new(CartModel::default(), handled, 1 << 20),
            status,
            witnesses,
            stop,
            threads: vec![worker, signing.expect("a thread")],
            read_side,
        }
    }

    /// Opens a cart, which is one event.
    async fn open_cart(&self) {
        let open = CartCommand::OpenCart {
            currency: Currency::EUR,
            token_hash: [0; 32],
            items: Vec::new(),
        };
        let context = CommandContext::new(open.name(), "shopper");
        let opened = self
            .commands
            .handle(Uuid::now_v7(), &open, &context, |_| true);
        opened.await.expect("a cart");
    }

    /// The status once it is `wanted`.
    async fn until(&mut self, wanted: impl FnMut(&SigningStatus) -> bool) -> SigningStatus {
        let reached = timeout(PATIENCE, self.status.wait_for(wanted)).await;
        let reached = reached.map(|status| status.expect("a signer").clone());
        reached.unwrap_or_else(|_| panic!("{:?}", *self.status.borrow()))
    }

    /// The size and root of the newest checkpoint, once it has `size` events.
    async fn signed(&mut self, size: u64) -> (u64, Hash) {
        let status = self
            .until(|status| matches!(status, SigningStatus::Signed(it) if it.head.size >= size))
            .await;
        let SigningStatus::Signed(signed) = status else {
            unreachable!("it is signed");
        };
        (signed.head.size, signed.head.root)
    }

    async fn hashes(&self) -> Vec<Hash> {
        let events = self.log.read_all(Position(0), 100_000).await;
        let events = events.expect("the log");
        events.into_iter().map(|event| event.hash).collect()
    }

    fn stop(self) {
        self.stop.send_replace(true);
        self.read_side.join();
        self.log.close();
        for thread in self.threads {
            thread.join();
        }
    }
}

/// Promise (proof): On a log that nodes share there is one chain of checkpoints: each extends the
/// one before it, whichever node signed it, and all nodes publish the newest.
/// Fault: Two nodes append and sign at the same time.
/// Control: A store that ignores the expected checkpoint forks:
/// [signers_of_two_histories_do_not_fork].
#[tokio::test]
async fn nodes_sign_one_chain() {
    let engine = SharedMemory::default();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut nodes = [
        Node::start(&engine, folders[0].path(), None).await,
        Node::start(&engine, folders[1].path(), None).await,
    ];
    let started = std::time::Instant::now();
    for _ in 0..EVENTS / 2 {
        tokio::join!(nodes[0].open_cart(), nodes[1].open_cart());
        // Over some of the signers' intervals.
        tokio::time::sleep(std::time::Duration::from_millis(8)).await;
    }
    println!("{EVENTS} events in {:?}", started.elapsed());
    let hashes = nodes[0].hashes().await;
    let oracle = OracleTree::of(&hashes);
    for node in &mut nodes {
        let newest = node.signed(EVENTS).await;
        assert_eq!(newest, (EVENTS, oracle.root_at(EVENTS)));
    }
    let notes = engine.notes();
    let vkey = key().verifier().to_string();
    let chain: Vec<(u64, Hash)> = notes
        .iter()
        .map(|note| open_checkpoint(note, &vkey).unwrap())
        .map(|(_, size, root)| (size, root))
        .collect();
    assert!(chain.len() > 3, "{chain:?}");
    assert!(chain.is_sorted_by(|one, next| one.0 < next.0), "{chain:?}");
    for (size, root) in chain.into_iter().filter(|(size, _)| *size > 0) {
        assert_eq!(root, oracle.root_at(size));
    }
    nodes.into_iter().for_each(Node::stop);
}

/// Promise (proof): On a log that nodes share all nodes publish checkpoints that the witness has
/// cosigned, and what they keep for each other has no cosignature.
/// Fault: Two nodes submit at the same time, so that the witness knows a later checkpoint than the
/// one that a node names.
/// Control: The witness has answered such requests with 409.
#[tokio::test]
async fn witness_cosigns_for_all_nodes() {
    let engine = SharedMemory::default();
    let mut witness = OracleWitness::new("witness.example/1", 1);
    witness.log = key().verifier().to_string();
    let vkey = witness.vkey.clone();
    let receiver = WebhookReceiver::start();
    let witness = Mutex::new(witness);
    receiver.answer(move |request| witness.lock().unwrap().reply(&request.body));
    let settings = [WitnessSettings {
        key: vkey.parse().unwrap(),
        target: Target::parse(&receiver.origin(), None).unwrap(),
    }];
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut nodes = [
        Node::start_with(&engine, folders[0].path(), None, &settings).await,
        Node::start_with(&engine, folders[1].path(), None, &settings).await,
    ];
    for _ in 0..100 {
        tokio::join!(nodes[0].open_cart(), nodes[1].open_cart());
        // Over some of the signers' intervals.
        tokio::time::sleep(std::time::Duration::from_millis(8)).await;
    }
    for node in &mut nodes {
        let is_cosigned = |status: &SigningStatus| match status {
            SigningStatus::Signed(it) => it.head.size == 200 && is_cosigned(&it.note, &vkey),
            SigningStatus::Starting(_) | SigningStatus::Refused(_) => false,
        };
        node.until(is_cosigned).await;
        assert_eq!(node.witnesses.borrow()[0].problem, None);
    }
    assert!(
        engine
            .notes()
            .iter()
            .all(|note| !note.contains("witness.example"))
    );
    let replies = receiver.so_far().into_iter().map(|request| request.reply);
    let conflicts = replies.filter(|reply| matches!(reply, Reply::Text(409, _)));
    assert!(conflicts.count() > 0);
    nodes.into_iter().for_each(Node::stop);
}

/// Keeps a note like an engine. The first two readers see the same.
struct Notes {
    kept: Mutex<Vec<String>>,
    ignores_expected: bool,
    meeting: Barrier,
    met: Mutex<usize>,
}

impl Notes {
    fn new(ignores_expected: bool) -> Arc<Notes> {
        Arc::new(Notes {
            kept: Mutex::default(),
            ignores_expected,
            meeting: Barrier::new(2),
            met: Mutex::default(),
        })
    }
}

#[async_trait]
impl NoteStore for Notes {
    async fn note(&self) -> Result<Option<String>, NoteStoreError> {
        let read = self.kept.lock().unwrap().last().cloned();
        let is_first = {
            let mut met = self.met.lock().unwrap();
            *met += 1;
            *met <= 2
        };
        if is_first {
            self.meeting.wait().await;
        }
        Ok(read)
    }

    async fn replace_note(&self, last: Option<&str>, next: &str) -> Result<bool, NoteStoreError> {
        let mut kept = self.kept.lock().unwrap();
        let fits = self.ignores_expected || kept.last().map(String::as_str) == last;
        if fits {
            kept.push(next.to_owned());
        }
        Ok(fits)
    }
}

/// Two nodes with one key, whose logs have different events: as after a failover that one of them
/// has not noticed. Both have read that nothing was signed before either of them signs.
async fn two_histories(notes: &Arc<Notes>) -> ([TempDir; 2], [Node; 2]) {
    let engines = [(); 2].map(|()| SharedMemory::default());
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    for (engine, folder) in engines.iter().zip(&folders) {
        let folder = folder.path().join("before");
        std::fs::create_dir(&folder).unwrap();
        let alone = Node::start(engine, &folder, None).await;
        for _ in 0..3 {
            alone.open_cart().await;
        }
        alone.stop();
    }
    let nodes = [
        Node::start(&engines[0], folders[0].path(), Some(notes.clone())).await,
        Node::start(&engines[1], folders[1].path(), Some(notes.clone())).await,
    ];
    (folders, nodes)
}

/// Promise (proof): On a log that nodes share there is one chain of checkpoints: each extends the
/// one before it, whichever node signed it, and all nodes publish the newest.
/// Fault: A node has another history, and looks before the other one signs.
/// Control: [control_store_that_ignores_the_expected_checkpoint_forks]
#[tokio::test]
async fn signers_of_two_histories_do_not_fork() {
    let notes = Notes::new(false);
    let (_folders, mut nodes) = two_histories(&notes).await;
    for node in &mut nodes {
        node.until(|status| !matches!(status, SigningStatus::Starting(_)))
            .await;
    }
    let statuses = nodes.each_ref().map(|node| node.status.borrow().clone());
    let refused = statuses.iter().filter_map(|status| match status {
        SigningStatus::Refused(reason) => Some(reason),
        _ => None,
    });
    let refused: Vec<_> = refused.collect();
    assert!(
        matches!(refused[..], [reason] if reason.contains("not those that were signed")),
        "{statuses:?}"
    );
    assert_eq!(notes.kept.lock().unwrap().len(), 1);
    nodes.into_iter().for_each(Node::stop);
}

#[tokio::test]
async fn control_store_that_ignores_the_expected_checkpoint_forks() {
    let notes = Notes::new(true);
    let (_folders, mut nodes) = two_histories(&notes).await;
    let [one, two] = &mut nodes;
    let (one, two) = (one.signed(3).await, two.signed(3).await);
    assert!(one.0 == two.0 && one.1 != two.1, "{one:?} {two:?}");
    nodes.into_iter().for_each(Node::stop);
}

/// Promise (proof): After a failover that lost events a node refuses to sign, although the engine
/// has lost its last checkpoint as well.
/// Fault: The engine of a shared log loses its last events, and the checkpoints that cover them.
/// Control: Without the checkpoint that the node has kept itself, the loss goes unnoticed.
#[tokio::test]
async fn node_does_not_sign_a_log_that_lost_its_end() {
    let engine = SharedMemory::default();
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(&engine, folder.path(), None).await;
    for _ in 0..5 {
        node.open_cart().await;
    }
    node.signed(5).await;
    node.stop();
    engine.lose(2);
    engine.lose_notes();
    let mut node = Node::start(&engine, folder.path(), None).await;
    let refused = |status: &SigningStatus| matches!(status, SigningStatus::Refused(_));
    let SigningStatus::Refused(reason) = node.until(refused).await else {
        unreachable!("it is refused");
    };
    assert!(reason.contains("2 are missing"), "{reason}");
    // Other events take their place.
    for _ in 0..4 {
        node.open_cart().await;
    }
    let other = |status: &SigningStatus| match status {
        SigningStatus::Refused(reason) => reason.contains("not those that were"),
        SigningStatus::Starting(_) | SigningStatus::Signed(_) => false,
    };
    node.until(other).await;
    assert!(engine.notes().is_empty());
    node.stop();
    std::fs::remove_file(folder.path().join("proof.key.checkpoint")).unwrap();
    let mut node = Node::start(&engine, folder.path(), None).await;
    assert_eq!(node.signed(7).await.0, 7);
    node.stop();
}
