//! What has to be true after each step, judged by the log itself and by what was answered.

use crate::intents::{Attempt, Key};
use cartlog::cart::{Cart, CartEvent, CartModel, Refusal};
use cartlog::commands::{CommandError, Condition, Handled};
use cartlog::decider::Decider;
use cartlog::history::{self, CommitMetadata, StoredDigest};
use cartlog::log::{Head, Position, RecordedEvent, Version, chained_hash};
use std::collections::HashMap;
use uuid::Uuid;

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

pub type Checked<T = ()> = Result<T, Violation>;

/// `Err` with the text, unless `condition` holds.
macro_rules! holds {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::oracle::Violation(format!($($text)+)));
        }
    };
}
pub(crate) use holds;

/// What was answered to an attempt.
pub type Outcome = Result<Handled<Cart>, CommandError<Refusal>>;

/// A commit as the log has it.
#[derive(Debug, Clone)]
struct Written {
    stream: Uuid,
    version: Version,
    position: Position,
    request: Option<StoredDigest>,
}

/// A stream, folded to each of its versions.
struct Stream {
    folds: Vec<Cart>,
    head: Head,
}

impl Default for Stream {
    fn default() -> Self {
        Stream {
            folds: vec![CartModel::initial()],
            head: Head::START,
        }
    }
}

struct Tried {
    attempt: Attempt,
    /// The version that the stream was at when the attempt began.
    from: Version,
    /// Whether it was answered, and that nothing was written.
    denied: bool,
}

pub struct Oracle {
    model: CartModel,
    /// Every event in the log, as it was seen first.
    pub log: Vec<RecordedEvent>,
    streams: HashMap<Uuid, Stream>,
    tried: HashMap<Uuid, Tried>,
    commits: HashMap<Uuid, Written>,
    keys: HashMap<(Uuid, Key), Uuid>,
}

impl Oracle {
    pub fn new(model: CartModel) -> Oracle {
        Oracle {
            model,
            log: Vec::new(),
            streams: HashMap::new(),
            tried: HashMap::new(),
            commits: HashMap::new(),
            keys: HashMap::new(),
        }
    }

    pub fn end(&self) -> Position {
        self.log.last().map_or(Position(0), |event| event.position)
    }

    /// The cart as it was at `version`.
    pub fn cart(&self, stream: Uuid, version: Version) -> Option<&Cart> {
        let version = usize::try_from(version.0).expect("a version");
        match self.streams.get(&stream) {
            Some(stream) => stream.folds.get(version),
            None => (version == 0).then_some(&Cart::NotOpened),
        }
    }

    pub fn version(&self, stream: Uuid) -> Version {
        let stream = self.streams.get(&stream);
        stream.map_or(Version(0), |stream| stream.head.version)
    }

    /// Whether a commit under the attempt's key is in the log.
    pub fn has_key(&self, attempt: &Attempt) -> bool {
        let key = attempt.intent.key;
        key.is_some_and(|key| self.keys.contains_key(&(attempt.intent.cart, key)))
    }

    pub fn begins(&mut self, attempt: &Attempt) {
        let tried = Tried {
            attempt: attempt.clone(),
            from: self.version(attempt.intent.cart),
            denied: false,
        };
        self.tried.insert(attempt.command_id, tried);
    }

    /// Takes in what the log has now behind what it had before.
    pub fn sees(&mut self, new: &[RecordedEvent]) -> Checked {
        let commits =
            new.chunk_by(|one, next| one.stream == next.stream && one.metadata == next.metadata);
        for commit in commits {
            self.is_a_right_commit(commit)?;
        }
        Ok(())
    }

