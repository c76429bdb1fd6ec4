//! Operations on files that several modules share.

use rustix::fs::OFlags;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// The file beside `path` whose name has `suffix` at its end.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The identity of a file, which a path may stop leading to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The identity and length of the file at `path`, and nothing else: reading a file's
    /// modification time makes its next sync on ext4 slower by half, because Linux then gives the
    /// next write an exact time (multigrain timestamps, since 6.13), which must reach the disk too.
    #[cfg(target_os = "linux")]
    pub fn and_length_at(path: &Path) -> io::Result<(Identity, u64)> {
        use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};
        let fields = StatxFlags::INO | StatxFlags::SIZE;
        let found = statx(CWD, path, AtFlags::empty(), fields)?;
        let identity = Identity {
            device: makedev(found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
        };
        Ok((identity, found.stx_size))
    }

    #[cfg(not(target_os = "linux"))]
    pub fn and_length_at(path: &Path) -> io::Result<(Identity, u64)> {
        let found = path.metadata()?;
        let identity = Identity {
            device: found.dev(),
            inode: found.ino(),
        };
        Ok((identity, found.len()))
    }
}

/// The folder that `file` is in.
pub fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

/// The first line of the file at `path`, which has a secret such as a "password": `what` names it.
/// The error is one line.
pub fn read_first_line(path: &Path, what: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read the {what} file {}: {error}", path.display()))?;
    let secret = text.lines().next().unwrap_or_default();
    if secret.is_empty() {
        return Err(format!(
            "the {what} file {} must have the {what} in its first line",
            path.display()
        ));
    }
    Ok(secret.to_owned())
}

/// No key and no checkpoint is longer, in bytes.
const SMALL: u64 = 64 * 1024;

/// The text of a small file at `path`; `None` if there is none.
pub fn read_small(path: &Path) -> io::Result<Option<String>> {
    let mut text = String::new();
    let read = open_regular(path, OpenOptions::new().read(true))
        .and_then(|file| file.take(SMALL).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes `text` to `path` by a partial file of some `kind`: a crash leaves the old file or the new
/// one. Once this returns `Ok`, it is the new one.
pub fn replace(path: &Path, kind: &str, text: &str) -> io::Result<()> {
    let mut partial = Partial::beside(path, kind)?;
    partial.file().write_all(text.as_bytes())?;
    partial.replace(path)
}

/// Removes `file` if it exists.
pub fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Creates the folder of `file` unless it exists, for this user alone.
pub fn create_folder_of(file: &Path) -> io::Result<()> {
    let mut folder = DirBuilder::new();
    folder.recursive(true).mode(0o700).create(folder_of(file))
}

/// Takes the access to a database and its companions from other users. Earlier versions left them
/// readable by all. SQLite gives new companions the permissions of the database.
pub fn make_private(database: &Path) {
    let companions = COMPANIONS.map(|suffix| beside(database, suffix));
    for file in std::iter::once(database.to_owned()).chain(companions) {
        let Ok(found) = file.metadata() else { continue };
        let (mode, private) = (found.mode(), found.mode() & !0o077);
        if mode == private {
            continue;
        }
        let private = Permissions::from_mode(private);
        if let Err(error) = std::fs::set_permissions(&file, private) {
            let file = file.display();
            tracing::warn!(%error, %file, "cannot take the access to the file from other users");
        }
    }
}

/// The file that `path` leads to through links, which need not exist. SQLite keeps a write-ahead
/// log beside that file, and so must be everything else that belongs to it.
pub fn follow_links(path: &Path) -> PathBuf {
    let mut file = path.to_owned();
    // Linux follows as many.
    for _ in 0..40 {
        match std::fs::read_link(&file) {
            Ok(target) => file = folder_of(&file).join(target),
            Err(_) => break,
        }
    }
    file
}

/// Whether both paths lead to one file, or would if it existed.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| Some(Identity::and_length_at(path).ok()?.0);
    let place = |path: &Path| Some((identity(folder_of(path))?, path.file_name()?.to_owned()));
    identity(one).is_some_and(|found| identity(other) == Some(found))
        || place(one).is_some_and(|found| place(other) == Some(found))
}

/// Opens a regular file. Does not follow a link at the end of `path`, and does not wait for the
/// other end of a FIFO.
pub fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = options.custom_flags(flags.bits().cast_signed()).open(path);
    let is_regular = match &opened {
        Ok(file) => file.metadata()?.is_file(),
        // Such as the write end of a FIFO that no process reads.
        Err(_) => path
            .symlink_metadata()
            .map_or(true, |found| found.is_file()),
    };
    if is_regular {
        opened
    } else {
        Err(irregular(path))
    }
}

