//! Webhooks: told what they want with the change that causes it, taken by one node at a time, lost by none.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use deskwire_protocol::{
    ShopId, Timestamp,
    ids::WebhookId,
    order::EditorKind,
    webhook::{Subscription, WebhookDelivery, WebhookDeliveryStatus, WebhookEventType, WebhookStatus},
};
use deskwire_store::{
    AuditRecord, AuditResult, ClaimLimits, ClaimedDelivery, DeliveryOutcome, DeliveryResult, DeliveryRetry,
    ShopChanges, Store, StoreError, Wanted, WebhookEventRecord, WebhookRecord, WebhookSecret,
};
use futures::future::join_all;

use crate::{
    on_each_database,
    world::{Backend, NOW, World},
};

on_each_database! {
    a_webhook_is_read_back_as_it_was_written_by_its_own_shop_only
    no_more_webhooks_than_the_limit
    those_who_make_webhooks_at_once_make_no_more_than_the_limit
    webhooks_are_listed_oldest_first_page_by_page
    an_event_is_written_for_those_who_want_it_and_for_no_one_else
    an_event_of_a_change_that_fails_is_not_written
    a_change_sees_what_the_webhooks_want
    nodes_that_claim_at_once_take_each_delivery_once
    what_a_dead_node_had_taken_is_taken_again_after_the_lease
    a_result_that_comes_after_the_lease_changes_nothing
    what_is_given_back_is_taken_again_at_once
    many_deliveries_of_one_webhook_leave_room_for_another
    the_log_shows_every_attempt_newest_delivery_first
    a_webhook_that_fails_too_long_is_switched_off_and_one_success_forgives
    a_webhook_that_is_gone_is_told_nothing_more
    what_waits_for_a_webhook_switched_off_waits_until_it_is_on_again
    a_delivery_is_tried_again_by_hand_unless_it_is_being_tried
    old_events_go_unless_someone_waits_for_them
    a_deleted_webhook_is_not_seen_any_more_and_leaves_nothing
    events_of_a_whole_import_are_written
}

const LEASE: Duration = Duration::from_mins(1);

fn shop(name: &str) -> ShopId {
    ShopId::new(name).unwrap()
}

fn id(name: &str) -> WebhookId {
    WebhookId::new(name).unwrap()
}

fn audit(action: &'static str) -> AuditRecord {
    AuditRecord {
        time: NOW,
        actor_kind: EditorKind::Api,
        actor_id: "key".into(),
        action,
        thing_kind: "WEBHOOK",
        thing_id: "w".into(),
        result: AuditResult::Changed,
        detail: None,
    }
}

fn webhook(shop_id: &str, name: &str, events: Subscription) -> WebhookRecord {
    WebhookRecord {
        webhook_id: id(name),
        shop_id: shop(shop_id),
        url: format!("https://{name}.example/hooks?a=\"b\""),
        events,
        status: WebhookStatus::Enabled,
        secret: WebhookSecret::new(format!("whsec_{name}")),
        older_secret: None,
        failing_since: None,
        create_time: NOW,
        update_time: NOW,
    }
}

fn only(kinds: impl IntoIterator<Item = WebhookEventType>) -> Subscription {
    Subscription::Only(kinds.into_iter().collect())
}

async fn create(store: &Store, webhook: WebhookRecord) {
    assert!(store.create_webhook(&webhook, 100, audit("webhooks.create")).await.unwrap());
}

fn event(kind: WebhookEventType, body: impl Into<String>) -> WebhookEventRecord {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let event_id = format!("msg_{}", DRAWN.fetch_add(1, Ordering::Relaxed)).parse().unwrap();
    WebhookEventRecord { event_id, kind, body: body.into() }
}

async fn happen(store: &Store, shop_id: &str, events: Vec<WebhookEventRecord>, now: Timestamp) {
    let changes = ShopChanges { webhook_events: events, ..ShopChanges::default() };
    store.change(&shop(shop_id), &Wanted::default(), now, |_| (changes, ())).await.unwrap();
}

/// So many different events happen.
async fn updates(store: &Store, shop_id: &str, number: usize) {
    let events = (0..number).map(|n| event(WebhookEventType::OrderUpdated, format!("{{\"n\":{n}}}")));
    happen(store, shop_id, events.collect(), NOW).await;
}

