//! The metric of the disk space that is left for the service's files.

use crate::files::{folder_of, follow_links};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts};
use rustix::fs::statvfs;
use std::path::{Path, PathBuf};

/// Reads the free space of the file systems whenever the metrics are collected.
pub struct DiskSpace {
    /// The label and the path of each file.
    files: Vec<(&'static str, PathBuf)>,
    free: IntGaugeVec,
}

impl DiskSpace {
    /// The space for each of `files`, a label and a path.
    pub fn of(files: Vec<(&'static str, PathBuf)>) -> prometheus::Result<DiskSpace> {
        let free = IntGaugeVec::new(
            Opts::new(
                "cartlog_disk_free_bytes",
                "What the service can still write to the file system of each file.",
            ),
            &["file"],
        )?;
        Ok(DiskSpace { files, free })
    }
}

impl Collector for DiskSpace {
    fn desc(&self) -> Vec<&Desc> {
        self.free.desc()
    }

    /// Without a sample where it cannot be read: no figure is better than a wrong one.
    fn collect(&self) -> Vec<MetricFamily> {
        self.free.reset();
        for (label, path) in &self.files {
            if let Some(bytes) = free_bytes(path) {
                let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
                self.free.with_label_values(&[*label]).set(bytes);
            }
        }
        self.free.collect()
    }
}

/// What this user can write to the file system of `file`, which need not exist; `None` if it cannot
/// be read.
pub fn free_bytes(file: &Path) -> Option<u64> {
    let found = statvfs(folder_of(&follow_links(file))).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}
