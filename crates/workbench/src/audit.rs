//! Who did what to which of a shop's things: a row for each thing that a change makes or changes. The rows are made of
//! the change itself, so that no way to change a thing leaves one out. What a thing says is not in them, only what of it
//! is another.

use deskwire_protocol::{
    Role, Timestamp,
    card::ThingKind,
    coupon::Coupon,
    ids::CouponId,
    logistics::Package,
    order::{Editor, Order, SellerNote},
    product::{Product, Sku},
    returns::Return,
};
use deskwire_store::{AuditRecord, AuditResult, ClaimRecord, PersonRecord, Shelf, ShopChanges, Side};
use serde::Serialize;

use crate::{
    coupons::facts,
    rules::{coupons, logistics, orders, products, returns},
};

/// More parts of a thing's change are not named.
const PARTS: usize = 10;

/// What is being done, by whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doing<'a> {
    pub(crate) editor: &'a Editor,
    /// As a method is named: `returns.approve`.
    pub(crate) action: &'static str,
    /// The one thing that it is done to, where there is one: other things change because of that.
    pub(crate) target: Option<(ThingKind, &'a str)>,
    pub(crate) now: Timestamp,
}

/// What came of a thing, and what of it is another.
type Came = Option<(AuditResult, Vec<String>)>;

/// The rows of these changes.
pub(crate) fn rows(loaded: &Shelf, changes: &ShopChanges, doing: Doing<'_>) -> Vec<AuditRecord> {
    let mut rows = Rows { doing, rows: Vec::new() };
    for record in &changes.orders {
        let (stored, id) = (loaded.orders.get(&record.order.id), record.order.id.as_str());
        rows.add(ThingKind::Order, id, order(stored.map(|stored| &stored.order), &record.order));
        let noted = note(stored.and_then(|stored| stored.note.as_ref()), record.note.as_ref());
        rows.add(ThingKind::SellerNote, id, noted);
    }
    for record in &changes.packages {
        let stored = loaded.packages.get(&record.package.id).map(|stored| &stored.package);
        rows.add(ThingKind::Package, record.package.id.as_str(), package(stored, &record.package));
    }
    for record in &changes.returns {
        let stored = loaded.returns.get(&record.request.return_id).map(|stored| &stored.request);
        let came = return_request(stored, &record.request);
        rows.add(ThingKind::Return, record.request.return_id.as_str(), came);
    }
    for record in &changes.products {
        let stored = loaded.products.get(&record.product.id).map(|stored| &stored.product);
        rows.add(ThingKind::Product, record.product.id.as_str(), product(stored, &record.product));
    }
    for record in &changes.coupons {
        let id = &record.coupon.id;
        let came = coupon(loaded.coupons.get(id).map(facts).as_ref(), &facts(record));
        rows.add(ThingKind::Coupon, id.as_str(), with_claims(came, loaded, changes, id));
    }
    for record in &changes.people {
        let (side, kind) = match record.role {
            Role::Buyer => (Side::Buyer, "BUYER"),
            Role::Agent | Role::Admin => (Side::Shop, "AGENT"),
        };
        let stored = loaded.people.get(&(side, record.user.user_id.clone()));
        rows.add_of(kind, record.user.user_id.as_str(), person(stored, record));
    }
    rows.rows
}

struct Rows<'a> {
    doing: Doing<'a>,
    rows: Vec<AuditRecord>,
}

impl Rows<'_> {
    fn add(&mut self, kind: ThingKind, id: &str, came: Came) {
        let of_target = self.doing.target.filter(|target| *target != (kind, id));
        let came = came.map(|(result, mut parts)| {
            parts.extend(of_target.map(|(kind, id)| format!("by {} {id}", kind.as_str())));
            (result, parts)
        });
        self.add_of(kind.as_str(), id, came);
    }

    fn add_of(&mut self, thing_kind: &'static str, id: &str, came: Came) {
        let Some((result, parts)) = came else { return };
        let Doing { editor, action, now, .. } = self.doing;
        self.rows.push(AuditRecord {
            time: now,
            actor_kind: editor.kind,
            actor_id: editor.id.clone(),
            action,
            thing_kind,
            thing_id: id.to_owned(),
            result,
            detail: (!parts.is_empty()).then(|| parts.join(", ")),
        });
    }
}

fn order(stored: Option<&Order>, new: &Order) -> Came {
    came(stored, new, orders::changed_fields, |order| word(&order.status))
}

fn package(stored: Option<&Package>, new: &Package) -> Came {
    came(stored, new, logistics::changed_fields, |package| word(&package.status))
}

fn return_request(stored: Option<&Return>, new: &Return) -> Came {
    came(stored, new, returns::changed_fields, |request| word(&request.return_status))
}

fn note(stored: Option<&SellerNote>, new: Option<&SellerNote>) -> Came {
    let new = new.filter(|new| stored != Some(*new))?;
    let result = if stored.is_none() { AuditResult::Created } else { AuditResult::Changed };
    Some((result, vec![format!("version {}", new.version)]))
}

fn product(stored: Option<&Product>, new: &Product) -> Came {
    let (result, mut parts) = came(stored, new, products::changed_fields, |product| word(&product.status))?;
    if let Some(stored) = stored {
        if only_stock(&stored.skus, &new.skus) {
            parts.retain(|part| part != "skus");
        }
        let moved = new.skus.iter().filter_map(|sku| {
            let before = stored.skus.iter().find(|before| before.id == sku.id)?.inventory;
            (before != sku.inventory).then(|| format!("{} {before}>{}", sku.id, sku.inventory))
        });
        parts.extend(moved.take(PARTS));
    }
    Some((result, parts))
}

