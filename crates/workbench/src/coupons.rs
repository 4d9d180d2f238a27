//! Coupons: the shop's, found and managed by agents; a buyer's, claimed within their limits however many race for them.

use std::collections::HashMap;

use deskwire_protocol::{
    ConversationId, MessageId, ShopId, Timestamp,
    card::{CouponSendCardParams, ThingKind},
    conversation::ConversationStatus,
    coupon::{
        BuyerCouponsListParams, BuyerCouponsListResult, Claim, ClaimResult, Coupon, CouponClaimParams,
        CouponCreateParams, CouponDuplicateParams, CouponIssueParams, CouponParams, CouponResult,
        CouponStatus, CouponUpdateParams, CouponsListParams, CouponsListResult,
    },
    ids::{ClientCouponId, CouponId},
};
use deskwire_store::{ClaimRecord, CouponQuery, CouponRecord, Shelf, ShopChanges, Subject, Wanted};

use crate::{
    Caller, Workbench, WorkbenchError,
    cards::Links,
    page::{cut, read},
    rules::{
        coupons::{self, Claimed},
        fields::{QUERY_CHARS, sought},
        write::Write,
    },
    workbench::Deed,
};

/// By what a claim is known when it is asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimBy {
    /// The number that the buyer's client gave.
    Number(u32),
    /// The card on which it is pressed: whatever that card looks like by then, it is the one claim.
    Card(MessageId),
    /// Pressed on a card by a number that the buyer's client gave.
    NumberOnCard(u32, MessageId),
}

impl Workbench {
    /// `workbench.coupons.list`.
    pub async fn coupons_list(
        &self,
        caller: &Caller,
        params: CouponsListParams,
    ) -> Result<CouponsListResult, WorkbenchError> {
        let CouponsListParams { query, display_type, buyer_id, status, page_size, page_token } = params;
        sought("query", query.as_ref(), QUERY_CHARS)?;
        let now = self.now();
        let query = CouponQuery {
            text: query,
            status: Some(status.unwrap_or(CouponStatus::Ongoing)),
            now,
            display_type,
            buyer_id,
            before: read(page_token.as_ref())?,
        };
        let shop_id = &caller.scope.shop_id;
        let records = self.store().find_coupons(shop_id, &query, page_size.get() + 1).await?;
        let (records, next_page_token) = cut(records, page_size.get(), |record| record.coupon_no.to_string());
        let coupons = records.into_iter().map(|record| self.complete_coupon(shop_id, &record, now)).collect();
        let manage_link = Some(self.config().links.coupon_management(shop_id));
        Ok(CouponsListResult { coupons, next_page_token, manage_link })
    }

    /// `workbench.coupons.get`.
    pub async fn coupons_get(
        &self,
        caller: &Caller,
        params: CouponParams,
    ) -> Result<CouponResult, WorkbenchError> {
        let record = self.find_coupon(&caller.scope.shop_id, &params.coupon_id).await?;
        let record = record.ok_or(WorkbenchError::NotFound)?;
        Ok(CouponResult { coupon: self.complete_coupon(&caller.scope.shop_id, &record, self.now()) })
    }

    /// `workbench.coupons.create`.
    pub async fn coupons_create(
        &self,
        caller: &Caller,
        params: CouponCreateParams,
    ) -> Result<CouponResult, WorkbenchError> {
        let id: CouponId = self.draw_id("cpn")?;
        let client_id = params.client_coupon_id.clone();
        self.make(caller, "coupons.create", client_id, Wanted::default(), id.clone(), |_, now| {
            coupons::create(&params, id.clone(), now)
        })
        .await
    }

    /// `workbench.coupons.duplicate`.
    pub async fn coupons_duplicate(
        &self,
        caller: &Caller,
        params: CouponDuplicateParams,
    ) -> Result<CouponResult, WorkbenchError> {
        let id: CouponId = self.draw_id("cpn")?;
        let client_id = params.client_coupon_id.clone();
        let wanted = Wanted { coupons: vec![params.coupon_id.clone()], ..Wanted::default() };
        self.make(caller, "coupons.duplicate", client_id, wanted, id.clone(), |loaded, now| {
            let like = loaded.coupons.get(&params.coupon_id).ok_or(WorkbenchError::NotFound)?;
            coupons::duplicate(&like.coupon, &params, id.clone(), now)
        })
        .await
    }

