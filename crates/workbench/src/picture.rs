//! A thing of a shop, loaded with all that its cards show, and any card of it as one buyer sees it.

use deskwire_chat::Shows;
use deskwire_protocol::{
    Content, ShopId, Timestamp, UserId,
    card::{Card, CardAct},
    coupon::{Claim, Coupon},
    ids::{CouponId, OrderId, PackageId, ProductId, ReturnId},
    logistics::Package,
    order::Order,
    product::Product,
    returns::{IneligibleCode, Return},
};
use deskwire_store::{Side, Subject};

use crate::{
    Workbench, WorkbenchError,
    cards::{
        Rendering,
        coupon::{self, Offer},
        logistics::{self, Parcel},
        order, product,
        return_refund::{self, Returnable, Window},
    },
    coupons::facts,
    locale::Speech,
    rules::returns::{self, OrderFile},
};

/// Which card of which thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CardRef {
    Order(OrderId),
    Logistics { order_id: OrderId, package_id: Option<PackageId> },
    ReturnRefund { order_id: OrderId, return_id: Option<ReturnId> },
    Product(ProductId),
    Coupon(CouponId),
}

impl CardRef {
    /// What a message shows; none where it is no card, or was recalled.
    pub(crate) fn of(content: &Content) -> Option<Self> {
        match content {
            Content::OrderCard { order_id, .. } => Some(Self::Order(order_id.clone())),
            Content::LogisticsCard { order_id, package_id, .. } => {
                Some(Self::Logistics { order_id: order_id.clone(), package_id: package_id.clone() })
            }
            Content::ReturnRefundCard { order_id, return_id, .. } => {
                Some(Self::ReturnRefund { order_id: order_id.clone(), return_id: return_id.clone() })
            }
            Content::ProductCard { product_id, .. } => Some(Self::Product(product_id.clone())),
            Content::CouponCard { coupon_id, .. } => Some(Self::Coupon(coupon_id.clone())),
            Content::Text { .. }
            | Content::AllocatedService { .. }
            | Content::Notification { .. }
            | Content::BuyerEnterFromProduct { .. }
            | Content::BuyerEnterFromOrder { .. } => None,
        }
    }

    /// The thing whose changes change the card.
    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Order(id)
            | Self::Logistics { order_id: id, .. }
            | Self::ReturnRefund { order_id: id, .. } => Subject::Order(id.clone()),
            Self::Product(id) => Subject::Product(id.clone()),
            Self::Coupon(id) => Subject::Coupon(id.clone()),
        }
    }
}

/// A thing of a shop as it stood at one moment.
#[derive(Debug, Clone)]
pub(crate) enum Picture {
    /// With its parcels and returns.
    Order {
        order: Box<Order>,
        packages: Vec<Package>,
        returns: Vec<Return>,
        version: i64,
    },
    Product {
        product: Box<Product>,
        version: i64,
    },
    Coupon {
        coupon: Box<Coupon>,
        version: i64,
    },
}

/// For whom a card is rendered, and what they did with it.
#[derive(Clone, Copy)]
pub(crate) struct Viewer<'a> {
    pub(crate) buyer_id: &'a UserId,
    pub(crate) speech: &'a Speech,
    /// Of a coupon: what the buyer has of it.
    pub(crate) claims: &'a [Claim],
    /// What the buyer did on this card.
    pub(crate) acts: &'a [CardAct],
    /// When it was sent: a request made since is the one that an invitation stands for.
    pub(crate) sent_time: Timestamp,
}

/// A card ready for a conversation.
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    pub(crate) content: Content,
    pub(crate) shows: Shows,
    /// When it looks different by time alone.
    pub(crate) next_change: Option<Timestamp>,
}

impl Workbench {
    /// Loads a thing; none where the shop has no such.
    pub(crate) async fn picture(
        &self,
        shop_id: &ShopId,
        subject: &Subject,
    ) -> Result<Option<Picture>, WorkbenchError> {
        // The thing before what belongs to it: its version then never is newer than what is shown.
        match subject {
            Subject::Order(id) => {
                let id = std::slice::from_ref(id);
                let Some(record) = self.store().orders(shop_id, id).await?.into_iter().next() else {
                    return Ok(None);
                };
                let version = record.version;
                let (packages, requests) = futures::try_join!(
                    self.store().packages(shop_id, id),
                    self.store().returns_of(shop_id, id)
                )?;
                let orders =
                    self.with_parts(shop_id, vec![record], packages.clone(), requests.clone(), Side::Buyer);
                let Some(order) = orders.into_iter().next() else { return Ok(None) };
                Ok(Some(Picture::Order {
                    order: Box::new(order),
                    packages: packages.into_iter().map(|record| record.package).collect(),
                    returns: requests.into_iter().map(|record| record.request).collect(),
                    version,
                }))
            }
            Subject::Product(id) => Ok(self.find_product(shop_id, id).await?.map(|record| {
                Picture::Product { version: record.version, product: Box::new(record.product) }
            })),
            Subject::Coupon(id) => Ok(self
                .find_coupon(shop_id, id)
                .await?
                .map(|record| Picture::Coupon { version: record.version, coupon: Box::new(facts(&record)) })),
        }
    }

