//! The document written by hand. It is written for each command and once more for each event, and a
//! general serializer, which looks for what is to be escaped in the name of every member too, was the
//! largest single piece of what those cost. It says what the derived `Serialize` says, byte for byte.

use super::{CartDocument, PromotionDocument, Status};
use crate::cart::money::Money;
use crate::cart::state::{Line, Lot};
use crate::timestamp::Timestamp;
use uuid::Uuid;

impl CartDocument<'_> {
    /// The document as the bytes of an answer.
    pub fn to_json(&self) -> Vec<u8> {
        let CartDocument {
            id,
            version,
            status,
            currency,
            lines,
            promotion,
            items_total,
            discount,
            total,
            order_id,
            opened_at,
            changed_at,
        } = self;
        let mut json = Json(Vec::with_capacity(768));
        json.raw(r#"{"id":"#).uuid(*id);
        json.raw(r#","version":"#).number(*version);
        json.raw(r#","status":""#).raw(match status {
            Status::Open => "open",
            Status::CheckedOut => "checked_out",
            Status::Expired => "expired",
        });
        json.raw(r#"","currency":""#).raw(currency.code());
        json.raw(r#"","lines":["#).list(lines.lines(), Json::line);
        json.raw(r#"],"promotion":"#).promotion(promotion.as_ref());
        json.raw(r#","items_total":"#).money(*items_total);
        json.raw(r#","discount":"#).money(*discount);
        json.raw(r#","total":"#).money(*total);
        if let Some(order_id) = order_id {
            json.raw(r#","order_id":"#).uuid(*order_id);
        }
        json.raw(r#","opened_at":"#).time(*opened_at);
        json.raw(r#","changed_at":"#).time(*changed_at);
        json.raw("}");
        json.0
    }
}

/// JSON under construction.
struct Json(Vec<u8>);

impl Json {
    /// What is JSON already.
    fn raw(&mut self, part: &str) -> &mut Json {
        self.0.extend_from_slice(part.as_bytes());
        self
    }

    /// A string, of which hardly any needs an escape: that is seen before anything is written.
    fn text(&mut self, text: &str) {
        let escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        if text
            .bytes()
            .fold(false, |found, byte| found | escaped(byte))
        {
            serde_json::to_writer(&mut self.0, text).expect("a text can be written to memory");
        } else {
            self.raw("\"").raw(text).raw("\"");
        }
    }

    fn number(&mut self, number: impl itoa::Integer) {
        self.raw(itoa::Buffer::new().format(number));
    }

    fn money(&mut self, money: Money) {
        self.number(money.minor());
    }

    fn uuid(&mut self, uuid: Uuid) {
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        let uuid = uuid.as_hyphenated().encode_lower(&mut buffer);
        self.raw("\"").raw(uuid).raw("\"");
    }

    fn time(&mut self, time: Timestamp) {
        self.raw("\"").raw(time.to_text().as_str()).raw("\"");
    }

    fn list<T>(&mut self, items: impl Iterator<Item = T>, mut item: impl FnMut(&mut Json, T)) {
        for (place, one) in items.enumerate() {
            if place > 0 {
                self.raw(",");
            }
            item(self, one);
        }
    }

    fn line(&mut self, line: &Line) {
        self.raw(r#"{"sku":"#).text(line.sku.as_str());
        self.raw(r#","name":"#).text(&line.name);
        self.raw(r#","quantity":"#).number(line.quantity());
        self.raw(r#","total":"#).money(line.total());
        self.raw(r#","lots":["#).list(line.lots.iter(), Json::lot);
        self.raw("]}");
    }

    fn lot(&mut self, lot: &Lot) {
        self.raw(r#"{"quantity":"#).number(lot.quantity);
        self.raw(r#","unit_price":"#).money(lot.unit_price);
        self.raw("}");
    }

    fn promotion(&mut self, promotion: Option<&PromotionDocument<'_>>) {
        let Some(PromotionDocument { code, description }) = promotion else {
            self.raw("null");
            return;
        };
        self.raw(r#"{"code":"#).text(code);
        self.raw(r#","description":"#).text(description);
        self.raw("}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_written_as_json_has_it_wherever_it_stands() {
        for character in '\0'..='\u{2fff}' {
            for text in [
                format!("{character}cup"),
                format!("tea{character}\u{1f375}"),
            ] {
                let mut json = Json(Vec::new());
                json.text(&text);
                assert_eq!(json.0, serde_json::to_vec(&text).unwrap(), "{text:?}");
            }
        }
    }
}
