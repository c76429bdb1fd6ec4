//! A disk whose power can be cut: what was never synced is gone.
//!
//! It is a small ext4 file system of its own, and its shutdown (`EXT4_IOC_SHUTDOWN` without a flush
//! of its journal) is the cut: nothing reaches the disk any more, and mounted again it holds what
//! it held then. It needs root; `tests/all` skips the tests of power cuts where this is not
//! possible.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The size of the file system, most of which takes no space on the machine's own disk.
const BYTES: u64 = 256 << 20;

/// A file system of its own in a file, until it is dropped.
pub struct Disk {
    image: PathBuf,
    /// Where it is mounted.
    pub folder: PathBuf,
}

impl Disk {
    /// Creates and mounts it below `folder`. Panics with the reason if this machine cannot.
    pub fn make(folder: &Path) -> Disk {
        Disk::try_make(folder)
            .unwrap_or_else(|reason| panic!("the power cannot be cut on this machine: {reason}"))
    }

    fn try_make(folder: &Path) -> Result<Disk, String> {
        let disk = Disk {
            image: folder.join("disk.img"),
            folder: folder.join("disk"),
        };
        let image = File::create(&disk.image).and_then(|image| image.set_len(BYTES));
        image.map_err(|error| error.to_string())?;
        std::fs::create_dir(&disk.folder).map_err(|error| error.to_string())?;
        run(Command::new("mkfs.ext4").arg("-qF").arg(&disk.image))?;
        disk.mount()?;
        // An open file of the file system, for the ioctl.
        std::fs::write(disk.handle(), "").map_err(|error| error.to_string())?;
        disk.try_cut()?;
        disk.try_power_on()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount")
            .args(["-o", "loop"])
            .args([&self.image, &self.folder]))
    }

    fn handle(&self) -> PathBuf {
        self.folder.join("handle")
    }

    /// From here on nothing is written, the journal of the file system included.
    pub fn cut(&self) {
        self.try_cut().expect("the power is cut");
    }

    fn try_cut(&self) -> Result<(), String> {
        // EXT4_IOC_SHUTDOWN is _IOR('X', 125, __u32), EXT4_GOING_FLAGS_NOLOGFLUSH is 2. In Perl,
        // which every Debian machine has, because this crate forbids unsafe code.
        let shut_down = r#"open(my $file, "<", $ARGV[0]) or die "$!\n";
            my $how = pack("I", 2);
            ioctl($file, 0x8004587d, $how) or die "EXT4_IOC_SHUTDOWN: $!\n";"#;
        run(Command::new("perl")
            .args(["-e", shut_down])
            .arg(self.handle()))
    }

    /// Mounts it again, unchanged. No process may have a file of it open.
    pub fn power_on(&self) {
        self.try_power_on().expect("the power is back");
    }

    fn try_power_on(&self) -> Result<(), String> {
        run(Command::new("umount").arg(&self.folder))?;
        self.mount()?;
        std::fs::write(self.handle(), "").map_err(|error| error.to_string())?;
        run(Command::new("sync").arg("-f").arg(&self.folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}", stderr.trim()))
}
