//! The frame of every test: a service and a browser of its own, and a look at what went wrong.

use crate::browser::Browser;
use crate::service::Service;
use futures_util::FutureExt;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};

/// What the tests leave behind, beside what cargo does.
pub const LEFT_BEHIND: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/browser");

/// Runs `test` with a service with the default settings.
pub async fn drive(test: impl AsyncFnOnce(&Browser, &mut Service)) {
    drive_with(Service::start(), test).await;
}

/// Runs `test` with `service` and a fresh browser. In the end the browser's console has to be
/// clean; where the test failed, a picture of what it looked at last stays in `target/browser/`.
pub async fn drive_with(mut service: Service, test: impl AsyncFnOnce(&Browser, &mut Service)) {
    let browser = Browser::start(service.origin()).await;
    let outcome = AssertUnwindSafe(test(&browser, &mut service))
        .catch_unwind()
        .await;
    match outcome {
        Ok(()) => browser.finish().await,
        Err(panic) => {
            let path = picture_of_failure();
            match browser.picture().await {
                Ok(picture) => {
                    std::fs::write(&path, picture).expect("the picture can be written");
                    eprintln!("what the browser showed last: {}", path.display());
                }
                Err(error) => eprintln!("there is no picture of it: {error}"),
            }
            resume_unwind(panic);
        }
    }
}

fn picture_of_failure() -> PathBuf {
    std::fs::create_dir_all(LEFT_BEHIND).expect("a folder for pictures");
    let test = std::thread::current()
        .name()
        .unwrap_or("test")
        .replace("::", "-");
    Path::new(LEFT_BEHIND).join(format!("{test}.png"))
}