    fn is_a_right_commit(&mut self, events: &[RecordedEvent]) -> Checked {
        let first = &events[0];
        let metadata = CommitMetadata::of(first).map_err(|error| unreadable(&error))?;
        let command_id = metadata.command_id;
        let Some(tried) = self.tried.get(&command_id) else {
            return Err(Violation(format!(
                "a command {command_id} that was never sent"
            )));
        };
        let intent = &tried.attempt.intent;
        let command = &tried.attempt.command;
        holds!(
            !tried.denied,
            "{command:?} was written, though it was answered otherwise"
        );
        holds!(
            first.stream == intent.cart,
            "{command:?} is in another stream"
        );
        holds!(
            !self.commits.contains_key(&command_id),
            "{command:?} is in the log twice"
        );
        if let Some(key) = metadata.key {
            holds!(
                intent.key == Some(key),
                "{command:?} is there under another key"
            );
            let before = self.keys.insert((intent.cart, key), command_id);
            holds!(before.is_none(), "two commits under one key: {command:?}");
        } else {
            holds!(intent.key.is_none(), "{command:?} is there without its key");
        }
        let stream = self.streams.entry(intent.cart).or_default();
        let before = stream.folds.last().expect("a fold").clone();
        if let Some(condition) = &intent.if_match {
            let at = stream.head.version;
            holds!(
                allows(condition, at),
                "{command:?} was decided at {at}, against its If-Match"
            );
        }
        let mut written = Vec::with_capacity(events.len());
        for event in events {
            let version = stream.head.version.0 + 1;
            holds!(
                event.version.0 == version,
                "version {} behind {}",
                event.version,
                version - 1
            );
            let end = self.log.last().map_or(Position(0), |event| event.position);
            holds!(
                event.position > end,
                "position {} behind {end}",
                event.position
            );
            let hash = chained_hash(stream.head.hash, event);
            holds!(
                event.hash == hash,
                "version {version}: the chain of hashes is broken"
            );
            holds!(
                event.recorded_at >= stream.head.recorded_at,
                "version {version} was recorded before the one before it"
            );
            let mut cart = stream.folds.last().expect("a fold").clone();
            history::evolve::<CartModel>(&mut cart, event).map_err(|error| unreadable(&error))?;
            written
                .push(history::event_of::<CartEvent>(event).map_err(|error| unreadable(&error))?);
            stream.folds.push(cart);
            stream.head = Head::at(event);
            self.log.push(event.clone());
        }
        let decided = self.model.decide(&before, command);
        holds!(
            decided.as_ref() == Ok(&written),
            "{command:?} wrote {written:?}; on the cart right before it is {decided:?}"
        );
        self.commits.insert(
            command_id,
            Written {
                stream: intent.cart,
                version: stream.head.version,
                position: self.end(),
                request: metadata.request,
            },
        );
        Ok(())
    }

