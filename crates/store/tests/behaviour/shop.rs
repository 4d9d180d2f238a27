//! The shop's things: changed in one transaction, kept exactly, found by parts of words, never by another shop.

use deskwire_protocol::{
    Role, ShopId, Timestamp, UserId,
    coupon::{
        Claim, ClaimDuration, Coupon, CouponStatus, Discount, DiscountType, DisplayType, Issue, ProductScope,
        RedemptionDuration, RedemptionType, Threshold, UsageLimits,
    },
    ids::{CouponId, LineItemId, OrderId, ProductId, SkuId},
    money::Money,
    order::{Deadlines, Editor, EditorKind, LineItem, Order, OrderStatus, Payment, SellerNote},
    product::{Product, ProductSearchBy, ProductStatus, Sku, SkuPrice},
};
use deskwire_store::{
    CardPlace, CardRecord, ClaimRecord, CouponQuery, CouponRecord, ImportChange, ImportFile, ImportRefusal,
    OrderQuery, OrderRecord, PackageRecord, PersonRecord, ProductQuery, ProductRecord, Shelf, ShopChanges,
    Side, Store, StoreError, Subject, UserRecord, Wanted,
};
use futures::future::join_all;

use crate::{
    on_each_database,
    world::{Backend, NOW, Send, World, buyer, decide, needs, open, seq},
};

on_each_database! {
    what_is_due_and_cannot_be_read_keeps_back_no_other
    an_order_is_read_back_as_it_was_written
    a_buyers_orders_are_listed_newest_first_by_status_and_part_of_the_id
    a_note_keeps_all_its_versions
    products_are_found_by_parts_of_words_whatever_case_and_accents
    a_search_never_finds_what_another_shop_has
    a_renamed_product_is_found_by_its_new_name_only
    a_variant_leads_to_its_product
    coupons_are_listed_by_what_the_time_makes_of_them
    a_coupon_turns_at_its_beginning_and_its_end_and_each_is_told_once
    racing_claims_never_exceed_the_limit
    a_change_marks_the_cards_of_nothing_that_no_message_shows
    a_card_is_due_at_its_own_moment_and_a_pass_that_did_not_see_it_is_not_the_last
    what_is_taken_is_nobody_elses_until_it_is_given_back_or_its_lease_is_over
    who_has_not_seen_the_version_that_stands_changes_nothing
    a_variant_may_go_from_one_product_to_another
    people_are_made_and_renamed_with_what_else_is_known_of_them
    a_file_goes_on_from_where_it_stands_and_keeps_what_was_refused
}

fn shop(name: &str) -> ShopId {
    ShopId::new(name).unwrap()
}

fn money(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().unwrap())
}

fn order(id: &str, buyer: &str, millis: i64) -> OrderRecord {
    let item = LineItem {
        id: LineItemId::new("1").unwrap(),
        product_id: ProductId::new("p").unwrap(),
        product_name: "Schuh “Größe 43” 👟".into(),
        sku_id: SkuId::new("s").unwrap(),
        sku_name: None,
        seller_sku: None,
        sku_image: None,
        original_price: None,
        sale_price: money(i64::MAX / 4),
        quantity: 1,
    };
    let order = serde_json::json!({
        "id": id, "status": "UNPAID", "create_time": millis, "update_time": millis, "user_id": buyer,
        "payment": {
            "currency": "EUR",
            "sub_total": { "amount": "12.50", "currency": "EUR" },
            "shipping_fee": { "amount": "0.00", "currency": "EUR" },
            "tax": { "amount": "0.00", "currency": "EUR" },
            "total_amount": { "amount": "12.50", "currency": "EUR" },
        },
        "line_items": [],
    });
    let mut order: Order = serde_json::from_value(order).unwrap();
    order.line_items = vec![item];
    OrderRecord { order, client_order_id: None, remind_time: None, lapse_time: None, note: None, version: 0 }
}

async fn put_orders(store: &Store, shop_id: &ShopId, orders: Vec<OrderRecord>) {
    let changes = ShopChanges { orders, ..ShopChanges::default() };
    store.change(shop_id, &Wanted::default(), NOW, |_| (changes, ())).await.unwrap();
}

