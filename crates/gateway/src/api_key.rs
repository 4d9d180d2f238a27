//! API keys as their bearers write them: `dwk_{key_id}_{secret}`. A key is shown once, when it is drawn; what is kept
//! of it is a hash.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use deskwire_chat::Chance;
use deskwire_store::{ApiKeyId, ApiKeyRecord};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// By which a key is known for what it is, by people and by programs that look for secrets in files.
const PREFIX: &str = "dwk_";

/// Of the secret part, before it is written in base64.
const SECRET_BYTES: usize = 32;

/// A whole key, secret included.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    key_id: ApiKeyId,
    text: String,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl ApiKey {
    /// A new one, that nobody can guess.
    #[must_use]
    pub fn draw(chance: &dyn Chance) -> Self {
        let mut secret = [0; SECRET_BYTES];
        chance.fill(&mut secret);
        let key_id = ApiKeyId::from_number(chance.number());
        let text = format!("{PREFIX}{key_id}_{}", BASE64_URL_SAFE_NO_PAD.encode(secret));
        Self { key_id, text }
    }

    /// As a bearer sent it; none where it has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (key_id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_whole = BASE64_URL_SAFE_NO_PAD.decode(secret).is_ok_and(|secret| secret.len() == SECRET_BYTES);
        Some(Self { key_id: key_id.parse().ok().filter(|_| is_whole)?, text: text.to_owned() })
    }

    /// Which it is: no secret.
    #[must_use]
    pub const fn key_id(&self) -> &ApiKeyId {
        &self.key_id
    }

    /// The whole key, for the one who is to use it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What is kept of it. A fast hash: slow ones are for what people choose, which can be guessed one by one; 32 random
    /// bytes cannot, and each request is checked.
    #[must_use]
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(self.text.as_bytes());
        digest.iter().fold(String::with_capacity(2 * digest.len()), |mut text, byte| {
            text.push_str(&format!("{byte:02x}"));
            text
        })
    }

    /// Whether it is the kept one. How long that takes does not tell how much of a hash was right.
    #[must_use]
    pub fn is(&self, kept: &ApiKeyRecord) -> bool {
        self.key_id == kept.key_id && bool::from(self.hash().as_bytes().ct_eq(kept.hash.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{ShopId, Timestamp};

    use deskwire_chat::SystemChance;

    use super::*;

    fn kept(key: &ApiKey) -> ApiKeyRecord {
        ApiKeyRecord {
            key_id: key.key_id().clone(),
            shop_id: ShopId::new("shop").unwrap(),
            name: "a key".into(),
            hash: key.hash(),
            scopes: [].into(),
            create_time: Timestamp::default(),
            revoke_time: None,
        }
    }

    #[test]
    fn a_key_is_read_back_and_known_by_its_hash() {
        let key = ApiKey::draw(&SystemChance);
        assert_eq!(key.reveal().len(), 4 + 16 + 1 + 43);
        let read = ApiKey::parse(key.reveal()).unwrap();
        assert_eq!(read, key);
        assert!(read.is(&kept(&key)));
        assert!(!kept(&key).hash.contains(&key.reveal()[21..]));
    }

    #[test]
    fn another_secret_and_another_id_are_another_key() {
        let (one, other) = (ApiKey::draw(&SystemChance), ApiKey::draw(&SystemChance));
        assert!(!other.is(&kept(&one)));
        let secret_of = |key: &ApiKey| key.reveal()[21..].to_owned();
        let mixed = ApiKey::parse(&format!("dwk_{}_{}", one.key_id(), secret_of(&other))).unwrap();
        assert!(!mixed.is(&kept(&one)) && !mixed.is(&kept(&other)));
    }

    #[test]
    fn what_has_another_form_is_no_key() {
        let key = ApiKey::draw(&SystemChance).reveal().to_owned();
        let (start, secret) = key.split_at(21);
        for text in [
            "",
            "dwk_",
            &key[4..],
            &key[..key.len() - 1],
            &format!("{key}A"),
            &format!("{start}{}", "!".repeat(43)),
            &format!("dwk_0123456789ABCDEF_{secret}"),
            &format!("dwk__{secret}"),
            &format!(" {key}"),
        ] {
            assert_eq!(ApiKey::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_secret_is_not_shown_by_accident() {
        let key = ApiKey::draw(&SystemChance);
        assert!(!format!("{key:?}").contains(&key.reveal()[21..]));
    }
}