    /// Judges the answer to the attempt `command_id`.
    pub fn hears(&mut self, command_id: Uuid, outcome: &Outcome) -> Checked {
        let tried = &self.tried[&command_id];
        let attempt = &tried.attempt;
        let intent = &attempt.intent;
        let command = &attempt.command;
        let written = self.commits.get(&command_id);
        let by_key = intent
            .key
            .and_then(|key| self.keys.get(&(intent.cart, key)));
        let by_key = by_key.map(|command_id| &self.commits[command_id]);
        match outcome {
            Ok(handled) => {
                let what = match handled {
                    Handled { replayed: true, .. } => by_key,
                    Handled { position: None, .. } => {
                        self.was_true(tried, handled.version, |cart| {
                            self.model.decide(cart, command) == Ok(Vec::new())
                        })?;
                        holds!(
                            written.is_none(),
                            "{command:?} had nothing to do, and wrote"
                        );
                        None
                    }
                    Handled { .. } => {
                        holds!(
                            written.is_some(),
                            "{command:?} was acknowledged, and is not there"
                        );
                        written
                    }
                };
                holds!(
                    !handled.replayed || what.is_some(),
                    "{command:?}: a replay of nothing"
                );
                if let Some(what) = what {
                    holds!(
                        what.version == handled.version && Some(what.position) == handled.position,
                        "{command:?} was answered at {} ({:?}), and is at {what:?}",
                        handled.version,
                        handled.position
                    );
                    holds!(
                        what.stream == intent.cart,
                        "{command:?}: another stream's answer"
                    );
                    holds!(
                        !handled.replayed || what.request == Some(attempt.request()),
                        "{command:?} got the answer to another request"
                    );
                }
                holds!(
                    self.cart(intent.cart, handled.version) == Some(&*handled.state),
                    "{command:?}: the answer is not the cart at version {}",
                    handled.version
                );
                return Ok(());
            }
            Err(CommandError::Unknown(_)) => return Ok(()),
            Err(CommandError::KeyReused) => {
                let other = by_key.is_some_and(|by_key| by_key.request != Some(attempt.request()));
                holds!(other, "{command:?}: no other request came under its key");
            }
            Err(CommandError::Refused(refusal)) => {
                self.was_true_at_some_version(tried, |cart| {
                    self.model.decide(cart, command).as_ref() == Err(refusal)
                })?;
            }
            Err(CommandError::VersionMismatch { current }) => {
                self.was_true(tried, *current, |_| true)?;
                let condition = intent.if_match.as_ref();
                holds!(
                    condition.is_some_and(|condition| !allows(condition, *current)),
                    "{command:?} was refused at a version that it allows"
                );
            }
            Err(CommandError::NotFound) => {
                self.was_true_at_some_version(tried, |cart| !intent.may(cart))?;
            }
            Err(
                CommandError::History(_) | CommandError::NotWritten(_) | CommandError::Overloaded,
            ) => {}
        }
        holds!(
            written.is_none(),
            "{command:?} was written, and answered with {outcome:?}"
        );
        self.tried.get_mut(&command_id).expect("an attempt").denied = true;
        Ok(())
    }

    /// A state that was read between two moments was the stream's at one of them or between.
    pub fn reads(&self, stream: Uuid, from: Version, read: &Cart, version: Version) -> Checked {
        holds!(
            version >= from,
            "a read gave version {version} after version {from}"
        );
        holds!(
            self.cart(stream, version) == Some(read),
            "a read gave something else than the cart at version {version}"
        );
        Ok(())
    }

    fn was_true(&self, tried: &Tried, at: Version, judge: impl Fn(&Cart) -> bool) -> Checked {
        let Attempt {
            intent, command, ..
        } = &tried.attempt;
        holds!(
            at >= tried.from,
            "{command:?} was judged at {at}, after version {}",
            tried.from
        );
        let cart = self.cart(intent.cart, at);
        holds!(
            cart.is_some_and(judge),
            "{command:?}: the answer is wrong at version {at}"
        );
        Ok(())
    }

    fn was_true_at_some_version(&self, tried: &Tried, judge: impl Fn(&Cart) -> bool) -> Checked {
        let Attempt {
            intent, command, ..
        } = &tried.attempt;
        let now = self.version(intent.cart);
        let some = (tried.from.0..=now.0).any(|version| {
            let cart = self.cart(intent.cart, Version(version));
            cart.is_some_and(&judge)
        });
        holds!(
            some,
            "{command:?}: the answer is wrong at versions {} to {now}",
            tried.from
        );
        Ok(())
    }
}

/// A key whose commit was in the log before the attempt began gets that commit's answer, and
/// no other but that something failed.
pub fn is_right_for_a_settled_key(attempt: &Attempt, outcome: &Outcome) -> Checked {
    let right = match outcome {
        Ok(handled) => handled.replayed,
        Err(CommandError::Refused(_) | CommandError::VersionMismatch { .. }) => false,
        Err(CommandError::NotFound) => !attempt.intent.honest,
        Err(_) => true,
    };
    holds!(
        right,
        "{:?} was in the log by its key, and got {outcome:?}",
        attempt.command
    );
    Ok(())
}

fn allows(condition: &Condition, version: Version) -> bool {
    match condition {
        Condition::Any => true,
        Condition::OneOf(versions) => versions.contains(&version),
    }
}

fn unreadable(error: &history::HistoryError) -> Violation {
    Violation(format!("the log cannot be read: {error}"))
}
