//! What people do of themselves: the deeds of the mix, and answers.

use std::{cmp::Reverse, io};

use deskwire_protocol::{
    ConversationId, MethodName, SendContent,
    card::{CardActParams, CardKind, CardsCheckParams, CouponSendCardParams, OrderSendCardParams},
    conversation::{Empty, HistoryParams, ReadParams, TakeParams, TypingParams},
    coupon::{CouponClaimParams, CouponsListParams},
    ids::ClientOrderId,
    message::SendParams,
    order::{BuyerOrdersListParams, OrdersListParams},
    page::PageSize,
    product::{OrderPlaceParams, ProductParams, ProductsListParams, ProductsSendCardParams},
};
use rand::{Rng, seq::IndexedRandom};
use serde::Serialize;

use super::{Draft, Due, IN_FLIGHT, Part, Pending, Person, Purpose, Says};
use crate::{
    clock::{Micros, micros, pause},
    desk::Phase,
    mix::Deed,
    record::Count,
    scenario::Span,
    socket::Socket,
    wire::{self, Stamp},
};

/// The runtime's timer and the kernel's both tell whole milliseconds, rounded up.
const TIMER: Micros = 2_000;

impl Person {
    /// Does what is due. Answers for how long to stay away, where the socket is to be given up.
    pub(super) async fn act(&mut self, socket: &mut Socket) -> Result<Option<Micros>, io::Error> {
        if let Some(until) = self.holds_until {
            return self.ask_without_reading(socket, until).await;
        }
        while self.is_in
            && self.phase() == Phase::Load
            && self.pending.len() < IN_FLIGHT
            && let Some(&Reverse((at, due))) = self.due.peek()
            && at <= self.now()
            && at < self.world.end
        {
            self.due.pop();
            let meant = self.meant(at);
            match due {
                Due::Storm(away) => return Ok(Some(away)),
                Due::Reconnect => {
                    let Some(reconnects) = &self.world.scenario.reconnects else { continue };
                    let next = at + pause(&mut self.rng, reconnects.every.0);
                    self.due.push(Reverse((next, Due::Reconnect)));
                    return Ok(Some(micros(reconnects.pause.0)));
                }
                Due::Answer(conversation_id) => {
                    self.write(socket, conversation_id, Says::Text, meant).await?;
                }
                Due::Deed => match self.part {
                    Part::Buyer => {
                        self.again_after(at, self.world.scenario.buyers.every);
                        self.do_as_buyer(socket, meant).await?;
                    }
                    Part::Agent => {
                        if let Some(every) = self.world.scenario.agents.every {
                            self.again_after(at, every);
                            self.do_as_agent(socket, meant).await?;
                        }
                    }
                    Part::SlowReader => {
                        // What was held back has been read: it begins again.
                        self.again_after(at, self.world.scenario.slow_readers.every);
                        if self.pending.is_empty() {
                            return Ok(Some(0));
                        }
                    }
                },
            }
        }
        Ok(None)
    }

    /// From when something planned is counted: from its moment, but for what the timer takes to tell of it where nothing else
    /// was in the way. That is this client's own, is measured as such, and would be most of a short latency.
    fn meant(&mut self, at: Micros) -> Micros {
        let now = self.now();
        let only_the_timer = self.woken_for.take() == Some(at) && now.saturating_sub(at) <= TIMER;
        if only_the_timer { now } else { at }
    }

    fn again_after(&mut self, at: Micros, Span(every): Span) {
        let next = at + pause(&mut self.rng, every);
        self.due.push(Reverse((next, Due::Deed)));
    }

    /// A slow reader asks on, whether or not there is room, until their time is over.
    async fn ask_without_reading(
        &mut self,
        socket: &mut Socket,
        until: Micros,
    ) -> Result<Option<Micros>, io::Error> {
        let now = self.now();
        if now >= until {
            self.holds_until = None;
            return Ok(None);
        }
        while let Some(&Reverse((at, _))) = self.due.peek()
            && at <= now
        {
            self.due.pop();
            self.again_after(at.max(now), self.world.scenario.slow_readers.every);
            // The largest answer to the smallest request.
            self.ask(socket, MethodName::RpcDiscover, &Empty {}, Purpose::Ask, now).await?;
        }
        Ok(None)
    }

