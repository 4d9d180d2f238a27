//! What the fictional shop sells, and what its fictional buyers have bought: every status of an order, several parcels,
//! returns in each state, products that are sold out with others instead of them, coupons of both kinds, notes, and
//! deadlines that are near. All of it is made up, and says so.
//!
//! Times are told from the moment of the first start, so that what is near is near.

use deskwire_protocol::{
    Timestamp, coupon::Coupon, logistics::Package, order::Order, product::Product, returns::Return,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// A variant of a product: its name, its price in cents, how many there are.
type Variant = (&'static str, i64, u32);

/// Id, name, category, and variants.
const PRODUCTS: [(&str, &str, &str, &[Variant]); 14] = [
    (
        "shirt-linen",
        "Linen shirt",
        "shirts",
        &[("White / M", 4_900, 12), ("White / L", 4_900, 3), ("Blue / M", 5_200, 0)],
    ),
    (
        "shirt-linen-short",
        "Linen shirt, short sleeves",
        "shirts",
        &[("Sand / M", 4_400, 20), ("Sand / L", 4_400, 18)],
    ),
    ("shirt-flannel", "Flannel shirt", "shirts", &[("Green / M", 5_600, 0), ("Green / L", 5_600, 0)]),
    ("shirt-oxford", "Oxford shirt", "shirts", &[("Light blue / M", 5_900, 7)]),
    ("socks-wool", "Wool socks", "socks", &[("39-42", 1_490, 140), ("43-46", 1_490, 95)]),
    ("socks-bamboo", "Bamboo socks, three pairs", "socks", &[("39-42", 1_790, 1)]),
    ("mug-stone", "Stoneware mug", "kitchen", &[("Grey", 1_850, 33), ("Sea green", 1_850, 0)]),
    ("mug-travel", "Travel mug", "kitchen", &[("350 ml", 2_400, 0)]),
    ("kettle", "Enamel kettle", "kitchen", &[("1.5 l", 4_250, 9)]),
    ("torch-brulee", "Crème brûlée torch", "kitchen", &[("One size", 2_990, 5)]),
    ("lamp-desk", "Desk lamp", "home", &[("Brass", 7_900, 4), ("Black", 7_500, 11)]),
    ("blanket-lambswool", "Lambswool blanket", "home", &[("140 × 200 cm", 9_900, 2)]),
    ("candle-beeswax", "Beeswax candle", "home", &[("Small", 990, 60), ("Large", 1_690, 44)]),
    ("notebook-dotted", "Dotted notebook, A5", "paper", &[("Ochre", 1_250, 75), ("Ink", 1_250, 0)]),
];

/// The shop's things at the moment of its first start.
pub(crate) struct Things {
    now: i64,
}

/// A note, and those that it replaced: by which agent, with which text.
pub(crate) struct Notes {
    pub(crate) order_id: String,
    pub(crate) versions: &'static [(&'static str, &'static str)],
}

impl Things {
    pub(crate) const fn at(now: Timestamp) -> Self {
        Self { now: now.millis() }
    }

    /// All live, but for one that is still being written and one that was taken off.
    pub(crate) fn products(&self) -> anyhow::Result<Vec<Product>> {
        let mut products: Vec<Value> = PRODUCTS
            .iter()
            .map(|(id, title, category, variants)| {
                let skus: Vec<Value> = variants
                    .iter()
                    .enumerate()
                    .map(|(index, (name, price, inventory))| {
                        let id = sku_id(id, index);
                        json!({
                            "id": id, "seller_sku": id.to_uppercase(), "name": name, "inventory": inventory,
                            "price": { "currency": "EUR", "sale_price": euros(*price), "original_price": euros(price + 500) },
                            "status": "ACTIVATE",
                        })
                    })
                    .collect();
                json!({
                    "id": id, "title": title, "category": category, "status": "ACTIVATE",
                    "description": "Fictional: part of Deskwire's demo shop.",
                    "update_time": self.now - 20 * DAY, "skus": skus,
                })
            })
            .collect();
        for (id, status) in [("scarf-draft", "DRAFT"), ("hat-retired", "SELLER_DEACTIVATED")] {
            let mut product = products[0].clone();
            product["id"] = id.into();
            product["title"] = format!("{id} (demo)").into();
            product["status"] = status.into();
            product["skus"] = json!([{
                "id": format!("{id}-1"), "name": "One size", "inventory": 5, "status": "ACTIVATE",
                "price": { "currency": "EUR", "sale_price": euros(2_000) },
            }]);
            products.push(product);
        }
        read(products)
    }

    /// Every status, newest first for the first buyer; then one delivered order for each state that a return can have.
    pub(crate) fn orders(&self) -> anyhow::Result<Vec<Order>> {
        let mut orders = vec![
            self.order(1014, "alice", "UNPAID", 0, &[(0, 0, 1)], json!({
                "deadlines": { "payment_due_time": self.now + 3 * HOUR },
            })),
            self.order(1013, "alice", "ON_HOLD", 0, &[(4, 1, 3)], json!({
                "paid_time": self.now - 2 * HOUR, "payment_method_name": "Card",
            })),
            self.order(1012, "alice", "AWAITING_SHIPMENT", 2, &[(10, 0, 1), (12, 0, 4)], json!({
                "paid_time": self.now - 2 * DAY, "payment_method_name": "Card",
                "buyer_message": "It is a present: no invoice in the parcel, please.",
                "deadlines": { "shipping_due_time": self.now + 5 * HOUR, "cancel_order_sla_time": self.now + 20 * HOUR },
            })),
            self.order(1011, "alice", "AWAITING_SHIPMENT", 6, &[(13, 0, 2)], json!({
                "paid_time": self.now - 6 * DAY, "payment_method_name": "Bank transfer",
                "deadlines": { "shipping_due_time": self.now - 4 * HOUR },
            })),
            self.order(1010, "alice", "PARTIALLY_SHIPPING", 4, &[(0, 1, 1), (6, 0, 2)], json!({
                "paid_time": self.now - 4 * DAY, "payment_method_name": "Card",
            })),
            self.order(1009, "alice", "AWAITING_COLLECTION", 3, &[(8, 0, 1)], json!({
                "paid_time": self.now - 3 * DAY, "payment_method_name": "Card",
                "deadlines": { "collection_due_time": self.now + 8 * HOUR },
            })),
            self.order(1008, "alice", "IN_TRANSIT", 5, &[(1, 0, 2), (5, 0, 1)], json!({
                "paid_time": self.now - 5 * DAY, "payment_method_name": "Card", "shipping_provider": "Northwind Express",
                "tracking_number": "NW-1008-1", "delivery_option_name": "Standard",
                "deadlines": { "delivery_due_time": self.now + 2 * DAY },
            })),
            self.order(1007, "alice", "IN_TRANSIT", 12, &[(9, 0, 1)], json!({
                "is_cod": true, "shipping_provider": "Northwind Express", "tracking_number": "NW-1007-1",
                "deadlines": { "delivery_due_time": self.now - DAY },
            })),
            self.order(1006, "alice", "DELIVERED", 9, &[(3, 0, 1)], json!({
                "paid_time": self.now - 9 * DAY, "delivery_time": self.now - 2 * DAY, "payment_method_name": "Card",
            })),
            self.order(1005, "alice", "COMPLETED", 80, &[(11, 0, 1)], json!({
                "paid_time": self.now - 80 * DAY, "delivery_time": self.now - 74 * DAY, "payment_method_name": "Card",
            })),
            self.order(1004, "alice", "CANCELLED", 15, &[(7, 0, 1)], json!({
                "cancel_reason": "Ordered twice by mistake", "cancellation_initiator": "BUYER",
                "cancel_time": self.now - 14 * DAY,
            })),
            self.order(1003, "bruno", "IN_TRANSIT", 6, &[(4, 0, 2)], json!({
                "paid_time": self.now - 6 * DAY, "payment_method_name": "Pix", "shipping_provider": "Northwind Express",
                "tracking_number": "NW-1003-1",
            })),
            self.order(1002, "bruno", "CANCELLED", 30, &[(2, 0, 1)], json!({
                "cancel_reason": "Sold out", "cancellation_initiator": "SELLER", "cancel_time": self.now - 29 * DAY,
            })),
            self.order(1001, "chen", "DELIVERED", 10, &[(12, 1, 6)], json!({
                "paid_time": self.now - 10 * DAY, "delivery_time": self.now - 4 * DAY, "payment_method_name": "Card",
            })),
        ];
        for (index, _) in RETURNS.iter().enumerate() {
            let number = 900 + i64::try_from(index)?;
            let product = index % PRODUCTS.len();
            let delivered = json!({
                "paid_time": self.now - 12 * DAY, "delivery_time": self.now - 6 * DAY, "payment_method_name": "Card",
            });
            orders.push(self.order(
                number,
                BUYERS[index % 3],
                "DELIVERED",
                13,
                &[(product, 0, 1)],
                delivered,
            ));
        }
        read(orders)
    }

    #[expect(clippy::needless_pass_by_value, reason = "a row of a table")]
    fn order(
        &self,
        number: i64,
        buyer: &str,
        status: &str,
        days_ago: i64,
        items: &[(usize, usize, i64)],
        more: Value,
    ) -> Value {
        let made = self.now - days_ago * DAY - (2_000 - number) * 60_000;
        let lines: Vec<Value> = items
            .iter()
            .enumerate()
            .map(|(index, &(product, variant, quantity))| {
                let (id, title, _, variants) = PRODUCTS[product];
                let (name, price, _) = variants[variant];
                json!({
                    "id": (index + 1).to_string(), "product_id": id, "product_name": title,
                    "sku_id": sku_id(id, variant), "sku_name": name, "seller_sku": sku_id(id, variant).to_uppercase(),
                    "original_price": euros(price + 500), "sale_price": euros(price), "quantity": quantity,
                })
            })
            .collect();
        let goods: i64 =
            items.iter().map(|&(product, variant, quantity)| PRODUCTS[product].3[variant].1 * quantity).sum();
        let discount = goods / 10;
        let (sub_total, shipping) = (goods - discount, 490);
        let mut order = json!({
            "id": order_id(number), "status": status, "create_time": made, "update_time": made, "user_id": buyer,
            "payment": {
                "currency": "EUR", "sub_total": euros(sub_total), "shipping_fee": euros(shipping),
                "original_shipping_fee": euros(690), "seller_discount": euros(discount), "tax": euros(0),
                "total_amount": euros(sub_total + shipping),
            },
            "recipient_address": {
                "name": format!("{buyer} (fictional)"), "phone_number": "+49 30 0000000",
                "full_address": "1 Example Street, 10115 Exampleton", "postal_code": "10115", "region_code": "DE",
            },
            "line_items": lines,
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            order[field] = value.clone();
        }
        order
    }

    /// One order in two parcels, others in one.
    pub(crate) fn packages(&self) -> anyhow::Result<Vec<Package>> {
        let on_its_way = |place: &str| {
            json!([
                { "code": "IN_TRANSIT", "description": "Left the sorting centre", "location": place, "update_time": self.now - 9 * HOUR },
                { "code": "INFO_RECEIVED", "description": "Announced to the carrier", "update_time": self.now - 3 * DAY },
            ])
        };
        let delivered = json!([
            { "code": "DELIVERED", "description": "Handed to the recipient", "location": "Exampleton", "update_time": self.now - 2 * DAY },
            { "code": "OUT_FOR_DELIVERY", "description": "With the driver", "location": "Exampleton", "update_time": self.now - 2 * DAY - 5 * HOUR },
            { "code": "IN_TRANSIT", "description": "Left the sorting centre", "update_time": self.now - 4 * DAY },
        ]);
        read(vec![
            self.package(1010, 1, "FULFILLING", &["1"], 2, on_its_way("Sampleford")),
            self.package(1010, 2, "TO_FULFILL", &["2"], 5, json!([])),
            self.package(1009, 1, "PROCESSING", &["1"], 4, json!([])),
            self.package(1008, 1, "FULFILLING", &["1"], 1, on_its_way("Mockbury")),
            self.package(1008, 2, "FULFILLING", &["2"], 2, json!([
                { "code": "ATTEMPT_FAIL", "description": "Nobody was at home", "location": "Exampleton", "update_time": self.now - 6 * HOUR },
                { "code": "OUT_FOR_DELIVERY", "description": "With the driver", "location": "Exampleton", "update_time": self.now - 12 * HOUR },
            ])),
            self.package(1007, 1, "FULFILLING", &["1"], -1, json!([
                { "code": "EXCEPTION", "description": "Damaged on the way", "location": "Sampleford", "update_time": self.now - 2 * DAY },
            ])),
            self.package(1006, 1, "COMPLETED", &["1"], -2, delivered),
            self.package(1003, 1, "FULFILLING", &["1"], 3, on_its_way("Mockbury")),
        ])
    }

    #[expect(clippy::needless_pass_by_value, reason = "a row of a table")]
    fn package(
        &self,
        order: i64,
        number: i64,
        status: &str,
        items: &[&str],
        days: i64,
        tracking: Value,
    ) -> Value {
        let items: Vec<Value> = items.iter().map(|id| json!({ "id": id, "quantity": 1 })).collect();
        json!({
            "id": format!("PK-{order}-{number}"), "order_id": order_id(order), "status": status,
            "update_time": self.now - 3 * DAY, "shipping_provider": "Northwind Express",
            "tracking_number": format!("NW-{order}-{number}"), "delivery_option_name": "Standard",
            "predict_delivery_time_min": self.now + (days - 1) * DAY, "predict_delivery_time_max": self.now + days * DAY,
            "postal_code": "10115", "line_items": items, "tracking": tracking,
        })
    }

    /// One in each state.
    pub(crate) fn returns(&self) -> anyhow::Result<Vec<Return>> {
        let requests = RETURNS.iter().enumerate().map(|(index, (return_type, status))| {
            let (product, title, _, variants) = PRODUCTS[index % PRODUCTS.len()];
            let price = variants[0].1 - variants[0].1 / 10;
            let asked = if *return_type == "REPLACEMENT" { "REPLACEMENT_REQUEST_PENDING" } else { "RETURN_OR_REFUND_REQUEST_PENDING" };
            let (made, changed) = (self.now - 30 * HOUR, self.now - 20 * HOUR);
            let mut records = vec![json!({
                "event": asked, "role": "BUYER", "description": "The buyer asked for it.",
                "reason_text": "A fictional defect.", "create_time": made,
            })];
            if *status != asked {
                records.insert(0, json!({
                    "event": status, "role": "SELLER", "description": "It went on.", "create_time": changed,
                }));
            }
            let refund = if *return_type == "REPLACEMENT" { 0 } else { price };
            json!({
                "return_id": format!("RET-{}", 900 + index), "order_id": format!("DEMO-{}", 900 + index),
                "return_type": return_type, "return_status": status, "return_reason": "defective",
                "return_reason_text": "A fictional defect.", "role": "BUYER", "create_time": made,
                "update_time": if *status == asked { made } else { changed },
                "refund_amount": {
                    "currency": "EUR", "refund_subtotal": euros(refund), "refund_shipping_fee": euros(0),
                    "refund_tax": euros(0), "refund_total": euros(refund),
                },
                "return_line_items": [{
                    "order_line_item_id": "1", "sku_id": sku_id(product, 0), "product_name": title, "quantity": 1,
                }],
                "records": records,
            })
        });
        read(requests.collect())
    }

    /// Both kinds: some that can be claimed, one of which few are left, one that has not begun, one that is over, one
    /// that was ended, and one that makes something good for the first buyer.
    pub(crate) fn coupons(&self) -> anyhow::Result<Vec<Coupon>> {
        let amount = json!({ "type": "AMOUNT_OFF", "reduction_amount": euros(500) });
        let percent = json!({ "type": "PERCENT_OFF", "percentage": "15", "max_discount": euros(2_000) });
        let from = |amount: i64| json!({ "type": "MIN_SPEND", "min_spend": euros(amount) });
        let mut personal = self.coupon("sorry-alice", "For the late parcel", "ONGOING", &amount, -1, 20, 1);
        personal["display_type"] = "CHAT".into();
        personal["issue"] = json!({
            "buyer_id": "alice", "reason": "Order DEMO-1007 was damaged on the way.", "order_id": order_id(1007),
        });
        personal["usage_limits"]["redemption_limit"] = 1.into();
        let mut welcome = self.coupon("welcome-5", "5 € off from 25 €", "ONGOING", &amount, -10, 30, 500);
        welcome["threshold"] = from(2_500);
        let mut kitchen =
            self.coupon("kitchen-15", "15 % off in the kitchen", "ONGOING", &percent, -3, 12, 200);
        kitchen["product_scope"] = "SPECIFIC_PRODUCTS".into();
        kitchen["product_ids"] = json!(["mug-stone", "mug-travel", "kettle", "torch-brulee"]);
        read(vec![
            welcome,
            kitchen,
            self.coupon(FEW, "Last ones: 5 € off", "ONGOING", &amount, -2, 2, 3),
            self.coupon("tomorrow-15", "Tomorrow: 15 % off", "NOT_START", &percent, 1, 4, 100),
            self.coupon("spring-5", "Spring: 5 € off", "EXPIRED", &amount, -60, -30, 100),
            self.coupon("ended-15", "Ended early: 15 % off", "DEACTIVATED", &percent, -5, 25, 100),
            personal,
        ])
    }

    #[expect(clippy::too_many_arguments, reason = "a row of a table")]
    fn coupon(
        &self,
        id: &str,
        title: &str,
        status: &str,
        discount: &Value,
        from: i64,
        to: i64,
        limit: u32,
    ) -> Value {
        json!({
            "id": id, "title": title, "status": status, "display_type": "REGULAR", "discount": discount,
            "claim_duration": { "start_time": self.now + from * DAY, "end_time": self.now + to * DAY },
            "redemption_duration": { "type": "RELATIVE", "relative_days": 14 },
            "usage_limits": { "total_claim_limit": limit, "single_buyer_claim_limit": 1 },
            "create_time": self.now - 61 * DAY, "update_time": self.now - 61 * DAY,
        })
    }

    /// The shop's notes, one of which was edited.
    pub(crate) fn notes() -> Vec<Notes> {
        let notes = |number, versions| Notes { order_id: order_id(number), versions };
        vec![
            notes(
                1012,
                &[
                    ("mia", "Present: wrap it, no invoice."),
                    ("noah", "Present: wrap it in the blue paper, no invoice."),
                ],
            ),
            notes(
                1007,
                &[("mia", "The carrier reports damage; coupon given, replacement goes out on Monday.")],
            ),
        ]
    }
}

/// The coupon of which few are left, because others have claimed it.
pub(crate) const FEW: &str = "last-ones";

const BUYERS: [&str; 3] = ["alice", "bruno", "chen"];

/// Every state that a return can have.
const RETURNS: [(&str, &str); 14] = [
    ("RETURN_AND_REFUND", "RETURN_OR_REFUND_REQUEST_PENDING"),
    ("RETURN_AND_REFUND", "REFUND_OR_RETURN_REQUEST_REJECT"),
    ("RETURN_AND_REFUND", "AWAITING_BUYER_SHIP"),
    ("RETURN_AND_REFUND", "BUYER_SHIPPED_ITEM"),
    ("RETURN_AND_REFUND", "REJECT_RECEIVE_PACKAGE"),
    ("REFUND", "RETURN_OR_REFUND_REQUEST_SUCCESS"),
    ("REFUND", "RETURN_OR_REFUND_REQUEST_CANCEL"),
    ("RETURN_AND_REFUND", "RETURN_OR_REFUND_REQUEST_COMPLETE"),
    ("REFUND", "AWAITING_BUYER_RESPONSE"),
    ("REPLACEMENT", "REPLACEMENT_REQUEST_PENDING"),
    ("REPLACEMENT", "REPLACEMENT_REQUEST_REJECT"),
    ("REPLACEMENT", "REPLACEMENT_REQUEST_REFUND_SUCCESS"),
    ("REPLACEMENT", "REPLACEMENT_REQUEST_CANCEL"),
    ("REPLACEMENT", "REPLACEMENT_REQUEST_COMPLETE"),
];

fn order_id(number: i64) -> String {
    format!("DEMO-{number}")
}

fn sku_id(product: &str, variant: usize) -> String {
    format!("{product}-{}", variant + 1)
}

fn euros(cents: i64) -> Value {
    json!({ "amount": format!("{}.{:02}", cents / 100, cents % 100), "currency": "EUR" })
}

fn read<T: DeserializeOwned>(documents: Vec<Value>) -> anyhow::Result<Vec<T>> {
    documents.into_iter().map(|document| Ok(serde_json::from_value(document)?)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use deskwire_protocol::{
        coupon::{CouponStatus, DisplayType},
        order::OrderStatus,
        product::ProductStatus,
        returns::ReturnStatus,
    };

    use super::*;

    #[test]
    fn the_demo_shop_has_one_of_everything() {
        let now = Timestamp::from_millis(1_794_481_500_000);
        let things = Things::at(now);
        let orders = things.orders().unwrap();
        let statuses: HashSet<OrderStatus> = orders.iter().map(|order| order.status).collect();
        assert_eq!(statuses.len(), OrderStatus::ALL.len());
        let near = orders.iter().filter_map(|order| order.nearest_deadline(now));
        assert!(
            near.clone().any(|reminder| reminder.overdue) && near.clone().any(|reminder| !reminder.overdue)
        );
        let packages = things.packages().unwrap();
        assert!(packages.iter().filter(|package| package.order_id.as_str() == "DEMO-1008").count() > 1);
        let returns: HashSet<ReturnStatus> =
            things.returns().unwrap().iter().map(|request| request.return_status).collect();
        assert_eq!(returns.len(), RETURNS.len());
        let products = things.products().unwrap();
        let live = products.iter().filter(|product| product.status == ProductStatus::Activate);
        let sold_out = live.clone().filter(|product| product.skus.iter().all(|sku| sku.inventory == 0));
        for gone in sold_out {
            let instead = |other: &&Product| {
                other.category == gone.category && other.skus.iter().any(|sku| sku.inventory > 0)
            };
            assert!(live.clone().any(|other| instead(&other)), "{} has nothing instead of it", gone.title);
        }
        let coupons = things.coupons().unwrap();
        let of = |status| coupons.iter().any(|coupon| coupon.status == status);
        for status in
            [CouponStatus::Ongoing, CouponStatus::NotStart, CouponStatus::Expired, CouponStatus::Deactivated]
        {
            assert!(of(status), "{status:?}");
        }
        assert!(coupons.iter().any(|coupon| coupon.display_type == DisplayType::Chat));
        assert!(Things::notes().iter().any(|note| note.versions.len() > 1));
    }
}
