//! What people do, and how often one thing is done beside another.

use rand::Rng;
use serde::Deserialize;

/// Something that a person does once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Message,
    History,
    Read,
    Typing,
    Orders,
    Product,
    Claim,
    Act,
    Place,
    Coupons,
    Check,
    ProductCard,
    CouponCard,
    OrderCard,
    Take,
}

/// Weights: a deed of weight 3 is done three times as often as one of weight 1.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mix {
    weights: Vec<(Deed, u32)>,
    sum: u32,
}

impl Mix {
    fn new(weights: impl IntoIterator<Item = (Deed, u32)>) -> Self {
        let weights: Vec<_> = weights.into_iter().filter(|(_, weight)| *weight > 0).collect();
        let sum = weights.iter().map(|(_, weight)| weight).sum();
        Self { weights, sum }
    }

    /// One of them; nothing where nothing is to be done.
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> Option<Deed> {
        if self.sum == 0 {
            return None;
        }
        let mut left = rng.random_range(0..self.sum);
        self.weights.iter().find_map(|&(deed, weight)| {
            if left < weight {
                return Some(deed);
            }
            left -= weight;
            None
        })
    }

    pub(crate) fn has(&self, deed: Deed) -> bool {
        self.weights.iter().any(|(other, _)| *other == deed)
    }
}

/// What buyers do: `[buyers.mix]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BuyerMix {
    /// `message.send`
    message: u16,
    /// `conversation.history`
    history: u16,
    /// `conversation.read`
    read: u16,
    /// `conversation.typing`
    typing: u16,
    /// `buyer.orders.list`
    orders: u16,
    /// `buyer.products.get`
    product: u16,
    /// `buyer.coupons.claim`, of the coupon that is rushed or of any
    claim: u16,
    /// `card.act` on the last card that came
    act: u16,
    /// `buyer.orders.place`
    place: u16,
}

impl From<&BuyerMix> for Mix {
    fn from(mix: &BuyerMix) -> Self {
        let &BuyerMix { message, history, read, typing, orders, product, claim, act, place } = mix;
        Self::new(
            [
                (Deed::Message, message),
                (Deed::History, history),
                (Deed::Read, read),
                (Deed::Typing, typing),
                (Deed::Orders, orders),
                (Deed::Product, product),
                (Deed::Claim, claim),
                (Deed::Act, act),
                (Deed::Place, place),
            ]
            .map(|(deed, weight)| (deed, weight.into())),
        )
    }
}

/// What agents do beside answering: `[agents.mix]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AgentMix {
    /// `message.send`
    message: u16,
    /// `conversation.history`
    history: u16,
    /// `conversation.read`
    read: u16,
    /// `conversation.typing`
    typing: u16,
    /// `workbench.orders.list`
    orders: u16,
    /// `workbench.products.list`
    products: u16,
    /// `workbench.coupons.list`
    coupons: u16,
    /// `workbench.cards.check`
    check: u16,
    /// `workbench.products.send_card`
    product_card: u16,
    /// `workbench.coupons.send_card`
    coupon_card: u16,
    /// `workbench.orders.send_card`
    order_card: u16,
    /// `conversation.take`
    take: u16,
}

impl From<&AgentMix> for Mix {
    fn from(mix: &AgentMix) -> Self {
        let &AgentMix {
            message,
            history,
            read,
            typing,
            orders,
            products,
            coupons,
            check,
            product_card,
            coupon_card,
            order_card,
            take,
        } = mix;
        Self::new(
            [
                (Deed::Message, message),
                (Deed::History, history),
                (Deed::Read, read),
                (Deed::Typing, typing),
                (Deed::Orders, orders),
                (Deed::Product, products),
                (Deed::Coupons, coupons),
                (Deed::Check, check),
                (Deed::ProductCard, product_card),
                (Deed::CouponCard, coupon_card),
                (Deed::OrderCard, order_card),
                (Deed::Take, take),
            ]
            .map(|(deed, weight)| (deed, weight.into())),
        )
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn deeds_are_drawn_by_their_weights_and_an_empty_mix_draws_nothing() {
        let mix = Mix::from(&BuyerMix { message: 3, read: 1, ..BuyerMix::default() });
        let mut rng = StdRng::seed_from_u64(1);
        let drawn: Vec<_> = (0..4_000).filter_map(|_| mix.draw(&mut rng)).collect();
        let messages = drawn.iter().filter(|deed| **deed == Deed::Message).count();
        assert_eq!(drawn.len(), 4_000);
        assert!((2_850..3_150).contains(&messages), "{messages}");
        assert_eq!(Mix::from(&AgentMix::default()).draw(&mut rng), None);
        assert!(mix.has(Deed::Read) && !mix.has(Deed::Claim));
    }
}
