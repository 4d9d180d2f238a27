//! What stands beside the chat without being asked for: a buyer's orders, and their deadlines that are near, when their
//! conversation is opened; and an order whose id is written in a message.

use deskwire_chat::bus;
use deskwire_protocol::{
    ConversationId, MessageId, event::DeadlineNear, ids::OrderId, order::WorkbenchOrders, page::PageSize,
};
use deskwire_store::OrderQuery;

use crate::{
    Caller, Workbench, WorkbenchError,
    rules::{recognise::order_ids, reminders},
};

/// The newest orders under way that are looked at for deadlines.
const UNDER_WAY: u32 = 100;
/// The most deadlines that are told to who opens a conversation.
const DEADLINES: u32 = 20;

impl Workbench {
    /// The first page of the orders of this conversation's buyer, for the agent who opens it.
    pub async fn orders_beside(
        &self,
        caller: &Caller,
        conversation_id: ConversationId,
    ) -> Result<WorkbenchOrders, WorkbenchError> {
        let buyer_id = self.audience(&caller.scope, conversation_id).await?.buyer_id;
        let page =
            self.list_orders(&caller.scope, &buyer_id, OrderQuery::default(), PageSize::default()).await?;
        Ok(WorkbenchOrders {
            conversation_id,
            buyer_id,
            message_id: None,
            orders: page.orders,
            next_page_token: page.next_page_token,
        })
    }

    /// The deadlines of this conversation's buyer that are near, the nearest first, for the agent who opens it: they were
    /// told to those who were there when they came near.
    pub async fn deadlines_beside(
        &self,
        caller: &Caller,
        conversation_id: ConversationId,
    ) -> Result<Vec<DeadlineNear>, WorkbenchError> {
        let shop_id = &caller.scope.shop_id;
        let buyer_id = self.audience(&caller.scope, conversation_id).await?.buyer_id;
        let (now, notice) = (self.now(), self.config().deadline_notice);
        let (orders, returns) = futures::try_join!(
            self.store().buyer_orders_under_way(shop_id, &buyer_id, UNDER_WAY),
            self.store().buyer_returns_due(shop_id, &buyer_id, now.plus(notice), DEADLINES),
        )?;
        let of_orders = orders.iter().flat_map(|record| {
            reminders::near(notice, &record.order, now)
                .map(|reminder| reminders::of_order(&record.order, reminder))
        });
        let of_returns = returns.iter().filter_map(|record| {
            reminders::of_return(&record.request, &record.buyer_id, record.answer_due_time?, now)
        });
        let mut near: Vec<DeadlineNear> = of_orders.chain(of_returns).collect();
        near.sort_by_key(|near| near.reminder.due_time);
        near.truncate(usize::try_from(DEADLINES).unwrap_or(usize::MAX));
        Ok(near)
    }

    /// Tells the agents who are attached to a buyer's conversation which of the buyer's own orders a message names.
    pub async fn tell_named_orders(
        &self,
        caller: &Caller,
        message_id: MessageId,
        ids: &[OrderId],
    ) -> Result<(), WorkbenchError> {
        let (shop_id, buyer_id) = (&caller.scope.shop_id, &caller.scope.user_id);
        let orders = self.orders_of(shop_id, buyer_id, ids).await?;
        if orders.is_empty() {
            return Ok(());
        }
        let named = WorkbenchOrders {
            conversation_id: message_id.conversation_id,
            buyer_id: buyer_id.clone(),
            message_id: Some(message_id),
            orders,
            next_page_token: String::new(),
        };
        self.chat().tell_workbenches(shop_id, vec![bus::Workbench::Orders(Box::new(named))]).await;
        Ok(())
    }
}

/// Parts of a message that may be ids of orders; whether the buyer has them is seen then. Most messages have none.
#[must_use]
pub fn named_orders(text: &str) -> Vec<OrderId> {
    order_ids(text)
}