    /// A card of the thing; none where it does not have what the card is to show.
    pub(crate) fn render(
        &self,
        shop_id: &ShopId,
        picture: &Picture,
        card: &CardRef,
        viewer: Viewer<'_>,
    ) -> Option<Rendered> {
        let now = self.now();
        let config = self.config();
        let rendering = Rendering {
            speech: viewer.speech,
            zone: &config.time_zone,
            now,
            shop_id,
            links: &config.links,
            acts: viewer.acts,
        };
        let rendered = |content, version, next_change| Rendered {
            content,
            shows: Shows { subject: card.subject(), version },
            next_change,
        };
        let boxed = |card: Card| Box::new(card);
        match (card, picture) {
            (CardRef::Order(order_id), Picture::Order { order, version, .. }) => {
                let card = boxed(order::render(order, &rendering));
                let content = Content::OrderCard { order_id: order_id.clone(), card };
                Some(rendered(content, *version, order::next_change(order, now)))
            }
            (
                CardRef::Logistics { order_id, package_id },
                Picture::Order { order, packages, version, .. },
            ) => {
                let package = match package_id {
                    Some(id) => packages.iter().find(|package| package.id == *id),
                    None => most_awaited(packages),
                }?;
                let parcel = Parcel { order, packages, package };
                let content = Content::LogisticsCard {
                    order_id: order_id.clone(),
                    package_id: Some(package.id.clone()),
                    card: boxed(logistics::render(parcel, &rendering)),
                };
                Some(rendered(content, *version, logistics::next_change(parcel, now)))
            }
            (
                CardRef::ReturnRefund { order_id, return_id },
                Picture::Order { order, packages, returns, version },
            ) => {
                let request = match return_id {
                    Some(id) => Some(returns.iter().find(|request| request.return_id == *id)?),
                    // Newest first: the first of those that were made on this card.
                    None => returns
                        .iter()
                        .filter(|request| request.create_time >= viewer.sent_time)
                        .max_by_key(|request| (!request.return_status.is_void(), request.create_time)),
                };
                let file = OrderFile { order, packages, returns };
                let subject = Returnable { order, request, window: self.window(file, now) };
                let content = Content::ReturnRefundCard {
                    order_id: order_id.clone(),
                    return_id: request.map(|request| request.return_id.clone()),
                    card: boxed(return_refund::render(subject, &rendering)),
                };
                Some(rendered(content, *version, return_refund::next_change(subject, now)))
            }
            (CardRef::Product(product_id), Picture::Product { product, version }) => {
                let card = boxed(product::render(product, &rendering));
                let content = Content::ProductCard { product_id: product_id.clone(), card };
                Some(rendered(content, *version, None))
            }
            (CardRef::Coupon(coupon_id), Picture::Coupon { coupon, version }) => {
                let offer = Offer { coupon, buyer_id: viewer.buyer_id, claims: viewer.claims };
                let card = boxed(coupon::render(offer, &rendering));
                let content = Content::CouponCard { coupon_id: coupon_id.clone(), card };
                Some(rendered(content, *version, coupon::next_change(offer, now)))
            }
            (
                CardRef::Order(_)
                | CardRef::Logistics { .. }
                | CardRef::ReturnRefund { .. }
                | CardRef::Product(_)
                | CardRef::Coupon(_),
                Picture::Order { .. } | Picture::Product { .. } | Picture::Coupon { .. },
            ) => None,
        }
    }

    /// Whether anything of an order can be returned, and until or from when.
    fn window(&self, file: OrderFile<'_>, now: Timestamp) -> Window {
        let times = self.return_times();
        let ways = returns::eligibility(file, &times, now).eligibility;
        if ways.iter().any(|way| way.eligible) {
            Window::Open { until: returns::open_until(file, &times, now) }
        } else {
            let why = ways.iter().find_map(|way| way.ineligible_code);
            Window::Closed {
                why: why.unwrap_or(IneligibleCode::NotDelivered),
                opens: returns::opens_at(file, now),
            }
        }
    }
}

/// Of several parcels the one that was heard of last among those that have not come; of those that all came, the last.
fn most_awaited(packages: &[Package]) -> Option<&Package> {
    let came = |package: &Package| crate::rules::logistics::delivered_at(package).is_some();
    let heard =
        |package: &&Package| package.tracking.first().map_or(package.update_time, |event| event.update_time);
    packages
        .iter()
        .filter(|package| {
            !came(package) && package.status != deskwire_protocol::logistics::PackageStatus::Cancelled
        })
        .max_by_key(heard)
        .or_else(|| packages.iter().max_by_key(heard))
}
