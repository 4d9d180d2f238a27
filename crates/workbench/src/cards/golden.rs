//! Every kind of card in every language, as its twin in words, held to files that people read. After a change that is
//! meant, `DESKWIRE_BLESS=1` writes them anew.

use std::{fmt::Write as _, path::Path};

use deskwire_protocol::{
    card::{ActionName, Card},
    coupon::{Claim, Coupon, CouponStatus},
    logistics::TrackingCode,
    order::{Deadlines, Order, OrderStatus},
    returns::{IneligibleCode, Return, ReturnStatus, ReturnType},
};

use super::{
    coupon::{self, Offer},
    logistics::{self, Parcel},
    order, product,
    return_refund::{self, Returnable, Window},
    samples::{DAY, HOUR, NOW, Shop, acted, at, buyer, claim},
};
use crate::locale::Locale;

type Scenes = Vec<(&'static str, Card)>;

/// Compares the scenes of a kind in every language with their files.
fn check(kind: &str, scenes: fn(&Shop) -> Scenes) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cards/golden");
    let bless = std::env::var_os("DESKWIRE_BLESS").is_some();
    for locale in Locale::ALL {
        let shop = Shop::of(locale);
        let mut page = String::new();
        for (name, card) in scenes(&shop) {
            let json = serde_json::to_string(&card).unwrap();
            assert!(!json.contains("SECRET") && !json.contains("INTERNAL"), "{name}: {json}");
            writeln!(page, "=== {name}: {} {:?}", card.status.code, card.status.tone).unwrap();
            writeln!(page, "{}", card.text).unwrap();
            for action in &card.actions {
                let state = if action.enabled { "" } else { " (off)" };
                write!(page, "[ {} ]{state}", action.label).unwrap();
                if let Some(method) = &action.method {
                    write!(page, " {method}").unwrap();
                }
                if let Some(params) = &action.params {
                    write!(page, " {params}").unwrap();
                }
                writeln!(page).unwrap();
            }
            writeln!(page).unwrap();
        }
        let file = folder.join(format!("{kind}.{}.txt", locale.tag()));
        if bless {
            std::fs::write(&file, &page).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(page, golden, "{} is not as it was: DESKWIRE_BLESS=1 if that is meant", file.display());
    }
}

#[test]
fn order_cards() {
    check("order", |shop| {
        let render = |order: &Order| order::render(order, &shop.rendering(NOW, &[]));
        let deadlines = |deadlines| Order { deadlines, ..shop.order(OrderStatus::AwaitingShipment) };
        let late = Deadlines { shipping_due_time: Some(at(-HOUR)), ..Deadlines::default() };
        let sla = Deadlines { cancel_order_sla_time: Some(at(DAY)), ..Deadlines::default() };
        let confirmed = [acted(ActionName::Confirm), acted(ActionName::Open)];
        vec![
            ("unpaid", render(&shop.unpaid())),
            ("on its way, with a return, confirmed", {
                order::render(&shop.on_its_way(), &shop.rendering(NOW, &confirmed))
            }),
            ("to be shipped or cancelled", render(&deadlines(sla))),
            ("shipping overdue", render(&deadlines(late))),
            ("cancelled", render(&shop.cancelled())),
            ("on hold", render(&shop.order(OrderStatus::OnHold))),
            ("partly shipped", render(&shop.order(OrderStatus::PartiallyShipping))),
            ("packed", render(&shop.order(OrderStatus::AwaitingCollection))),
            ("delivered", render(&shop.order(OrderStatus::Delivered))),
            ("completed", render(&shop.order(OrderStatus::Completed))),
        ]
    });
}

#[test]
fn every_deadline_of_an_order() {
    check("deadline", |shop| {
        let none = Deadlines::default();
        let mut scenes = Scenes::new();
        for (ahead, passed, status, set) in [
            ("to collect", "collection overdue", OrderStatus::AwaitingCollection, {
                |time| Deadlines { collection_due_time: Some(time), ..Deadlines::default() }
            }),
            ("to deliver", "delivery overdue", OrderStatus::InTransit, {
                |time| Deadlines { delivery_due_time: Some(time), ..Deadlines::default() }
            }),
            ("to ship", "shipping overdue", OrderStatus::OnHold, {
                |time| Deadlines { shipping_due_time: Some(time), ..Deadlines::default() }
            }),
            ("to pay", "payment overdue", OrderStatus::Unpaid, {
                |time| Deadlines { payment_due_time: Some(time), ..Deadlines::default() }
            }),
        ] as [(_, _, _, fn(_) -> Deadlines); 4]
        {
            assert_ne!(set(NOW), none);
            for (name, time) in [(ahead, at(DAY)), (passed, at(-DAY))] {
                let order = Order { deadlines: set(time), line_items: Vec::new(), ..shop.order(status) };
                scenes.push((name, order::render(&order, &shop.rendering(NOW, &[]))));
            }
        }
        scenes
    });
}

#[test]
fn logistics_cards() {
    check("logistics", |shop| {
        let order = shop.on_its_way();
        let packages = shop.packages();
        let render = |package: usize, now| {
            let parcel = Parcel { order: &order, packages: &packages, package: &packages[package] };
            logistics::render(parcel, &shop.rendering(now, &[]))
        };
        let mut scenes = vec![
            ("being packed", render(0, NOW)),
            ("on its way", render(1, NOW)),
            ("later than expected", render(1, at(5 * DAY))),
        ];
        for (name, code) in [
            ("pending", TrackingCode::Pending),
            ("announced", TrackingCode::InfoReceived),
            ("out for delivery", TrackingCode::OutForDelivery),
            ("no one was there", TrackingCode::AttemptFail),
            ("delivered", TrackingCode::Delivered),
            ("to be fetched", TrackingCode::AvailableForPickup),
            ("a problem", TrackingCode::Exception),
            ("nothing heard", TrackingCode::Expired),
        ] {
            let mut package = packages[1].clone();
            package.tracking.insert(0, shop.event(code, -HOUR / 2));
            let parcel = Parcel { order: &order, packages: &[], package: &package };
            scenes.push((name, logistics::render(parcel, &shop.rendering(NOW, &[]))));
        }
        scenes
    });
}

#[test]
fn return_refund_cards() {
    check("return_refund", |shop| {
        let order = shop.order(OrderStatus::Delivered);
        let open = Window::Open { until: Some(at(10 * DAY)) };
        let render = |request: Option<&Return>, window| {
            return_refund::render(Returnable { order: &order, request, window }, &shop.rendering(NOW, &[]))
        };
        let request = |return_type, status| render(Some(&shop.request(return_type, status)), open);
        let closed = |why| render(None, Window::Closed { why, opens: None });
        vec![
            ("invitation", render(None, open)),
            ("too late", render(None, Window::Open { until: Some(NOW) })),
            ("pending", request(ReturnType::Refund, ReturnStatus::ReturnOrRefundRequestPending)),
            ("rejected", render(Some(&shop.rejected()), open)),
            ("to be sent back", request(ReturnType::ReturnAndRefund, ReturnStatus::AwaitingBuyerShip)),
            ("sent back", request(ReturnType::ReturnAndRefund, ReturnStatus::BuyerShippedItem)),
            ("parcel rejected", request(ReturnType::ReturnAndRefund, ReturnStatus::RejectReceivePackage)),
            ("approved", request(ReturnType::Refund, ReturnStatus::ReturnOrRefundRequestSuccess)),
            ("withdrawn", request(ReturnType::Refund, ReturnStatus::ReturnOrRefundRequestCancel)),
            ("refunded", request(ReturnType::Refund, ReturnStatus::ReturnOrRefundRequestComplete)),
            ("buyer has to answer", request(ReturnType::Refund, ReturnStatus::AwaitingBuyerResponse)),
            ("not replaced", {
                request(ReturnType::Replacement, ReturnStatus::ReplacementRequestRefundSuccess)
            }),
            ("replaced", request(ReturnType::Replacement, ReturnStatus::ReplacementRequestComplete)),
            ("not paid", closed(IneligibleCode::NotPaid)),
            ("not shipped", closed(IneligibleCode::NotShipped)),
            ("not delivered", closed(IneligibleCode::NotDelivered)),
            ("order cancelled", closed(IneligibleCode::OrderCancelled)),
            ("all requested", closed(IneligibleCode::AlreadyRequested)),
        ]
    });
}

#[test]
fn product_cards() {
    check("product", |shop| {
        let render = |stock: &[u32]| product::render(&shop.product(stock), &shop.rendering(NOW, &[]));
        let ordered = [acted(ActionName::PlaceOrder)];
        vec![
            ("variants", render(&[3, 0, 1_250])),
            ("one of one", render(&[1])),
            ("plenty", product::render(&shop.product(&[11]), &shop.rendering(NOW, &ordered))),
            ("out of stock", render(&[0, 0])),
            ("not sold", render(&[])),
        ]
    });
}

#[test]
fn coupon_cards() {
    check("coupon", |shop| {
        let buyer_id = buyer();
        let render = |coupon: &Coupon, claims: &[Claim], now| {
            coupon::render(Offer { coupon, buyer_id: &buyer_id, claims }, &shop.rendering(now, &[]))
        };
        let coupon = shop.coupon();
        let used = Claim { order_id: Some(shop.unpaid().id), ..claim(1, DAY) };
        let changed = |change: fn(&mut Coupon)| {
            let mut coupon = shop.coupon();
            change(&mut coupon);
            coupon
        };
        vec![
            ("claimable, three left", render(&coupon, &[], NOW)),
            ("claimed once of twice", {
                let offer = Offer { coupon: &coupon, buyer_id: &buyer_id, claims: &[claim(1, 7 * DAY)] };
                coupon::render(offer, &shop.rendering(NOW, &[acted(ActionName::Claim)]))
            }),
            ("personal", render(&shop.personal(), &[], NOW)),
            ("used", render(&shop.personal(), &[used], NOW)),
            ("lapsed", render(&shop.personal(), &[claim(1, DAY)], at(2 * DAY))),
            ("not started", render(&coupon, &[], at(-2 * DAY))),
            ("expired", render(&coupon, &[], at(6 * DAY))),
            ("exhausted", render(&changed(|coupon| coupon.claimed_count = 100), &[], NOW)),
            ("deactivated", render(&changed(|coupon| coupon.status = CouponStatus::Deactivated), &[], NOW)),
            ("another buyer's", {
                let other = deskwire_protocol::UserId::new("b-2").unwrap();
                let coupon = shop.personal();
                let offer = Offer { coupon: &coupon, buyer_id: &other, claims: &[] };
                coupon::render(offer, &shop.rendering(NOW, &[]))
            }),
        ]
    });
}
