//! Cards into conversations: whether one may be sent, why not, what may be sent instead; and the sending.
//!
//! A card is rendered first and takes its turn among the messages then. What is returned by [`Workbench::prepare`] is
//! submitted by the caller when its turn has come, so that sends of one socket keep their order.

use deskwire_chat::{CardSend, Chat};
use deskwire_protocol::{
    ClientMessageId, ConversationId, Timestamp, UserId,
    card::{
        CardCheck, CardKind, CardsCheckParams, CardsCheckResult, CouponSendCardParams, Instead,
        NotSendableCode, OrderSendCardParams,
    },
    conversation::ConversationStatus,
    coupon::Claim,
    ids::{CouponId, IdError, OrderId, ProductId},
    logistics::LogisticsSendCardParams,
    message::Sent,
    product::{ProductsSendCardParams, SentCards},
};
use deskwire_store::{Scope, Subject};
use futures::future;

use crate::{
    Caller, Workbench, WorkbenchError,
    picture::{CardRef, Picture, Rendered, Viewer},
    rules::{self, refusal::reason},
};

/// The most things that one check may name.
const REFS: usize = 20;
/// The most products of one send.
const PRODUCTS: usize = 10;

/// Whom a card would reach.
#[derive(Debug, Clone)]
pub(crate) struct Audience {
    pub(crate) buyer_id: UserId,
    pub(crate) locale: Option<String>,
    pub(crate) status: ConversationStatus,
}

/// Why a card cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Obstacle {
    code: NotSendableCode,
    reason: String,
}

impl From<NotSendableCode> for Obstacle {
    fn from(code: NotSendableCode) -> Self {
        Self { code, reason: reason(code).into() }
    }
}

/// Cards that are ready for their turn, or were sent before.
pub struct Prepared {
    chat: Chat,
    sender: Scope,
    name: String,
    cards: Vec<Turn>,
}

enum Turn {
    Now(Box<CardSend>),
    Before(Sent),
}

impl Prepared {
    /// Sends one card. It takes its turn when this is called, not when the future is polled.
    pub fn send(self) -> impl Future<Output = Result<Sent, WorkbenchError>> + Send + use<> {
        let all = self.send_all();
        async move { all.await?.into_iter().next().ok_or(WorkbenchError::NotFound) }
    }

    /// Sends all of them, in order. They take their turn when this is called.
    pub fn send_all(self) -> impl Future<Output = Result<Vec<Sent>, WorkbenchError>> + Send + use<> {
        let Self { chat, sender, name, cards } = self;
        let sends: Vec<_> = cards
            .into_iter()
            .map(|turn| match turn {
                Turn::Before(sent) => future::Either::Left(future::ready(Ok(sent))),
                Turn::Now(card) => future::Either::Right(chat.send_card(sender.clone(), name.clone(), *card)),
            })
            .collect();
        async move { Ok(future::try_join_all(sends).await?) }
    }

    /// The same, as the answer to a send of several products.
    pub fn send_products(self) -> impl Future<Output = Result<SentCards, WorkbenchError>> + Send + use<> {
        let all = self.send_all();
        async move {
            let sent = all.await?;
            let Sent { message_id, seq, create_time } = *sent.first().ok_or(WorkbenchError::NotFound)?;
            Ok(SentCards { message_id, seq, create_time, sent })
        }
    }
}

impl Workbench {
    /// `workbench.cards.check`.
    pub async fn cards_check(
        &self,
        caller: &Caller,
        params: CardsCheckParams,
    ) -> Result<CardsCheckResult, WorkbenchError> {
        let CardsCheckParams { conversation_id, kind, refs } = params;
        if refs.is_empty() || refs.len() > REFS {
            let problem = format_args!("must be 1 to {REFS} ids");
            return Err(WorkbenchError::invalid("refs", problem));
        }
        let audience = self.audience(&caller.scope, conversation_id).await?;
        let mut checks = Vec::with_capacity(refs.len());
        for reference in refs {
            let card = card_ref(kind, &reference);
            let check = match card {
                Ok(card) => self.ready(caller, &audience, &card).await?,
                // What cannot be an id is the id of nothing.
                Err(_) => Err((NotSendableCode::NotFound.into(), None)),
            };
            checks.push(match check {
                Ok(rendered) => CardCheck {
                    reference,
                    sendable: true,
                    code: None,
                    reason: None,
                    instead: Vec::new(),
                    card: rendered.content.card().cloned(),
                },
                Err((Obstacle { code, reason }, picture)) => CardCheck {
                    reference,
                    sendable: false,
                    code: Some(code),
                    reason: Some(reason),
                    instead: self.instead(caller, &audience, kind, code, picture.as_ref()).await?,
                    card: None,
                },
            });
        }
        Ok(CardsCheckResult { checks })
    }

