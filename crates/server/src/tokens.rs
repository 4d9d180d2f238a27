//! The keys of the settings, and tokens made with them.

use anyhow::{Context, bail};
use deskwire_chat::Clock;
use deskwire_gateway::{Claims, TokenKeys};
use deskwire_protocol::{Role, ShopId, UserId};

use crate::{config::Settings, secret};

/// What to do when no secret is configured and none is in the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Make it: what runs here decides what is valid.
    Make,
    /// Say so: a secret made now would be no server's.
    Refuse,
}

/// All keys whose tokens are taken, the one that signs first.
pub(crate) fn keys(settings: &Settings, missing: Missing) -> anyhow::Result<TokenKeys> {
    let auth = &settings.auth;
    let public_key = |kid: &str, file: &std::path::Path| {
        let pem = std::fs::read(file)
            .with_context(|| format!("the public key {} cannot be read", file.display()))?;
        TokenKeys::eddsa(kid, pem)
            .with_context(|| format!("{} holds no Ed25519 public key in PEM", file.display()))
    };
    if !auth.eddsa_public_key_file.as_os_str().is_empty() {
        let mut keys = public_key(&auth.kid, &auth.eddsa_public_key_file)?;
        for (kid, file) in auth.older_eddsa_public_key_files().flatten() {
            keys = keys.and(public_key(kid, file.as_ref())?)?;
        }
        return Ok(keys);
    }
    let secret = if !auth.hs256_secret.0.is_empty() {
        auth.hs256_secret.0.clone()
    } else if missing == Missing::Make {
        secret::read_or_make(&settings.data_dir)?
    } else if let Some(secret) = secret::read(&settings.data_dir)? {
        secret
    } else {
        bail!(
            "there is no token secret in {}: start `deskwire serve` with this data directory first, name another by \
             --data-dir, or give a token by --token",
            settings.data_dir.display()
        );
    };
    let mut keys = TokenKeys::hs256(&auth.kid, secret);
    for (kid, secret) in auth.older_hs256_secrets().flatten() {
        keys = keys.and(TokenKeys::hs256(kid, secret))?;
    }
    Ok(keys)
}

/// Whom a token is for.
#[derive(Debug, Clone)]
pub(crate) struct Bearer {
    pub(crate) role: Role,
    pub(crate) shop: ShopId,
    pub(crate) sub: UserId,
    pub(crate) name: Option<String>,
    pub(crate) locale: Option<String>,
}

/// Signs a token that is valid for `ttl_seconds` from now.
pub(crate) fn mint(
    keys: &TokenKeys,
    bearer: Bearer,
    ttl_seconds: u32,
    clock: &dyn Clock,
) -> anyhow::Result<String> {
    let iat = clock.now().millis() / 1000;
    let name = bearer.name.unwrap_or_else(|| bearer.sub.to_string());
    let claims = Claims {
        sub: bearer.sub,
        role: bearer.role,
        shop: bearer.shop,
        exp: iat + i64::from(ttl_seconds),
        iat,
        name,
        locale: bearer.locale,
    };
    Ok(keys.mint(&claims)?)
}
