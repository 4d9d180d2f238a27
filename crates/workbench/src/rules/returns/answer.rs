//! The shop answers a request, or is silent until its time is over: then it is approved by itself.

use deskwire_protocol::{
    Timestamp,
    returns::{Return, ReturnRecord, ReturnRole, ReturnStatus, ReturnType, SellerAction},
    text::TEXT_CHARS,
};

use super::answer_due_time;
use crate::{
    error::WorkbenchError,
    rules::fields::{self, said},
};

/// What came of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The request goes on.
    Now(Box<Return>),
    /// It was answered so before: by a lost answer's repeat, another agent, or because time was over.
    Already,
}

/// The shop approves or rejects; to reject it says why.
pub(crate) fn answer(
    request: &Return,
    action: SellerAction,
    reason_text: Option<&String>,
    now: Timestamp,
) -> Result<Answered, WorkbenchError> {
    fields::optional_text("reason_text", reason_text, TEXT_CHARS)?;
    let reason_text = said(reason_text);
    if action == SellerAction::Reject && reason_text.is_none() {
        return Err(WorkbenchError::invalid("reason_text", "is needed to reject a request"));
    }
    if !request.return_status.is_pending() {
        return if answer_given(request.return_status) == Some(action) {
            Ok(Answered::Already)
        } else {
            Err(WorkbenchError::ReturnConflict(Box::new(request.clone())))
        };
    }
    let next = after(request.return_type, action);
    let description = match (action, request.return_type) {
        (SellerAction::Reject, _) => "The shop rejected the request.",
        (SellerAction::Approve, ReturnType::Refund) => "The shop approved the refund.",
        (SellerAction::Approve, ReturnType::ReturnAndRefund) => {
            "The shop approved the return: the buyer sends the goods back."
        }
        (SellerAction::Approve, ReturnType::Replacement) => "The shop approved the replacement.",
    };
    let step = step(next, ReturnRole::Seller, description, reason_text, now);
    Ok(Answered::Now(Box::new(go_on(request, step))))
}

/// Approves a request that the shop has left unanswered until its deadline.
pub(crate) fn approve_overdue(request: &Return, now: Timestamp) -> Option<Return> {
    let deadline = answer_due_time(request)?;
    (deadline <= now).then(|| {
        let next = after(request.return_type, SellerAction::Approve);
        let description = "The shop did not answer in time: the request is approved.";
        go_on(request, step(next, ReturnRole::System, description, None, now))
    })
}

/// Where an answer leads to.
fn after(return_type: ReturnType, action: SellerAction) -> ReturnStatus {
    match (action, return_type) {
        (SellerAction::Approve, ReturnType::Refund) => ReturnStatus::ReturnOrRefundRequestSuccess,
        (SellerAction::Approve, ReturnType::ReturnAndRefund) => ReturnStatus::AwaitingBuyerShip,
        (SellerAction::Approve, ReturnType::Replacement) => ReturnStatus::ReplacementRequestComplete,
        (SellerAction::Reject, ReturnType::Refund | ReturnType::ReturnAndRefund) => {
            ReturnStatus::RefundOrReturnRequestReject
        }
        (SellerAction::Reject, ReturnType::Replacement) => ReturnStatus::ReplacementRequestReject,
    }
}

/// Which answer the shop must have given for a request to stand so.
fn answer_given(status: ReturnStatus) -> Option<SellerAction> {
    match status {
        ReturnStatus::AwaitingBuyerShip
        | ReturnStatus::BuyerShippedItem
        | ReturnStatus::RejectReceivePackage
        | ReturnStatus::ReturnOrRefundRequestSuccess
        | ReturnStatus::ReturnOrRefundRequestComplete
        | ReturnStatus::ReplacementRequestRefundSuccess
        | ReturnStatus::ReplacementRequestComplete => Some(SellerAction::Approve),
        ReturnStatus::RefundOrReturnRequestReject | ReturnStatus::ReplacementRequestReject => {
            Some(SellerAction::Reject)
        }
        ReturnStatus::ReturnOrRefundRequestPending
        | ReturnStatus::ReplacementRequestPending
        | ReturnStatus::ReturnOrRefundRequestCancel
        | ReturnStatus::ReplacementRequestCancel
        | ReturnStatus::AwaitingBuyerResponse => None,
    }
}

fn step(
    event: ReturnStatus,
    role: ReturnRole,
    description: &str,
    reason_text: Option<String>,
    create_time: Timestamp,
) -> ReturnRecord {
    ReturnRecord {
        event,
        role,
        description: description.into(),
        note: None,
        reason_text,
        images: Vec::new(),
        create_time,
    }
}