fn limits(places: usize, per_webhook: usize) -> ClaimLimits {
    ClaimLimits { places, per_webhook, exceptions: HashMap::new() }
}

async fn claim_at(store: &Store, now: Timestamp) -> Vec<ClaimedDelivery> {
    store.claim_webhook_deliveries(&limits(100, 100), now, now.plus(LEASE)).await.unwrap()
}

fn tried(claimed: &ClaimedDelivery, now: Timestamp, outcome: DeliveryOutcome) -> DeliveryResult {
    let well = outcome == DeliveryOutcome::Delivered;
    DeliveryResult {
        delivery_id: claimed.delivery_id,
        claim: claimed.claim,
        webhook_id: claimed.webhook.webhook_id.clone(),
        number: claimed.attempts + 1,
        time: now,
        duration: Duration::from_millis(7),
        response_status: Some(if well { 204 } else { 500 }),
        error: (!well).then(|| "answered 500".to_owned()),
        outcome,
    }
}

/// The outcome of all of these; webhooks that were switched off by it. Longer than a day is too long.
async fn finish(
    store: &Store,
    claimed: &[ClaimedDelivery],
    now: Timestamp,
    outcome: DeliveryOutcome,
) -> Vec<WebhookRecord> {
    let results: Vec<_> = claimed.iter().map(|claimed| tried(claimed, now, outcome)).collect();
    let failing_before = now.minus(Duration::from_hours(24));
    store.finish_webhook_deliveries(&results, now, failing_before).await.unwrap()
}

async fn log(store: &Store, shop_id: &str, webhook: &str) -> Vec<WebhookDelivery> {
    store.webhook_deliveries(&shop(shop_id), &id(webhook), None, 100).await.unwrap()
}

fn bodies(claimed: &[ClaimedDelivery]) -> Vec<&str> {
    claimed.iter().map(|claimed| claimed.body.as_str()).collect()
}

async fn a_webhook_is_read_back_as_it_was_written_by_its_own_shop_only(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let mut record =
        webhook("a", "w", only([WebhookEventType::OrderPlaced, WebhookEventType::CouponClaimed]));
    record.older_secret = Some((WebhookSecret::new("whsec_old".into()), NOW));
    record.failing_since = Some(NOW);
    create(&store, record.clone()).await;
    assert_eq!(store.webhook(&shop("a"), &id("w")).await.unwrap(), Some(record.clone()));
    assert_eq!(store.webhook(&shop("b"), &id("w")).await.unwrap(), None);

    let changed = store
        .change_webhook(&shop("a"), &id("w"), audit("webhooks.update"), |webhook| {
            webhook.url = "https://elsewhere.example/".into();
            webhook.events = Subscription::Everything;
            webhook.status = WebhookStatus::Disabled;
            webhook.secret = WebhookSecret::new("whsec_new".into());
            webhook.older_secret = None;
            webhook.failing_since = None;
        })
        .await
        .unwrap();
    assert_eq!(store.webhook(&shop("a"), &id("w")).await.unwrap(), changed);
    assert_eq!(changed.unwrap().secret.reveal(), "whsec_new");
    let audited = audit("webhooks.update");
    let other = store.change_webhook(&shop("b"), &id("w"), audited, |_| panic!("not b's")).await;
    assert_eq!(other.unwrap(), None);
    assert!(!store.delete_webhook(&shop("b"), &id("w"), audit("webhooks.delete")).await.unwrap());
    assert!(!format!("{record:?}").contains("whsec"), "{record:?}");
}

async fn no_more_webhooks_than_the_limit(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    for name in ["1", "2"] {
        let made = store.create_webhook(&webhook("a", name, Subscription::Everything), 2, audit("c")).await;
        assert!(made.unwrap());
    }
    let third = webhook("a", "3", Subscription::Everything);
    assert!(!store.create_webhook(&third, 2, audit("c")).await.unwrap());
    let of_another = webhook("b", "4", Subscription::Everything);
    assert!(store.create_webhook(&of_another, 2, audit("c")).await.unwrap());
    assert!(store.delete_webhook(&shop("a"), &id("1"), audit("d")).await.unwrap());
    assert!(store.create_webhook(&third, 2, audit("c")).await.unwrap(), "a deleted one counts no more");
}