    async fn do_as_buyer(&mut self, socket: &mut Socket, at: Micros) -> Result<(), io::Error> {
        let Some(deed) = self.world.buyer_mix.draw(&mut self.rng) else { return Ok(()) };
        let Some((&conversation_id, _)) = self.chains.iter().next() else { return Ok(()) };
        match deed {
            Deed::Orders => {
                let params = BuyerOrdersListParams::default();
                self.ask(socket, MethodName::BuyerOrdersList, &params, Purpose::Ask, at).await
            }
            Deed::Product => {
                let Some(product_id) = self.world.shop.products.choose(&mut self.rng).cloned() else {
                    return Ok(());
                };
                let params = ProductParams { product_id };
                self.ask(socket, MethodName::BuyerProductsGet, &params, Purpose::Ask, at).await
            }
            Deed::Claim => {
                let shop = &self.world.shop;
                let rushed = shop.rushed.clone();
                let purpose = if rushed.is_some() { Purpose::Claim } else { Purpose::Ask };
                let coupon = rushed.or_else(|| shop.coupons.choose(&mut self.rng).cloned());
                let Some(coupon_id) = coupon else { return Ok(()) };
                let params = CouponClaimParams { coupon_id, number: 1 };
                self.ask(socket, MethodName::BuyerCouponsClaim, &params, purpose, at).await
            }
            Deed::Act => {
                let Some((conversation_id, message_id, action)) = self.card.take() else { return Ok(()) };
                let params = CardActParams { conversation_id, message_id, action, params: None };
                self.ask(socket, MethodName::CardAct, &params, Purpose::Ask, at).await
            }
            Deed::Place => {
                let Some(sku_id) = self.world.shop.skus.choose(&mut self.rng).cloned() else { return Ok(()) };
                let id = format!("{}.{}.{}", self.world.run, self.number, self.next_id);
                let params = OrderPlaceParams {
                    client_order_id: ClientOrderId::new(id).map_err(io::Error::other)?,
                    sku_id,
                    quantity: 1,
                    coupon_id: None,
                    recipient_address: None,
                    buyer_message: None,
                };
                self.ask(socket, MethodName::BuyerOrdersPlace, &params, Purpose::Ask, at).await
            }
            Deed::Message | Deed::History | Deed::Read | Deed::Typing => {
                self.do_in(socket, conversation_id, deed, at).await
            }
            Deed::Coupons
            | Deed::Check
            | Deed::ProductCard
            | Deed::CouponCard
            | Deed::OrderCard
            | Deed::Take => Ok(()),
        }
    }

    async fn do_as_agent(&mut self, socket: &mut Socket, at: Micros) -> Result<(), io::Error> {
        let Some(deed) = self.world.agent_mix.draw(&mut self.rng) else { return Ok(()) };
        let Some(&(slot, conversation_id)) = self.attended.choose(&mut self.rng) else { return Ok(()) };
        let product = self.world.shop.products.choose(&mut self.rng).cloned();
        match deed {
            Deed::Orders => self.list_orders(socket, slot, at).await,
            Deed::OrderCard => match self.orders.get(&slot).cloned() {
                Some(order_id) => self.write(socket, conversation_id, Says::Order(order_id), at).await,
                // What is not known yet is looked for.
                None => self.list_orders(socket, slot, at).await,
            },
            Deed::Product => {
                let params = ProductsListParams::default();
                self.ask(socket, MethodName::WorkbenchProductsList, &params, Purpose::Ask, at).await
            }
            Deed::Coupons => {
                let params = CouponsListParams::default();
                self.ask(socket, MethodName::WorkbenchCouponsList, &params, Purpose::Ask, at).await
            }
            Deed::Check => {
                let Some(product) = product else { return Ok(()) };
                let refs = vec![product.to_string()];
                let params = CardsCheckParams { conversation_id, kind: CardKind::Product, refs };
                self.ask(socket, MethodName::WorkbenchCardsCheck, &params, Purpose::Ask, at).await
            }
            Deed::ProductCard => {
                let Some(product) = product else { return Ok(()) };
                self.write(socket, conversation_id, Says::Product(product), at).await
            }
            Deed::CouponCard => {
                let Some(coupon) = self.world.shop.coupons.choose(&mut self.rng).cloned() else {
                    return Ok(());
                };
                self.write(socket, conversation_id, Says::Coupon(coupon), at).await
            }
            Deed::Message | Deed::History | Deed::Read | Deed::Typing => {
                self.do_in(socket, conversation_id, deed, at).await
            }
            Deed::Take => {
                let params = TakeParams { conversation_id, if_assignee: None };
                self.ask(socket, MethodName::ConversationTake, &params, Purpose::Ask, at).await
            }
            Deed::Claim | Deed::Act | Deed::Place => Ok(()),
        }
    }

