//! The product card: what it is, what it costs, and whether there is any left to buy.

use deskwire_protocol::{
    card::{ActionName, Card, CardAction, CardItem, CardKind, CardStatus, Tone},
    product::{PriceRange, Product, Sku},
};
use serde_json::json;

use super::{
    Rendering,
    draft::{self, Draft},
    text::{self, ITEM_CHARS, NAME_CHARS},
};
use crate::{locale::Speech, rules};

/// From how many on a stock is told as "in stock": a card that told each sale of a product that sells well would be
/// rendered again all day, and says nothing more to a buyer.
const PLENTY: u64 = 11;

/// A product, as the buyer may see it. Time alone never changes it.
pub(crate) fn render(product: &Product, rendering: &Rendering<'_>) -> Card {
    let speech = rendering.speech;
    let sold: Vec<&Sku> = rules::products::sold(product).collect();
    let stock = rules::products::stock(product);
    let title = text::line(&product.title, NAME_CHARS)
        .or_else(|| text::line(product.id.as_str(), NAME_CHARS))
        .unwrap_or_default();
    let mut card = Draft::new(
        CardKind::Product,
        product.id.as_str(),
        title,
        status(product, !sold.is_empty(), stock, speech),
    );
    card.image = text::image(product.main_image.as_ref());
    card.optional_field(speech.price(), price(product, &sold, speech));
    if !sold.is_empty() {
        card.field(speech.stock(), in_words(stock, speech));
    }
    if let [_, _, ..] = sold.as_slice() {
        card.items = sold.iter().map(|sku| variant(sku, speech)).collect();
    }

    let page = rendering.links.product_detail(rendering.shop_id, &product.id);
    let can_be_bought: Vec<_> = sold.iter().filter(|sku| sku.inventory > 0).collect();
    card.actions.push(CardAction {
        action: ActionName::PlaceOrder,
        label: speech.do_place_order(),
        url: Some(page.clone()),
        method: Some("buyer.orders.place".into()),
        // Of several variants the buyer chooses one on the page.
        params: match can_be_bought.as_slice() {
            [only] => Some(json!({ "sku_id": only.id })),
            _ => None,
        },
        enabled: !can_be_bought.is_empty(),
    });
    card.page(ActionName::Open, speech.do_open(), page);
    card.finish(rendering)
}

fn status(product: &Product, sold: bool, stock: u64, speech: &Speech) -> CardStatus {
    match (sold, stock) {
        (false, _) => draft::status(product.status, speech.not_sold(), Tone::Danger),
        (true, 0) => draft::status("OUT_OF_STOCK", speech.stock_none(), Tone::Danger),
        (true, 1..PLENTY) => draft::status(product.status, in_words(stock, speech), Tone::Warning),
        (true, PLENTY..) => draft::status(product.status, speech.stock_some(), Tone::Success),
    }
}

fn in_words(stock: u64, speech: &Speech) -> String {
    match stock {
        0 => speech.stock_none(),
        1..PLENTY => speech.stock_few(stock),
        PLENTY.. => speech.stock_some(),
    }
}

/// One price, with the one before it where that was higher; or from the lowest to the highest.
fn price(product: &Product, sold: &[&Sku], speech: &Speech) -> Option<String> {
    match (rules::products::price_range(product)?, sold) {
        (_, [only]) => Some(variant_price(only, speech)),
        (PriceRange { min, max }, _) if min == max => Some(speech.money(min)),
        (PriceRange { min, max }, _) => Some(speech.from_to(&speech.money(min), &speech.money(max))),
    }
}

fn variant_price(sku: &Sku, speech: &Speech) -> String {
    let price = speech.money(sku.price.sale_price);
    match sku.price.original_price {
        Some(before) if before.minor > sku.price.sale_price.minor => {
            speech.price_before(&price, &speech.money(before))
        }
        Some(_) | None => price,
    }
}

fn variant(sku: &Sku, speech: &Speech) -> CardItem {
    let title = text::line(&sku.name, ITEM_CHARS).or_else(|| text::line(sku.id.as_str(), ITEM_CHARS));
    CardItem {
        detail: Some(in_words(u64::from(sku.inventory), speech)),
        price: Some(variant_price(sku, speech)),
        ..draft::item(title.unwrap_or_default())
    }
}
