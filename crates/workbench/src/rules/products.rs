//! Products as the shop's systems write them, what of them is sold, their stock, and what may be offered instead.

use std::{cmp::Reverse, collections::HashSet};

use deskwire_protocol::{
    Timestamp,
    card::NotSendableCode,
    ids::SkuId,
    money::Money,
    product::{PriceRange, Product, ProductStatus, Sku},
};

use super::{
    amounts, fields,
    orders::{NAME_CHARS, PRODUCT_NAME_CHARS},
    write::{Write, differing},
};
use crate::error::WorkbenchError;

/// The most variants of a product.
pub(crate) const SKUS: usize = 200;

/// The longest description, in characters.
const DESCRIPTION_CHARS: usize = 10_000;

/// How much the same category weighs among alternatives; a name and a price weigh up to 1,000 together.
const CATEGORY_WEIGHT: u64 = 1_000;

/// The variants that are sold: live ones of a live product.
pub(crate) fn sold(product: &Product) -> impl Iterator<Item = &Sku> {
    let live = product.status == ProductStatus::Activate;
    product.skus.iter().filter(move |sku| live && sku.status == ProductStatus::Activate)
}

/// The product as those see it who may buy it.
pub(crate) fn on_sale(product: Product) -> Product {
    let skus = sold(&product).map(|sku| Sku { seller_sku: None, ..sku.clone() }).collect();
    Product { skus, ..product }
}

/// How many there are to sell, over all variants that are sold.
pub(crate) fn stock(product: &Product) -> u64 {
    sold(product).map(|sku| u64::from(sku.inventory)).sum()
}

/// From the cheapest to the dearest variant that is sold.
pub(crate) fn price_range(product: &Product) -> Option<PriceRange> {
    let prices = || sold(product).map(|sku| sku.price.sale_price);
    let min = prices().min_by_key(|price| price.minor)?;
    let max = prices().max_by_key(|price| price.minor)?;
    Some(PriceRange { min, max })
}

/// Whether the product's card may be sent.
pub(crate) fn sendable(product: &Product) -> Result<(), NotSendableCode> {
    if sold(product).next().is_none() {
        Err(NotSendableCode::NotLive)
    } else if stock(product) == 0 {
        Err(NotSendableCode::OutOfStock)
    } else {
        Ok(())
    }
}

/// What comes of a product that the shop's systems wrote. Written again with the `update_time` that stands, its
/// inventory stays: what was sold here since then is not put back by reading a file twice.
pub(crate) fn upsert(
    stored: Option<&Product>,
    incoming: Product,
    now: Timestamp,
) -> Result<Write<Product>, WorkbenchError> {
    let mut product = incoming;
    check(&product, now)?;
    product.stock = 0;
    let Some(stored) = stored else { return Ok(Write::Created(product)) };
    if product.update_time < stored.update_time {
        return Ok(Write::Stale);
    }
    if product.update_time == stored.update_time {
        for sku in &mut product.skus {
            if let Some(known) = stored.skus.iter().find(|known| known.id == sku.id) {
                sku.inventory = known.inventory;
            }
        }
    }
    Ok(Write::of(Some(stored), product, changed_fields))
}

/// A change of what there is of one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InventoryChange {
    /// There are so many.
    Set(u32),
    /// So many came.
    Add(u32),
    /// So many went; never more than there are.
    Take(u32),
}

/// Changes what there is of one variant. The product's `update_time` is the shop's own and stays.
pub(crate) fn change_inventory(
    product: &Product,
    sku_id: &SkuId,
    change: InventoryChange,
) -> Result<Product, WorkbenchError> {
    let mut product = product.clone();
    let sku = product.skus.iter_mut().find(|sku| sku.id == *sku_id).ok_or(WorkbenchError::NotFound)?;
    sku.inventory = match change {
        InventoryChange::Set(count) => count,
        InventoryChange::Add(count) => sku
            .inventory
            .checked_add(count)
            .ok_or_else(|| WorkbenchError::limit(u32::MAX, "of a variant in stock"))?,
        InventoryChange::Take(count) => sku
            .inventory
            .checked_sub(count)
            .ok_or_else(|| WorkbenchError::limit(sku.inventory, "of this variant in stock"))?,
    };
    Ok(product)
}