fn ids(orders: &[OrderRecord]) -> Vec<&str> {
    orders.iter().map(|record| record.order.id.as_str()).collect()
}

async fn an_order_is_read_back_as_it_was_written(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let mut record = order("o-1", "ana", 7);
    record.order.deadlines = Deadlines { payment_due_time: Some(NOW), ..Deadlines::default() };
    record.order.payment = Payment { tax: money(-1), ..record.order.payment };
    record.remind_time = Some(NOW);
    put_orders(&store, &shop("a"), vec![record.clone()]).await;
    let read =
        store.orders(&shop("a"), &[record.order.id.clone(), OrderId::new("none").unwrap()]).await.unwrap();
    record.version = 1;
    assert_eq!(read, [record.clone()]);
    assert_eq!(store.orders(&shop("b"), std::slice::from_ref(&record.order.id)).await.unwrap(), []);
    let due = store.reminders_due(NOW, 10).await.unwrap();
    assert_eq!(due, [(shop("a"), record.clone())]);
    let later = Timestamp::from_millis(NOW.millis() + 1);
    let other = OrderRecord { version: 2, ..record.clone() };
    assert!(!store.take_reminder(&shop("a"), &other, None).await.unwrap(), "it has changed since");
    assert!(store.take_reminder(&shop("a"), &record, Some(later)).await.unwrap());
    assert!(!store.take_reminder(&shop("a"), &record, Some(later)).await.unwrap(), "once");
    assert_eq!(store.reminders_due(NOW, 10).await.unwrap(), []);
    assert_eq!(store.reminders_due(later, 10).await.unwrap().len(), 1);
}

async fn what_is_due_and_cannot_be_read_keeps_back_no_other(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let due = |id: &str, n: i64| {
        let times = Some(Timestamp::from_millis(NOW.millis() - 9 + n));
        OrderRecord { remind_time: times, lapse_time: times, ..order(id, "ana", n) }
    };
    put_orders(&store, &shop("a"), vec![due("o-1", 1), due("o-2", 2)]).await;
    world.raw().await.run("UPDATE shop_order SET document = 'torn' WHERE order_id = 'o-1'").await;
    for found in [store.reminders_due(NOW, 10).await, store.orders_lapsing(NOW, 10).await] {
        let found: Vec<_> = found.unwrap().into_iter().map(|(_, record)| record).collect();
        assert_eq!(ids(&found), ["o-2"]);
    }
}

async fn a_buyers_orders_are_listed_newest_first_by_status_and_part_of_the_id(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let buyer = UserId::new("ana").unwrap();
    let mut orders: Vec<_> = (0..10).map(|n| order(&format!("ORD-{n}%_"), "ana", n / 2)).collect();
    orders[4].order.status = OrderStatus::Delivered;
    orders.push(order("ORD-x", "ben", 99));
    put_orders(&store, &shop("a"), orders).await;
    put_orders(&store, &shop("b"), vec![order("ORD-0%_", "ana", 99)]).await;
    let list = |query: OrderQuery, limit| {
        let (store, buyer) = (&store, &buyer);
        async move { store.buyer_orders(&shop("a"), buyer, &query, limit).await.unwrap() }
    };
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = list(OrderQuery { before: before.clone(), ..OrderQuery::default() }, 3).await;
        let Some(oldest) = page.last() else { break };
        before = Some((oldest.order.create_time, oldest.order.id.clone()));
        seen.extend(ids(&page).into_iter().map(str::to_owned));
    }
    let expected: Vec<_> = (0..10).rev().map(|n| format!("ORD-{n}%_")).collect();
    assert_eq!(seen, expected);
    let delivered = OrderQuery { status: Some(OrderStatus::Delivered), ..OrderQuery::default() };
    assert_eq!(ids(&list(delivered.clone(), 9).await), ["ORD-4%_"]);
    assert_eq!(store.count_buyer_orders(&shop("a"), &buyer, &delivered).await.unwrap(), 1);
    let part = |part: &str| OrderQuery { id_part: Some(part.into()), ..OrderQuery::default() };
    assert_eq!(ids(&list(part("d-7%"), 9).await), ["ORD-7%_"]);
    assert_eq!(ids(&list(part("7_"), 9).await), Vec::<&str>::new(), "an underline is no wildcard");
    let both = OrderQuery { id_part: Some("ord-4".into()), ..delivered };
    assert_eq!(ids(&list(both, 9).await), ["ORD-4%_"]);
}