/// Whether nothing but how many there are differs.
fn only_stock(old: &[Sku], new: &[Sku]) -> bool {
    let same = |(old, new): (&Sku, &Sku)| Sku { inventory: new.inventory, ..old.clone() } == *new;
    old.len() == new.len() && old.iter().zip(new).all(same)
}

fn coupon(stored: Option<&Coupon>, new: &Coupon) -> Came {
    let (result, mut parts) = came(stored, new, coupons::changed_fields, |coupon| word(&coupon.status))?;
    for part in &mut parts {
        // All else of its status follows from the time.
        if part.starts_with("status ") {
            *part = format!("status {}", word(&new.status));
        }
    }
    Some((result, parts))
}

/// What buyers have of a coupon is told with the coupon.
fn with_claims(came: Came, loaded: &Shelf, changes: &ShopChanges, id: &CouponId) -> Came {
    let claims = changes.claims.iter().filter(|record| record.claim.coupon_id == *id);
    let claims: Vec<String> = claims.map(|record| claim(loaded, record)).take(PARTS).collect();
    match came {
        Some((result, mut parts)) => {
            parts.extend(claims);
            Some((result, parts))
        }
        None if claims.is_empty() => None,
        None => Some((AuditResult::Changed, claims)),
    }
}

fn claim(loaded: &Shelf, ClaimRecord { buyer_id, claim, .. }: &ClaimRecord) -> String {
    let stored = loaded.claims.iter().find(|stored| {
        stored.buyer_id == *buyer_id
            && stored.claim.coupon_id == claim.coupon_id
            && stored.claim.number == claim.number
    });
    let used_before = stored.and_then(|stored| stored.claim.order_id.as_ref());
    let what = match (used_before, &claim.order_id) {
        (_, Some(order_id)) => format!(" used on {order_id}"),
        (Some(order_id), None) => format!(" given back by {order_id}"),
        (None, None) => String::new(),
    };
    format!("claim {} of {buyer_id}{what}", claim.number)
}

fn person(stored: Option<&PersonRecord>, new: &PersonRecord) -> Came {
    let fields = |old: &PersonRecord, new: &PersonRecord| -> Vec<&'static str> {
        [
            ("role", old.role != new.role),
            ("name", old.user.name != new.user.name),
            ("locale", old.user.locale != new.user.locale),
            ("avatar", old.avatar != new.avatar),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    };
    came(stored, new, fields, |person| word(&person.role))
}

/// What came of a thing whose fields can be told apart; none where all are as they were.
fn came<T>(
    stored: Option<&T>,
    new: &T,
    fields: impl Fn(&T, &T) -> Vec<&'static str>,
    status: impl Fn(&T) -> String,
) -> Came {
    let Some(stored) = stored else { return Some((AuditResult::Created, Vec::new())) };
    let fields = fields(stored, new);
    if fields.is_empty() {
        return None;
    }
    let named = fields.into_iter().filter(|field| *field != "update_time").take(PARTS);
    let parts = named.map(|field| {
        if field.ends_with("status") {
            format!("{field} {}>{}", status(stored), status(new))
        } else {
            field.to_owned()
        }
    });
    Some((AuditResult::Changed, parts.collect()))
}

/// As it is on the wire.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::order::{EditorKind, OrderStatus};
    use deskwire_store::ProductRecord;

    use super::*;
    use crate::rules::samples::{NOW, order_record, product, sku};

    fn told(loaded: &Shelf, changes: &ShopChanges, target: Option<(ThingKind, &str)>) -> Vec<String> {
        let editor = Editor { kind: EditorKind::Api, id: "k".into(), name: String::new() };
        let doing = Doing { editor: &editor, action: "orders.put", target, now: NOW };
        let told = rows(loaded, changes, doing).into_iter().map(|row| {
            let AuditRecord { thing_kind, thing_id, result, detail, .. } = row;
            format!("{thing_kind} {thing_id} {} {}", result.as_str(), detail.unwrap_or_default())
        });
        told.collect()
    }

    #[test]
    fn each_thing_has_a_row_that_says_what_of_it_is_another() {
        let mut loaded = Shelf::default();
        let (before, after) = (order_record(OrderStatus::Unpaid), order_record(OrderStatus::Cancelled));
        let id = before.order.id.to_string();
        let made = ShopChanges { orders: vec![before.clone()], ..ShopChanges::default() };
        assert_eq!(told(&loaded, &made, None), [format!("ORDER {id} CREATED ")]);

        let shirt = |inventory| ProductRecord {
            product: product("p-1", "Linen shirt", vec![sku("s-1", 2500, inventory)]),
            stock: u64::from(inventory),
            product_no: 1,
            version: 1,
        };
        loaded.orders.insert(before.order.id.clone(), before.clone());
        loaded.products.insert(shirt(1).product.id, shirt(1));
        let changes = ShopChanges { orders: vec![after], products: vec![shirt(3)], ..ShopChanges::default() };
        assert_eq!(
            told(&loaded, &changes, Some((ThingKind::Order, &id))),
            [
                format!("ORDER {id} CHANGED status UNPAID>CANCELLED"),
                format!("PRODUCT p-1 CHANGED s-1 1>3, by ORDER {id}"),
            ]
        );
        let same = ShopChanges { orders: vec![before], ..ShopChanges::default() };
        assert_eq!(told(&loaded, &same, None), Vec::<String>::new(), "only when it is to be looked at again");
    }
}
