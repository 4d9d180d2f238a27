//! Tokens: JWTs that the shop's own back end mints. One configured algorithm, several keys for rotation; what the
//! token's header asks for never decides how it is verified.

use deskwire_protocol::{Role, ShopId, Timestamp, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};

/// What a token says of its bearer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who, as the shop names them.
    pub sub: UserId,
    /// In which role.
    pub role: Role,
    /// Of which shop.
    pub shop: ShopId,
    /// When it runs out, in Unix seconds.
    pub exp: i64,
    /// When it was minted, in Unix seconds. A token without it counts as older than any revocation.
    #[serde(default)]
    pub iat: i64,
    /// To be displayed; `sub` where it is absent.
    #[serde(default)]
    pub name: String,
    /// BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

impl Claims {
    /// When the token runs out.
    #[must_use]
    pub fn expire_time(&self) -> Timestamp {
        Timestamp::from_millis(self.exp.saturating_mul(1000))
    }

    /// When the token was minted.
    #[must_use]
    pub fn issue_time(&self) -> Timestamp {
        Timestamp::from_millis(self.iat.saturating_mul(1000))
    }
}

/// Why a token is not accepted, or cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT with our claims.
    #[error("the token is malformed")]
    Malformed,
    /// Signed by another algorithm than the configured one.
    #[error("the token is signed with another algorithm than this server accepts")]
    WrongAlgorithm,
    /// Its `kid` names no key of ours, or it names none where there are several.
    #[error("the token's key id is not known here")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the token's signature is not valid")]
    BadSignature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not begun.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// A public key verifies and cannot sign.
    #[error("this server has only a public key and cannot mint tokens")]
    CannotMint,
    /// The configured key is no key of its algorithm.
    #[error("not a key of the configured algorithm")]
    BadKey,
}

struct Key {
    kid: String,
    verifies: DecodingKey,
    signs: Option<EncodingKey>,
}

/// The keys by which tokens are verified: all of one algorithm, the newest first.
pub struct TokenKeys {
    algorithm: Algorithm,
    keys: Vec<Key>,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kids: Vec<&str> = self.keys.iter().map(|key| key.kid.as_str()).collect();
        f.debug_struct("TokenKeys")
            .field("algorithm", &self.algorithm)
            .field("kids", &kids)
            .finish_non_exhaustive()
    }
}

/// The claims as signed: `nbf` is checked and then of no further use.
#[derive(Deserialize)]
struct Signed {
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(flatten)]
    claims: Claims,
}

impl TokenKeys {
    /// Tokens signed with a shared secret (HS256). The secret should be 32 random bytes or more.
    pub fn hs256(kid: impl Into<String>, secret: impl AsRef<[u8]>) -> Self {
        let secret = secret.as_ref();
        Self {
            algorithm: Algorithm::HS256,
            keys: vec![Key {
                kid: kid.into(),
                verifies: DecodingKey::from_secret(secret),
                signs: Some(EncodingKey::from_secret(secret)),
            }],
        }
    }

    /// Tokens signed by someone else (`EdDSA`), verified with this public key in PEM.
    pub fn eddsa(kid: impl Into<String>, public_key_pem: impl AsRef<[u8]>) -> Result<Self, TokenError> {
        let verifies = DecodingKey::from_ed_pem(public_key_pem.as_ref()).map_err(|_| TokenError::BadKey)?;
        Ok(Self { algorithm: Algorithm::EdDSA, keys: vec![Key { kid: kid.into(), verifies, signs: None }] })
    }

    /// Accepts tokens of these older keys as well; new ones are still minted with the first.
    pub fn and(mut self, older: Self) -> Result<Self, TokenError> {
        if older.algorithm != self.algorithm {
            return Err(TokenError::WrongAlgorithm);
        }
        self.keys.extend(older.keys);
        Ok(self)
    }

    /// Whether tokens can be made here: a public key only verifies.
    #[must_use]
    pub fn can_sign(&self) -> bool {
        self.keys.first().is_some_and(|key| key.signs.is_some())
    }

    /// Signs a token with the newest key.
    pub fn mint(&self, claims: &Claims) -> Result<String, TokenError> {
        let key = self.keys.first().ok_or(TokenError::CannotMint)?;
        let signs = key.signs.as_ref().ok_or(TokenError::CannotMint)?;
        let mut header = Header::new(self.algorithm);
        header.kid = Some(key.kid.clone());
        jsonwebtoken::encode(&header, claims, signs).map_err(|_| TokenError::CannotMint)
    }