/// The request after this step; no answer is owed any more.
fn go_on(request: &Return, step: ReturnRecord) -> Return {
    let mut request = request.clone();
    request.return_status = step.event;
    request.update_time = request.update_time.max(step.create_time);
    request.seller_next_action_response.clear();
    request.records.push(step);
    request
}

#[cfg(test)]
mod tests {
    use deskwire_protocol::order::OrderStatus;

    use super::*;
    use crate::rules::{
        returns::tests::request,
        samples::{DAY, NOW, field_of, order},
    };

    const TYPES: [ReturnType; 3] = [ReturnType::Refund, ReturnType::ReturnAndRefund, ReturnType::Replacement];

    fn pending(return_type: ReturnType) -> Return {
        request(&order(OrderStatus::Delivered), return_type, Vec::new())
    }

    fn answered(request: &Return, action: SellerAction) -> Return {
        match answer(request, action, Some(&"because".into()), NOW).unwrap() {
            Answered::Now(request) => *request,
            Answered::Already => panic!("already"),
        }
    }

    #[test]
    fn an_answer_leads_on_by_type_with_a_record() {
        for (return_type, approved, rejected) in [
            (
                ReturnType::Refund,
                ReturnStatus::ReturnOrRefundRequestSuccess,
                ReturnStatus::RefundOrReturnRequestReject,
            ),
            (
                ReturnType::ReturnAndRefund,
                ReturnStatus::AwaitingBuyerShip,
                ReturnStatus::RefundOrReturnRequestReject,
            ),
            (
                ReturnType::Replacement,
                ReturnStatus::ReplacementRequestComplete,
                ReturnStatus::ReplacementRequestReject,
            ),
        ] {
            for (action, status) in [(SellerAction::Approve, approved), (SellerAction::Reject, rejected)] {
                let before = pending(return_type);
                let after = answered(&before, action);
                assert_eq!(after.return_status, status);
                assert!(before.return_status.may_become(status, return_type));
                let record = after.records.last().unwrap();
                assert_eq!((record.event, record.role), (status, ReturnRole::Seller));
                assert_eq!(record.reason_text.as_deref(), Some("because"));
                assert!(after.seller_next_action_response.is_empty());
                assert_eq!(after.update_time, NOW);
            }
        }
    }

    #[test]
    fn a_rejection_says_why() {
        for silent in [None, Some(&" ".to_owned())] {
            let refused = answer(&pending(ReturnType::Refund), SellerAction::Reject, silent, NOW);
            assert_eq!(field_of(refused), "reason_text");
        }
        let long = "x".repeat(2_001);
        let refused = answer(&pending(ReturnType::Refund), SellerAction::Approve, Some(&long), NOW);
        assert_eq!(field_of(refused), "reason_text");
        assert!(answer(&pending(ReturnType::Refund), SellerAction::Approve, None, NOW).is_ok());
    }

    #[test]
    fn the_same_answer_again_is_one_and_another_is_a_conflict() {
        for return_type in TYPES {
            let approved = answered(&pending(return_type), SellerAction::Approve);
            assert_eq!(answer(&approved, SellerAction::Approve, None, NOW).unwrap(), Answered::Already);
            let Err(WorkbenchError::ReturnConflict(current)) =
                answer(&approved, SellerAction::Reject, Some(&"no".into()), NOW)
            else {
                panic!("no conflict")
            };
            assert_eq!(*current, approved);
        }
        let mut withdrawn = pending(ReturnType::Refund);
        withdrawn.return_status = ReturnStatus::ReturnOrRefundRequestCancel;
        assert!(matches!(
            answer(&withdrawn, SellerAction::Approve, None, NOW),
            Err(WorkbenchError::ReturnConflict(_))
        ));
    }

    #[test]
    fn silence_approves_when_the_time_is_over() {
        for return_type in TYPES {
            let pending = pending(return_type);
            let deadline = answer_due_time(&pending).unwrap();
            assert_eq!(approve_overdue(&pending, deadline.minus(DAY)), None);
            let approved = approve_overdue(&pending, deadline).unwrap();
            let record = approved.records.last().unwrap();
            assert_eq!((record.role, record.event), (ReturnRole::System, approved.return_status));
            assert_eq!(approved.return_status, answered(&pending, SellerAction::Approve).return_status);
            assert_eq!(approve_overdue(&approved, deadline.plus(DAY)), None, "once");
        }
    }
}
