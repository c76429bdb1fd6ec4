//! Which file the views are in.
//!
//! The configured path always leads to the generation that serves: it is that file, or, once the
//! views have been rebuilt, a symbolic link to it. A new generation is a file of its own beside it
//! (`views.db.2`), and to switch is to rename a link over the path, which happens at once or not at
//! all. Renaming the file itself would not do: SQLite finds a database's write-ahead log by the
//! database's name, so the new tables would be read with what the old ones have in theirs.

use crate::files::{
    COMPANIONS, beside, folder_of, remove, remove_companions, remove_database, sync_folder_of,
};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How every SQLite database begins (SQLite, "Database File Format", 1.3.1).
const MAGIC: &[u8] = b"SQLite format 3\0";

/// A file for a new generation beside those that there are.
pub(super) fn next_generation(path: &Path) -> io::Result<PathBuf> {
    let highest = generations(path)?.into_iter().map(|(number, _)| number);
    Ok(beside(
        path,
        &format!(".{}", highest.max().unwrap_or(1).saturating_add(1)),
    ))
}

/// Lets `path` lead to `generation`, a complete file beside it. A crash leaves it leading to the one
/// or to the other. What it led to before stays there for those who have it open, until [`sweep`].
pub(super) fn switch(path: &Path, generation: &Path) -> io::Result<()> {
    let link = beside(path, ".link");
    remove(&link)?;
    let target = generation.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    std::os::unix::fs::symlink(target, &link)?;
    std::fs::rename(&link, path)?;
    sync_folder_of(path)
}

/// Gives the file at `path` a name of its own beside it where it does not begin as a database, and
/// says which. Who knows whose it is: views that are damaged seldom are so from the first byte.
pub(super) fn set_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    let is_file = std::fs::symlink_metadata(path).is_ok_and(|it| it.is_file());
    let mut begins = Vec::with_capacity(MAGIC.len());
    let read =
        File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut begins));
    if !is_file || read.is_err() || MAGIC.starts_with(&begins) {
        return Ok(None);
    }
    let names = (1..).map(|number: u32| beside(path, &format!(".aside-{number}")));
    let mut free = names.filter(|name| std::fs::symlink_metadata(name).is_err());
    let aside = free.next().ok_or(io::ErrorKind::AlreadyExists)?;
    std::fs::rename(path, &aside)?;
    Ok(Some(aside))
}

/// Removes every generation but the one that serves: what a switch or a killed rebuild has left.
pub(super) fn sweep(path: &Path) -> io::Result<()> {
    let serving = std::fs::read_link(path)
        .ok()
        .and_then(|target| target.file_name().map(ToOwned::to_owned));
    for (_, generation) in generations(path)? {
        if generation.file_name() != serving.as_deref() {
            remove_database(&generation)?;
        }
    }
    if serving.is_some() {
        remove_companions(path)?;
    }
    remove(&beside(path, ".link"))
}

/// The generations that have a file of their own, with their numbers. A companion without its
/// database counts as well.
fn generations(path: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    let prefix = prefix.to_string_lossy();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder_of(path))? {
        let name = entry?.file_name();
        let number = name.to_string_lossy().strip_prefix(&*prefix).map(|rest| {
            let companion = COMPANIONS.iter().find_map(|end| rest.strip_suffix(end));
            companion.unwrap_or(rest).parse()
        });
        if let Some(Ok(number)) = number {
            found.push((number, beside(path, &format!(".{number}"))));
        }
    }
    Ok(found)
}