async fn a_note_keeps_all_its_versions(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let id = OrderId::new("o-1").unwrap();
    put_orders(&store, &shop("a"), vec![order("o-1", "ana", 7)]).await;
    for version in 1..=3 {
        let wanted = Wanted { orders: vec![id.clone()], ..Wanted::default() };
        store
            .change(&shop("a"), &wanted, NOW, |loaded| {
                let mut record = loaded.orders[&id].clone();
                record.note = Some(SellerNote {
                    text: format!("note {version}"),
                    version,
                    editor: Editor { kind: EditorKind::Agent, id: "grace".into(), name: "Grace".into() },
                    update_time: NOW,
                });
                (ShopChanges { orders: vec![record], ..ShopChanges::default() }, ())
            })
            .await
            .unwrap();
    }
    let record = store.orders(&shop("a"), std::slice::from_ref(&id)).await.unwrap().remove(0);
    assert_eq!(record.note.unwrap().text, "note 3");
    let history = store.note_history(&shop("a"), &id, None, 2).await.unwrap();
    assert_eq!(history.iter().map(|note| note.version).collect::<Vec<_>>(), [3, 2]);
    let rest = store.note_history(&shop("a"), &id, Some(2), 2).await.unwrap();
    assert_eq!(rest.iter().map(|note| note.text.as_str()).collect::<Vec<_>>(), ["note 1"]);
    assert_eq!(store.note_history(&shop("b"), &id, None, 2).await.unwrap(), []);
}

fn product(id: &str, title: &str, seller_sku: &str, stock: u32) -> ProductRecord {
    let sku = Sku {
        id: SkuId::new(format!("{id}-s")).unwrap(),
        seller_sku: Some(seller_sku.into()),
        name: String::new(),
        price: SkuPrice { currency: "EUR".parse().unwrap(), sale_price: money(100), original_price: None },
        inventory: stock,
        quantity: None,
        status: ProductStatus::Activate,
    };
    let product = Product {
        id: ProductId::new(id).unwrap(),
        title: title.into(),
        main_image: None,
        description: None,
        category: None,
        status: ProductStatus::Activate,
        update_time: NOW,
        skus: vec![sku],
        price_range: None,
        stock: 0,
        link: None,
    };
    ProductRecord { product, stock: stock.into(), product_no: 0, version: 0 }
}

async fn put_products(store: &Store, shop_id: &ShopId, products: Vec<ProductRecord>) {
    let wanted = Wanted {
        products: products.iter().map(|record| record.product.id.clone()).collect(),
        ..Wanted::default()
    };
    let decide = |loaded: &Shelf| {
        let seen = |mut record: ProductRecord| {
            record.version = loaded.products.get(&record.product.id).map_or(0, |stored| stored.version);
            record
        };
        let products = products.into_iter().map(seen).collect();
        (ShopChanges { products, ..ShopChanges::default() }, ())
    };
    store.change(shop_id, &wanted, NOW, decide).await.unwrap();
}

async fn found(store: &Store, shop_id: &ShopId, text: &str, by: Option<ProductSearchBy>) -> Vec<String> {
    let query = ProductQuery { text: Some(text.into()), by, ..ProductQuery::default() };
    let found = store.find_products(shop_id, &query, 100).await.unwrap();
    found.into_iter().map(|record| record.product.id.to_string()).collect()
}

