//! What a buyer did outside of the conversation is told in it: a return asked for, an order placed. The message is owed
//! from the moment that the thing is written, so that it comes whatever dies in between; and it comes once.

use deskwire_chat::CardSend;
use deskwire_protocol::{
    ClientMessageId, Role, ShopId, Timestamp,
    card::CardKind,
    ids::{OrderId, ReturnId},
};
use deskwire_store::{PostRecord, Scope};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    Workbench, WorkbenchError,
    picture::{CardRef, Rendered, Viewer},
    workbench::in_time,
};

/// Read at once.
const POSTS: u32 = 100;

/// By what a message that is owed is known again.
pub(crate) fn post_id(kind: &str, id: &str) -> Result<ClientMessageId, WorkbenchError> {
    ClientMessageId::new(format!("{kind}:{id}")).map_err(|problem| WorkbenchError::invalid("id", problem))
}

impl Workbench {
    /// Sends what is owed, until `shutdown`.
    pub(crate) async fn pay_what_is_owed(&self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            match shutdown.run_until_cancelled(in_time(self.pay())).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::warn!(%error, "messages that are owed could not be sent; it is tried again soon");
                }
            }
            let idle = timeout(self.config().poll_interval, self.owed().notified());
            if shutdown.run_until_cancelled(idle).await.is_none() {
                return;
            }
        }
    }

    async fn pay(&self) -> Result<(), WorkbenchError> {
        let mut after = 0;
        loop {
            let posts = self.store().card_posts(after, POSTS).await?;
            let Some((_, last)) = posts.last() else { return Ok(()) };
            after = last.post_no;
            for (shop_id, post) in &posts {
                // One that cannot be sent must not keep back those of others.
                match self.post(shop_id, post).await {
                    Ok(()) => self.store().card_posted(post.post_no).await?,
                    Err(error) => {
                        tracing::warn!(%error, post_no = post.post_no, "a message that is owed could not be sent");
                    }
                }
            }
        }
    }

    async fn post(&self, shop_id: &ShopId, post: &PostRecord) -> Result<(), WorkbenchError> {
        let Some(card) = self.owed_card(shop_id, post).await? else { return Ok(()) };
        let Some(picture) = self.picture(shop_id, &card.subject()).await? else { return Ok(()) };
        let buyer = Scope { shop_id: shop_id.clone(), role: Role::Buyer, user_id: post.buyer_id.clone() };
        let conversation = self.chat().conversation_of(&buyer).await?;
        let locale = self.store().buyer_locale(shop_id, &post.buyer_id).await?;
        let viewer = Viewer {
            buyer_id: &post.buyer_id,
            speech: self.speech(locale.as_deref()),
            claims: &[],
            acts: &[],
            sent_time: Timestamp::from_millis(i64::MAX),
        };
        let Some(Rendered { content, shows, next_change }) = self.render(shop_id, &picture, &card, viewer)
        else {
            return Ok(());
        };
        let send = CardSend {
            conversation_id: conversation.conversation_id,
            client_message_id: post.client_message_id.clone(),
            content,
            shows,
            next_change,
        };
        self.chat().send_card(buyer, conversation.buyer.name, send).await?;
        Ok(())
    }

    /// What a post shows; none where it is gone.
    async fn owed_card(
        &self,
        shop_id: &ShopId,
        post: &PostRecord,
    ) -> Result<Option<CardRef>, WorkbenchError> {
        match post.kind {
            CardKind::Order => Ok(OrderId::new(post.reference.as_str()).ok().map(CardRef::Order)),
            CardKind::ReturnRefund => {
                let Ok(return_id) = ReturnId::new(post.reference.as_str()) else { return Ok(None) };
                let record = self.store().return_request(shop_id, &return_id).await?;
                Ok(record.map(|record| CardRef::ReturnRefund {
                    order_id: record.request.order_id,
                    return_id: Some(return_id),
                }))
            }
            // What agents send they send themselves.
            CardKind::Logistics | CardKind::Product | CardKind::Coupon => Ok(None),
        }
    }
}
