//! The documents of one call, all of one kind, and what must be loaded to decide on them.

use deskwire_protocol::{
    Role, UserId,
    coupon::Coupon,
    ids::{PackageId, SkuId},
    logistics::{Package, TrackingEvent},
    order::{Order, OrderStatus},
    product::Product,
    returns::Return,
};
use deskwire_store::{Side, Wanted};

/// Documents of one kind. A call should hold at most some hundred: all of it is one transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Documents {
    /// Orders.
    Orders(Vec<Order>),
    /// Parcels; their orders must be there.
    Packages(Vec<Package>),
    /// Steps of parcels that are there; those of one entry are taken together or not at all.
    Tracking(Vec<(PackageId, Vec<TrackingEvent>)>),
    /// Returns; their orders must be there.
    Returns(Vec<Return>),
    /// Products with their variants.
    Products(Vec<Product>),
    /// How many there are of a variant.
    Inventory(Vec<(SkuId, u32)>),
    /// Coupons.
    Coupons(Vec<Coupon>),
    /// Buyers and agents.
    People(Vec<PersonPut>),
}

/// A buyer or an agent as the shop's systems know them. Whoever signs in by a token is named as the token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonPut {
    /// Buyers and agents are separate name spaces.
    pub role: Role,
    /// As the tokens name them.
    pub user_id: UserId,
    /// To be displayed.
    pub name: String,
    /// Language tag, such as `pt-BR`.
    pub locale: Option<String>,
    /// Address of a picture.
    pub avatar: Option<String>,
}

impl PersonPut {
    /// On which side.
    pub(super) const fn side(&self) -> Side {
        match self.role {
            Role::Buyer => Side::Buyer,
            Role::Agent | Role::Admin => Side::Shop,
        }
    }
}

impl Documents {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Orders(orders) => orders.len(),
            Self::Packages(packages) => packages.len(),
            Self::Tracking(steps) => steps.len(),
            Self::Returns(returns) => returns.len(),
            Self::Products(products) => products.len(),
            Self::Inventory(counts) => counts.len(),
            Self::Coupons(coupons) => coupons.len(),
            Self::People(people) => people.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is done with them, as the methods are named.
    pub(super) const fn action(&self) -> &'static str {
        match self {
            Self::Orders(_) => "orders.put",
            Self::Packages(_) => "packages.put",
            Self::Tracking(_) => "tracking.add",
            Self::Returns(_) => "returns.put",
            Self::Products(_) => "products.put",
            Self::Inventory(_) => "inventory.put",
            Self::Coupons(_) => "coupons.put",
            Self::People(_) => "people.put",
        }
    }

    /// By what the document in this place is known: for a step, its parcel.
    pub(super) fn id(&self, place: usize) -> Option<&str> {
        match self {
            Self::Orders(orders) => orders.get(place).map(|order| order.id.as_str()),
            Self::Packages(packages) => packages.get(place).map(|package| package.id.as_str()),
            Self::Tracking(steps) => steps.get(place).map(|(id, _)| id.as_str()),
            Self::Returns(returns) => returns.get(place).map(|request| request.return_id.as_str()),
            Self::Products(products) => products.get(place).map(|product| product.id.as_str()),
            Self::Inventory(counts) => counts.get(place).map(|(id, _)| id.as_str()),
            Self::Coupons(coupons) => coupons.get(place).map(|coupon| coupon.id.as_str()),
            Self::People(people) => people.get(place).map(|person| person.user_id.as_str()),
        }
    }

    pub(super) fn wanted(&self) -> Wanted {
        let nothing = Wanted::default();
        match self {
            Self::Orders(orders) => {
                let ids = orders.iter().map(|order| order.id.clone());
                let cancelled = orders.iter().filter(|order| order.status == OrderStatus::Cancelled);
                Wanted {
                    bare_orders: ids.collect(),
                    cancelled_orders: cancelled.map(|order| order.id.clone()).collect(),
                    ..nothing
                }
            }
            Self::Packages(packages) => Wanted {
                orders: packages.iter().map(|package| package.order_id.clone()).collect(),
                packages: packages.iter().map(|package| package.id.clone()).collect(),
                ..nothing
            },
            Self::Tracking(steps) => {
                Wanted { packages: steps.iter().map(|(id, _)| id.clone()).collect(), ..nothing }
            }
            Self::Returns(returns) => Wanted {
                orders: returns.iter().map(|request| request.order_id.clone()).collect(),
                returns: returns.iter().map(|request| request.return_id.clone()).collect(),
                ..nothing
            },
            Self::Products(products) => Wanted {
                products: products.iter().map(|product| product.id.clone()).collect(),
                skus: products.iter().flat_map(|product| &product.skus).map(|sku| sku.id.clone()).collect(),
                ..nothing
            },
            Self::Inventory(counts) => {
                Wanted { skus: counts.iter().map(|(id, _)| id.clone()).collect(), ..nothing }
            }
            Self::Coupons(coupons) => {
                Wanted { coupons: coupons.iter().map(|coupon| coupon.id.clone()).collect(), ..nothing }
            }
            Self::People(people) => Wanted {
                people: people.iter().map(|person| (person.side(), person.user_id.clone())).collect(),
                ..nothing
            },
        }
    }
}