/// Of the candidates those that may be offered instead, the nearest first: of the same category, then of a similar
/// name and price. Only what is live and in stock.
pub(crate) fn alternatives<'a>(
    instead_of: &Product,
    candidates: impl IntoIterator<Item = &'a Product>,
    limit: usize,
) -> Vec<&'a Product> {
    let words = fragments(&instead_of.title);
    let price = cheapest(instead_of);
    let mut ranked: Vec<_> = candidates
        .into_iter()
        .filter(|candidate| candidate.id != instead_of.id && sendable(candidate).is_ok())
        .map(|candidate| {
            let same_category = candidate.category.is_some() && candidate.category == instead_of.category;
            let category = if same_category { CATEGORY_WEIGHT } else { 0 };
            let name = likeness(&words, &fragments(&candidate.title)) * 6 / 10;
            let price = nearness(price, cheapest(candidate)) * 4 / 10;
            (Reverse(category + name + price), candidate)
        })
        .collect();
    ranked.sort_by(|(score, product), (other_score, other)| {
        score.cmp(other_score).then_with(|| product.id.cmp(&other.id))
    });
    ranked.into_iter().take(limit).map(|(_, product)| product).collect()
}

/// What it costs at least, whether or not it is sold now.
fn cheapest(product: &Product) -> Option<Money> {
    product.skus.iter().map(|sku| sku.price.sale_price).min_by_key(|price| price.minor)
}

/// A text in pieces of three characters, so that words of one stem are alike, also in scripts that leave no space
/// between words.
fn fragments(text: &str) -> HashSet<[char; 3]> {
    let mut fragments = HashSet::new();
    for word in text.to_lowercase().split(|character: char| !character.is_alphanumeric()) {
        let mut last = [' ', ' '];
        for character in word.chars().chain((!word.is_empty()).then_some(' ')) {
            fragments.insert([last[0], last[1], character]);
            last = [last[1], character];
        }
    }
    fragments
}

/// How much of two sets is in both, in thousandths.
fn likeness(one: &HashSet<[char; 3]>, other: &HashSet<[char; 3]>) -> u64 {
    let both = one.intersection(other).count();
    let part = (2_000 * both).checked_div(one.len() + other.len());
    u64::try_from(part.unwrap_or(0)).unwrap_or(0)
}

/// How near two prices are, in thousandths: the same is 1,000, twice as much 500.
fn nearness(one: Option<Money>, other: Option<Money>) -> u64 {
    match (one, other) {
        (Some(one), Some(other)) if one.currency == other.currency => {
            let (low, high) = (one.minor.min(other.minor).max(0), one.minor.max(other.minor).max(0));
            let part = (i128::from(low) * 1_000).checked_div(i128::from(high)).unwrap_or(1_000);
            u64::try_from(part).unwrap_or(0)
        }
        (Some(_) | None, Some(_) | None) => 0,
    }
}

/// Whether a product holds together by itself.
pub(crate) fn check(product: &Product, now: Timestamp) -> Result<(), WorkbenchError> {
    fields::absent("price_range", product.price_range.as_ref(), "it is made of the variants")?;
    fields::absent("link", product.link.as_ref(), "it is made by the server")?;
    if product.stock != 0 && product.stock != stock(product) {
        return Err(WorkbenchError::invalid("stock", "must be absent: it is the sum over the variants sold"));
    }
    fields::past("update_time", product.update_time, now)?;
    fields::text("title", &product.title, PRODUCT_NAME_CHARS)?;
    fields::optional_text("description", product.description.as_ref(), DESCRIPTION_CHARS)?;
    fields::optional_text("category", product.category.as_ref(), NAME_CHARS)?;
    fields::image("main_image", product.main_image.as_ref())?;
    check_skus(&product.skus)
}