async fn those_who_make_webhooks_at_once_make_no_more_than_the_limit(backend: Backend) {
    const LIMIT: u32 = 20;
    let (world, store) = World::with_store(backend).await;
    let nodes = [&store, &world.open().await];
    let racers = (0..40).flat_map(|number| ["a", "b"].map(|shop_id| (number, shop_id)));
    let made = join_all(racers.map(|(number, shop_id)| {
        let node = nodes[number % 2];
        async move {
            let new = webhook(shop_id, &format!("{shop_id}-{number}"), Subscription::Everything);
            node.create_webhook(&new, LIMIT, audit("webhooks.create")).await.unwrap()
        }
    }))
    .await;
    assert_eq!(made.into_iter().filter(|made| *made).count(), 40, "each shop has its own limit");
    for shop_id in ["a", "b"] {
        assert_eq!(store.webhooks(&shop(shop_id), None, 100).await.unwrap().len(), 20, "{shop_id}");
    }
}

async fn webhooks_are_listed_oldest_first_page_by_page(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    for (name, millis) in [("d", 3), ("c", 1), ("b", 2), ("a", 1)] {
        let create_time = NOW.plus(Duration::from_millis(millis));
        create(&store, WebhookRecord { create_time, ..webhook("a", name, Subscription::Everything) }).await;
    }
    create(&store, webhook("b", "x", Subscription::Everything)).await;
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = store.webhooks(&shop("a"), after.as_ref(), 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.create_time, last.webhook_id.clone()));
        seen.extend(page.iter().map(|webhook| webhook.webhook_id.to_string()));
    }
    assert_eq!(seen, ["a", "c", "b", "d"]);
}

async fn an_event_is_written_for_those_who_want_it_and_for_no_one_else(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "all", Subscription::Everything)).await;
    create(&store, webhook("a", "orders", only([WebhookEventType::OrderUpdated]))).await;
    let off =
        WebhookRecord { status: WebhookStatus::Disabled, ..webhook("a", "off", Subscription::Everything) };
    create(&store, off).await;
    create(&store, webhook("b", "other", only([WebhookEventType::CouponClaimed]))).await;

    let events = vec![
        event(WebhookEventType::OrderUpdated, "{\"order\":\"ü\"}"),
        event(WebhookEventType::ProductUpdated, "{\"product\":1}"),
    ];
    happen(&store, "a", events.clone(), NOW).await;
    happen(&store, "b", events, NOW).await;

    let claimed = claim_at(&store, NOW).await;
    let mut told: Vec<_> = claimed.iter().map(|d| (d.webhook.webhook_id.as_str(), d.body.as_str())).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [("all", "{\"order\":\"ü\"}"), ("all", "{\"product\":1}"), ("orders", "{\"order\":\"ü\"}")]
    );
    let [first, second] = ["all", "orders"].map(|name| {
        let of = claimed
            .iter()
            .find(|d| d.webhook.webhook_id.as_str() == name && d.kind == WebhookEventType::OrderUpdated);
        of.unwrap().event_id.clone()
    });
    assert_eq!(first, second, "one event, one id");
    let raw = world.raw().await;
    assert_eq!(
        raw.number("SELECT count(*) FROM webhook_event").await,
        2,
        "nothing is kept that nobody wants"
    );
}

async fn an_event_of_a_change_that_fails_is_not_written(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "w", Subscription::Everything)).await;
    let raw = world.raw().await;
    // Whatever else goes wrong after it, as a full disk would.
    raw.run("DROP TABLE webhook_attempt").await;
    raw.run("ALTER TABLE webhook_delivery RENAME TO away").await;
    let changes = ShopChanges {
        webhook_events: vec![event(WebhookEventType::OrderUpdated, "{}")],
        audit: vec![audit("x")],
        ..ShopChanges::default()
    };
    let outcome = store.change(&shop("a"), &Wanted::default(), NOW, |_| (changes, ())).await;
    assert!(matches!(outcome, Err(StoreError::Database(_))), "{outcome:?}");
    assert_eq!(raw.number("SELECT count(*) FROM webhook_event").await, 0);
    assert_eq!(raw.number("SELECT count(*) FROM audit WHERE action = 'x'").await, 0);
}