async fn products_are_found_by_parts_of_words_whatever_case_and_accents(backend: Backend) {
    use ProductSearchBy::{ProductId, SellerSku, Title};
    let (_world, store) = World::with_store(backend).await;
    let products = vec![
        product("p-100", "Café Crème, 500 g", "COF-500", 3),
        product("p-200", "Điện thoại \"Nova\" 5G", "TEL-NOVA", 0),
        product("p-300", "กาแฟเย็น", "COF-ICE", 1),
        product("p-400", "100% cotton_shirt", "SHIRT*1", 9),
    ];
    put_products(&store, &shop("a"), products).await;
    for (text, by, expected) in [
        ("cafe", None, vec!["p-100"]),
        ("AFÉ crem", None, vec!["p-100"]),
        ("crem cafe", Some(Title), vec!["p-100"]),
        ("dien NOVA", None, vec!["p-200"]),
        ("\"nova\"", Some(Title), vec!["p-200"]),
        ("กาแฟ", Some(Title), vec!["p-300"]),
        ("cof", Some(SellerSku), vec!["p-300", "p-100"]),
        ("cof", Some(Title), vec![]),
        ("p-", Some(ProductId), vec!["p-400", "p-300", "p-200", "p-100"]),
        ("-200", Some(ProductId), vec!["p-200"]),
        ("5g", None, vec!["p-200"]),
        ("0% c", None, vec!["p-400"]),
        ("n_s", Some(Title), vec!["p-400"]),
        ("n%s", Some(Title), vec![]),
        ("shirt*", None, vec!["p-400"]),
        ("NEAR(a b) OR title:x", None, vec![]),
        ("CAFÉ,", None, vec!["p-100"]),
        ("crème-café", None, vec!["p-100"]),
        ("café-rème", None, vec![]),
        ("5-g", Some(Title), vec!["p-100"]),
        ("cotton-shirt", Some(Title), vec!["p-400"]),
        ("cafe – creme", Some(Title), vec!["p-100"]),
        ("กา", Some(Title), vec!["p-300"]),
        ("ก่า", Some(Title), vec![]),
        ("  ", None, vec!["p-400", "p-300", "p-200", "p-100"]),
    ] {
        assert_eq!(found(&store, &shop("a"), text, by).await, expected, "{text:?} by {by:?}");
    }
    let query = ProductQuery { text: Some("p-".into()), in_stock: Some(false), ..ProductQuery::default() };
    let empty = store.find_products(&shop("a"), &query, 100).await.unwrap();
    assert_eq!(empty.len(), 1);
    let page = ProductQuery { text: Some("p-".into()), ..ProductQuery::default() };
    let first = store.find_products(&shop("a"), &page, 2).await.unwrap();
    let second = ProductQuery { before: Some(first[1].product_no), ..page };
    let second = store.find_products(&shop("a"), &second, 2).await.unwrap();
    assert_eq!(
        second.iter().map(|record| record.product.id.as_str()).collect::<Vec<_>>(),
        ["p-200", "p-100"]
    );
}

async fn a_search_never_finds_what_another_shop_has(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    put_products(&store, &shop("a"), vec![product("p", "green tea", "T", 1)]).await;
    put_products(&store, &shop("b"), vec![product("p", "green soap", "S", 1)]).await;
    assert_eq!(found(&store, &shop("a"), "green tea", None).await, ["p"]);
    assert_eq!(found(&store, &shop("b"), "tea", None).await, Vec::<String>::new());
    assert_eq!(found(&store, &shop("c"), "green", None).await, Vec::<String>::new());
    assert_eq!(found(&store, &shop("b"), "green", None).await.len(), 1);
}

async fn a_renamed_product_is_found_by_its_new_name_only(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    put_products(&store, &shop("a"), vec![product("p", "green tea", "T", 1)]).await;
    put_products(&store, &shop("a"), vec![product("p", "black tea", "T", 1)]).await;
    assert_eq!(found(&store, &shop("a"), "green", None).await, Vec::<String>::new());
    assert_eq!(found(&store, &shop("a"), "black", None).await, ["p"]);
}

async fn a_variant_leads_to_its_product(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    put_products(&store, &shop("a"), vec![product("p", "green tea", "T", 5)]).await;
    let sku = SkuId::new("p-s").unwrap();
    let record = store.product_of_sku(&shop("a"), &sku).await.unwrap().unwrap();
    assert_eq!((record.product.id.as_str(), record.product.skus[0].inventory), ("p", 5));
    assert_eq!(store.product_of_sku(&shop("b"), &sku).await.unwrap(), None);
    let wanted = Wanted { skus: vec![sku.clone()], ..Wanted::default() };
    let loaded = store
        .change(&shop("a"), &wanted, NOW, |loaded| (ShopChanges::default(), loaded.clone()))
        .await
        .unwrap();
    assert_eq!(loaded.skus[&sku], record.product.id);
    assert_eq!(loaded.products[&record.product.id], record);
}