    /// `workbench.orders.send_card`.
    pub async fn prepare_order_card(
        &self,
        caller: &Caller,
        params: OrderSendCardParams,
    ) -> Result<Prepared, WorkbenchError> {
        let OrderSendCardParams { conversation_id, client_message_id, order_id } = params;
        self.prepare(caller, conversation_id, vec![(client_message_id, CardRef::Order(order_id))]).await
    }

    /// `workbench.logistics.send_card`.
    pub async fn prepare_logistics_card(
        &self,
        caller: &Caller,
        params: LogisticsSendCardParams,
    ) -> Result<Prepared, WorkbenchError> {
        let LogisticsSendCardParams { conversation_id, client_message_id, order_id, package_id } = params;
        let card = CardRef::Logistics { order_id, package_id };
        self.prepare(caller, conversation_id, vec![(client_message_id, card)]).await
    }

    /// `workbench.returns.send_card`.
    pub async fn prepare_return_card(
        &self,
        caller: &Caller,
        params: OrderSendCardParams,
    ) -> Result<Prepared, WorkbenchError> {
        let OrderSendCardParams { conversation_id, client_message_id, order_id } = params;
        let card = CardRef::ReturnRefund { order_id, return_id: None };
        self.prepare(caller, conversation_id, vec![(client_message_id, card)]).await
    }

    /// `workbench.products.send_card`: all of the products, or none where one cannot be sent.
    pub async fn prepare_product_cards(
        &self,
        caller: &Caller,
        params: ProductsSendCardParams,
    ) -> Result<Prepared, WorkbenchError> {
        let ProductsSendCardParams { conversation_id, client_message_id, product_ids } = params;
        rules::fields::count("product_ids", product_ids.len(), 1, PRODUCTS)?;
        let cards = product_ids.into_iter().enumerate().map(|(index, product_id)| {
            let id = match index {
                0 => Ok(client_message_id.clone()),
                // Each message has an id of its own; those of the others follow from the client's.
                index => ClientMessageId::new(format!("{client_message_id}#{}", index + 1)),
            };
            let id = id.map_err(|_: IdError| {
                let problem = "must be at most 125 bytes with several products";
                WorkbenchError::invalid("client_message_id", problem)
            })?;
            Ok((id, CardRef::Product(product_id)))
        });
        let cards = cards.collect::<Result<_, WorkbenchError>>()?;
        self.prepare(caller, conversation_id, cards).await
    }

    /// `workbench.coupons.send_card`.
    pub async fn prepare_coupon_card(
        &self,
        caller: &Caller,
        params: CouponSendCardParams,
    ) -> Result<Prepared, WorkbenchError> {
        let CouponSendCardParams { conversation_id, client_message_id, coupon_id } = params;
        self.prepare(caller, conversation_id, vec![(client_message_id, CardRef::Coupon(coupon_id))]).await
    }

    /// Renders the cards and checks that they may be sent. What was sent before by its id is answered as it was then,
    /// also when it could not be sent any more.
    async fn prepare(
        &self,
        caller: &Caller,
        conversation_id: ConversationId,
        cards: Vec<(ClientMessageId, CardRef)>,
    ) -> Result<Prepared, WorkbenchError> {
        let audience = self.audience(&caller.scope, conversation_id).await?;
        let several = cards.len() > 1;
        let mut turns = Vec::with_capacity(cards.len());
        for (index, (client_message_id, card)) in cards.into_iter().enumerate() {
            let turn = match self.ready(caller, &audience, &card).await? {
                Ok(Rendered { content, shows, next_change }) => Turn::Now(Box::new(CardSend {
                    conversation_id,
                    client_message_id,
                    content,
                    shows,
                    next_change,
                })),
                Err((obstacle, _)) => {
                    let sent =
                        self.chat().sent_card(&caller.scope, conversation_id, &client_message_id).await?;
                    Turn::Before(sent.ok_or_else(|| refusal(obstacle, several.then_some(index)))?)
                }
            };
            turns.push(turn);
        }
        Ok(Prepared {
            chat: self.chat().clone(),
            sender: caller.scope.clone(),
            name: caller.name.clone(),
            cards: turns,
        })
    }

