//! Tokens as the shop's own back end signs them: with the secret that it shares with the server.

use std::fs;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;

use crate::{Server, User};

/// The first second of the year 2100: no test takes so long.
const NEVER: u64 = 4_102_444_800;

impl Server {
    /// The secret in the data directory, or that of the node that it was started beside.
    pub fn secret(&self) -> String {
        if let Some(secret) = self.shared_secret() {
            return secret;
        }
        let secret = fs::read_to_string(self.data_dir().join("token-secret"));
        secret.expect("a server without a configured secret makes one").trim_end().to_owned()
    }

    /// A token of this user that does not run out.
    pub fn sign(&self, user: &User) -> String {
        self.sign_claims(&user.claims())
    }

    /// A token that says this and does not run out.
    pub fn sign_claims(&self, claims: &Value) -> String {
        let mut claims = claims.clone();
        claims["exp"] = NEVER.into();
        signed(Algorithm::HS256, &claims, &self.secret())
    }
}

/// These claims, signed.
pub fn signed(algorithm: Algorithm, claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("the claims can be signed")
}
