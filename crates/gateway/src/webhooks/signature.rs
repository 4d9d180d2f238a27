//! Signatures as Standard Webhooks has them: HMAC-SHA256 over `{id}.{timestamp}.{body}`, one for each secret that is good.

use base64::{Engine, prelude::BASE64_STANDARD};
use deskwire_chat::Chance;
use deskwire_protocol::ids::WebhookEventId;
use deskwire_store::WebhookSecret;
use ring::hmac;

const PREFIX: &str = "whsec_";
/// Within the 24 to 64 that Standard Webhooks asks for.
const SECRET_BYTES: usize = 32;

/// The secret is not `whsec_` and base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the webhook's secret cannot be read")]
pub(crate) struct SecretError;

/// A new secret.
pub(crate) fn draw_secret(chance: &dyn Chance) -> WebhookSecret {
    let mut bytes = [0; SECRET_BYTES];
    chance.fill(&mut bytes);
    WebhookSecret::new(format!("{PREFIX}{}", BASE64_STANDARD.encode(bytes)))
}

/// The header `webhook-signature`: `v1,…`, several with a space between.
pub(crate) fn sign<'a>(
    secrets: impl Iterator<Item = &'a WebhookSecret>,
    id: &WebhookEventId,
    unix_seconds: i64,
    body: &str,
) -> Result<String, SecretError> {
    let signed: Result<Vec<String>, SecretError> = secrets
        .map(|secret| {
            let key = secret.reveal().strip_prefix(PREFIX).ok_or(SecretError)?;
            let key = BASE64_STANDARD.decode(key).map_err(|_| SecretError)?;
            let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
            context.update(format!("{id}.{unix_seconds}.").as_bytes());
            context.update(body.as_bytes());
            Ok(format!("v1,{}", BASE64_STANDARD.encode(context.sign())))
        })
        .collect();
    Ok(signed?.join(" "))
}

#[cfg(test)]
mod tests {
    use deskwire_chat::SystemChance;

    use super::*;

    /// The example of the specification and of its libraries' tests.
    const KNOWN: (&str, &str, i64, &str, &str) = (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        r#"{"test": 2432232314}"#,
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    );

    fn id(id: &str) -> WebhookEventId {
        WebhookEventId::new(id).unwrap()
    }

    #[test]
    fn the_known_example_has_the_known_signature() {
        let (secret, event, time, body, signature) = KNOWN;
        let secret = WebhookSecret::new(secret.into());
        assert_eq!(sign([&secret].into_iter(), &id(event), time, body).as_deref(), Ok(signature));
    }

    #[test]
    fn the_library_of_the_specification_takes_what_is_signed_with_either_secret() {
        let (older, newer) = (draw_secret(&SystemChance), draw_secret(&SystemChance));
        let body = r#"{"type":"order.updated","data":{"ü":"👟"}}"#;
        let now = time();
        let signature = sign([&newer, &older].into_iter(), &id("msg_1"), now, body).unwrap();
        let mut headers = http::HeaderMap::new();
        headers.insert("webhook-id", "msg_1".parse().unwrap());
        headers.insert("webhook-timestamp", now.to_string().parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        for secret in [&older, &newer] {
            let library = standardwebhooks::Webhook::new(secret.reveal()).unwrap();
            library.verify(body.as_bytes(), &headers).unwrap();
            assert!(library.verify(b"{}", &headers).is_err());
        }
        let stranger = standardwebhooks::Webhook::new(draw_secret(&SystemChance).reveal()).unwrap();
        assert!(stranger.verify(body.as_bytes(), &headers).is_err());
    }

    #[expect(clippy::disallowed_methods, reason = "the library reads the wall clock itself")]
    fn time() -> i64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        i64::try_from(now.as_secs()).unwrap()
    }

    #[test]
    fn a_new_secret_is_like_no_other_and_is_not_shown() {
        let (one, other) = (draw_secret(&SystemChance), draw_secret(&SystemChance));
        assert_ne!(one, other);
        let key = BASE64_STANDARD.decode(one.reveal().strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(key.len(), 32);
        assert_eq!(format!("{one:?}"), "hidden");
    }

    #[test]
    fn a_secret_of_another_form_signs_nothing() {
        for bad in ["", "whsec", "whsec_%", "c2VjcmV0"] {
            let secret = WebhookSecret::new(bad.into());
            assert_eq!(sign([&secret].into_iter(), &id("msg_1"), 1, "{}"), Err(SecretError), "{bad}");
        }
    }
}
