//! What is asked of files in more than one place.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// The file beside `path` whose name has `suffix` at its end.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Which file a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Asks for nothing else than which file it is and how many bytes it has. Whoever asks for the
    /// time of a file's last change makes the next sync of it dearer, by half on ext4: Linux then
    /// gives the next write an exact time of its own (multigrain timestamps, since 6.13), which has
    /// to reach the disk too.
    #[cfg(target_os = "linux")]
    pub fn and_length_of(path: &Path) -> io::Result<(Identity, u64)> {
        use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};
        let asked = StatxFlags::INO | StatxFlags::SIZE;
        let found = statx(CWD, path, AtFlags::empty(), asked)?;
        let identity = Identity {
            device: makedev(found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
        };
        Ok((identity, found.stx_size))
    }

    #[cfg(not(target_os = "linux"))]
    pub fn and_length_of(path: &Path) -> io::Result<(Identity, u64)> {
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

/// Removes `file`, if it is there.
pub fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes sure that the folder of `file` has what was made, renamed or removed in it on the disk.
pub fn sync_folder_of(file: &Path) -> io::Result<()> {
    File::open(folder_of(file))?.sync_all()
}

/// What SQLite may keep beside a database.
pub const COMPANIONS: [&str; 3] = ["-journal", "-wal", "-shm"];

/// Removes a database and what SQLite keeps beside it.
pub fn remove_database(path: &Path) -> io::Result<()> {
    remove(path)?;
    remove_companions(path)
}

/// Removes what SQLite keeps beside the database at `path`.
pub fn remove_companions(path: &Path) -> io::Result<()> {
    COMPANIONS
        .iter()
        .try_for_each(|suffix| remove(&beside(path, suffix)))
}

/// What the names of files end with that are not whole yet.
const PARTIAL: &str = ".partial";

/// A file under way, which takes the place of another once it is whole. Until then it has a name of
/// its own in the same folder, and is locked: by that it is told from those that killed processes
/// have left, which nobody holds.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: TempPath,
}

impl Partial {
    /// Begins a file of some `kind` beside `target`, and removes those of this kind that were left
    /// there. One that cannot be removed does not stand in the way.
    pub fn beside(target: &Path, kind: &str) -> io::Result<Partial> {
        let folder = folder_of(target);
        let prefix = format!("cartlog-{kind}-");
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
                tracing::warn!(%error, file = %left.display(), "what a killed process has left stays there");
            }
        }
        loop {
            let made = tempfile::Builder::new()
                .prefix(&prefix)
                .suffix(PARTIAL)
                .tempfile_in(folder)?;
            let (file, path) = made.into_parts();
            file.lock()?;
            // Whoever looked between the two took it for one that was left.
            if file.metadata()?.nlink() > 0 {
                return Ok(Partial { file, path });
            }
        }
    }

    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the place of `target`, whether there is something or not, once all of it is on the disk.
    pub fn replace(self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        self.path.persist(target).map_err(|refused| refused.error)?;
        sync_folder_of(target)
    }

    /// Becomes `target`, where there must be nothing, once all of it is on the disk.
    pub fn place(self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        let placed = self.path.persist_noclobber(target);
        placed.map_err(|refused| refused.error)?;
        sync_folder_of(target)
    }
}

/// Removes a file that is not whole, with what is beside it, unless somebody is at work on it.
fn remove_left(path: &Path) -> io::Result<()> {
    let held = match File::open(path) {
        Ok(file) => match file.try_lock() {
            Ok(()) => Some(file),
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let removed = remove_database(path);
    drop(held);
    removed
}
