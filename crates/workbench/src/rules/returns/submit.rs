//! A buyer asks for a return, a refund or a replacement: checked against what can be returned, with the money reckoned.

use deskwire_protocol::{
    Timestamp,
    ids::ReturnId,
    returns::{
        Eligibility, Return, ReturnLineItem, ReturnRecord, ReturnRole, ReturnStatus, ReturnSubmitParams,
        ReturnType,
    },
    text::TEXT_CHARS,
};

use super::{
    OrderFile, ReturnTimes,
    eligibility::eligibility,
    next_actions,
    refund::{nothing, refund_amount},
};
use crate::{
    error::WorkbenchError,
    rules::fields::{self, said},
};

/// The most line items of a request.
const ITEMS: usize = 100;

/// The most pictures of a request.
const IMAGES: usize = 9;

/// A new request. A repeat by the same `client_return_id` is for the caller to find: it gets what the first one made.
pub(crate) fn submit(
    file: OrderFile<'_>,
    params: &ReturnSubmitParams,
    return_id: ReturnId,
    times: &ReturnTimes,
    now: Timestamp,
) -> Result<Return, WorkbenchError> {
    if params.order_id != file.order.id {
        return Err(WorkbenchError::NotFound);
    }
    fields::optional_text("return_reason_text", params.return_reason_text.as_ref(), TEXT_CHARS)?;
    if params.images.len() > IMAGES {
        return Err(WorkbenchError::limit(u64::try_from(IMAGES).unwrap_or(u64::MAX), "images"));
    }
    for (place, address) in params.images.iter().enumerate() {
        fields::https(&format!("images[{place}]"), address)?;
    }
    let return_line_items = items(file, params, times, now)?;
    let refund_amount = match params.return_type {
        ReturnType::Refund | ReturnType::ReturnAndRefund => {
            let items = return_line_items.iter().map(|item| (&item.order_line_item_id, item.quantity));
            refund_amount(file.order, file.returns, items)?
        }
        ReturnType::Replacement => nothing(file.order),
    };
    let return_status = ReturnStatus::first(params.return_type);
    let return_reason_text = said(params.return_reason_text.as_ref());
    Ok(Return {
        return_id,
        order_id: file.order.id.clone(),
        return_type: params.return_type,
        return_status,
        return_reason: params.return_reason,
        return_reason_text: return_reason_text.clone(),
        role: ReturnRole::Buyer,
        create_time: now,
        update_time: now,
        refund_amount,
        return_tracking_number: None,
        return_line_items,
        records: vec![ReturnRecord {
            event: return_status,
            role: ReturnRole::Buyer,
            description: match params.return_type {
                ReturnType::Refund => "The buyer asked for a refund.",
                ReturnType::ReturnAndRefund => "The buyer asked to return the goods for a refund.",
                ReturnType::Replacement => "The buyer asked for a replacement.",
            }
            .into(),
            note: None,
            reason_text: return_reason_text,
            images: params.images.clone(),
            create_time: now,
        }],
        seller_next_action_response: next_actions(return_status, now.plus(times.answer_within)),
        link: None,
    })
}

/// The items, each checked against what of it can be returned in this way for this reason.
fn items(
    file: OrderFile<'_>,
    params: &ReturnSubmitParams,
    times: &ReturnTimes,
    now: Timestamp,
) -> Result<Vec<ReturnLineItem>, WorkbenchError> {
    fields::count("items", params.items.len(), 1, ITEMS)?;
    let path = |place: usize, name: &str| format!("items[{place}].{name}");
    fields::unique(params.items.iter().map(|item| &item.order_line_item_id), |place| {
        path(place, "order_line_item_id")
    })?;
    let eligibility = eligibility(file, times, now);
    may(way(&eligibility.eligibility, params.return_type), params)?;
    let mut items = Vec::with_capacity(params.items.len());
    for (place, item) in params.items.iter().enumerate() {
        let bought = file.order.line_items.iter().find(|bought| bought.id == item.order_line_item_id);
        let of_item = eligibility
            .line_items
            .iter()
            .find(|of_item| of_item.order_line_item_id == item.order_line_item_id);
        let (Some(bought), Some(of_item)) = (bought, of_item) else {
            return Err(WorkbenchError::invalid(
                path(place, "order_line_item_id"),
                "must be one of the order's line items",
            ));
        };
        fields::quantity(&path(place, "quantity"), item.quantity)?;
        may(way(&of_item.eligibility, params.return_type), params)?;
        if item.quantity > of_item.quantity {
            return Err(WorkbenchError::invalid(
                path(place, "quantity"),
                format_args!("must be at most {}, as many as can still be returned", of_item.quantity),
            ));
        }
        items.push(ReturnLineItem {
            order_line_item_id: bought.id.clone(),
            sku_id: bought.sku_id.clone(),
            product_name: bought.product_name.clone(),
            quantity: item.quantity,
        });
    }
    Ok(items)
}

fn way(ways: &[Eligibility], request_type: ReturnType) -> Option<&Eligibility> {
    ways.iter().find(|way| way.request_type == request_type)
}