/// Fails if `path` leads to something else than a regular file. SQLite would wait for the other end
/// of a FIFO.
pub fn refuse_irregular(path: &Path) -> io::Result<()> {
    match path.metadata() {
        Ok(found) if !found.is_file() => Err(irregular(path)),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn irregular(path: &Path) -> io::Error {
    let reason = format!("{} is not a regular file", path.display());
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

/// Syncs the folder of `file`, so that a file created, renamed or removed in it stays so.
pub fn sync_folder_of(file: &Path) -> io::Result<()> {
    File::open(folder_of(file))?.sync_all()
}

/// The suffixes of the files that SQLite creates beside a database.
pub const COMPANIONS: [&str; 3] = ["-journal", "-wal", "-shm"];

/// Removes a database and its companion files.
pub fn remove_database(path: &Path) -> io::Result<()> {
    remove(path)?;
    remove_companions(path)
}

/// Removes the companion files of the database at `path`.
pub fn remove_companions(path: &Path) -> io::Result<()> {
    COMPANIONS
        .iter()
        .try_for_each(|suffix| remove(&beside(path, suffix)))
}

/// The suffix of files that are not complete yet.
const PARTIAL: &str = ".partial";

fn prefix(kind: &str) -> String {
    format!("cartlog-{kind}-")
}

/// A file that is being written under a temporary name and renamed once complete. It is locked
/// meanwhile, which distinguishes it from those that killed processes have left.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: TempPath,
}

impl Partial {
    /// Creates a file of some `kind` beside `target`, and removes leftovers of that kind. A
    /// leftover that cannot be removed is no error.
    pub fn beside(target: &Path, kind: &str) -> io::Result<Partial> {
        Partial::remove_leftovers(target, kind)?;
        loop {
            let made = tempfile::Builder::new()
                .prefix(&prefix(kind))
                .suffix(PARTIAL)
                .tempfile_in(folder_of(target))?;
            let (file, path) = made.into_parts();
            file.lock()?;
            // Between creation and lock another process may have removed it as a leftover.
            if file.metadata()?.nlink() > 0 {
                return Ok(Partial { file, path });
            }
        }
    }

    /// Removes the partial files of some `kind` beside `target` that killed processes have left.
    /// One that cannot be removed is no error.
    pub fn remove_leftovers(target: &Path, kind: &str) -> io::Result<()> {
        let (folder, prefix) = (folder_of(target), prefix(kind));
        for entry in std::fs::read_dir(folder)? {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            let Some((left, _)) = name
                .split_once(PARTIAL)
                .filter(|_| name.starts_with(&prefix))
            else {
                continue;
            };
            let left = folder.join(format!("{left}{PARTIAL}"));
            if let Err(error) = remove_left(&left) {
                let file = left.display();
                tracing::warn!(%error, %file, "cannot remove the leftover of a killed process");
            }
        }
        Ok(())
    }

    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file's name: it is gone once it is closed.
    pub fn into_unnamed(self) -> io::Result<File> {
        self.path.close()?;
        Ok(self.file)
    }

    /// Syncs the file and renames it to `target`, replacing a file there.
    pub fn replace(self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        self.path.persist(target).map_err(|refused| refused.error)?;
        sync_folder_of(target)
    }

    /// Syncs the file and renames it to `target`, which must not exist.
    pub fn place(self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        let placed = self.path.persist_noclobber(target);
        placed.map_err(|refused| refused.error)?;
        sync_folder_of(target)
    }
}

/// Removes a partial file and its companions, unless a process is writing it.
fn remove_left(path: &Path) -> io::Result<()> {
    let lock = match open_regular(path, OpenOptions::new().read(true)) {
        Ok(file) if file.metadata()?.uid() != rustix::process::geteuid().as_raw() => {
            return Err(io::Error::other("it belongs to another user"));
        }
        Ok(file) => match file.try_lock() {
            Ok(()) => Some(file),
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let removed = remove_database(path);
    drop(lock);
    removed
}
