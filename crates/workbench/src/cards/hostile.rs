//! Cards of whatever the shop's systems may write: bounded, well-formed, the same for the same, and changing by time
//! only when they said so.

use deskwire_protocol::{
    card::Card,
    order::{Deadlines, LineItem, Order, OrderStatus},
    product::{Product, Sku},
};
use proptest::prelude::*;

use super::{
    CARD_BYTES, ITEMS, coupon,
    coupon::Offer,
    order, product,
    samples::{DAY, HOUR, NOW, Shop, at, buyer},
};
use crate::locale::Locale;

/// Text that people and programs have sent: long, of all scripts, with controls and markup.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        "\\PC{0,600}",
        Just("\u{202e}gnirts\u{2066} \u{0}\u{7}\n\t<b>&amp;</b>".to_owned()),
        Just("ต".repeat(900)),
        Just("\u{5d0}".repeat(300)),
        Just(String::new()),
    ]
}

/// What holds of every card.
fn check(card: &Card) -> Result<(), TestCaseError> {
    let json = serde_json::to_string(card).unwrap();
    prop_assert!(json.len() <= CARD_BYTES, "{} bytes", json.len());
    prop_assert!(card.items.len() <= ITEMS + 1);
    prop_assert!(!card.title.is_empty());
    let lines = [&card.title].into_iter().chain(card.fields.iter().map(|field| &field.value));
    for line in lines.chain(card.items.iter().map(|item| &item.title)) {
        prop_assert!(!line.chars().any(char::is_control), "{line:?}");
        prop_assert!(!line.contains('\u{202e}'), "{line:?}");
        let opened = line.matches('\u{2068}').count();
        prop_assert_eq!(opened, line.matches('\u{2069}').count(), "an isolate stays open: {:?}", line);
    }
    prop_assert_eq!(serde_json::from_str::<Card>(&json).unwrap(), card.clone());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_order_of_anything_is_a_card(
        locale in prop::sample::select(Locale::ALL.to_vec()),
        status in prop::sample::select(OrderStatus::ALL.to_vec()),
        names in prop::collection::vec(text(), 1..60),
        message in text(),
        due in -DAY..DAY,
        later in 0..DAY,
    ) {
        let shop = Shop::of(locale);
        let like = shop.order(status);
        let line_items = names
            .into_iter()
            .map(|name| LineItem { product_name: name.clone(), sku_name: Some(name), ..like.line_items[0].clone() })
            .collect();
        let order = Order {
            line_items,
            buyer_message: Some(message.clone()),
            cancel_reason: Some(message),
            deadlines: Deadlines {
                payment_due_time: Some(at(due)),
                shipping_due_time: Some(at(due + HOUR)),
                ..Deadlines::default()
            },
            ..like
        };
        let card = order::render(&order, &shop.rendering(NOW, &[]));
        check(&card)?;
        prop_assert_eq!(&order::render(&order, &shop.rendering(NOW, &[])), &card);
        let then = at(later);
        if order::next_change(&order, NOW).is_none_or(|next| then < next) {
            prop_assert_eq!(order::render(&order, &shop.rendering(then, &[])), card);
        }
    }

    #[test]
    fn a_product_of_anything_is_a_card(
        locale in prop::sample::select(Locale::ALL.to_vec()),
        title in text(),
        names in prop::collection::vec((text(), any::<u32>()), 1..80),
    ) {
        let shop = Shop::of(locale);
        let like = shop.product(&[3]);
        let skus = names
            .into_iter()
            .map(|(name, inventory)| Sku { name, inventory, ..like.skus[0].clone() })
            .collect();
        let product = Product { title, skus, ..like };
        let card = product::render(&product, &shop.rendering(NOW, &[]));
        check(&card)?;
        prop_assert_eq!(product::render(&product, &shop.rendering(at(DAY), &[])), card, "time never changes it");
    }

    #[test]
    fn a_coupon_changes_by_time_only_when_it_said_so(
        locale in prop::sample::select(Locale::ALL.to_vec()),
        title in text(),
        start in -DAY..DAY,
        length in 1..2 * DAY,
        later in 0..3 * DAY,
    ) {
        let shop = Shop::of(locale);
        let mut coupon = shop.coupon();
        coupon.title = title;
        coupon.claim_duration.start_time = at(start);
        coupon.claim_duration.end_time = at(start + length);
        let buyer = buyer();
        let offer = Offer { coupon: &coupon, buyer_id: &buyer, claims: &[] };
        let card = coupon::render(offer, &shop.rendering(NOW, &[]));
        check(&card)?;
        let then = at(later);
        if coupon::next_change(offer, NOW).is_none_or(|next| then < next) {
            prop_assert_eq!(coupon::render(offer, &shop.rendering(then, &[])), card);
        }
    }
}
