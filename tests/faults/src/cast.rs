//! Who talks with whom.

use deskwire_protocol::Codec;
use deskwire_tests::{User, signed};
use jsonwebtoken::Algorithm;

use crate::people::codec_of;

/// The first second of the year 2100.
const NEVER: u64 = 4_102_444_800;
/// Of a hundred sockets so many are agents'.
const AGENTS: usize = 30;
/// Every so many-th buyer has a second device.
const SECOND_DEVICE: usize = 7;
/// The coupons of each shop.
const COUPONS: usize = 12;

/// A conversation, by its buyer.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    /// As the wire names it; empty until it was opened.
    pub id: String,
    /// Of which shop.
    pub shop: String,
    /// The buyer's id.
    pub buyer: String,
}

/// Someone on one device.
#[derive(Debug, Clone)]
pub struct Person {
    /// Role and id, by which the sender of a message is known.
    pub user: String,
    /// A buyer, or else an agent.
    pub buyer: bool,
    /// What the device speaks.
    pub codec: Codec,
    /// By which they authenticate.
    pub token: String,
    /// Those to which they are attached: places in the cast's list.
    pub conversations: Vec<usize>,
}

/// Everyone.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    /// Each on one device.
    pub people: Vec<Person>,
    /// Each of one buyer.
    pub conversations: Vec<Conversation>,
    /// Every shop has coupons of these ids.
    pub coupons: Vec<String>,
    /// By name.
    pub shops: Vec<String>,
}

impl Cast {
    /// So many sockets in so many shops, with tokens signed by `secret`. Every conversation has two agents.
    pub fn of(sockets: usize, shops: usize, secret: &str) -> Self {
        let mut cast = Self {
            shops: (1..=shops).map(|shop| format!("shop-{shop}")).collect(),
            coupons: (1..=COUPONS).map(|coupon| format!("c-{coupon}")).collect(),
            ..Self::default()
        };
        let agents = (sockets * AGENTS / 100).max(shops * 2);
        let mut buyer = 0;
        while cast.people.len() + agents < sockets {
            let shop = cast.shops[buyer % shops].clone();
            let id = format!("buyer-{buyer}");
            let user = User::buyer(&*id).of_shop(&*shop);
            cast.conversations.push(Conversation { id: String::new(), shop, buyer: id.clone() });
            let devices = if buyer.is_multiple_of(SECOND_DEVICE) { 2 } else { 1 };
            for _ in 0..devices {
                cast.enter(&user, format!("BUYER/{id}"), true, vec![buyer], secret);
            }
            buyer += 1;
        }
        for agent in 0..agents {
            let shop = agent % shops;
            let id = format!("agent-{agent}");
            let user = User::agent(&*id).of_shop(&*cast.shops[shop]);
            // The agents of a shop share its conversations out, each of them to two.
            let colleagues = agents.div_ceil(shops);
            let place = agent / shops;
            let mine = |conversation: &usize| {
                conversation % shops == shop && {
                    let number = conversation / shops;
                    number % colleagues == place || (number + 1) % colleagues == place
                }
            };
            let conversations: Vec<_> = (0..cast.conversations.len()).filter(mine).collect();
            if !conversations.is_empty() {
                cast.enter(&user, format!("CUSTOMER_SERVICE/{id}"), false, conversations, secret);
            }
        }
        cast
    }

    fn enter(&mut self, user: &User, name: String, buyer: bool, conversations: Vec<usize>, secret: &str) {
        let codec = codec_of(self.people.len());
        let token = token(user, secret);
        self.people.push(Person { user: name, buyer, codec, token, conversations });
    }
}

/// A token of this user that does not run out.
pub fn token(user: &User, secret: &str) -> String {
    let mut claims = user.claims();
    claims["exp"] = NEVER.into();
    signed(Algorithm::HS256, &claims, secret)
}