    /// `workbench.coupons.issue`: makes a personalized coupon and sends it into the conversation. Where the answer is
    /// lost the same call again finds both.
    pub async fn coupons_issue(
        &self,
        caller: &Caller,
        params: CouponIssueParams,
    ) -> Result<CouponResult, WorkbenchError> {
        let audience = self.audience(&caller.scope, params.conversation_id).await?;
        let id: CouponId = self.draw_id("cpn")?;
        let client_id = params.client_coupon_id.clone();
        let orders = params.order_id.iter().cloned().collect();
        let wanted = Wanted { orders, ..Wanted::default() };
        let made = self
            .make(caller, "coupons.issue", client_id, wanted, id.clone(), |loaded, now| {
                // What could not be sent is not made. One that was made before is: this is not asked then.
                if audience.status == ConversationStatus::Closed {
                    return Err(WorkbenchError::ChatInactive);
                }
                let order = params.order_id.as_ref().and_then(|id| loaded.orders.get(id));
                coupons::issue(
                    &params,
                    &audience.buyer_id,
                    order.map(|record| &record.order),
                    id.clone(),
                    now,
                )
            })
            .await?;
        self.send_issued(caller, params.conversation_id, &made.coupon).await?;
        Ok(made)
    }

    async fn send_issued(
        &self,
        caller: &Caller,
        conversation_id: ConversationId,
        coupon: &Coupon,
    ) -> Result<(), WorkbenchError> {
        let client_message_id = crate::owed::post_id("coupon", coupon.id.as_str())?;
        let params =
            CouponSendCardParams { conversation_id, client_message_id, coupon_id: coupon.id.clone() };
        self.prepare_coupon_card(caller, params).await?.send().await.map(drop)
    }

    /// Makes a coupon, once for each name that this agent's client gives it: another agent's client may give the same.
    async fn make(
        &self,
        caller: &Caller,
        action: &'static str,
        client_coupon_id: ClientCouponId,
        wanted: Wanted,
        id: CouponId,
        made: impl Fn(&Shelf, Timestamp) -> Result<Coupon, WorkbenchError> + Send + Sync,
    ) -> Result<CouponResult, WorkbenchError> {
        let shop_id = &caller.scope.shop_id;
        let made_as = (caller.scope.user_id.clone(), client_coupon_id);
        let wanted = Wanted { client_coupons: vec![made_as.clone()], ..wanted };
        let deed = deed(caller, action, &id);
        let record = self.change(shop_id, &wanted, deed, |loaded, now| {
            let known = |record: &&CouponRecord| record.made_as.as_ref() == Some(&made_as);
            if let Some(known) = loaded.coupons.values().find(known) {
                return Ok((ShopChanges::default(), known.clone()));
            }
            let record = CouponRecord {
                coupon: made(loaded, now)?,
                deactivated: false,
                made_as: Some(made_as.clone()),
                coupon_no: 0,
                version: 0,
            };
            Ok((ShopChanges { coupons: vec![record.clone()], ..ShopChanges::default() }, record))
        });
        Ok(CouponResult { coupon: self.complete_coupon(shop_id, &record.await?, self.now()) })
    }

    /// `workbench.coupons.update`.
    pub async fn coupons_update(
        &self,
        caller: &Caller,
        params: CouponUpdateParams,
    ) -> Result<CouponResult, WorkbenchError> {
        let id = params.coupon_id.clone();
        self.rewrite(caller, "coupons.update", &id, |coupon, now| coupons::update(coupon, &params, now)).await
    }

    /// `workbench.coupons.deactivate`.
    pub async fn coupons_deactivate(
        &self,
        caller: &Caller,
        params: CouponParams,
    ) -> Result<CouponResult, WorkbenchError> {
        self.rewrite(caller, "coupons.deactivate", &params.coupon_id, coupons::deactivate).await
    }

