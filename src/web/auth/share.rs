//! Shares: a link to a cart at a version, which its owner gives away.
//!
//! A share's token has the cart's id, the version, and a code that only the service can compute. It
//! leads to that version and to nothing else: the cart's own token is not in it, and a cart's id is
//! no secret. Nothing is stored, so a share cannot be taken back.

use crate::log::Version;
use crate::secret::Secret;
use crate::web::http::page::Cursors;
use uuid::Uuid;

/// What the codes are computed for.
const SHARES: &str = "shares";

/// Issues the tokens of shares and reads them back.
pub struct ShareTokens(Cursors);

impl ShareTokens {
    /// Tokens with codes under a key of `secret`, which all nodes of a shop have.
    pub fn new(secret: &Secret) -> ShareTokens {
        ShareTokens(Cursors::new(secret.derive(b"code of shares", b"")))
    }

    /// The token for the cart `id` at `version`: 80 hexadecimal digits, always the same.
    pub fn issue(&self, id: Uuid, version: Version) -> String {
        let place = [&id.as_bytes()[..], &version.0.to_be_bytes()].concat();
        self.0.cursor_of(SHARES, &place)
    }

    /// The cart and the version of a token that this shop has issued.
    pub fn read(&self, token: &str) -> Option<(Uuid, Version)> {
        let place: [u8; 24] = self.0.place_of(SHARES, token).ok()?;
        let (id, version) = place.split_first_chunk()?;
        let version = u64::from_be_bytes(version.try_into().ok()?);
        Some((Uuid::from_bytes(*id), Version(version)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartlog_testkit::seed::seeded;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(seeded(1_024))]

        /// Promise (input): A share leads to its own cart and version, and only as issued.
        /// Fault: Issued tokens with a flipped bit, and tokens under another secret
        /// Control: An issued token leads back: [share_leads_back_to_its_cart_and_version].
        #[test]
        fn share_with_flipped_bit_or_foreign_code_is_refused(
            id in any::<[u8; 16]>(),
            version in any::<u64>(),
            byte in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let shares = ShareTokens::new(&Secret::from([7; 32]));
            let (id, version) = (Uuid::from_bytes(id), Version(version));
            let issued = shares.issue(id, version);
            prop_assert_eq!(shares.read(&issued), Some((id, version)));
            let mut bytes = hex::decode(&issued).unwrap();
            *byte.get_mut(&mut bytes) ^= 1_u8 << bit;
            prop_assert_eq!(shares.read(&hex::encode(bytes)), None);
            let foreign = ShareTokens::new(&Secret::from([8; 32])).issue(id, version);
            prop_assert_eq!(shares.read(&foreign), None);
        }
    }

    #[test]
    fn share_leads_back_to_its_cart_and_version() {
        let shares = ShareTokens::new(&Secret::from([7; 32]));
        let (id, version) = (Uuid::from_u128(42), Version(7));
        let token = shares.issue(id, version);
        assert_eq!(token.len(), 80);
        assert_eq!(shares.read(&token), Some((id, version)));
    }
}
