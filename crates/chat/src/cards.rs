//! Cards into conversations: what the workbench has rendered is sent, rendered again and acted on here, in the
//! conversation's sequence like any message. What a card shows is not known here.

use deskwire_protocol::{
    ClientMessageId, Content, ConversationId, MessageId, Role, ShopId, Timestamp, UserId, Visibility,
    card::{ActionName, CardAct},
    message::Sent,
};
use deskwire_store::{CardPlace, ConversationRecord, Scope};

use crate::{
    Chat, ChatError,
    bus::{Notice, Topic, Workbench},
    rules::{Action, Command, Outcome, Shows, send_key, sent_reply},
    session::{await_answer, open_conversation, publish, unexpected},
};

/// A card to be sent.
#[derive(Debug, Clone)]
pub struct CardSend {
    /// Into which conversation.
    pub conversation_id: ConversationId,
    /// Sending twice by it has one effect.
    pub client_message_id: ClientMessageId,
    /// Rendered.
    pub content: Content,
    /// What it shows.
    pub shows: Shows,
    /// When it looks different by time alone: it is rendered again then.
    pub next_change: Option<Timestamp>,
}

impl Chat {
    /// Sends a card as `sender`, who is called `name`. It takes its turn when this is called, not when the future is
    /// polled.
    pub fn send_card(
        &self,
        sender: Scope,
        name: String,
        card: CardSend,
    ) -> impl Future<Output = Result<Sent, ChatError>> + Send + use<> {
        let CardSend { conversation_id, client_message_id, content, shows, next_change } = card;
        let action = Action::Send {
            client_message_id,
            content,
            visibility: Visibility::All,
            if_last_seq: None,
            if_assignee: None,
            shows: Some(shows),
            next_change,
        };
        let answer = self.inner.writers.submit(Command { scope: sender, name, conversation_id, action });
        async move {
            match await_answer(answer?).await? {
                Outcome::Sent(sent) => Ok(sent),
                other => Err(unexpected(&other)),
            }
        }
    }

    /// What a card was answered with that `sender` sent before by this `client_message_id`, if one was: sending twice has
    /// one effect, also when it could not be sent any more.
    pub async fn sent_card(
        &self,
        sender: &Scope,
        conversation_id: ConversationId,
        client_message_id: &ClientMessageId,
    ) -> Result<Option<Sent>, ChatError> {
        let key = send_key(sender, conversation_id, client_message_id);
        let sent = self.inner.store.sent(&key).await?;
        Ok(sent.map(|sent| sent_reply(conversation_id, sent.seq, sent.create_time)))
    }

    /// The buyer's conversation with the shop, made if there is none.
    pub async fn conversation_of(&self, buyer: &Scope) -> Result<ConversationRecord, ChatError> {
        open_conversation(&self.inner, buyer).await
    }

    /// Puts another rendering in the place of a card's; whether it differs from what is shown. What the buyer did on it
    /// stays.
    pub fn render_card(
        &self,
        shop_id: ShopId,
        system: UserId,
        place: CardPlace,
        content: Content,
        shows: Shows,
    ) -> impl Future<Output = Result<bool, ChatError>> + Send + use<> {
        let scope = Scope { shop_id, role: Role::Admin, user_id: system };
        let action = Action::Render { seq: place.message_seq, content, shows };
        let command = Command { scope, name: String::new(), conversation_id: place.conversation_id, action };
        let answer = self.inner.writers.submit(command);
        async move {
            match await_answer(answer?).await? {
                Outcome::Rendered { changed } => Ok(changed),
                other => Err(unexpected(&other)),
            }
        }
    }

    /// Tells the workbenches of a shop's agents. Safe to lose: they read again when they attach again.
    pub async fn tell_workbenches(&self, shop_id: &ShopId, notices: Vec<Workbench>) {
        let topic = Topic::Shop(shop_id.clone());
        let notices = notices.into_iter().map(|notice| (topic.clone(), Notice::Workbench(notice))).collect();
        publish(&self.inner, notices).await;
    }

    /// Notes on a card what the buyer did; the same again is what it was the first time.
    pub fn act_on_card(
        &self,
        buyer: Scope,
        message_id: MessageId,
        action: ActionName,
    ) -> impl Future<Output = Result<CardAct, ChatError>> + Send + use<> {
        let action = Action::Act { message_id, action };
        let conversation_id = message_id.conversation_id;
        let command = Command { scope: buyer, name: String::new(), conversation_id, action };
        let answer = self.inner.writers.submit(command);
        async move {
            match await_answer(answer?).await? {
                Outcome::Acted(act) => Ok(act),
                other => Err(unexpected(&other)),
            }
        }
    }
}
