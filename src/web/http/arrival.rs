//! How much has arrived of a request, and of what follows it. The HTTP library does not say whether
//! it holds bytes that are no request yet, so they are counted below it.

/// The empty line that ends a head.
const END_OF_HEAD: &[u8; 4] = b"\r\n\r\n";

/// What has arrived since a request began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arrival {
    bytes: u64,
    /// Whether the request line has begun: line feeds before it are skipped.
    has_begun: bool,
    /// How many bytes of [`END_OF_HEAD`] came last.
    matched: usize,
    /// The length of the head, once it is complete.
    head: Option<u64>,
}

impl Arrival {
    /// With `bytes` more.
    pub fn with(mut self, bytes: &[u8]) -> Arrival {
        if self.head.is_none() {
            let end = self.end_of_head(bytes);
            self.head = end.map(|end| self.bytes + end as u64);
        }
        self.bytes += bytes.len() as u64;
        self
    }

    /// How many of `bytes` are the rest of the head, if it ends in them.
    fn end_of_head(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        if !self.has_begun {
            at = bytes
                .iter()
                .position(|byte| !matches!(byte, b'\r' | b'\n'))?;
            self.has_begun = true;
        }
        while at < bytes.len() {
            if self.matched == 0 {
                let start = |byte: &u8| *byte == END_OF_HEAD[0];
                at += bytes[at..].iter().position(start)?;
            }
            self.matched = match self.matched {
                matched if bytes[at] == END_OF_HEAD[matched] => matched + 1,
                _ => usize::from(bytes[at] == END_OF_HEAD[0]),
            };
            at += 1;
            if self.matched == END_OF_HEAD.len() {
                return Some(at);
            }
        }
        None
    }

    /// How many bytes have arrived behind the request, if its body has `length` bytes; `None` if it
    /// is not complete, or its lines do not end as they should.
    pub fn beyond(self, length: u64) -> Option<u64> {
        self.bytes.checked_sub(self.head?.checked_add(length)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_behind_a_request_are_counted() {
        const HEAD: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for (before, body, behind) in [
            ("", "", ""),
            ("\r\n\r\n", "", "GET /"),
            ("\n", "\r\n\r\n{}", ""),
            ("", "{}", "\r\n"),
        ] {
            let text = format!("{before}{HEAD}{body}{behind}");
            let whole = Arrival::default().with(text.as_bytes());
            let bytewise = text
                .bytes()
                .fold(Arrival::default(), |arrival, byte| arrival.with(&[byte]));
            assert_eq!(whole, bytewise, "{text:?}");
            let beyond = whole.beyond(body.len() as u64);
            assert_eq!(beyond, Some(behind.len() as u64), "{text:?}");
        }
        // Line ends within a head that are not its end.
        let odd = b"GET / HTTP/1.1\r\nA: \rb\r\r\n\r\n";
        assert_eq!(Arrival::default().with(odd).beyond(0), Some(0));
        let incomplete = Arrival::default().with(&HEAD.as_bytes()[..HEAD.len() - 1]);
        assert_eq!(incomplete.beyond(0), None);
        assert_eq!(Arrival::default().with(HEAD.as_bytes()).beyond(1), None);
        let bare = Arrival::default().with(b"GET / HTTP/1.1\nHost: a\n\n");
        assert_eq!(bare.beyond(0), None);
    }
}