fn may(way: Option<&Eligibility>, params: &ReturnSubmitParams) -> Result<(), WorkbenchError> {
    use deskwire_protocol::card::NotSendableCode::NotEligible;
    let Some(way) = way else { return Err(crate::rules::refusal::refused(NotEligible)) };
    if !way.eligible {
        let reason = way.ineligible_reason.clone();
        let reason = reason.unwrap_or_else(|| crate::rules::refusal::reason(NotEligible).into());
        return Err(WorkbenchError::not_sendable(NotEligible, reason));
    }
    if !way.available_reason_names.contains(&params.return_reason) {
        return Err(WorkbenchError::invalid(
            "return_reason",
            "must be one of `available_reason_names` for this type",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::{
        ids::{ClientReturnId, LineItemId},
        logistics::PackageStatus,
        order::{Order, OrderStatus},
        returns::{ReturnItem, ReturnReason, SellerAction},
    };

    use super::*;
    use crate::rules::{
        returns::answer_due_time,
        samples::{DAY, NOW, field_of, money, order, package},
    };

    fn params(return_type: ReturnType, items: &[(&str, u32)]) -> ReturnSubmitParams {
        ReturnSubmitParams {
            client_return_id: ClientReturnId::new("x").unwrap(),
            order_id: order(OrderStatus::Delivered).id,
            return_type,
            return_reason: ReturnReason::Damaged,
            return_reason_text: Some("Torn.\n\nSee pictures.".into()),
            items: items
                .iter()
                .map(|(id, quantity)| ReturnItem {
                    order_line_item_id: LineItemId::new(*id).unwrap(),
                    quantity: *quantity,
                })
                .collect(),
            images: vec!["https://img.example/1.jpg".into()],
        }
    }

    fn asked(
        order: &Order,
        returns: &[Return],
        params: &ReturnSubmitParams,
    ) -> Result<Return, WorkbenchError> {
        let file = OrderFile { order, packages: &[], returns };
        submit(file, params, ReturnId::new("r-1").unwrap(), &ReturnTimes::default(), NOW)
    }

    #[test]
    fn a_request_begins_pending_with_a_record_and_a_deadline() {
        for (return_type, status) in [
            (ReturnType::Refund, ReturnStatus::ReturnOrRefundRequestPending),
            (ReturnType::ReturnAndRefund, ReturnStatus::ReturnOrRefundRequestPending),
            (ReturnType::Replacement, ReturnStatus::ReplacementRequestPending),
        ] {
            let made =
                asked(&order(OrderStatus::Delivered), &[], &params(return_type, &[("l-1", 1)])).unwrap();
            assert_eq!((made.return_status, made.records.len()), (status, 1));
            let record = &made.records[0];
            assert_eq!((record.event, record.role, record.images.len()), (status, ReturnRole::Buyer, 1));
            assert_eq!(answer_due_time(&made), Some(NOW.plus(DAY * 2)));
            let actions: Vec<_> = made.seller_next_action_response.iter().map(|next| next.action).collect();
            assert_eq!(actions, [SellerAction::Approve, SellerAction::Reject]);
            let back = if return_type == ReturnType::Replacement { 0 } else { 1116 };
            assert_eq!(made.refund_amount.refund_total, money(back));
        }
    }

    #[test]
    fn items_reasons_and_pictures_are_checked() {
        let order = order(OrderStatus::Delivered);
        let refused = |change: &dyn Fn(&mut ReturnSubmitParams)| {
            let mut params = params(ReturnType::Refund, &[("l-1", 1), ("l-2", 1)]);
            change(&mut params);
            field_of(asked(&order, &[], &params))
        };
        assert_eq!(refused(&|params| params.items.clear()), "items");
        assert_eq!(refused(&|params| params.items[0].quantity = 3), "items[0].quantity");
        assert_eq!(refused(&|params| params.items[0].quantity = 0), "items[0].quantity");
        let twice = |params: &mut ReturnSubmitParams| params.items[1] = params.items[0].clone();
        assert_eq!(refused(&twice), "items[1].order_line_item_id");
        let unknown = |params: &mut ReturnSubmitParams| {
            params.items[1].order_line_item_id = LineItemId::new("x").unwrap();
        };
        assert_eq!(refused(&unknown), "items[1].order_line_item_id");
        assert_eq!(refused(&|params| params.return_reason = ReturnReason::NoNeed), "return_reason");
        assert_eq!(refused(&|params| params.images = vec!["http://a.example/x".into()]), "images[0]");
        assert_eq!(
            refused(&|params| params.return_reason_text = Some("x".repeat(2_001))),
            "return_reason_text"
        );
        let mut ten = params(ReturnType::Refund, &[("l-1", 1)]);
        ten.images = vec!["https://img.example/1.jpg".into(); 10];
        assert!(matches!(asked(&order, &[], &ten), Err(WorkbenchError::LimitReached { limit: 9, .. })));
    }

    #[test]
    fn what_cannot_be_returned_is_refused_with_the_reason() {
        let wanted = params(ReturnType::Refund, &[("l-1", 1)]);
        for status in [OrderStatus::Unpaid, OrderStatus::AwaitingShipment, OrderStatus::Cancelled] {
            let Err(WorkbenchError::NotSendable { reason, .. }) = asked(&order(status), &[], &wanted) else {
                panic!("taken")
            };
            assert!(reason.starts_with("The order"), "{reason}");
        }
        let delivered = order(OrderStatus::Delivered);
        let first = asked(&delivered, &[], &params(ReturnType::Refund, &[("l-1", 2)])).unwrap();
        assert!(matches!(asked(&delivered, &[first], &wanted), Err(WorkbenchError::NotSendable { .. })));
    }

    #[test]
    fn an_item_still_at_the_shop_is_refused_though_another_has_come() {
        let order = order(OrderStatus::PartiallyShipping);
        let packages = [package(PackageStatus::Completed)];
        let file = OrderFile { order: &order, packages: &packages, returns: &[] };
        let ask = |items: &[(&str, u32)]| {
            let id = ReturnId::new("r-1").unwrap();
            submit(file, &params(ReturnType::Refund, items), id, &ReturnTimes::default(), NOW)
        };
        assert!(ask(&[("l-1", 2)]).is_ok());
        assert!(matches!(ask(&[("l-1", 1), ("l-2", 1)]), Err(WorkbenchError::NotSendable { .. })));
    }
}
