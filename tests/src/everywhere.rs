//! One suite, run in every [`Setting`](crate::Setting).

/// Makes four tests of each claim: both codecs on both databases.
///
/// ```
/// use deskwire_tests::{Server, Setting, everywhere};
///
/// everywhere! {
///     async fn a_message_reaches_the_agent(setting: Setting) {
///         let server = Server::start(setting).await;
///         // …
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! everywhere {
    ($($(#[$attribute:meta])* async fn $claim:ident($setting:ident: Setting) $body:block)*) => {$(
        $(#[$attribute])*
        mod $claim {
            use super::*;

            async fn holds($setting: $crate::Setting) $body

            #[tokio::test]
            async fn json_on_sqlite() {
                holds($crate::Setting { codec: $crate::Codec::Json, backend: $crate::Backend::Sqlite }).await;
            }

            #[tokio::test]
            async fn msgpack_on_sqlite() {
                holds($crate::Setting { codec: $crate::Codec::MsgPack, backend: $crate::Backend::Sqlite }).await;
            }

            #[tokio::test]
            async fn json_on_postgres() {
                holds($crate::Setting { codec: $crate::Codec::Json, backend: $crate::Backend::Postgres }).await;
            }

            #[tokio::test]
            async fn msgpack_on_postgres() {
                holds($crate::Setting { codec: $crate::Codec::MsgPack, backend: $crate::Backend::Postgres }).await;
            }
        }
    )*};
}