    async fn rewrite(
        &self,
        caller: &Caller,
        action: &'static str,
        id: &CouponId,
        rewritten: impl Fn(&Coupon, Timestamp) -> Result<Write<Coupon>, WorkbenchError> + Send + Sync,
    ) -> Result<CouponResult, WorkbenchError> {
        let shop_id = &caller.scope.shop_id;
        let wanted = Wanted { coupons: vec![id.clone()], ..Wanted::default() };
        let record = self.change(shop_id, &wanted, deed(caller, action, id), |loaded, now| {
            let stored = loaded.coupons.get(id).ok_or(WorkbenchError::NotFound)?;
            let Some(coupon) = rewritten(&facts(stored), now)?.document() else {
                return Ok((ShopChanges::default(), stored.clone()));
            };
            let record = with(stored, coupon);
            Ok((ShopChanges { coupons: vec![record.clone()], ..ShopChanges::default() }, record))
        });
        Ok(CouponResult { coupon: self.complete_coupon(shop_id, &record.await?, self.now()) })
    }

    /// `buyer.coupons.claim`. When it returns, the buyer's cards of the coupon tell of the claim.
    pub async fn coupons_claim(
        &self,
        caller: &Caller,
        params: CouponClaimParams,
    ) -> Result<ClaimResult, WorkbenchError> {
        self.claim(caller, params.coupon_id, ClaimBy::Number(params.number)).await
    }

    /// A claim, once by what it is known by.
    pub(crate) async fn claim(
        &self,
        caller: &Caller,
        coupon_id: CouponId,
        by: ClaimBy,
    ) -> Result<ClaimResult, WorkbenchError> {
        let (shop_id, buyer_id) = (&caller.scope.shop_id, &caller.scope.user_id);
        let wanted = Wanted { claims: vec![(coupon_id.clone(), buyer_id.clone())], ..Wanted::default() };
        let deed = deed(caller, "coupons.claim", &coupon_id);
        let claimed = self.change(shop_id, &wanted, deed, |loaded, now| {
            let stored = loaded.coupons.get(&coupon_id).ok_or(WorkbenchError::NotFound)?;
            let claims: Vec<Claim> = loaded.claims.iter().map(|record| record.claim.clone()).collect();
            let on_card =
                |card| loaded.claims.iter().find(|had| had.message_id == Some(card)).map(|had| &had.claim);
            let (number, message_id) = match by {
                ClaimBy::Number(number) => (Some(number), None),
                ClaimBy::Card(card) => (on_card(card).map(|had| had.number), Some(card)),
                ClaimBy::NumberOnCard(number, card) => {
                    (Some(number), Some(card).filter(|card| on_card(*card).is_none()))
                }
            };
            let coupon = facts(stored);
            let claimed = match number {
                Some(number) => coupons::claim(&coupon, &claims, buyer_id, number, now),
                None => coupons::claim_next(&coupon, &claims, buyer_id, now),
            };
            match claimed? {
                Claimed::Already(claim) => Ok((ShopChanges::default(), (stored.clone(), claim))),
                Claimed::New { coupon, claim } => {
                    let record = with(stored, *coupon);
                    let made = ClaimRecord { buyer_id: buyer_id.clone(), claim: claim.clone(), message_id };
                    let changes = ShopChanges {
                        coupons: vec![record.clone()],
                        claims: vec![made],
                        ..ShopChanges::default()
                    };
                    Ok((changes, (record, claim)))
                }
            }
        });
        let (record, claim) = claimed.await?;
        self.show_buyer(shop_id, &Subject::Coupon(coupon_id), buyer_id).await;
        Ok(ClaimResult { coupon: for_buyer(self.complete_coupon(shop_id, &record, self.now())), claim })
    }

