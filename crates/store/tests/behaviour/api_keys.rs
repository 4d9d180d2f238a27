//! API keys: each of one shop, with a hash instead of its secret, until it is revoked.

use deskwire_protocol::{
    ShopId, Timestamp,
    order::{Editor, EditorKind},
};
use deskwire_store::{ApiKeyId, ApiKeyRecord, ApiScope};

use crate::{
    on_each_database,
    world::{Backend, NOW, World},
};

on_each_database! {
    a_key_is_found_by_its_id_as_it_was_kept
    the_keys_of_a_shop_are_listed_oldest_first_and_no_others
    a_key_is_revoked_once_and_by_its_own_shop_only
    an_id_is_kept_once
    a_scope_of_a_newer_version_is_none
}

fn shop(id: &str) -> ShopId {
    ShopId::new(id).unwrap()
}

fn operator() -> Editor {
    Editor { kind: EditorKind::System, id: "deskwire".into(), name: String::new() }
}

fn key(number: u64, shop_id: &str) -> ApiKeyRecord {
    ApiKeyRecord {
        key_id: ApiKeyId::from_number(number),
        shop_id: shop(shop_id),
        name: format!("key {number}"),
        hash: "5e88".into(),
        scopes: [ApiScope::OrdersRead, ApiScope::CouponsWrite].into(),
        create_time: Timestamp::from_millis(NOW.millis() - i64::try_from(number).unwrap()),
        revoke_time: None,
    }
}

async fn a_key_is_found_by_its_id_as_it_was_kept(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let kept = key(7, "shop");
    store.add_api_key(&kept, &operator()).await.unwrap();
    assert_eq!(store.api_key(&kept.key_id).await.unwrap(), Some(kept));
    assert_eq!(store.api_key(&ApiKeyId::from_number(8)).await.unwrap(), None);
}

async fn the_keys_of_a_shop_are_listed_oldest_first_and_no_others(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    for (number, shop_id) in [(1, "shop"), (2, "other"), (3, "shop")] {
        store.add_api_key(&key(number, shop_id), &operator()).await.unwrap();
    }
    assert_eq!(store.api_keys(&shop("shop")).await.unwrap(), [key(3, "shop"), key(1, "shop")]);
    assert_eq!(store.api_keys(&shop("nobody")).await.unwrap(), []);
}

async fn a_key_is_revoked_once_and_by_its_own_shop_only(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let kept = key(7, "shop");
    store.add_api_key(&kept, &operator()).await.unwrap();
    assert!(!store.revoke_api_key(&shop("other"), &kept.key_id, &operator(), NOW).await.unwrap());
    assert_eq!(store.api_key(&kept.key_id).await.unwrap().unwrap().revoke_time, None);
    let later = Timestamp::from_millis(NOW.millis() + 1);
    for now in [NOW, later] {
        assert!(store.revoke_api_key(&shop("shop"), &kept.key_id, &operator(), now).await.unwrap());
        assert_eq!(store.api_key(&kept.key_id).await.unwrap().unwrap().revoke_time, Some(NOW));
    }
    let rows = world.raw().await.number("SELECT count(*) FROM audit WHERE thing_kind = 'API_KEY'").await;
    assert_eq!(rows, 2, "made once, revoked once");
}

async fn an_id_is_kept_once(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    store.add_api_key(&key(7, "shop"), &operator()).await.unwrap();
    assert!(store.add_api_key(&key(7, "other"), &operator()).await.is_err());
    assert_eq!(store.api_key(&ApiKeyId::from_number(7)).await.unwrap(), Some(key(7, "shop")));
}

async fn a_scope_of_a_newer_version_is_none(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    store.add_api_key(&key(7, "shop"), &operator()).await.unwrap();
    world.raw().await.run("UPDATE api_key SET scopes = 'orders:read orders:readall stars:read'").await;
    let scopes = store.api_key(&ApiKeyId::from_number(7)).await.unwrap().unwrap().scopes;
    assert_eq!(scopes, [ApiScope::OrdersRead].into());
}
