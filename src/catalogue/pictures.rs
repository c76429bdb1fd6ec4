//! Pictures of products: where they come from, and a folder of the operator's own.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use url::Url;

/// The largest picture that is served, in bytes.
pub const MAX_PICTURE_BYTES: u64 = 8 * 1024 * 1024;

/// The file extensions of pictures with their media types. No other file is served.
const MEDIA_TYPES: [(&str, &str); 7] = [
    ("avif", "image/avif"),
    ("gif", "image/gif"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("webp", "image/webp"),
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// A path on this service or an https URL.
    pub url: String,
    /// The text alternative for users who cannot see the picture.
    pub alt: String,
    /// Scheme, host and port of a picture elsewhere.
    pub(super) origin: Option<String>,
}

impl Picture {
    /// The picture at `url`; the error says what a URL must be.
    pub(super) fn at(url: String, alt: String) -> Result<Picture, String> {
        let origin = if url.starts_with('/') && !url.starts_with("//") {
            None
        } else {
            match Url::parse(&url) {
                Ok(parsed) if parsed.scheme() == "https" && parsed.username().is_empty() => {
                    Some(parsed.origin().ascii_serialization())
                }
                Ok(_) | Err(_) => {
                    return Err(format!(
                        "picture = {url:?} must be a path such as /pictures/teapot.svg, or a URL \
                         that begins with https://"
                    ));
                }
            }
        };
        Ok(Picture { url, alt, origin })
    }
}

/// A folder with the operator's own pictures.
#[derive(Debug, Clone)]
pub struct PictureFolder(PathBuf);

/// A picture in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureFile {
    path: PathBuf,
    pub media_type: &'static str,
    pub length: u64,
    /// Changes with the file, for an entity tag.
    pub tag: String,
}

/// Why a folder of pictures cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be opened as a folder: {error}", path.display())]
pub struct NoPictureFolder {
    path: PathBuf,
    error: io::Error,
}

impl PictureFolder {
    /// The folder at `path`, which must exist.
    pub fn open(path: &Path) -> Result<PictureFolder, NoPictureFolder> {
        let opened = std::fs::read_dir(path).map(|_| PictureFolder(path.to_owned()));
        opened.map_err(|error| NoPictureFolder {
            path: path.to_owned(),
            error,
        })
    }

    /// The picture `name`, such as `tea/pot.jpg`, if it is a regular file below the folder and not
    /// too large. Links are followed within the folder only.
    pub fn find(&self, name: &str) -> Option<PictureFile> {
        if !name.split('/').all(is_plain) {
            return None;
        }
        let (_, extension) = name.rsplit_once('.')?;
        let known = MEDIA_TYPES.iter().find(|(known, _)| *known == extension);
        let folder = self.0.canonicalize().ok()?;
        let path = folder.join(name).canonicalize().ok()?;
        let found = path.metadata().ok()?;
        let is_served =
            path.starts_with(&folder) && found.is_file() && found.len() <= MAX_PICTURE_BYTES;
        is_served.then_some(PictureFile {
            media_type: known?.1,
            length: found.len(),
            tag: format!(
                "{:x}-{:x}-{:x}-{:x}",
                found.ino(),
                found.len(),
                found.mtime(),
                found.mtime_nsec()
            ),
            path,
        })
    }
}

impl PictureFile {
    /// At most `limit` bytes from `offset`.
    pub fn read(&self, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(limit);
        file.take(limit as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Whether a segment of a path can neither leave the folder nor name a hidden file.
fn is_plain(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_plain_paths_and_https_are_pictures() {
        let origin = |url: &str| Picture::at(url.to_owned(), String::new()).map(|it| it.origin);
        assert_eq!(origin("/pictures/a.svg"), Ok(None));
        for (url, expected) in [
            ("https://cdn.example/a.png", "https://cdn.example"),
            ("https://cdn.example:444/a?b", "https://cdn.example:444"),
            ("https://CDN.example:443", "https://cdn.example"),
            ("https://bücher.example/a", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(origin(url), Ok(Some(expected.to_owned())));
        }
        for url in [
            "",
            "a.svg",
            "//cdn.example/a.png",
            "http://cdn.example/a.png",
            "https://",
            "https://user@cdn.example/",
            "https://a; script-src */",
            "data:image/png;base64,",
            "javascript:alert(1)",
        ] {
            assert!(origin(url).unwrap_err().contains("must be"), "{url}");
        }
    }

    #[test]
    fn folder_serves_pictures_below_it_alone() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("pictures");
        fs::create_dir_all(folder.join("tea")).unwrap();
        let outside = place.path().join("secret.png");
        for file in [
            &outside,
            &folder.join("a.png"),
            &folder.join("tea/b.svg"),
            &folder.join(".c.png"),
            &folder.join("d.html"),
            &folder.join("png"),
        ] {
            fs::write(file, "picture").unwrap();
        }
        let large = File::create(folder.join("large.png")).unwrap();
        large.set_len(MAX_PICTURE_BYTES + 1).unwrap();
        symlink(&outside, folder.join("link.png")).unwrap();
        symlink("a.png", folder.join("inside.jpg")).unwrap();
        fs::create_dir(folder.join("folder.png")).unwrap();
        let pictures = PictureFolder::open(&folder).unwrap();
        let media_type = |name: &str| pictures.find(name).map(|file| file.media_type);
        assert_eq!(media_type("a.png"), Some("image/png"));
        assert_eq!(media_type("tea/b.svg"), Some("image/svg+xml"));
        assert_eq!(media_type("inside.jpg"), Some("image/jpeg"));
        for name in [
            "",
            ".",
            "..",
            "../secret.png",
            "tea/../a.png",
            "/a.png",
            "tea//b.svg",
            "a.png/",
            "a.png\0",
            "..\\secret.png",
            ".c.png",
            "d.html",
            "png",
            "large.png",
            "link.png",
            "folder.png",
            "none.png",
        ] {
            assert_eq!(media_type(name), None, "{name}");
        }
        let found = pictures.find("a.png").unwrap();
        assert_eq!(found.read(2, 3).unwrap(), b"ctu");
        assert!(PictureFolder::open(&place.path().join("none")).is_err());
    }
}