fn check_skus(skus: &[Sku]) -> Result<(), WorkbenchError> {
    fields::count("skus", skus.len(), 1, SKUS)?;
    fields::unique(skus.iter().map(|sku| &sku.id), |place| format!("skus[{place}].id"))?;
    let mut first = None;
    for (place, sku) in skus.iter().enumerate() {
        let path = |name: &str| format!("skus[{place}].{name}");
        fields::optional_text(&path("name"), Some(&sku.name), NAME_CHARS)?;
        fields::optional_text(&path("seller_sku"), sku.seller_sku.as_ref(), NAME_CHARS)?;
        let currency = *first.get_or_insert(sku.price.currency);
        if sku.price.currency != currency {
            return Err(WorkbenchError::invalid(
                path("price.currency"),
                format_args!("must be {currency}, as of the first variant"),
            ));
        }
        amounts::check(&path("price.sale_price"), sku.price.sale_price, currency)?;
        amounts::check_optional(&path("price.original_price"), sku.price.original_price, currency)?;
        if let Some(quantity) = sku.quantity {
            fields::quantity(&path("quantity"), quantity)?;
        }
    }
    Ok(())
}

/// The wire's names of the fields in which two products differ.
pub(crate) fn changed_fields(old: &Product, new: &Product) -> Vec<&'static str> {
    differing!(
        Product,
        old,
        new,
        [title, main_image, description, category, status, update_time, skus],
        ignoring [id, price_range, stock, link]
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::samples::{DAY, NOW, field_of, money, product, sku};

    fn shirt() -> Product {
        let mut off = sku("s-3", 100, 50);
        off.status = ProductStatus::SellerDeactivated;
        product("p-1", "Linen shirt", vec![sku("s-1", 1000, 2), sku("s-2", 1500, 0), off])
    }

    #[test]
    fn stock_and_price_are_those_of_what_is_sold() {
        let shirt = shirt();
        assert_eq!(
            (stock(&shirt), price_range(&shirt)),
            (2, Some(PriceRange { min: money(1000), max: money(1500) }))
        );
        let draft = Product { status: ProductStatus::Draft, ..shirt };
        assert_eq!((stock(&draft), price_range(&draft)), (0, None));
    }

    #[test]
    fn only_what_is_live_and_in_stock_is_sent() {
        let mut shirt = shirt();
        assert_eq!(sendable(&shirt), Ok(()));
        shirt.skus[0].inventory = 0;
        assert_eq!(sendable(&shirt), Err(NotSendableCode::OutOfStock));
        shirt.status = ProductStatus::Freeze;
        assert_eq!(sendable(&shirt), Err(NotSendableCode::NotLive));
    }

    #[test]
    fn a_product_holds_together() {
        let refused = |change: fn(&mut Product)| {
            let mut product = shirt();
            change(&mut product);
            field_of(upsert(None, product, NOW))
        };
        assert_eq!(refused(|product| product.title = "x".repeat(501)), "title");
        assert_eq!(refused(|product| product.skus.clear()), "skus");
        assert_eq!(refused(|product| product.skus[1].id = product.skus[0].id.clone()), "skus[1].id");
        assert_eq!(
            refused(|product| product.skus[1].price.currency = "BRL".parse().unwrap()),
            "skus[1].price.currency"
        );
        assert_eq!(
            refused(|product| product.skus[1].price.sale_price = money(-1)),
            "skus[1].price.sale_price"
        );
        assert_eq!(refused(|product| product.skus[0].quantity = Some(0)), "skus[0].quantity");
        assert_eq!(refused(|product| product.stock = 7), "stock");
        assert_eq!(refused(|product| product.main_image = Some("x.png".into())), "main_image");
        assert_eq!(refused(|product| product.link = Some("/p".into())), "link");
    }

    #[test]
    fn a_file_read_twice_does_not_put_back_what_was_sold() {
        let stored =
            change_inventory(&shirt(), &SkuId::new("s-1").unwrap(), InventoryChange::Take(1)).unwrap();
        assert_eq!(upsert(Some(&stored), shirt(), NOW).unwrap(), Write::Unchanged);

        let newer = Product { update_time: NOW, ..shirt() };
        let written = upsert(Some(&stored), newer, NOW).unwrap().document().unwrap();
        assert_eq!(written.skus[0].inventory, 2, "but a later word of the shop counts");

        let older = Product { update_time: NOW.minus(DAY * 2), ..shirt() };
        assert_eq!(upsert(Some(&stored), older, NOW).unwrap(), Write::Stale);
    }

    #[test]
    fn stock_never_goes_below_nothing() {
        let id = SkuId::new("s-1").unwrap();
        let taken = change_inventory(&shirt(), &id, InventoryChange::Take(2)).unwrap();
        assert_eq!(taken.skus[0].inventory, 0);
        let over = change_inventory(&shirt(), &id, InventoryChange::Take(3));
        assert!(matches!(over, Err(WorkbenchError::LimitReached { limit: 2, .. })));
        let full = change_inventory(&shirt(), &id, InventoryChange::Set(u32::MAX)).unwrap();
        assert!(change_inventory(&full, &id, InventoryChange::Add(1)).is_err());
        let unknown = SkuId::new("x").unwrap();
        assert!(matches!(
            change_inventory(&full, &unknown, InventoryChange::Set(1)),
            Err(WorkbenchError::NotFound)
        ));
    }

    #[test]
    fn the_nearest_in_stock_is_offered_first() {
        let of = |id: &str, title: &str, category: &str, price, inventory| Product {
            category: Some(category.to_owned()),
            ..product(id, title, vec![sku(&format!("s-{id}"), price, inventory)])
        };
        let gone = of("p-1", "Linen shirt", "shirts", 1000, 0);
        let candidates = [
            gone.clone(),
            of("p-2", "Bread knife", "kitchen", 1000, 5),
            of("p-3", "Wool shirt", "shirts", 9000, 5),
            of("p-4", "Linen shirts, long", "shirts", 1100, 5),
            of("p-5", "Linen shirt", "shirts", 1000, 0),
            of("p-6", "Linen skirt", "skirts", 1000, 5),
        ];
        let ids: Vec<_> =
            alternatives(&gone, &candidates, 3).iter().map(|product| product.id.as_str()).collect();
        assert_eq!(ids, ["p-4", "p-3", "p-6"]);
    }

    #[test]
    fn scripts_without_spaces_are_compared_too() {
        let gone = product("p-1", "เสื้อเชิ้ตลินิน", vec![sku("s-1", 1000, 0)]);
        let candidates = [
            product("p-2", "มีดทำครัว", vec![sku("s-2", 1000, 1)]),
            product("p-3", "เสื้อเชิ้ตผ้าฝ้าย", vec![sku("s-3", 1000, 1)]),
        ];
        assert_eq!(alternatives(&gone, &candidates, 1)[0].id.as_str(), "p-3");
    }

    proptest! {
        #[test]
        fn ranking_never_panics_and_offers_only_what_can_be_sent(
            titles in prop::collection::vec(".{0,40}", 1..8),
            prices in prop::collection::vec(0..i64::MAX, 8),
        ) {
            let all: Vec<_> = titles
                .iter()
                .zip(&prices)
                .enumerate()
                .map(|(at, (title, price))| {
                    product(&format!("p-{at}"), title, vec![sku(&format!("s-{at}"), *price, u32::try_from(at % 2).unwrap())])
                })
                .collect();
            for product in alternatives(&all[0], &all, 10) {
                prop_assert!(sendable(product).is_ok());
                prop_assert!(product.id != all[0].id);
            }
        }
    }
}