fn coupon(id: &str, start: i64, end: i64, limit: Option<u32>) -> CouponRecord {
    let coupon = Coupon {
        id: CouponId::new(id).unwrap(),
        title: format!("Promoção {id}"),
        status: CouponStatus::Ongoing,
        display_type: DisplayType::Regular,
        discount: Discount {
            kind: DiscountType::AmountOff,
            reduction_amount: Some(money(500)),
            percentage: None,
            max_discount: None,
        },
        threshold: Threshold::default(),
        product_scope: ProductScope::FullShop,
        product_ids: vec![],
        claim_duration: ClaimDuration {
            start_time: Timestamp::from_millis(start),
            end_time: Timestamp::from_millis(end),
        },
        redemption_duration: RedemptionDuration {
            kind: RedemptionType::Relative,
            start_time: None,
            end_time: None,
            relative_days: Some(3),
        },
        usage_limits: UsageLimits {
            total_claim_limit: limit,
            single_buyer_claim_limit: 1,
            redemption_limit: None,
        },
        issue: None,
        claimed_count: 0,
        redeemed_count: 0,
        remaining: None,
        create_time: NOW,
        update_time: NOW,
        version: 1,
        link: None,
    };
    CouponRecord { coupon, deactivated: false, made_as: None, coupon_no: 0, version: 0 }
}

async fn coupons_are_listed_by_what_the_time_makes_of_them(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let mut ended = coupon("ended", 0, 100, None);
    ended.deactivated = true;
    let mut personal = coupon("personal", 0, 100, None);
    personal.coupon.display_type = DisplayType::Chat;
    personal.coupon.issue =
        Some(Issue { buyer_id: UserId::new("ana").unwrap(), reason: "late".into(), order_id: None });
    let coupons = vec![
        coupon("past", 0, 10, None),
        coupon("now", 10, 100, None),
        coupon("future", 50, 100, None),
        ended,
        personal,
    ];
    let changes = ShopChanges { coupons, ..ShopChanges::default() };
    store.change(&shop("a"), &Wanted::default(), NOW, |_| (changes, ())).await.unwrap();
    let list = |query: CouponQuery| {
        let store = &store;
        async move {
            let found = store.find_coupons(&shop("a"), &query, 10).await.unwrap();
            found.into_iter().map(|record| record.coupon.id.to_string()).collect::<Vec<_>>()
        }
    };
    let at = |status, millis| CouponQuery {
        status: Some(status),
        now: Timestamp::from_millis(millis),
        ..CouponQuery::default()
    };
    assert_eq!(list(at(CouponStatus::Ongoing, 10)).await, ["personal", "now"]);
    assert_eq!(list(at(CouponStatus::Ongoing, 50)).await, ["personal", "future", "now"]);
    assert_eq!(list(at(CouponStatus::Expired, 10)).await, ["past"]);
    assert_eq!(list(at(CouponStatus::NotStart, 0)).await, ["future", "now"]);
    assert_eq!(list(at(CouponStatus::Deactivated, 0)).await, ["ended"]);
    let of_ben = CouponQuery { buyer_id: Some(UserId::new("ben").unwrap()), ..at(CouponStatus::Ongoing, 10) };
    assert_eq!(list(of_ben).await, ["now"]);
    let chat = CouponQuery { display_type: Some(DisplayType::Chat), ..at(CouponStatus::Ongoing, 10) };
    assert_eq!(list(chat).await, ["personal"]);
    let named = CouponQuery { text: Some("PROMOCAO past".into()), ..CouponQuery::default() };
    assert_eq!(list(named).await, ["past"]);
}

async fn a_coupon_turns_at_its_beginning_and_its_end_and_each_is_told_once(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let mut record = coupon("c", 0, 9, None);
    record.coupon.claim_duration = ClaimDuration { start_time: at(10), end_time: at(20) };
    let mut ended = coupon("ended", 0, 9, None);
    ended.coupon.claim_duration = record.coupon.claim_duration;
    ended.deactivated = true;
    let changes = ShopChanges { coupons: vec![record, ended], ..ShopChanges::default() };
    store.change(&shop("a"), &Wanted::default(), NOW, |_| (changes, ())).await.unwrap();
    assert_eq!(store.coupons_turned(at(9), 10).await.unwrap(), []);
    for moment in [10, 20] {
        let (of, turned) = store.coupons_turned(at(moment), 10).await.unwrap().remove(0);
        assert!(store.take_coupon_turn(&of, &turned, at(moment)).await.unwrap());
        assert!(!store.take_coupon_turn(&of, &turned, at(moment)).await.unwrap(), "once");
        assert_eq!(store.coupons_turned(at(moment), 10).await.unwrap(), []);
    }
    assert_eq!(store.coupons_turned(at(999), 10).await.unwrap(), []);
}