    /// The card as it would be sent; or why not, with the thing where there is one.
    async fn ready(
        &self,
        caller: &Caller,
        audience: &Audience,
        card: &CardRef,
    ) -> Result<Result<Rendered, (Obstacle, Option<Picture>)>, WorkbenchError> {
        let shop_id = &caller.scope.shop_id;
        let subject = card.subject();
        let Some(picture) = self.picture(shop_id, &subject).await? else {
            return Ok(Err((NotSendableCode::NotFound.into(), None)));
        };
        // Another buyer's order does not exist for this conversation, nor is anything told of it.
        if let Picture::Order { order, .. } = &picture
            && order.user_id != audience.buyer_id
        {
            return Ok(Err((NotSendableCode::NotFound.into(), None)));
        }
        let claims = self.claims(shop_id, &subject, &audience.buyer_id).await?;
        let now = self.now();
        if let Err(obstacle) = self.obstacle(&picture, card, audience, &claims, now) {
            return Ok(Err((obstacle, Some(picture))));
        }
        let viewer = Viewer {
            buyer_id: &audience.buyer_id,
            speech: self.speech(audience.locale.as_deref()),
            claims: &claims,
            acts: &[],
            // A request that was made before is no answer to this invitation.
            sent_time: Timestamp::from_millis(i64::MAX),
        };
        Ok(self
            .render(shop_id, &picture, card, viewer)
            .ok_or((NotSendableCode::NotFound.into(), Some(picture))))
    }

    fn obstacle(
        &self,
        picture: &Picture,
        card: &CardRef,
        audience: &Audience,
        claims: &[Claim],
        now: Timestamp,
    ) -> Result<(), Obstacle> {
        match picture {
            Picture::Order { order, packages, returns, .. } => match card {
                CardRef::Logistics { package_id, .. } => {
                    let shown = package_id.as_ref();
                    if packages.is_empty() {
                        return Err(NotSendableCode::NoLogistics.into());
                    }
                    if shown.is_some_and(|id| packages.iter().all(|package| package.id != *id)) {
                        return Err(NotSendableCode::NotFound.into());
                    }
                }
                CardRef::ReturnRefund { .. } => {
                    let file = rules::returns::OrderFile { order, packages, returns };
                    let eligibility = rules::returns::eligibility(file, &self.return_times(), now);
                    rules::returns::sendable(&eligibility)
                        .map_err(|(code, reason)| Obstacle { code, reason })?;
                }
                CardRef::Order(_) | CardRef::Product(_) | CardRef::Coupon(_) => {}
            },
            Picture::Product { product, .. } => rules::products::sendable(product)?,
            Picture::Coupon { coupon, .. } => {
                rules::coupons::sendable(coupon, claims, &audience.buyer_id, now)?;
            }
        }
        // Told last: what is wrong with the thing stays wrong when the conversation is open again.
        match audience.status {
            ConversationStatus::Open => Ok(()),
            ConversationStatus::Closed => Err(NotSendableCode::ChatInactive.into()),
        }
    }

    /// What may be sent instead of what cannot be.
    async fn instead(
        &self,
        caller: &Caller,
        audience: &Audience,
        kind: CardKind,
        code: NotSendableCode,
        picture: Option<&Picture>,
    ) -> Result<Vec<Instead>, WorkbenchError> {
        if code == NotSendableCode::ChatInactive {
            return Ok(Vec::new());
        }
        let shop_id = &caller.scope.shop_id;
        match (kind, picture) {
            (CardKind::Product, Some(Picture::Product { product, .. })) => {
                let products = self.alternatives_to(shop_id, product).await?;
                let instead = |product: deskwire_protocol::product::Product| Instead {
                    kind: CardKind::Product,
                    reference: product.id.to_string(),
                    title: product.title,
                };
                Ok(products.into_iter().map(instead).collect())
            }
            // Of an order that has no parcel, or that cannot be returned, its own card still says how it stands.
            (CardKind::Logistics | CardKind::ReturnRefund, Some(Picture::Order { order, .. })) => {
                let title =
                    order.line_items.first().map_or_else(String::new, |item| item.product_name.clone());
                Ok(vec![Instead { kind: CardKind::Order, reference: order.id.to_string(), title }])
            }
            (CardKind::Coupon, Some(_)) => self.coupons_instead(caller, audience).await,
            (
                CardKind::Order
                | CardKind::Logistics
                | CardKind::ReturnRefund
                | CardKind::Product
                | CardKind::Coupon,
                _,
            ) => Ok(Vec::new()),
        }
    }

