//! The files of `static/`, embedded at build time, stripped and compressed.
//!
//! A file is compressed on its first request and then cached: at build time it would slow every
//! build. Brotli and stripping stay because a cold load of `/` has 44,288 bytes with both, 51,425
//! without brotli (+16 %), 49,509 without stripping (+12 %) and 57,884 without either (+31 %).

use actix_web::web::Bytes;
use brotlic::{BrotliEncoderOptions, CompressorWriter, Quality, WindowSize};
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Write;
use std::sync::{LazyLock, OnceLock};

#[derive(RustEmbed)]
#[folder = "static/"]
struct Static;

/// The files by their paths under `static/`.
static ASSETS: LazyLock<HashMap<String, Asset>> = LazyLock::new(|| {
    Static::iter()
        .filter_map(|path| Some((path.to_string(), Asset::of(&path)?)))
        .collect()
});

/// Brotli's quality for a page that is made for one request, of 11.
const QUICK: u8 = 4;

/// Brotli's window as a power of two: larger than any file, and quick to set up.
const WINDOW_BITS: u8 = 16;

/// Above this size the best quality would take a second, and hold up other requests.
const LARGE: usize = 200_000;

/// Brotli's quality for a large page, of 11.
const GOOD: u8 = 9;

/// A content coding (RFC 9110, 8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Identity,
    Gzip,
    Brotli,
}

/// A static or generated file.
pub struct Asset {
    /// With the charset.
    pub media_type: String,
    /// False for formats that are compressed already.
    pub compressible: bool,
    tag: String,
    whole: Bytes,
    quality: Quality,
    gzip: OnceLock<Bytes>,
    brotli: OnceLock<Bytes>,
}

impl Asset {
    pub fn at(path: &str) -> Option<&'static Asset> {
        ASSETS.get(path)
    }

    fn of(path: &str) -> Option<Asset> {
        let file = Static::get(path)?;
        let kind = file.metadata.mimetype();
        let text = kind.starts_with("text/") || kind == "image/svg+xml";
        let whole = match path.rsplit_once('.') {
            Some((_, "js")) => strip(&file.data, &["//"]),
            Some((_, "css")) => tighten(&strip(composed(&file.data).as_bytes(), &[])),
            Some((_, "html")) => page(&file.data).into(),
            Some(_) | None => Bytes::from(file.data.into_owned()),
        };
        let media_type = if kind.starts_with("text/") {
            format!("{kind}; charset=utf-8")
        } else {
            kind.to_owned()
        };
        Some(Asset::new(media_type, text, whole, Quality::best()))
    }

    /// A generated file, which does not change while the program runs.
    pub fn made(media_type: &str, text: String) -> Asset {
        let quality = match text.len() {
            ..=LARGE => Quality::best(),
            _ => Quality::new(GOOD).expect("the quality must be valid"),
        };
        Asset::new(media_type.to_owned(), true, text.into(), quality)
    }

    /// A page that is made for one request: compressed in a tenth of the time, and to some per cent
    /// more bytes.
    pub fn of_request(text: String) -> Asset {
        let quality = Quality::new(QUICK).expect("the quality must be valid");
        let media_type = "text/html; charset=utf-8".to_owned();
        Asset::new(media_type, true, text.into(), quality)
    }

    /// The text of a page, with its placeholders.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.whole).expect("pages are UTF-8")
    }

    fn new(media_type: String, compressible: bool, whole: Bytes, quality: Quality) -> Asset {
        Asset {
            media_type,
            compressible,
            tag: hex::encode(&Sha256::digest(&whole)[..8]),
            whole,
            quality,
            gzip: OnceLock::new(),
            brotli: OnceLock::new(),
        }
    }

    /// The strong entity tag without quotes. Each coding has its own because their bytes differ.
    pub fn tag(&self, coding: Coding) -> String {
        match coding {
            Coding::Identity => self.tag.clone(),
            Coding::Gzip => format!("{}-gzip", self.tag),
            Coding::Brotli => format!("{}-br", self.tag),
        }
    }

    pub fn body(&self, coding: Coding) -> Bytes {
        match coding {
            Coding::Identity => self.whole.clone(),
            Coding::Gzip => self.gzip.get_or_init(|| gzip(&self.whole)).clone(),
            Coding::Brotli => {
                let coded = || brotli(&self.whole, self.quality);
                self.brotli.get_or_init(coded).clone()
            }
        }
    }
}

