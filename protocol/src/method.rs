//! Every method a client may call: its name, who may call it, what goes in and what comes out.

use crate::{
    ErrorType,
    card::{
        CardActParams, CardActResult, CardsCheckParams, CardsCheckResult, CouponSendCardParams,
        OrderSendCardParams,
    },
    conversation::{
        AssignParams, AttachParams, AttachResult, ConversationParams, ConversationResult, Empty,
        HistoryParams, HistoryResult, ListParams, ListResult, NoteParams, OpenParams, ReadParams, ReadResult,
        SyncParams, SyncResult, TagParams, TakeParams, TransferParams, TypingParams,
    },
    coupon::{
        BuyerCouponsListParams, BuyerCouponsListResult, ClaimResult, CouponClaimParams, CouponCreateParams,
        CouponDuplicateParams, CouponIssueParams, CouponParams, CouponResult, CouponUpdateParams,
        CouponsListParams, CouponsListResult,
    },
    logistics::{LogisticsResult, LogisticsSendCardParams},
    message::{RecallParams, Recalled, Role, SendParams, Sent},
    order::{
        BuyerOrdersListParams, NoteHistoryParams, NoteHistoryResult, NoteResult, NoteSetParams, OrderParams,
        OrderResult, OrdersListParams, OrdersListResult,
    },
    product::{
        AlternativesResult, OrderPlaceParams, ProductParams, ProductResult, ProductsListParams,
        ProductsListResult, ProductsSendCardParams, SentCards,
    },
    returns::{
        BuyerReturnsListParams, EligibilityResult, ReturnAnswerParams, ReturnParams, ReturnResult,
        ReturnSubmitParams, ReturnsListParams, ReturnsListResult,
    },
    session::{Pong, RefreshParams, RefreshResult, StartParams, StartResult},
};

/// Ties a method's name to its types.
pub trait Method {
    /// Which.
    const NAME: MethodName;
    /// What goes in.
    type Params: serde::Serialize + serde::de::DeserializeOwned + schemars::JsonSchema;
    /// What comes out.
    type Result: serde::Serialize + serde::de::DeserializeOwned + schemars::JsonSchema;
}

/// Everyone with a token.
const ANYONE: &[Role] = &[Role::Buyer, Role::Agent, Role::Admin];
/// The shop's side.
const AGENTS: &[Role] = &[Role::Agent, Role::Admin];
/// The buyer's side.
const BUYERS: &[Role] = &[Role::Buyer];

macro_rules! methods {
    ($($name:ident $wire:literal ($params:ty) -> $result:ty, $roles:ident, $summary:literal, [$($error:ident),*];)*) => {
        /// The name of a method.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum MethodName {
            $(#[doc = $summary] $name,)*
        }

        $(
            #[doc = $summary]
            #[derive(Debug, Clone, Copy)]
            pub struct $name;
            impl Method for $name {
                const NAME: MethodName = MethodName::$name;
                type Params = $params;
                type Result = $result;
            }
        )*

        impl MethodName {
            /// All of them, in the order of the contract.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As written on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)* }
            }

            /// The method of this name, if there is one.
            #[must_use]
            pub fn from_wire(name: &str) -> Option<Self> {
                match name { $($wire => Some(Self::$name),)* _ => None }
            }

            /// Who may call it. `session.start` and `rpc.discover` need no session yet.
            #[must_use]
            pub const fn roles(self) -> &'static [Role] {
                match self { $(Self::$name => $roles,)* }
            }

            /// What it does, in a line.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$name => $summary,)* }
            }

            /// The errors of its own; any request may also get those of [`MethodName::COMMON_ERRORS`].
            #[must_use]
            pub const fn errors(self) -> &'static [ErrorType] {
                match self { $(Self::$name => &[$(ErrorType::$error),*],)* }
            }

            /// The schemas of params and result.
            pub fn schemas(self, generator: &mut schemars::SchemaGenerator) -> (schemars::Schema, schemars::Schema) {
                match self {
                    $(Self::$name => (
                        <$params as schemars::JsonSchema>::json_schema(generator),
                        generator.subschema_for::<$result>(),
                    ),)*
                }
            }
        }
    };
}