    /// `buyer.coupons.list`.
    pub async fn buyer_coupons_list(
        &self,
        caller: &Caller,
        params: BuyerCouponsListParams,
    ) -> Result<BuyerCouponsListResult, WorkbenchError> {
        let BuyerCouponsListParams { page_size, page_token } = params;
        let before = before_claim(page_token.as_ref())?;
        let (shop_id, buyer_id) = (&caller.scope.shop_id, &caller.scope.user_id);
        let records = self.store().buyer_claims(shop_id, buyer_id, before, page_size.get() + 1).await?;
        let (records, next_page_token) = cut(records, page_size.get(), |ClaimRecord { claim, .. }| {
            format!("{}.{}.{}", claim.claim_time.millis(), claim.number, claim.coupon_id)
        });
        let ids: Vec<CouponId> = records.iter().map(|record| record.claim.coupon_id.clone()).collect();
        let now = self.now();
        let coupons: HashMap<CouponId, Coupon> = self
            .store()
            .coupons(shop_id, &ids)
            .await?
            .into_iter()
            .map(|record| for_buyer(self.complete_coupon(shop_id, &record, now)))
            .map(|coupon| (coupon.id.clone(), coupon))
            .collect();
        let claims = records
            .into_iter()
            .filter_map(|ClaimRecord { claim, .. }| {
                Some(ClaimResult { coupon: coupons.get(&claim.coupon_id)?.clone(), claim })
            })
            .collect();
        Ok(BuyerCouponsListResult { claims, next_page_token })
    }

    pub(crate) async fn find_coupon(
        &self,
        shop_id: &ShopId,
        id: &CouponId,
    ) -> Result<Option<CouponRecord>, WorkbenchError> {
        Ok(self.store().coupons(shop_id, std::slice::from_ref(id)).await?.into_iter().next())
    }

    /// Adds what follows from the coupon and the time.
    pub(crate) fn complete_coupon(&self, shop_id: &ShopId, record: &CouponRecord, now: Timestamp) -> Coupon {
        let links: &Links = &self.config().links;
        let mut coupon = coupons::standing(&facts(record), now);
        coupon.link = Some(links.coupon_detail(shop_id, &coupon.id));
        coupon
    }
}

/// The coupon with the status that is a fact: that it was ended.
pub(crate) fn facts(record: &CouponRecord) -> Coupon {
    let status = if record.deactivated { CouponStatus::Deactivated } else { CouponStatus::NotStart };
    Coupon { status, ..record.coupon.clone() }
}

/// The record with another state of its coupon.
pub(crate) fn with(record: &CouponRecord, coupon: Coupon) -> CouponRecord {
    CouponRecord { deactivated: coupon.status == CouponStatus::Deactivated, coupon, ..record.clone() }
}

/// Without what only the shop may know: why it was issued.
fn for_buyer(coupon: Coupon) -> Coupon {
    Coupon { issue: None, ..coupon }
}

fn deed(caller: &Caller, action: &'static str, id: &CouponId) -> Deed {
    Deed { editor: caller.editor(), action, kind: ThingKind::Coupon, id: id.to_string() }
}

/// `{time}.{number}.{coupon_id}`: ids may hold points, numbers do not.
fn before_claim(token: Option<&String>) -> Result<Option<(Timestamp, CouponId, u32)>, WorkbenchError> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let parts = || {
        let mut parts = token.splitn(3, '.');
        let time = parts.next()?.parse().ok()?;
        let number = parts.next()?.parse().ok()?;
        Some((Timestamp::from_millis(time), parts.next()?.parse().ok()?, number))
    };
    parts().map(Some).ok_or_else(crate::page::wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_claims_round_trips() {
        let token = "1764000000000.2.cpn-1.a".to_owned();
        let (time, id, number) = before_claim(Some(&token)).unwrap().unwrap();
        assert_eq!((time.millis(), id.as_str(), number), (1_764_000_000_000, "cpn-1.a", 2));
        assert!(before_claim(Some(&"1.x".to_owned())).is_err());
        assert!(before_claim(Some(&"1".to_owned())).is_err());
        assert_eq!(before_claim(None).unwrap(), None);
    }
}
