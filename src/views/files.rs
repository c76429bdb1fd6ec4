//! The files of the views and how a rebuild replaces them.
//!
//! The configured path leads to the generation that serves: it is that file or, after a rebuild, a
//! symbolic link to it. A new generation is a file beside it (`views.db.2`), and a link to it is
//! renamed over the path, which is atomic. The file itself must keep its name: SQLite finds a
//! write-ahead log by the name of its database.

use crate::file_lock::locked_files;
use crate::files::{
    COMPANIONS, beside, folder_of, is_same_file, remove, remove_companions, remove_database,
    sync_folder_of,
};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How every SQLite database begins (SQLite, "Database File Format", 1.3.1).
const MAGIC: &[u8] = b"SQLite format 3\0";

/// The suffix of a link that is about to be renamed.
const LINK: &str = ".link";

/// The path that generations are beside: the target of `path` through links, other than the link
/// to the generation that serves. So views have one lock under all of their names.
pub fn locate(path: &Path) -> PathBuf {
    let mut located = path.to_owned();
    // Linux follows as many.
    for _ in 0..40 {
        let Ok(target) = std::fs::read_link(&located) else {
            break;
        };
        let name = target.file_name().unwrap_or_default();
        if target == Path::new(name) && generation_number(&located, name).is_some() {
            break;
        }
        located = folder_of(&located).join(target);
    }
    located
}

/// The path of a new generation, beside all others.
pub(super) fn next_generation(path: &Path) -> io::Result<PathBuf> {
    let highest = generations(path)?.into_iter().map(|(number, _)| number);
    Ok(beside(
        path,
        &format!(".{}", highest.max().unwrap_or(1).saturating_add(1)),
    ))
}

/// Makes `path` lead to `generation`, a complete file beside it, atomically. The old file stays for
/// readers that have it open, until [`sweep`].
pub(super) fn switch(path: &Path, generation: &Path) -> io::Result<()> {
    let link = beside(path, LINK);
    remove(&link)?;
    let target = generation.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    std::os::unix::fs::symlink(target, &link)?;
    std::fs::rename(&link, path)?;
    sync_folder_of(path)
}

/// Renames the file at `path` if it does not begin as a database, and returns its new name. It may
/// belong to another program: damaged views seldom differ in their first bytes.
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

/// Removes every generation but the one that serves, such as after a crash during a rebuild.
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
    remove(&beside(path, LINK))
}

/// Whether `target` is a file of the views at `path`, or would be taken for one.
pub fn owns(path: &Path, target: &Path) -> bool {
    let path = &locate(path);
    let mut own = locked_files(path).chain([beside(path, LINK)]);
    let generation = generation_number(path, target.file_name().unwrap_or_default());
    own.any(|own| is_same_file(&own, target))
        || generation.is_some_and(|_| is_same_file(folder_of(path), folder_of(target)))
}

/// The generations that have a file or a companion of one, with their numbers.
fn generations(path: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder_of(path))? {
        if let Some(number) = generation_number(path, &entry?.file_name()) {
            found.push((number, beside(path, &format!(".{number}"))));
        }
    }
    Ok(found)
}

/// The number of the generation of the views at `path` that `name`, a file beside it, belongs to.
fn generation_number(path: &Path, name: &OsStr) -> Option<u32> {
    let name = name.to_string_lossy();
    let rest = name.strip_prefix(&*path.file_name()?.to_string_lossy())?;
    let rest = rest.strip_prefix('.')?;
    let companion = COMPANIONS.iter().find_map(|end| rest.strip_suffix(end));
    companion.unwrap_or(rest).parse().ok()
}
