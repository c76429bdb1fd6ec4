//! The pictures of the README, taken by every run. With `CARTLOG_PICTURES=docs` they are
//! written there; else they stay in `target/browser/`.

use crate::browser::Browser;
use crate::stage::{LEFT_BEHIND, drive};
use crate::webdriver::key;
use std::path::PathBuf;

/// No picture is larger: they are in the repository.
const MOST_BYTES: usize = 200_000;

#[tokio::test]
#[ignore = "drives Chromium, which tests/all installs"]
async fn readme_pictures_of_every_page() {
    drive(async |browser, service| {
        browser
            .prefer(&[
                ("prefers-reduced-motion", "reduce"),
                ("prefers-color-scheme", "light"),
            ])
            .await;
        browser.open("/").await;
        for (count, product) in [("1", "teapot"), ("2", "sencha"), ("3", "stoneware-mug")] {
            browser.click(&format!("add-{product}")).await;
            browser.says("cart-count", count).await;
        }
        browser.click("cart-button").await;
        browser.click("more-teapot").await;
        browser.says("total", "€68.28").await;
        browser.write("promotion-code", "TEA10").await;
        browser.press(key::ENTER).await;
        browser.says("total", "€61.45").await;
        browser.keep_picture("shop").await;
        browser.click("more-teapot").await;
        browser.says("quantity-teapot", "3").await;
        browser.says("total", "€79.44").await;
        browser.click("less-teapot").await;
        browser.says("total", "€61.45").await;
        browser.click("why-link").await;
        browser.click("number-total").await;
        browser.sees("ledger").await;
        browser.mentions("indicator-fold", "View matches").await;
        browser.keep_picture("history").await;
        service.simulate(200, 11);
        browser.open("/insights").await;
        browser.sees("insights").await;
        browser.keep_picture("insights").await;
        browser.open("/operations").await;
        browser
            .mentions("indicator-views", "All views up to date")
            .await;
        browser.keep_picture("operations").await;
    })
    .await;
}

impl Browser {
    async fn keep_picture(&self, name: &str) {
        self.rests().await;
        let picture = self.picture().await.expect("a picture");
        let size = picture.len();
        assert!(size < MOST_BYTES, "{name} has {size} bytes");
        let folder = std::env::var_os("CARTLOG_PICTURES").map_or_else(
            || PathBuf::from(LEFT_BEHIND),
            |folder| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder),
        );
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        let path = folder.join(format!("{name}.png"));
        std::fs::write(path, picture).expect("the picture can be written");
    }
}