async fn a_change_sees_what_the_webhooks_want(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let wants = only([WebhookEventType::OrderPlaced]);
    create(&store, webhook("a", "w", wants.clone())).await;
    let seen = |shop_id: &'static str| {
        let store = &store;
        async move {
            let see = |loaded: &deskwire_store::Shelf| (ShopChanges::default(), loaded.webhooks.clone());
            store.change(&shop(shop_id), &Wanted::default(), NOW, see).await.unwrap()
        }
    };
    assert_eq!(seen("a").await, [(id("w"), wants)]);
    assert_eq!(seen("b").await, []);
}

async fn nodes_that_claim_at_once_take_each_delivery_once(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    for name in ["1", "2", "3"] {
        create(&store, webhook("a", name, Subscription::Everything)).await;
    }
    updates(&store, "a", 40).await;
    let nodes = [world.open().await, world.open().await, world.open().await];
    let claims = (0..12).map(|n| {
        let node = &nodes[n % nodes.len()];
        async move { node.claim_webhook_deliveries(&limits(30, 5), NOW, NOW.plus(LEASE)).await.unwrap() }
    });
    let mut taken: Vec<_> = join_all(claims).await.into_iter().flatten().map(|d| d.delivery_id).collect();
    taken.extend(claim_at(&store, NOW).await.into_iter().map(|d| d.delivery_id));
    taken.extend(claim_at(&store, NOW).await.into_iter().map(|d| d.delivery_id));
    let number = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!((taken.len(), number), (120, 120));
}

async fn what_a_dead_node_had_taken_is_taken_again_after_the_lease(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "w", Subscription::Everything)).await;
    updates(&store, "a", 2).await;
    let first = claim_at(&store, NOW).await;
    assert_eq!(bodies(&first), ["{\"n\":0}", "{\"n\":1}"]);
    assert_eq!(log(&store, "a", "w").await[0].status, WebhookDeliveryStatus::Sending);
    assert_eq!(claim_at(&store, NOW.plus(LEASE).minus(Duration::from_millis(1))).await, []);
    let again = claim_at(&store, NOW.plus(LEASE)).await;
    let ids = |claimed: &[ClaimedDelivery]| claimed.iter().map(|d| d.event_id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&again), ids(&first), "known again by the receiver");
    assert_eq!((again[0].claim, again[0].attempts), (2, 0), "an attempt that nobody finished is none");
}

async fn a_result_that_comes_after_the_lease_changes_nothing(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "w", Subscription::Everything)).await;
    updates(&store, "a", 1).await;
    let late = claim_at(&store, NOW).await;
    let later = NOW.plus(LEASE);
    let second = claim_at(&store, later).await;
    finish(&store, &late, later, DeliveryOutcome::Failed).await;
    assert_eq!(log(&store, "a", "w").await[0].status, WebhookDeliveryStatus::Sending);
    finish(&store, &second, later, DeliveryOutcome::Delivered).await;
    finish(&store, &second, later, DeliveryOutcome::Failed).await;
    let delivery = &log(&store, "a", "w").await[0];
    assert_eq!((delivery.status, delivery.attempts.len()), (WebhookDeliveryStatus::Delivered, 1));
}

async fn what_is_given_back_is_taken_again_at_once(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "w", Subscription::Everything)).await;
    updates(&store, "a", 3).await;
    let first = claim_at(&store, NOW).await;
    let claims: Vec<_> = first[1..].iter().map(|d| (d.delivery_id, d.claim)).collect();
    store.release_webhook_deliveries(&claims, NOW).await.unwrap();
    assert_eq!(bodies(&claim_at(&store, NOW).await), ["{\"n\":1}", "{\"n\":2}"]);
    store.release_webhook_deliveries(&claims, NOW).await.unwrap();
    assert_eq!(claim_at(&store, NOW).await, [], "an old claim gives nothing back");
}

