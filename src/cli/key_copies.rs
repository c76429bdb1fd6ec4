//! Copies of the files that a restored log needs beside it: the secret, the signing key and the
//! checkpoint that it signed last.

use super::progress::print_note;
use crate::config::Config;
use crate::files::{Partial, refuse_irregular, sync_folder_of};
use crate::proof::{checkpoint_path, last_signed};
use crate::secret::SecretSource;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The names of the copies: those of the default settings, so that a restore copies them as they
/// are.
const SECRET: &str = "secret";
const KEY: &str = "proof.key";

/// No secret, key or checkpoint is longer, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The files in memory, and the folder that gets them.
pub struct KeyCopies {
    folder: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl KeyCopies {
    /// Reads the files of `config` for `folder`, which must not exist. Fails without a secret: no
    /// service would start on the backup.
    pub fn read(config: &Config, folder: &Path) -> Result<KeyCopies, String> {
        if folder.symlink_metadata().is_ok() {
            return Err(format!(
                "{}: it exists already; name another folder",
                folder.display()
            ));
        }
        let mut files = Vec::new();
        match config.security.secret_source() {
            SecretSource::Setting(_) => print_note(format_args!(
                "the secret in security.secret is not copied: keep it in another place"
            )),
            SecretSource::File(path) => {
                files.push((folder.join(SECRET), read(&path)?));
            }
        }
        let key = &config.proof.key_path;
        if key.exists() {
            let copy = folder.join(KEY);
            files.push((checkpoint_path(&copy), read(&checkpoint_path(key))?));
            files.push((copy, read(key)?));
        } else {
            print_note(format_args!(
                "there is no signing key {} to copy: nothing has been signed with it",
                key.display()
            ));
        }
        Ok(KeyCopies {
            folder: folder.to_owned(),
            files,
        })
    }

    /// Creates the folder with the copies, for this user alone, and checks that key and checkpoint
    /// belong together.
    pub fn write(&self) -> Result<(), String> {
        let written = self.write_files();
        written.map_err(|error| {
            format!(
                "the log is backed up, but not its keys: cannot write to {}: {error}",
                self.folder.display()
            )
        })?;
        last_signed(&self.folder.join(KEY)).map_err(|error| error.to_string())?;
        let names: Vec<_> = self
            .files
            .iter()
            .filter_map(|(path, _)| path.file_name())
            .map(|name| name.to_string_lossy())
            .collect();
        print_note(format_args!(
            "copied {} to {}: who has them and the backup can act as the shop, so keep them apart \
             or encrypted",
            names.join(", "),
            self.folder.display()
        ));
        Ok(())
    }

    fn write_files(&self) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(&self.folder)?;
        for (path, content) in &self.files {
            let mut file = Partial::beside(path, "key")?;
            file.file().write_all(content)?;
            file.place(path)?;
        }
        sync_folder_of(&self.folder)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    refuse_irregular(path)
        .and_then(|()| File::open(path))
        .and_then(|file| file.take(LONGEST).read_to_end(&mut content))
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(content)
}