async fn racing_claims_never_exceed_the_limit(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let other = world.open().await;
    let changes = ShopChanges { coupons: vec![coupon("c", 0, 100, Some(10))], ..ShopChanges::default() };
    store.change(&shop("a"), &Wanted::default(), NOW, |_| (changes, ())).await.unwrap();
    let id = CouponId::new("c").unwrap();
    let claims = (0..64).map(|n| {
        let (id, node) = (id.clone(), if n % 2 == 0 { &store } else { &other });
        async move {
            let buyer_id = UserId::new(format!("buyer {n}")).unwrap();
            let wanted = Wanted { claims: vec![(id.clone(), buyer_id.clone())], ..Wanted::default() };
            node.change(&shop("a"), &wanted, NOW, |loaded| {
                let mut record = loaded.coupons[&id].clone();
                if record.coupon.claimed_count >= 10 {
                    return (ShopChanges::default(), false);
                }
                record.coupon.claimed_count += 1;
                let claim = Claim {
                    coupon_id: id,
                    number: 1,
                    claim_time: NOW,
                    start_time: NOW,
                    end_time: NOW,
                    order_id: None,
                };
                let claims = vec![ClaimRecord { buyer_id, claim, message_id: None }];
                (ShopChanges { coupons: vec![record], claims, ..ShopChanges::default() }, true)
            })
            .await
            .unwrap()
        }
    });
    let got = join_all(claims).await.into_iter().filter(|got| *got).count();
    assert_eq!(got, 10);
    let record = store.coupons(&shop("a"), std::slice::from_ref(&id)).await.unwrap().remove(0);
    assert_eq!((record.coupon.claimed_count, record.version), (10, 11));
    let rows = world.raw().await.number("SELECT count(*) FROM coupon_claim").await;
    assert_eq!(rows, 10);
    let first = UserId::new("buyer 0").unwrap();
    let mine = store.claims_of(&shop("a"), &first, std::slice::from_ref(&id)).await.unwrap();
    let listed = store.buyer_claims(&shop("a"), &first, None, 10).await.unwrap();
    assert_eq!(mine, listed);
}

async fn a_change_marks_the_cards_of_nothing_that_no_message_shows(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    put_orders(&store, &shop("a"), vec![order("o-1", "ana", 7)]).await;
    assert_eq!(store.take_card_refreshes(NOW, NOW, &[], 10).await.unwrap(), []);
    let subject = Subject::Order(OrderId::new("o-1").unwrap());
    assert_eq!(store.shown_cards(&shop("a"), &subject, None, 10).await.unwrap(), []);
    assert_eq!(world.raw().await.number("SELECT count(*) FROM card_refresh").await, 0);
}

/// Notes that the first message of this conversation shows the order, which looks different by time alone at `next_change`.
async fn show(store: &Store, number: i64, next_change: Option<Timestamp>) {
    let here = open(store, &buyer(&format!("buyer {number}")), number).await;
    let place = CardPlace { conversation_id: here, message_seq: seq(1) };
    let sends = [Send::by_buyer(here, "card")];
    let needs = needs(&sends);
    let sent = store.commit(&needs, |loaded| {
        let (mut changes, _) = decide(loaded, &sends);
        let subject = Subject::Order(OrderId::new("o-1").unwrap());
        changes.cards.push(CardRecord { shop_id: shop("shop"), subject, place, version: 1, next_change });
        (changes, ())
    });
    sent.await.unwrap();
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.millis() + millis)
}