async fn many_deliveries_of_one_webhook_leave_room_for_another(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "busy", Subscription::Everything)).await;
    updates(&store, "a", 500).await;
    create(&store, webhook("b", "quiet", Subscription::Everything)).await;
    updates(&store, "b", 1).await;
    let of = |claimed: &[ClaimedDelivery], name: &str| {
        claimed.iter().filter(|d| d.webhook.webhook_id.as_str() == name).count()
    };
    let claimed = store.claim_webhook_deliveries(&limits(16, 8), NOW, NOW.plus(LEASE)).await.unwrap();
    assert_eq!((of(&claimed, "busy"), of(&claimed, "quiet")), (8, 1));

    updates(&store, "b", 1).await;
    let full = ClaimLimits { exceptions: HashMap::from([(id("busy"), 0)]), ..limits(1, 8) };
    let claimed = store.claim_webhook_deliveries(&full, NOW, NOW.plus(LEASE)).await.unwrap();
    assert_eq!((of(&claimed, "busy"), of(&claimed, "quiet")), (0, 1));
    let fewer = ClaimLimits { exceptions: HashMap::from([(id("busy"), 3)]), ..limits(100, 8) };
    let claimed = store.claim_webhook_deliveries(&fewer, NOW, NOW.plus(LEASE)).await.unwrap();
    assert_eq!(of(&claimed, "busy"), 3);
    let none = store.claim_webhook_deliveries(&limits(0, 8), NOW, NOW.plus(LEASE)).await.unwrap();
    assert_eq!(none, []);
}

async fn the_log_shows_every_attempt_newest_delivery_first(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "w", Subscription::Everything)).await;
    updates(&store, "a", 5).await;
    let claimed = claim_at(&store, NOW).await;
    let then = NOW.plus(Duration::from_secs(5));
    finish(&store, &claimed[1..], NOW, DeliveryOutcome::Delivered).await;
    finish(&store, &claimed[..1], NOW, DeliveryOutcome::Retry(then)).await;
    assert_eq!(claim_at(&store, then.minus(Duration::from_millis(1))).await, []);
    let again = claim_at(&store, then).await;
    assert_eq!((again.len(), again[0].attempts), (1, 1));
    finish(&store, &again, then, DeliveryOutcome::Delivered).await;

    let mut before = None;
    let mut seen = Vec::new();
    loop {
        let page = store.webhook_deliveries(&shop("a"), &id("w"), before, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.delivery_id);
        seen.extend(page);
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by_key(|delivery| std::cmp::Reverse(delivery.delivery_id)));
    let oldest = seen.last().unwrap();
    assert_eq!((oldest.status, oldest.next_attempt_time), (WebhookDeliveryStatus::Delivered, None));
    assert_eq!((&oldest.event_id, oldest.create_time), (&claimed[0].event_id, NOW));
    let attempts: Vec<_> = oldest
        .attempts
        .iter()
        .map(|a| (a.number, a.time, a.duration_ms, a.response_status, a.error.as_deref()))
        .collect();
    assert_eq!(attempts, [(1, NOW, 7, Some(500), Some("answered 500")), (2, then, 7, Some(204), None)]);
    assert_eq!(log(&store, "b", "w").await, [], "another shop's log is not there");
    assert_eq!(store.webhook_delivery(&shop("b"), oldest.delivery_id).await.unwrap(), None);
    assert_eq!(store.webhook_delivery(&shop("a"), oldest.delivery_id).await.unwrap().as_ref(), Some(oldest));
}