    /// Checks signature and time, and gives what the token says.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.alg != self.algorithm {
            return Err(TokenError::WrongAlgorithm);
        }
        let key = match (&header.kid, &self.keys[..]) {
            (Some(kid), keys) => keys.iter().find(|key| key.kid == *kid).ok_or(TokenError::UnknownKey)?,
            (None, [only]) => only,
            (None, _) => return Err(TokenError::UnknownKey),
        };
        let mut validation = Validation::new(self.algorithm);
        // Time is checked below, against the clock that was passed in.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let signed = jsonwebtoken::decode::<Signed>(token, &key.verifies, &validation)
            .map_err(|error| {
                if matches!(error.kind(), ErrorKind::InvalidSignature) {
                    TokenError::BadSignature
                } else {
                    TokenError::Malformed
                }
            })?
            .claims;
        let mut claims = signed.claims;
        if claims.expire_time() <= now {
            return Err(TokenError::Expired);
        }
        if signed.nbf.is_some_and(|nbf| nbf.saturating_mul(1000) > now.millis()) {
            return Err(TokenError::NotYetValid);
        }
        if claims.name.trim().is_empty() {
            claims.name = claims.sub.to_string();
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

    fn claims() -> Claims {
        Claims {
            sub: UserId::new("buyer-1").unwrap(),
            role: Role::Buyer,
            shop: ShopId::new("shop-1").unwrap(),
            exp: 1_000_600,
            iat: 999_999,
            name: "José".into(),
            locale: Some("pt-BR".into()),
        }
    }

    fn keys() -> TokenKeys {
        TokenKeys::hs256("k1", SECRET)
    }

    #[test]
    fn a_minted_token_says_what_was_minted() {
        let token = keys().mint(&claims()).unwrap();
        assert_eq!(keys().verify(&token, NOW).unwrap(), claims());
    }

    #[test]
    fn a_token_is_over_from_the_second_it_names() {
        let token = keys().mint(&claims()).unwrap();
        assert!(keys().verify(&token, Timestamp::from_millis(1_000_599_999)).is_ok());
        assert_eq!(keys().verify(&token, Timestamp::from_millis(1_000_600_000)), Err(TokenError::Expired));
    }

    #[test]
    fn another_key_or_another_secret_is_refused() {
        let other_kid = TokenKeys::hs256("k2", SECRET).mint(&claims()).unwrap();
        assert_eq!(keys().verify(&other_kid, NOW), Err(TokenError::UnknownKey));
        let other_secret = TokenKeys::hs256("k1", b"another secret").mint(&claims()).unwrap();
        assert_eq!(keys().verify(&other_secret, NOW), Err(TokenError::BadSignature));
    }

    #[test]
    fn a_tampered_token_is_refused() {
        let token = keys().mint(&claims()).unwrap();
        let admin = keys().mint(&Claims { role: Role::Admin, ..claims() }).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let forged = format!("{}.{}.{}", parts[0], admin.split('.').nth(1).unwrap(), parts[2]);
        assert_eq!(keys().verify(&forged, NOW), Err(TokenError::BadSignature));
        for broken in ["", ".", "..", "a.b.c", &token[1..], parts[0], &format!("{}.{}.", parts[0], parts[1])]
        {
            assert!(keys().verify(broken, NOW).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn another_algorithm_is_refused_even_with_the_right_secret() {
        let mut header = Header::new(Algorithm::HS384);
        header.kid = Some("k1".into());
        let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(SECRET)).unwrap();
        assert_eq!(keys().verify(&token, NOW), Err(TokenError::WrongAlgorithm));
    }

    #[test]
    fn no_algorithm_is_refused() {
        // {"alg":"none","typ":"JWT","kid":"k1"}
        let header = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIiwia2lkIjoiazEifQ";
        let token = keys().mint(&claims()).unwrap();
        let payload = token.split('.').nth(1).unwrap();
        assert!(keys().verify(&format!("{header}.{payload}."), NOW).is_err());
    }

    #[test]
    fn an_older_key_still_verifies_after_rotation_and_the_newest_one_mints() {
        let old = TokenKeys::hs256("old", b"old secret").mint(&claims()).unwrap();
        let rotated = TokenKeys::hs256("new", SECRET).and(TokenKeys::hs256("old", b"old secret")).unwrap();
        assert!(rotated.verify(&old, NOW).is_ok());
        let new = rotated.mint(&claims()).unwrap();
        assert!(TokenKeys::hs256("new", SECRET).verify(&new, NOW).is_ok());
    }

    #[test]
    fn a_token_without_key_id_is_taken_only_while_there_is_one_key() {
        let token = jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &claims(),
            &EncodingKey::from_secret(SECRET),
        )
        .unwrap();
        assert!(keys().verify(&token, NOW).is_ok());
        let two = keys().and(TokenKeys::hs256("k0", b"other")).unwrap();
        assert_eq!(two.verify(&token, NOW), Err(TokenError::UnknownKey));
    }

    #[test]
    fn a_public_key_verifies_what_its_private_key_signed() {
        // Made for this test with `openssl genpkey -algorithm ed25519`.
        const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA3qX/bDSWVN3Obwq5p9MZ5uJ+Wd1xkx1vLtDhKYeC01\n-----END PRIVATE KEY-----\n";
        const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAbYKnnSXhpdNFRJlRRam1YmxBg/wfYvC1u+DHdkUkMaE=\n-----END PUBLIC KEY-----\n";
        let keys = TokenKeys::eddsa("ed", PUBLIC).unwrap();
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some("ed".into());
        let token =
            jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_ed_pem(PRIVATE.as_bytes()).unwrap());
        assert_eq!(keys.verify(&token.unwrap(), NOW).unwrap(), claims());
        assert_eq!(keys.mint(&claims()), Err(TokenError::CannotMint));
        // The public key as an HMAC secret is the classic confusion of algorithms.
        let confused = TokenKeys::hs256("ed", PUBLIC).mint(&claims()).unwrap();
        assert_eq!(keys.verify(&confused, NOW), Err(TokenError::WrongAlgorithm));
    }
}
