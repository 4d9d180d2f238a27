//! What a buyer does on a card: it is done by the button's own method, then noted on the card, where the agent sees it.

use deskwire_protocol::{
    MessageId,
    card::{ActionName, Card, CardActParams, CardActResult},
    coupon::CouponClaimParams,
    ids::ProductId,
    product::OrderPlaceParams,
    returns::ReturnSubmitParams,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{Caller, Workbench, WorkbenchError, coupons::ClaimBy};

impl Workbench {
    /// `card.act`. Twice is once: the methods behind it are, and so is the note.
    pub async fn card_act(
        &self,
        caller: &Caller,
        params: CardActParams,
    ) -> Result<CardActResult, WorkbenchError> {
        let CardActParams { conversation_id, message_id, action, params } = params;
        if message_id.conversation_id != conversation_id {
            return Err(WorkbenchError::NotFound);
        }
        let card = self.card_at(caller, message_id).await?;
        let offered = card.actions.iter().find(|offered| offered.action == action);
        let offered =
            offered.ok_or_else(|| WorkbenchError::invalid("action", "is not among the card's actions"))?;
        let says_number = params.as_ref().is_some_and(|params| params.contains_key("number"));
        let given = merged(offered.params.as_ref(), params)?;
        let result = match action {
            ActionName::Open | ActionName::Confirm | ActionName::Track => None,
            ActionName::Claim => {
                let CouponClaimParams { coupon_id, number } = read(given)?;
                // The number on the card is of the card as it is now. A press that says none is known by its card, so that
                // a second one is no second claim, though the card offers the next already.
                let by = if says_number {
                    ClaimBy::NumberOnCard(number, message_id)
                } else {
                    ClaimBy::Card(message_id)
                };
                Some(written(&self.claim(caller, coupon_id, by).await?)?)
            }
            ActionName::PlaceOrder => {
                let order: OrderPlaceParams = read(given)?;
                // The variant is the buyer's choice, of the product that the card shows.
                let product_id = ProductId::new(card.reference).map_err(|_| WorkbenchError::NotFound)?;
                Some(written(&self.place(caller, order, Some(&product_id)).await?)?)
            }
            ActionName::RequestReturn => {
                let request: ReturnSubmitParams = read(given)?;
                Some(written(&self.returns_submit(caller, request).await?)?)
            }
        };
        let act = self.chat().act_on_card(caller.scope.clone(), message_id, action).await?;
        Ok(CardActResult { act_time: act.act_time, result })
    }

    /// The card of a message in the caller's own conversation.
    async fn card_at(&self, caller: &Caller, message_id: MessageId) -> Result<Card, WorkbenchError> {
        let MessageId { conversation_id, seq } = message_id;
        let own = self.store().conversation(&caller.scope, conversation_id).await?;
        own.ok_or(WorkbenchError::NotFound)?;
        let message = self.store().messages(&[(conversation_id, seq)]).await?.pop();
        let card = message.as_ref().and_then(|message| message.content.card());
        card.cloned().ok_or(WorkbenchError::NotFound)
    }
}

/// The button's params with those of the buyer's client. What the card fixes (which order, which coupon) stays.
fn merged(offered: Option<&Value>, given: Option<Map<String, Value>>) -> Result<Value, WorkbenchError> {
    let mut all = given.unwrap_or_default();
    for (field, value) in offered.and_then(Value::as_object).into_iter().flatten() {
        let is_id = field.ends_with("_id");
        match all.get(field) {
            Some(given) if is_id && given != value => {
                return Err(WorkbenchError::invalid(format!("params.{field}"), "is not the card's"));
            }
            Some(_) => {}
            None => {
                all.insert(field.clone(), value.clone());
            }
        }
    }
    Ok(Value::Object(all))
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, WorkbenchError> {
    serde_path_to_error::deserialize(params).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "params".to_owned() } else { format!("params.{path}") };
        WorkbenchError::invalid(field, error.into_inner())
    })
}

fn written<T: Serialize>(result: &T) -> Result<Value, WorkbenchError> {
    serde_json::to_value(result).map_err(|error| WorkbenchError::invalid("result", error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_card_fixes_stays_and_the_rest_is_the_clients() {
        let offered = json!({ "coupon_id": "c-1", "number": 2 });
        assert_eq!(merged(Some(&offered), None).unwrap(), offered);
        let given = |params: Value| params.as_object().cloned();
        assert_eq!(merged(Some(&offered), given(json!({ "number": 1 }))).unwrap()["number"], 1);
        let other = merged(Some(&offered), given(json!({ "coupon_id": "c-2" }))).unwrap_err();
        assert_eq!(other.to_object().data.field.as_deref(), Some("params.coupon_id"));
    }

    #[test]
    fn a_wrong_param_is_named_by_its_path() {
        let error = read::<CouponClaimParams>(json!({ "coupon_id": "c-1", "number": "x" })).unwrap_err();
        assert_eq!(error.to_object().data.field.as_deref(), Some("params.number"));
    }
}