fn gzip(whole: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(whole)
        .and_then(|()| encoder.finish())
        .expect("writing to a vector cannot fail")
        .into()
}

fn brotli(whole: &[u8], quality: Quality) -> Bytes {
    let encoder = BrotliEncoderOptions::new()
        .quality(quality)
        .window_size(WindowSize::new(WINDOW_BITS).expect("the window size must be valid"))
        .size_hint(u32::try_from(whole.len()).unwrap_or(u32::MAX))
        .build()
        .expect("the brotli settings must be valid");
    let mut compressor = CompressorWriter::with_encoder(encoder, Vec::new());
    compressor
        .write_all(whole)
        .expect("writing to a vector cannot fail");
    compressor
        .into_inner()
        .expect("writing to a vector cannot fail")
        .into()
}

/// The page with the parts that it shares with others. `{{source}}` is a link to the source, if the
/// package says where it is.
fn page(file: &[u8]) -> String {
    let source = match env!("CARGO_PKG_REPOSITORY") {
        "" => String::new(),
        address => format!(r#"<a href="{address}">Source code</a>"#),
    };
    composed(file).replace("{{source}}", &source)
}

/// The file with others in place of their names, so that a browser loads one:
/// `{{parts/header.html}}` in a page, `@import "/css/history/cart.css";` in a style sheet.
fn composed(file: &[u8]) -> String {
    let mut rest = std::str::from_utf8(file).expect("pages and style sheets are UTF-8");
    let mut whole = String::with_capacity(2 * rest.len());
    while let Some((before, path, after)) = part(rest) {
        let file = Static::get(path).unwrap_or_else(|| panic!("no {path}"));
        whole.push_str(before);
        whole.push_str(&composed(&file.data));
        rest = after;
    }
    whole.push_str(rest);
    whole
}

/// The first path in `text` that stands for a file, and what comes before and after it.
fn part(text: &str) -> Option<(&str, &str, &str)> {
    let page = text.find("{{parts/").map(|at| (at, "{{", "}}"));
    let sheet = text
        .find("@import \"/")
        .map(|at| (at, "@import \"/", "\";"));
    let (at, opening, closing) = page.into_iter().chain(sheet).min()?;
    let (path, after) = text[at + opening.len()..].split_once(closing)?;
    Some((&text[..at], path, after))
}

/// Strips indentation, blank lines and comments at the start of lines: the types of the scripts are
/// comments, and would make up a third of what the browser loads.
fn strip(file: &[u8], line_marks: &[&str]) -> Bytes {
    let text = std::str::from_utf8(file).expect("scripts and style sheets are UTF-8");
    let mut left = String::with_capacity(text.len());
    let mut inside = false;
    for mut line in text.lines().map(str::trim_start) {
        while inside || line.starts_with("/*") {
            let Some((_, behind)) = line.split_once("*/") else {
                (inside, line) = (true, "");
                break;
            };
            // A cast has its type in a comment before the value.
            (inside, line) = (false, behind.trim_start());
        }
        if !line.is_empty() && !line_marks.iter().any(|mark| line.starts_with(mark)) {
            left.push_str(line);
            left.push('\n');
        }
    }
    left.into()
}

/// What CSS needs not, with what is left of it. No style sheet may have these in quotes.
const CSS_SLACK: [(&str, &str); 15] = [
    (": ", ":"),
    (", ", ","),
    (",\n", ","),
    (" {", "{"),
    ("{\n", "{"),
    ("{ ", "{"),
    ("; ", ";"),
    (";\n", ";"),
    (" }", "}"),
    (";}", "}"),
    ("}\n", "}"),
    (" 0.", " ."),
    (":0.", ":."),
    ("(0.", "(."),
    (",0.", ",."),
];

/// Drops spaces, line ends and zeros that CSS does not need, 4 % of its compressed size.
fn tighten(css: &[u8]) -> Bytes {
    let css = std::str::from_utf8(css).expect("style sheets are UTF-8");
    let tight = CSS_SLACK
        .iter()
        .fold(css.to_owned(), |css, (from, to)| css.replace(from, to));
    tight.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::site::reference;
    use std::collections::BTreeSet;

    #[test]
    fn indentation_and_comment_lines_are_stripped() {
        let script =
            "/** What\n * it is. */\nconst a = \"/* text */\"; // why\n\n  // Here.\n  b();\n";
        let left = strip(script.as_bytes(), &["//"]);
        assert_eq!(left, "const a = \"/* text */\"; // why\nb();\n");
        let cast = "const a = () =>\n  /** @type {B} */ (b);\n/** One. */ /* Two\n */ c();\nd();\n";
        let left = strip(cast.as_bytes(), &["//"]);
        assert_eq!(left, "const a = () =>\n(b);\nc();\nd();\n");
    }

    #[test]
    fn style_sheets_lose_what_css_does_not_need() {
        let css = b"a, b:not(.c) {\nmargin: 0 0.5rem; color: rgb(0, 0, 0);\n}\n\
            @media (width < 0.1px) { a { top: 0; } }\n";
        let tight = "a,b:not(.c){margin:0 .5rem;color:rgb(0,0,0)}@media (width < .1px){a{top:0}}";
        assert_eq!(tighten(css), tight);
        for path in Static::iter().filter(|path| path.ends_with(".css")) {
            let file = Static::get(&path).unwrap();
            let text = strip(&file.data, &[]);
            let text = std::str::from_utf8(&text).unwrap();
            for quoted in text.split('"').skip(1).step_by(2) {
                let slack = CSS_SLACK.iter().any(|(slack, _)| quoted.contains(slack));
                assert!(!slack && !text.contains('\''), "{path}: {quoted}");
            }
        }
    }

    #[test]
    fn static_files_are_safe_to_strip() {
        for path in Static::iter().filter(|path| path.ends_with(".js") || path.ends_with(".css")) {
            let file = Static::get(&path).unwrap();
            let left = strip(&file.data, &["//"]);
            let left = std::str::from_utf8(&left).unwrap();
            let exports = |text: &str| {
                let lines = text.lines();
                lines.filter(|line| line.starts_with("export ")).count()
            };
            let whole = std::str::from_utf8(&file.data).unwrap();
            assert_eq!(exports(left), exports(whole), "{path}");
            for line in left.lines() {
                assert!(line.matches('`').count() % 2 == 0, "{path}: {line}");
                assert!(!line.trim_end().ends_with("*/"), "{path}: {line}");
            }
        }
    }

    #[test]
    fn pages_preload_exactly_what_their_scripts_import() {
        let files = Static::iter().filter(|path| path.ends_with(".html"));
        let files = files.map(|path| {
            let file = Static::get(&path).unwrap();
            let page = String::from_utf8(file.data.into_owned()).unwrap();
            (path.into_owned(), page)
        });
        let generated = ("reference".to_owned(), reference::PAGE.to_owned());
        for (path, page) in files.chain([generated]) {
            let named = |before: &str| -> BTreeSet<String> {
                page.split(before)
                    .skip(1)
                    .filter_map(|rest| rest.split_once('"'))
                    .map(|(address, _)| address.to_owned())
                    .collect()
            };
            let entries = named(r#"<script type="module" src=""#);
            let mut needed = BTreeSet::new();
            for entry in &entries {
                imported(entry, &mut needed);
            }
            let ahead = named(r#"<link rel="modulepreload" href=""#);
            assert_eq!(ahead, needed, "{path}");
        }
    }

    #[test]
    fn files_are_composed_of_their_parts() {
        for path in Static::iter() {
            if let Some((_, "html" | "css")) = path.rsplit_once('.') {
                let whole = composed(&Static::get(&path).unwrap().data);
                assert!(
                    !whole.contains("{{parts/") && !whole.contains("@import"),
                    "{path}"
                );
            }
        }
        let shop = composed(&Static::get("index.html").unwrap().data);
        for once in [
            " id=\"drawer\"",
            "</header>",
            "</footer>",
            " id=\"notices\"",
        ] {
            assert_eq!(shop.matches(once).count(), 1, "{once}");
        }
    }

    /// Adds the module at `address` and its transitive imports.
    fn imported(address: &str, found: &mut BTreeSet<String>) {
        if !found.insert(address.to_owned()) {
            return;
        }
        let file = Static::get(&address[1..]).unwrap_or_else(|| panic!("no {address}"));
        let text = std::str::from_utf8(&file.data).unwrap();
        let (folder, _) = address.rsplit_once('/').unwrap();
        for import in format!("\n{text}").split("\nimport ").skip(1) {
            let from = import.split('"').nth(1).unwrap();
            let mut parts: Vec<&str> = folder.split('/').collect();
            for part in from.split('/') {
                match part {
                    "." => {}
                    ".." => drop(parts.pop()),
                    part => parts.push(part),
                }
            }
            imported(&parts.join("/"), found);
        }
    }
}