methods! {
    SessionStart "session.start" (StartParams) -> StartResult, ANYONE, "Authenticates the socket; its first request, within 10 s.", [Authentication, AlreadyExists, LimitReached];
    SessionRefresh "session.refresh" (RefreshParams) -> RefreshResult, ANYONE, "Swaps the token without reconnecting.", [Authentication, Authorization];
    SessionPing "session.ping" (Empty) -> Pong, ANYONE, "Asks whether the server is there.", [];
    ConversationOpen "conversation.open" (OpenParams) -> ConversationResult, BUYERS, "The buyer's conversation with the shop, made if there is none; attaches the session.", [];
    ConversationList "conversation.list" (ListParams) -> ListResult, ANYONE, "The caller's conversations, latest change first.", [];
    ConversationGet "conversation.get" (ConversationParams) -> ConversationResult, ANYONE, "One conversation.", [NotFound];
    ConversationHistory "conversation.history" (HistoryParams) -> HistoryResult, ANYONE, "Messages before or after a place, each in its latest revision.", [NotFound];
    ConversationAttach "conversation.attach" (AttachParams) -> AttachResult, ANYONE, "From now on every event in sequence, after those missed since `after_seq`.", [NotFound, LimitReached];
    ConversationDetach "conversation.detach" (ConversationParams) -> Empty, ANYONE, "No more events in sequence of this conversation.", [NotFound];
    ConversationRead "conversation.read" (ReadParams) -> ReadResult, ANYONE, "The caller's side has read up to a place.", [NotFound];
    ConversationTyping "conversation.typing" (TypingParams) -> Empty, ANYONE, "Tells the others that the caller is writing, or has stopped.", [NotFound];
    ConversationSync "conversation.sync" (SyncParams) -> SyncResult, ANYONE, "What changed since the last time, to repair summaries.", [];
    ConversationTake "conversation.take" (TakeParams) -> ConversationResult, AGENTS, "The calling agent takes the conversation; attaches the session.", [NotFound, Conflict, ChatInactive];
    ConversationAssign "conversation.assign" (AssignParams) -> ConversationResult, AGENTS, "Gives the conversation to an agent, or back to the queue.", [NotFound, Conflict, ChatInactive];
    ConversationTransfer "conversation.transfer" (TransferParams) -> ConversationResult, AGENTS, "Gives it to another agent, with a private note.", [NotFound, Conflict, ChatInactive];
    ConversationClose "conversation.close" (ConversationParams) -> ConversationResult, AGENTS, "Closes the conversation; the buyer's next message opens it again.", [NotFound];
    ConversationReopen "conversation.reopen" (ConversationParams) -> ConversationResult, AGENTS, "Opens a closed conversation again.", [NotFound];
    ConversationTag "conversation.tag" (TagParams) -> ConversationResult, AGENTS, "Puts a label on the conversation.", [NotFound, LimitReached];
    ConversationUntag "conversation.untag" (TagParams) -> ConversationResult, AGENTS, "Takes a label off.", [NotFound];
    ConversationNote "conversation.note" (NoteParams) -> Sent, AGENTS, "Writes a private note, seen by agents only.", [NotFound, TooManyRequests];
    MessageSend "message.send" (SendParams) -> Sent, ANYONE, "Sends a message; sending twice has one effect.", [NotFound, Conflict, ChatInactive, TooManyRequests];
    MessageRecall "message.recall" (RecallParams) -> Recalled, ANYONE, "Takes one's own message back, within 2 minutes.", [NotFound, Authorization, NotSendable];
    CardAct "card.act" (CardActParams) -> CardActResult, BUYERS, "Does what a card offers, and shows the agent that it was done; twice is once.", [NotFound, Conflict, NotSendable, LimitReached];
    BuyerOrdersList "buyer.orders.list" (BuyerOrdersListParams) -> OrdersListResult, BUYERS, "The caller's orders, newest first.", [];
    BuyerOrdersGet "buyer.orders.get" (OrderParams) -> OrderResult, BUYERS, "One of the caller's orders, with all that its page shows.", [NotFound];
    BuyerOrdersPlace "buyer.orders.place" (OrderPlaceParams) -> OrderResult, BUYERS, "Orders a product; stock and coupon are taken with it, once.", [NotFound, NotSendable, LimitReached];
    BuyerLogisticsGet "buyer.logistics.get" (OrderParams) -> LogisticsResult, BUYERS, "The parcels of one of the caller's orders, and their way.", [NotFound];
    BuyerReturnsEligibility "buyer.returns.eligibility" (OrderParams) -> EligibilityResult, BUYERS, "What of an order can be returned, how and for which reasons.", [NotFound];
    BuyerReturnsSubmit "buyer.returns.submit" (ReturnSubmitParams) -> ReturnResult, BUYERS, "Asks for a return or refund; submitting twice is one request.", [NotFound, NotSendable];
    BuyerReturnsList "buyer.returns.list" (BuyerReturnsListParams) -> ReturnsListResult, BUYERS, "The caller's returns and refunds, newest change first.", [];
    BuyerProductsGet "buyer.products.get" (ProductParams) -> ProductResult, BUYERS, "A product that the shop sells.", [NotFound];
    BuyerCouponsClaim "buyer.coupons.claim" (CouponClaimParams) -> ClaimResult, BUYERS, "Claims a coupon; claiming twice by one number is one claim.", [NotFound, NotSendable];
    BuyerCouponsList "buyer.coupons.list" (BuyerCouponsListParams) -> BuyerCouponsListResult, BUYERS, "What the caller has claimed, newest first.", [];
    WorkbenchOrdersList "workbench.orders.list" (OrdersListParams) -> OrdersListResult, AGENTS, "A buyer's orders in this shop, newest first; by status, by a part of the id, or both.", [];
    WorkbenchOrdersGet "workbench.orders.get" (OrderParams) -> OrderResult, AGENTS, "An order, with all that its detail page shows.", [NotFound];
    WorkbenchOrdersNoteGet "workbench.orders.note.get" (OrderParams) -> NoteResult, AGENTS, "The shop's note on an order.", [NotFound];
    WorkbenchOrdersNoteSet "workbench.orders.note.set" (NoteSetParams) -> NoteResult, AGENTS, "Writes the shop's note on an order, where its version is the one that stands.", [NotFound, Conflict];
    WorkbenchOrdersNoteHistory "workbench.orders.note.history" (NoteHistoryParams) -> NoteHistoryResult, AGENTS, "Every version of an order's note, newest first.", [NotFound];
    WorkbenchOrdersSendCard "workbench.orders.send_card" (OrderSendCardParams) -> Sent, AGENTS, "Sends an order's card into the conversation of its buyer.", [NotFound, ChatInactive, NotSendable, TooManyRequests];
    WorkbenchLogisticsGet "workbench.logistics.get" (OrderParams) -> LogisticsResult, AGENTS, "The parcels of an order, and their way.", [NotFound];
    WorkbenchLogisticsSendCard "workbench.logistics.send_card" (LogisticsSendCardParams) -> Sent, AGENTS, "Sends a parcel's card into the conversation of its buyer.", [NotFound, ChatInactive, NotSendable, TooManyRequests];
    WorkbenchReturnsList "workbench.returns.list" (ReturnsListParams) -> ReturnsListResult, AGENTS, "The shop's returns and refunds, newest change first; by buyer, order and status.", [];
    WorkbenchReturnsGet "workbench.returns.get" (ReturnParams) -> ReturnResult, AGENTS, "A return with every record of it.", [NotFound];
    WorkbenchReturnsEligibility "workbench.returns.eligibility" (OrderParams) -> EligibilityResult, AGENTS, "What of an order can be returned, how and for which reasons.", [NotFound];
    WorkbenchReturnsSendCard "workbench.returns.send_card" (OrderSendCardParams) -> Sent, AGENTS, "Sends the returns/refunds request card of an order, if anything of it can be returned.", [NotFound, ChatInactive, NotSendable, TooManyRequests];
    WorkbenchReturnsApprove "workbench.returns.approve" (ReturnAnswerParams) -> ReturnResult, AGENTS, "Approves a request.", [NotFound, Conflict];
    WorkbenchReturnsReject "workbench.returns.reject" (ReturnAnswerParams) -> ReturnResult, AGENTS, "Rejects a request, with a reason.", [NotFound, Conflict];
    WorkbenchProductsList "workbench.products.list" (ProductsListParams) -> ProductsListResult, AGENTS, "The shop's live products, newest first; by parts of the name, the id, the seller's SKU.", [];
    WorkbenchProductsGet "workbench.products.get" (ProductParams) -> ProductResult, AGENTS, "A product with its variants, each with price and stock.", [NotFound];
    WorkbenchProductsAlternatives "workbench.products.alternatives" (ProductParams) -> AlternativesResult, AGENTS, "What is in stock and nearest to a product.", [NotFound];
    WorkbenchProductsSendCard "workbench.products.send_card" (ProductsSendCardParams) -> SentCards, AGENTS, "Sends the cards of one or several products, all or none.", [NotFound, ChatInactive, NotSendable, TooManyRequests];
    WorkbenchCouponsList "workbench.coupons.list" (CouponsListParams) -> CouponsListResult, AGENTS, "The shop's valid coupons, newest first; by parts of the name, by kind.", [];
    WorkbenchCouponsGet "workbench.coupons.get" (CouponParams) -> CouponResult, AGENTS, "A coupon, with all that its detail page shows.", [NotFound];
    WorkbenchCouponsCreate "workbench.coupons.create" (CouponCreateParams) -> CouponResult, AGENTS, "Makes a regular coupon; making twice by one name is one coupon.", [];
    WorkbenchCouponsUpdate "workbench.coupons.update" (CouponUpdateParams) -> CouponResult, AGENTS, "Changes a coupon; once it has begun only its title, end and quantity.", [NotFound, Conflict, NotSendable];
    WorkbenchCouponsDuplicate "workbench.coupons.duplicate" (CouponDuplicateParams) -> CouponResult, AGENTS, "Makes a coupon like another.", [NotFound];
    WorkbenchCouponsDeactivate "workbench.coupons.deactivate" (CouponParams) -> CouponResult, AGENTS, "Ends a coupon; what was claimed can still be used.", [NotFound, NotSendable];
    WorkbenchCouponsIssue "workbench.coupons.issue" (CouponIssueParams) -> CouponResult, AGENTS, "Makes a personalized coupon for the buyer of a conversation, and sends it.", [NotFound, ChatInactive, TooManyRequests];
    WorkbenchCouponsSendCard "workbench.coupons.send_card" (CouponSendCardParams) -> Sent, AGENTS, "Sends a coupon's card, for the buyer to claim on it.", [NotFound, ChatInactive, NotSendable, TooManyRequests];
    WorkbenchCardsCheck "workbench.cards.check" (CardsCheckParams) -> CardsCheckResult, AGENTS, "Whether cards may be sent, why not, and what may be sent instead.", [NotFound];
    RpcDiscover "rpc.discover" (Empty) -> serde_json::Value, ANYONE, "This contract as an OpenRPC document.", [];
}

impl MethodName {
    /// What any request may get.
    pub const COMMON_ERRORS: &'static [ErrorType] = &[
        ErrorType::Validation,
        ErrorType::Authentication,
        ErrorType::Authorization,
        ErrorType::PendingRequestsLimitReached,
        ErrorType::RequestTimeout,
        ErrorType::ServiceUnavailable,
        ErrorType::Internal,
    ];

    /// Whether it can be called before `session.start`.
    #[must_use]
    pub fn needs_session(self) -> bool {
        !matches!(self, Self::SessionStart | Self::RpcDiscover | Self::SessionPing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_round_trips() {
        for &name in MethodName::ALL {
            assert_eq!(MethodName::from_wire(name.as_str()), Some(name));
        }
        assert_eq!(MethodName::from_wire("message.Send"), None);
    }
}
