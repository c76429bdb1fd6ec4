//! Settings that are secret, or may contain a secret. Their types decide what is shown of them, in
//! documents and in debug output, so that no list of secret settings has to be kept.

use serde::de::Error as _;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt::{self, Display};
use std::str::FromStr;
use url::Url;

/// The member of a serialized setting whose value is not shown: what is shown in its place.
const SHOWN: &str = "shown instead";
const SET: &str = "set";
const NOT_SET: &str = "not set";

/// What is shown in place of the setting that was serialized as `value`; `None` if it is shown.
pub(super) fn shown_instead(value: &Value) -> Option<&Value> {
    value.as_object()?.get(SHOWN)
}

fn hide<S: Serializer>(serializer: S, shown: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut hidden = serializer.serialize_struct("Hidden", 1)?;
    hidden.serialize_field(SHOWN, shown)?;
    hidden.end()
}

/// An error of a setting that no error may quote, which says what is `expected`.
fn unquoted<E: serde::de::Error>(error: E, expected: &str) -> E {
    if error.to_string().starts_with("missing field") {
        return error;
    }
    E::custom(expected)
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map_err(|error| unquoted(error, "must be a text in quotes"))
}

/// A secret, of which is shown only whether it is set. An empty text is none.
#[derive(Clone, PartialEq, Eq)]
pub struct Confidential<T>(Option<T>);

impl<T> Confidential<T> {
    pub fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }

    fn shown(&self) -> &'static str {
        if self.0.is_some() { SET } else { NOT_SET }
    }
}

impl Confidential<String> {
    /// The secret; empty for none.
    pub fn text(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<T> Default for Confidential<T> {
    fn default() -> Self {
        Confidential(None)
    }
}

impl<T> fmt::Debug for Confidential<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown())
    }
}

impl<T> Serialize for Confidential<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hide(serializer, &self.shown())
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Confidential<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = text(deserializer)?;
        let secret = (!text.is_empty()).then(|| text.parse()).transpose();
        secret.map(Confidential).map_err(D::Error::custom)
    }
}

/// A URL, which may contain a password or a token: shown is only where it leads, that is scheme,
/// host and port. Empty for none.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Address(String);

impl Address {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn shown(&self) -> String {
        if self.is_empty() {
            return NOT_SET.to_owned();
        }
        self.origin().unwrap_or_else(|| SET.to_owned())
    }

    fn origin(&self) -> Option<String> {
        let url = Url::parse(&self.0).ok()?;
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let port = url.port().map(|port| format!(":{port}"));
        Some(format!(
            "{}://{host}{}",
            url.scheme(),
            port.unwrap_or_default()
        ))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hide(serializer, &self.shown())
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer).map(Address)
    }
}

/// A list of [`Address`]es.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Addresses(Vec<Address>);

impl Addresses {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn to_texts(&self) -> Vec<String> {
        self.0.iter().map(|it| it.0.clone()).collect()
    }

    fn shown(&self) -> Vec<String> {
        self.0.iter().map(Address::shown).collect()
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Addresses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hide(serializer, &self.shown())
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::deserialize(deserializer);
        list.map(Addresses)
            .map_err(|error| unquoted(error, "must be a list of texts in quotes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_shows_where_it_leads_and_nothing_else() {
        for (text, shown) in [
            ("", "not set"),
            (
                "https://shop.example/hooks/t0ken?key=t0ken#t0ken",
                "https://shop.example",
            ),
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318"),
            ("https://[::1]:9000/t0ken", "https://[::1]:9000"),
            ("nats://me:t0ken@n1:4222", "nats://n1:4222"),
            (
                "postgres://me:t0ken@db:5432/shop?password=t0ken",
                "postgres://db:5432",
            ),
            ("postgres://me:t0ken@db1:5432,db2:5432/shop", "set"),
            ("postgres://me:t0k/en@db/shop", "set"),
            ("host=db user=me password=t0ken", "set"),
            ("t0ken@n1:4222", "set"),
        ] {
            let address = Address(text.to_owned());
            assert_eq!(format!("{address:?}"), shown, "{text}");
            let json = serde_json::to_value(&address).unwrap();
            assert_eq!(shown_instead(&json), Some(&Value::from(shown)), "{text}");
        }
    }

    #[test]
    fn secret_shows_whether_it_is_set() {
        let secret: Confidential<String> = serde_json::from_str("\"t0ken\"").unwrap();
        assert_eq!(
            (secret.text(), format!("{secret:?}")),
            ("t0ken", "set".to_owned())
        );
        let none: Confidential<String> = serde_json::from_str("\"\"").unwrap();
        assert_eq!(
            (none.get(), format!("{none:?}")),
            (None, "not set".to_owned())
        );
        let json = serde_json::to_value([secret, none]).unwrap().to_string();
        assert!(!json.contains("t0ken"), "{json}");
        let number = serde_json::from_str::<Confidential<String>>("4711").unwrap_err();
        assert!(!number.to_string().contains("4711"), "{number}");
    }
}