async fn a_webhook_that_fails_too_long_is_switched_off_and_one_success_forgives(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "w", Subscription::Everything)).await;
    updates(&store, "a", 1).await;
    let hours = |hours| NOW.plus(Duration::from_hours(hours));
    let since = async || store.webhook(&shop("a"), &id("w")).await.unwrap().unwrap().failing_since;
    let mut now = NOW;
    for (until, outcome, failing_since) in [
        (hours(12), DeliveryOutcome::Retry(hours(12)), Some(NOW)),
        (hours(23), DeliveryOutcome::Retry(hours(23)), Some(NOW)),
        (hours(24), DeliveryOutcome::Delivered, None),
    ] {
        assert_eq!(finish(&store, &claim_at(&store, now).await, now, outcome).await, []);
        assert_eq!(since().await, failing_since);
        now = until;
    }
    updates(&store, "a", 1).await;
    let retry = DeliveryOutcome::Retry;
    assert_eq!(finish(&store, &claim_at(&store, hours(24)).await, hours(24), retry(hours(48))).await, []);
    let off = finish(&store, &claim_at(&store, hours(48)).await, hours(48), retry(hours(49))).await;
    assert_eq!(off.len(), 1);
    assert_eq!((off[0].status, off[0].failing_since), (WebhookStatus::Failing, Some(hours(24))));
    assert_eq!(claim_at(&store, hours(49)).await, []);
}

async fn a_webhook_that_is_gone_is_told_nothing_more(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "w", Subscription::Everything)).await;
    updates(&store, "a", 2).await;
    let claimed = claim_at(&store, NOW).await;
    let off = finish(&store, &claimed[..1], NOW, DeliveryOutcome::Gone).await;
    assert_eq!(off[0].status, WebhookStatus::Gone);
    assert_eq!(finish(&store, &claimed[1..], NOW, DeliveryOutcome::Gone).await, [], "said once");
    updates(&store, "a", 1).await;
    assert_eq!(log(&store, "a", "w").await.len(), 2);
    assert_eq!(
        store.tell_webhook(&shop("a"), &id("w"), &event(WebhookEventType::Ping, "{}"), NOW).await.unwrap(),
        None
    );
}

async fn what_waits_for_a_webhook_switched_off_waits_until_it_is_on_again(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "w", Subscription::Everything)).await;
    updates(&store, "a", 2).await;
    let set = async |status| {
        let change = move |webhook: &mut WebhookRecord| webhook.status = status;
        store.change_webhook(&shop("a"), &id("w"), audit("webhooks.update"), change).await.unwrap();
    };
    set(WebhookStatus::Disabled).await;
    assert_eq!(claim_at(&store, NOW).await, []);
    updates(&store, "a", 1).await;
    set(WebhookStatus::Enabled).await;
    assert_eq!(claim_at(&store, NOW).await.len(), 2, "what happened meanwhile is not told");
}

async fn a_delivery_is_tried_again_by_hand_unless_it_is_being_tried(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "w", only([WebhookEventType::OrderPlaced]))).await;
    let ping = event(WebhookEventType::Ping, "{\"ping\":true}");
    let told = store.tell_webhook(&shop("a"), &id("w"), &ping, NOW).await.unwrap().unwrap();
    assert_eq!(store.tell_webhook(&shop("b"), &id("w"), &ping, NOW).await.unwrap(), None);
    assert_eq!(log(&store, "a", "w").await, std::slice::from_ref(&told));

    let claimed = claim_at(&store, NOW).await;
    assert_eq!((claimed.len(), &claimed[0].event_id), (1, &told.event_id));
    let retry = |shop_id: &'static str| {
        let (store, id) = (&store, told.delivery_id);
        async move { store.retry_webhook_delivery(&shop(shop_id), id, NOW).await.unwrap() }
    };
    assert!(matches!(retry("a").await, DeliveryRetry::Sending(_)));
    assert_eq!(retry("b").await, DeliveryRetry::NotFound);
    for (attempts, outcome) in [(1, DeliveryOutcome::Failed), (2, DeliveryOutcome::Delivered)] {
        finish(&store, &claim_or(&store, &claimed, attempts).await, NOW, outcome).await;
        assert_eq!(claim_at(&store, NOW).await, []);
        assert!(matches!(retry("a").await, DeliveryRetry::Due(_)));
    }
    assert_eq!(claim_at(&store, NOW).await[0].attempts, 2);
    let gone = audit("webhooks.update");
    store.change_webhook(&shop("a"), &id("w"), gone, |w| w.status = WebhookStatus::Disabled).await.unwrap();
    assert_eq!(retry("a").await, DeliveryRetry::SwitchedOff);
}

/// The first claim, or the next.
async fn claim_or(store: &Store, first: &[ClaimedDelivery], attempt: u32) -> Vec<ClaimedDelivery> {
    if attempt == 1 { first.to_vec() } else { claim_at(store, NOW).await }
}