async fn a_card_is_due_at_its_own_moment_and_a_pass_that_did_not_see_it_is_not_the_last(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    put_orders(&store, &shop("shop"), vec![order("o-1", "ana", 7)]).await;
    show(&store, 1, None).await;
    assert_eq!(
        store.take_card_refreshes(at(999), at(999), &[], 10).await.unwrap(),
        [],
        "it shows what there is"
    );
    show(&store, 2, Some(at(50))).await;
    show(&store, 3, Some(at(90))).await;
    assert_eq!(store.take_card_refreshes(at(49), at(60), &[], 10).await.unwrap(), []);
    let taken = store.take_card_refreshes(at(50), at(100), &[], 10).await.unwrap();
    assert_eq!(taken.len(), 1, "the sooner one stands");
    show(&store, 4, Some(at(70))).await;
    store.card_refreshed(&taken[0], Some(at(90))).await.unwrap();
    assert_eq!(store.take_card_refreshes(at(69), at(100), &[], 10).await.unwrap(), []);
    let again = store.take_card_refreshes(at(70), at(100), &[], 10).await.unwrap();
    store.card_refreshed(&again[0], None).await.unwrap();
    assert_eq!(store.take_card_refreshes(at(999), at(999), &[], 10).await.unwrap(), []);
}

async fn what_is_taken_is_nobody_elses_until_it_is_given_back_or_its_lease_is_over(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let other = world.open().await;
    put_orders(&store, &shop("shop"), vec![order("o-1", "ana", 7)]).await;
    show(&store, 1, Some(at(0))).await;
    let taken = store.take_card_refreshes(at(0), at(20), &[], 10).await.unwrap();
    assert_eq!(other.take_card_refreshes(at(19), at(40), &[], 10).await.unwrap(), []);
    store.renew_card_refresh(&taken[0], at(35)).await.unwrap();
    assert_eq!(other.take_card_refreshes(at(34), at(50), &[], 10).await.unwrap(), [], "it is renewed");
    let after_death = other.take_card_refreshes(at(35), at(55), &[], 10).await.unwrap();
    assert_eq!(after_death.len(), 1);
    store.renew_card_refresh(&taken[0], at(99)).await.unwrap();
    other.give_back_card_refresh(&after_death[0], at(37)).await.unwrap();
    assert_eq!(store.take_card_refreshes(at(36), at(60), &[], 10).await.unwrap(), []);
    let given_back = store.take_card_refreshes(at(37), at(60), &[], 10).await.unwrap();
    assert_eq!(given_back.len(), 1);
    // Marked meanwhile for a time after the lease: what is given back is due all the same.
    show(&store, 2, Some(at(500))).await;
    store.give_back_card_refresh(&given_back[0], at(41)).await.unwrap();
    assert_eq!(other.take_card_refreshes(at(41), at(60), &[], 10).await.unwrap().len(), 1);
}

/// Two who make the same at once: the second, which saw nothing, is told.
async fn who_has_not_seen_the_version_that_stands_changes_nothing(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let unseen = |changes: ShopChanges| {
        let store = &store;
        async move { store.change(&shop("a"), &Wanted::default(), NOW, |_| (changes, ())).await }
    };
    let orders = || ShopChanges { orders: vec![order("o-1", "ana", 7)], ..ShopChanges::default() };
    let coupons = || ShopChanges { coupons: vec![coupon("c", 0, 9, None)], ..ShopChanges::default() };
    let products = || ShopChanges { products: vec![product("p", "tea", "T", 1)], ..ShopChanges::default() };
    for changes in [orders(), coupons(), products()] {
        unseen(changes).await.unwrap();
    }
    for changes in [orders(), coupons(), products()] {
        assert!(matches!(unseen(changes).await, Err(StoreError::Collision)));
    }
    unseen(ShopChanges { orders: vec![order("o-2", "ana", 7)], ..ShopChanges::default() }).await.unwrap();
    let package = |order_id: &str| {
        let package = serde_json::json!({
            "id": "k", "order_id": order_id, "status": "PROCESSING", "update_time": 7,
        });
        PackageRecord { package: serde_json::from_value(package).unwrap(), create_time: NOW }
    };
    let packages =
        |order_id: &str| ShopChanges { packages: vec![package(order_id)], ..ShopChanges::default() };
    unseen(packages("o-1")).await.unwrap();
    unseen(packages("o-1")).await.unwrap();
    assert!(matches!(unseen(packages("o-2")).await, Err(StoreError::Collision)), "a parcel has one order");
    assert_eq!(world.raw().await.number("SELECT count(*) FROM package WHERE order_id = 'o-1'").await, 1);
}