    /// Coupons that this buyer can claim now.
    async fn coupons_instead(
        &self,
        caller: &Caller,
        audience: &Audience,
    ) -> Result<Vec<Instead>, WorkbenchError> {
        const OFFERED: usize = 5;
        let shop_id = &caller.scope.shop_id;
        let now = self.now();
        let query = deskwire_store::CouponQuery {
            status: Some(deskwire_protocol::coupon::CouponStatus::Ongoing),
            now,
            buyer_id: Some(audience.buyer_id.clone()),
            ..deskwire_store::CouponQuery::default()
        };
        let records = self.store().find_coupons(shop_id, &query, 50).await?;
        let ids: Vec<CouponId> = records.iter().map(|record| record.coupon.id.clone()).collect();
        let had = self.store().claims_of(shop_id, &audience.buyer_id, &ids).await?;
        Ok(records
            .into_iter()
            .filter(|record| {
                let claims: Vec<Claim> = had
                    .iter()
                    .filter(|had| had.claim.coupon_id == record.coupon.id)
                    .map(|had| had.claim.clone())
                    .collect();
                let coupon = crate::coupons::facts(record);
                rules::coupons::sendable(&coupon, &claims, &audience.buyer_id, now).is_ok()
            })
            .take(OFFERED)
            .map(|record| Instead {
                kind: CardKind::Coupon,
                reference: record.coupon.id.to_string(),
                title: record.coupon.title,
            })
            .collect())
    }

    /// What a buyer has of a coupon; nothing of other things.
    pub(crate) async fn claims(
        &self,
        shop_id: &deskwire_protocol::ShopId,
        subject: &Subject,
        buyer_id: &UserId,
    ) -> Result<Vec<Claim>, WorkbenchError> {
        match subject {
            Subject::Coupon(id) => {
                let had = self.store().claims_of(shop_id, buyer_id, std::slice::from_ref(id)).await?;
                Ok(had.into_iter().map(|record| record.claim).collect())
            }
            Subject::Order(_) | Subject::Product(_) => Ok(Vec::new()),
        }
    }

    /// Whom cards of this conversation reach, where it is the caller's.
    pub(crate) async fn audience(
        &self,
        scope: &Scope,
        conversation_id: ConversationId,
    ) -> Result<Audience, WorkbenchError> {
        let record =
            self.store().conversation(scope, conversation_id).await?.ok_or(WorkbenchError::NotFound)?;
        let buyer_id = record.buyer.user_id;
        let locale = self.store().buyer_locale(&scope.shop_id, &buyer_id).await?;
        Ok(Audience { buyer_id, locale, status: record.status })
    }
}

/// The error of a send. Of several the one is named that cannot be sent.
fn refusal(Obstacle { code, reason }: Obstacle, index: Option<usize>) -> WorkbenchError {
    match (code, index) {
        (NotSendableCode::NotFound, None) => WorkbenchError::NotFound,
        (NotSendableCode::ChatInactive, _) => WorkbenchError::ChatInactive,
        (_, None) => WorkbenchError::not_sendable(code, reason),
        (_, Some(index)) => WorkbenchError::not_sendable(code, format!("`product_ids[{index}]`: {reason}")),
    }
}

fn card_ref(kind: CardKind, reference: &str) -> Result<CardRef, IdError> {
    Ok(match kind {
        CardKind::Order => CardRef::Order(OrderId::new(reference)?),
        CardKind::Logistics => CardRef::Logistics { order_id: OrderId::new(reference)?, package_id: None },
        CardKind::ReturnRefund => {
            CardRef::ReturnRefund { order_id: OrderId::new(reference)?, return_id: None }
        }
        CardKind::Product => CardRef::Product(ProductId::new(reference)?),
        CardKind::Coupon => CardRef::Coupon(CouponId::new(reference)?),
    })
}