async fn old_events_go_unless_someone_waits_for_them(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "w", Subscription::Everything)).await;
    create(&store, webhook("b", "off", Subscription::Everything)).await;
    updates(&store, "a", 1_201).await;
    updates(&store, "b", 1).await;
    let off = audit("webhooks.update");
    store.change_webhook(&shop("b"), &id("off"), off, |w| w.status = WebhookStatus::Disabled).await.unwrap();
    loop {
        let claimed = claim_at(&store, NOW).await;
        if claimed.is_empty() {
            break;
        }
        let waits = claimed.iter().position(|d| d.body == "{\"n\":700}");
        let mut done = claimed.clone();
        if let Some(place) = waits {
            let one = done.remove(place);
            finish(&store, &[one], NOW, DeliveryOutcome::Retry(NOW.plus(LEASE))).await;
        }
        finish(&store, &done, NOW, DeliveryOutcome::Delivered).await;
    }
    let later = NOW.plus(Duration::from_secs(1));
    happen(&store, "a", vec![event(WebhookEventType::OrderUpdated, "{\"new\":1}")], later).await;
    let raw = world.raw().await;
    let left = async || raw.number("SELECT count(*) FROM webhook_event").await;
    while store.prune_webhooks(NOW).await.unwrap() {}
    assert_eq!(left().await, 1_203, "none of them is old");
    let mut rounds = 1;
    while store.prune_webhooks(later).await.unwrap() {
        rounds += 1;
    }
    assert_eq!((left().await, rounds), (2, 3), "the one that is waited for, and the new one");
    assert_eq!(raw.number("SELECT count(*) FROM webhook_delivery").await, 2);
    assert_eq!(raw.number("SELECT count(*) FROM webhook_attempt").await, 1);
}

async fn a_deleted_webhook_is_not_seen_any_more_and_leaves_nothing(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "w", Subscription::Everything)).await;
    create(&store, webhook("a", "stays", Subscription::Everything)).await;
    updates(&store, "a", 600).await;
    let claimed = claim_at(&store, NOW).await;
    assert!(store.delete_webhook(&shop("a"), &id("w"), audit("webhooks.delete")).await.unwrap());
    assert!(!store.delete_webhook(&shop("a"), &id("w"), audit("webhooks.delete")).await.unwrap());
    assert_eq!(finish(&store, &claimed, NOW, DeliveryOutcome::Gone).await.len(), 1, "the one that stays");
    assert_eq!(store.webhook(&shop("a"), &id("w")).await.unwrap(), None);
    assert_eq!(store.webhooks(&shop("a"), None, 9).await.unwrap().len(), 1);
    assert_eq!(log(&store, "a", "w").await, []);
    let raw = world.raw().await;
    let secrets = "SELECT count(*) FROM webhook WHERE webhook_id = 'w' AND secret <> ''";
    assert_eq!(raw.number(secrets).await, 0);
    let later = NOW.plus(Duration::from_millis(1));
    while store.prune_webhooks(NOW).await.unwrap() {}
    let deliveries = "SELECT count(*) FROM webhook_delivery WHERE webhook_id = 'w'";
    assert_eq!(raw.number(deliveries).await, 0);
    assert_eq!(raw.number("SELECT count(*) FROM webhook WHERE webhook_id = 'w'").await, 1);
    while store.prune_webhooks(later).await.unwrap() {}
    assert_eq!(raw.number("SELECT count(*) FROM webhook WHERE webhook_id = 'w'").await, 0);
    assert_eq!(raw.number("SELECT count(*) FROM webhook_event").await, 0);
}

async fn events_of_a_whole_import_are_written(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    create(&store, webhook("a", "1", Subscription::Everything)).await;
    create(&store, webhook("a", "2", Subscription::Everything)).await;
    updates(&store, "a", 5_000).await;
    let raw = world.raw().await;
    assert_eq!(raw.number("SELECT count(*) FROM webhook_delivery").await, 10_000);
    assert_eq!(raw.number("SELECT count(DISTINCT event_id) FROM webhook_event").await, 5_000);
}
