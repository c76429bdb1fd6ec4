//! Optional settings: an empty text means that there is none.

use std::path::Path;

pub(super) fn non_empty(path: &Path) -> Option<&Path> {
    (!path.as_os_str().is_empty()).then_some(path)
}
