//! Whose request it is: the key in the `Authorization` header, looked up for each request, so that a revoked one is
//! worth nothing from the next request on. (A lookup by primary key costs less than what follows it; a cache would be
//! one more thing that may be wrong.)

use axum::http::{HeaderMap, header};
use deskwire_protocol::{ErrorObject, ErrorType, ShopId, UserId};
use deskwire_store::{ApiKeyRecord, ApiScope};
use deskwire_workbench::Caller;

use super::refusal::Refusal;
use crate::{api_key::ApiKey, gate::Gate, refusal};

/// The key of a request, found to be good.
pub(super) struct Bearer {
    key: ApiKeyRecord,
    caller: Caller,
}

impl Bearer {
    /// The key that these headers bear. Which of its parts was wrong is not told.
    pub(super) async fn of(headers: &HeaderMap, gate: &Gate) -> Result<Self, Refusal> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(Refusal::unauthorized("send an API key: `Authorization: Bearer dwk_…`"));
        };
        let text = value
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| key.trim());
        let wrong = || Refusal::unauthorized("this API key is not valid (any more)");
        let key = text.and_then(ApiKey::parse).ok_or_else(wrong)?;
        let kept = gate.store.api_key(key.key_id()).await.map_err(|error| refusal::of_store(&error))?;
        match kept.filter(|kept| kept.revoke_time.is_none() && key.is(kept)) {
            Some(key) => {
                let key_id =
                    UserId::new(key.key_id.as_str()).map_err(|problem| refusal::internal(&problem))?;
                let caller = Caller::of_api_key(key.shop_id.clone(), key_id, key.name.clone());
                Ok(Self { key, caller })
            }
            None => Err(wrong()),
        }
    }

    /// Refuses what the key was not made for.
    pub(super) fn may(&self, scope: ApiScope) -> Result<(), Refusal> {
        if self.key.scopes.contains(&scope) {
            return Ok(());
        }
        let sentence = format!("this API key has no scope `{scope}`");
        Err(ErrorObject::new(ErrorType::Authorization, sentence).into())
    }

    pub(super) const fn key(&self) -> &ApiKeyRecord {
        &self.key
    }

    pub(super) const fn shop_id(&self) -> &ShopId {
        &self.key.shop_id
    }

    /// As whom it reads and writes: with the eyes of the shop's own people, and nothing beyond the shop.
    pub(super) const fn caller(&self) -> &Caller {
        &self.caller
    }
}