    async fn list_orders(&mut self, socket: &mut Socket, slot: u32, at: Micros) -> Result<(), io::Error> {
        let Some(buyer_id) = self.world.buyers.get(slot as usize).cloned() else { return Ok(()) };
        let params = OrdersListParams {
            buyer_id,
            status: None,
            order_id: None,
            page_size: PageSize::default(),
            page_token: None,
        };
        self.ask(socket, MethodName::WorkbenchOrdersList, &params, Purpose::Orders(slot), at).await
    }

    /// What both sides can do in a conversation.
    async fn do_in(
        &mut self,
        socket: &mut Socket,
        conversation_id: ConversationId,
        deed: Deed,
        at: Micros,
    ) -> Result<(), io::Error> {
        match deed {
            Deed::Message => self.write(socket, conversation_id, Says::Text, at).await,
            Deed::History => {
                let limit = PageSize::default();
                let params = HistoryParams { conversation_id, before_seq: None, after_seq: None, limit };
                self.ask(socket, MethodName::ConversationHistory, &params, Purpose::Ask, at).await
            }
            Deed::Read => {
                let last = self.chains.get(&conversation_id).map_or(0, |chain| chain.last);
                let params = ReadParams { conversation_id, seq: wire::seq(last) };
                self.ask(socket, MethodName::ConversationRead, &params, Purpose::Ask, at).await
            }
            Deed::Typing => {
                let params = TypingParams { conversation_id, typing: self.rng.random_bool(0.5) };
                self.ask(socket, MethodName::ConversationTyping, &params, Purpose::Ask, at).await
            }
            Deed::Orders
            | Deed::Product
            | Deed::Claim
            | Deed::Act
            | Deed::Place
            | Deed::Coupons
            | Deed::Check
            | Deed::ProductCard
            | Deed::CouponCard
            | Deed::OrderCard
            | Deed::Take => Ok(()),
        }
    }

    /// Writes a message or sends a card; it is sent again until it is acknowledged.
    async fn write(
        &mut self,
        socket: &mut Socket,
        conversation_id: ConversationId,
        says: Says,
        intended: Micros,
    ) -> Result<(), io::Error> {
        let Some(slot) = self.chains.get(&conversation_id).map(|chain| chain.slot) else { return Ok(()) };
        self.next_number += 1;
        let draft = Draft { number: self.next_number, conversation_id, slot, intended, says };
        self.unacknowledged.push_back(draft.clone());
        self.send(socket, &draft).await
    }

    pub(super) async fn send(&mut self, socket: &mut Socket, draft: &Draft) -> Result<(), io::Error> {
        let &Draft { number, conversation_id, intended, ref says, .. } = draft;
        let stamp = Stamp { person: self.number, number, intended };
        let client_message_id = stamp.id(&self.world.run).map_err(io::Error::other)?;
        let (method, purpose) = (says.method(), Purpose::Send(number));
        match says {
            Says::Text => {
                let text = self.world.texts.of(self.number, number).to_owned();
                let content = SendContent::Text { text };
                let params = SendParams {
                    conversation_id,
                    client_message_id,
                    content,
                    if_last_seq: None,
                    if_assignee: None,
                };
                self.ask(socket, method, &params, purpose, intended).await
            }
            Says::Product(product_id) => {
                let product_ids = vec![product_id.clone()];
                let params = ProductsSendCardParams { conversation_id, client_message_id, product_ids };
                self.ask(socket, method, &params, purpose, intended).await
            }
            Says::Coupon(coupon_id) => {
                let params =
                    CouponSendCardParams { conversation_id, client_message_id, coupon_id: coupon_id.clone() };
                self.ask(socket, method, &params, purpose, intended).await
            }
            Says::Order(order_id) => {
                let params =
                    OrderSendCardParams { conversation_id, client_message_id, order_id: order_id.clone() };
                self.ask(socket, method, &params, purpose, intended).await
            }
        }
    }

    /// Makes a request; it leaves with the next flush.
    pub(super) async fn ask<P: Serialize>(
        &mut self,
        socket: &mut Socket,
        method: MethodName,
        params: &P,
        purpose: Purpose,
        intended: Micros,
    ) -> Result<(), io::Error> {
        self.next_id = self.next_id.wrapping_add(1);
        let id = self.next_id;
        if socket.feed(id, method, params, self.patience()).await? {
            self.count(Count::Requests, 1);
            self.pending.push(Pending { id, intended, method, purpose });
        }
        Ok(())
    }

    /// Sends what was asked.
    pub(super) async fn flush(&mut self, socket: &mut Socket) -> Result<(), io::Error> {
        socket.flush(self.patience()).await
    }
}
