//! One suite, run in every [`Setting`](crate::Setting), or on every store where nothing depends on the encoding.

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

/// Makes two tests of each claim: on both databases.
///
/// ```
/// use deskwire_tests::{Backend, Server, Setting, on_both_stores};
///
/// on_both_stores! {
///     async fn an_order_is_found(backend: Backend) {
///         let server = Server::start(Setting { backend, ..Setting::default() }).await;
///         // …
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! on_both_stores {
    ($($(#[$attribute:meta])* async fn $claim:ident($backend:ident: Backend) $body:block)*) => {$(
        $(#[$attribute])*
        mod $claim {
            use super::*;

            async fn holds($backend: $crate::Backend) $body

            #[tokio::test]
            async fn on_sqlite() {
                holds($crate::Backend::Sqlite).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                holds($crate::Backend::Postgres).await;
            }
        }
    )*};
}