async fn a_variant_may_go_from_one_product_to_another(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let (mut one, mut other) = (product("p", "green tea", "T", 5), product("q", "black tea", "T", 5));
    put_products(&store, &shop("a"), vec![one.clone(), other.clone()]).await;
    std::mem::swap(&mut one.product.skus, &mut other.product.skus);
    put_products(&store, &shop("a"), vec![one, other]).await;
    let sku = SkuId::new("p-s").unwrap();
    let owner = store.product_of_sku(&shop("a"), &sku).await.unwrap().unwrap();
    assert_eq!(owner.product.id.as_str(), "q");
}

async fn people_are_made_and_renamed_with_what_else_is_known_of_them(backend: Backend) {
    let (world, store) = World::with_store(backend).await;
    let person = |role: Role, name: &str| PersonRecord {
        role,
        user: UserRecord { user_id: UserId::new("x").unwrap(), name: name.into(), locale: Some("id".into()) },
        avatar: Some("/x.png".into()),
    };
    let wanted = Wanted {
        people: [Side::Buyer, Side::Shop].map(|side| (side, UserId::new("x").unwrap())).to_vec(),
        ..Wanted::default()
    };
    let put = |people: Vec<PersonRecord>| {
        let (store, wanted) = (&store, &wanted);
        let changes = ShopChanges { people, ..ShopChanges::default() };
        async move {
            store.change(&shop("a"), wanted, NOW, |loaded| (changes, loaded.people.clone())).await.unwrap()
        }
    };
    let both = vec![person(Role::Buyer, "Ana"), person(Role::Agent, "Ana of the shop")];
    assert!(put(both.clone()).await.is_empty());
    let seen = put(vec![person(Role::Admin, "Ana of the shop")]).await;
    let key = |side| (side, UserId::new("x").unwrap());
    assert_eq!((&seen[&key(Side::Buyer)], &seen[&key(Side::Shop)]), (&both[0], &both[1]));
    let seen = put(Vec::new()).await;
    assert_eq!(seen[&key(Side::Shop)].role, Role::Admin);
    assert!(!store.is_empty().await.unwrap(), "the shop is made with its first person");
    assert_eq!(world.raw().await.number("SELECT count(*) FROM agent").await, 1);
}

async fn a_file_goes_on_from_where_it_stands_and_keeps_what_was_refused(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let begin = || async { store.begin_import(&shop("a"), "orders", "f00", NOW).await.unwrap() };
    assert_eq!(begin().await, ImportFile { byte_offset: 0, line: 0, accepted: 0, refused: 0 });
    let step = |from: u64, to: u64| {
        let refusals = vec![ImportRefusal { line: to, id: Some("o-1".into()), reason: format!("at {to}") }];
        let import =
            ImportChange { kind: "orders", digest: "f00".into(), from, to, line: to, accepted: 3, refusals };
        let changes = ShopChanges { import: Some(import), ..ShopChanges::default() };
        let store = &store;
        async move { store.change(&shop("a"), &Wanted::default(), NOW, |_| (changes, ())).await }
    };
    step(0, 10).await.unwrap();
    assert!(matches!(step(0, 10).await, Err(StoreError::Collision)), "read by two");
    step(10, 20).await.unwrap();
    assert_eq!(begin().await, ImportFile { byte_offset: 20, line: 20, accepted: 6, refused: 2 });
    let refused = store.import_refusals(&shop("a"), "orders", "f00", 10, 9).await.unwrap();
    assert_eq!(refused.iter().map(|refusal| refusal.reason.as_str()).collect::<Vec<_>>(), ["at 20"]);
    assert_eq!(store.import_refusals(&shop("b"), "orders", "f00", 0, 9).await.unwrap(), []);
    store.forget_import(&shop("a"), "orders", "f00").await.unwrap();
    assert_eq!(begin().await.byte_offset, 0);
    assert_eq!(store.import_refusals(&shop("a"), "orders", "f00", 0, 9).await.unwrap(), []);
}
