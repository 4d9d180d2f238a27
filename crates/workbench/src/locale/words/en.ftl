# English. What each message is for, and its variables, is told in ../words.rs.

## All cards

status = Status
percentage = { $number }%
from_to = { $from } – { $to }
and_more =
    { $count ->
        [one] and { $n } more item
       *[other] and { $n } more items
    }
name_and_more =
    { $count ->
        [one] { $name } and { $n } more item
       *[other] { $name } and { $n } more items
    }
price_before = { $price } (was { $before })
price_each = { $price } each

## What can be done, and what was

do_open = View details
do_confirm = This is the order
do_track = Track parcel
do_request_return = Request a return or refund
do_place_order = Buy now
do_claim = Claim coupon
did_open = Opened
did_confirm = Order confirmed
did_track = Tracking opened
did_request_return = Return or refund requested
did_place_order = Order placed
did_claim = Coupon claimed

## Orders

order = Order { $id }
order_unpaid = Awaiting payment
order_on_hold = Paid
order_awaiting_shipment = Preparing to ship
order_partially_shipping = Partly shipped
order_awaiting_collection = Packed, waiting for the carrier
order_in_transit = On the way
order_delivered = Delivered
order_completed = Completed
order_cancelled = Cancelled
placed = Placed
pay_by = Pay by
ship_by = Ships by
hand_over_by = With the carrier by
arrive_by = Arrives by
payment_was_due = Payment was due
shipping_was_due = Should have shipped by
hand_over_was_due = Should have been with the carrier by
arrival_was_due = Should have arrived by
or_cancelled = { $time }, otherwise the order is cancelled automatically
cancelled_on = Cancelled
cancelled_by_seller = { $time }, by the shop
cancelled_by_buyer = { $time }, by the buyer
cancelled_by_itself = { $time }, automatically
cancel_reason = Reason for cancellation
payment_method = Payment method
cash_on_delivery = Cash on delivery
buyer_message = Message from the buyer
sub_total = Subtotal
shipping_fee = Shipping
tax = Tax
total = Total
discount = Discounts, already included
return_or_refund = Return or refund

## Parcels

parcel = Parcel of order { $id }
parcel_of = Parcel { $number } of { $total }, order { $id }
parcel_preparing = Being prepared
parcel_packing = Being packed
parcel_on_its_way = On the way
parcel_cancelled = Shipment cancelled
tracking_pending = No tracking information yet
tracking_info_received = Carrier informed
tracking_out_for_delivery = Out for delivery
tracking_attempt_fail = Delivery attempt failed
tracking_delivered = Delivered
tracking_available_for_pickup = Ready for pickup
tracking_exception = Delivery problem
tracking_expired = No recent news from the carrier
latest_event = Latest update
expected = Estimated delivery
was_expected = Late, was expected
delivered_on = Delivered
carrier = Carrier
tracking_id = Tracking ID
delivery_option = Delivery option
postal_code = Postal code
contents = Contents
pieces =
    { $count ->
        [one] { $n } item
       *[other] { $n } items
    }

## Returns and refunds

return_open = Can be requested
return_not_paid = Order not paid yet
return_not_shipped = Not shipped yet; the order can be cancelled instead
return_not_delivered = Order not delivered yet
return_order_cancelled = Order was cancelled
return_window_closed = The period for requests has ended
return_already_requested = Already requested for all items
request_by = Request by
refund = Refund
return_and_refund = Return and refund
replacement = Replacement
request_pending = Waiting for the shop's answer
request_rejected = Request declined
request_ship_back = Approved; items to be sent back
request_shipped_back = Items on their way back
request_parcel_rejected = Returned items not accepted
request_approved = Approved; refund on its way
request_withdrawn = Request withdrawn
request_refunded = Refunded
request_awaiting_buyer = Waiting for the buyer's answer
replacement_refunded = No replacement available; refunded instead
replacement_complete = Replaced
request_reason = Reason
reason_no_need = No longer needed
reason_not_match_description = Not as described
reason_missing_product = Something is missing
reason_damaged = Arrived damaged
reason_defective = Defective
reason_wrong_product = Wrong item received
reason_not_received = Not received
requested_on = Requested
refund_total = Refund amount
answer_by = The shop answers by
shop_answer = The shop's answer
return_tracking_id = Return tracking ID

## Products

price = Price
stock = Availability
stock_some = In stock
stock_few =
    { $count ->
        [one] Only { $n } left
       *[other] Only { $n } left
    }
stock_none = Out of stock
not_sold = Not available

## Coupons

amount_off = { $amount } off
percent_off = { $percent } off
percent_off_up_to = { $percent } off, up to { $max }
coupon_claimable = Ready to claim
coupon_claimed = Claimed
coupon_used = Used
coupon_exhausted = All claimed
coupon_expired = Expired
coupon_not_started = Not started yet
coupon_ended = Ended
coupon_not_yours = Not available
min_spend = Minimum spend
no_min_spend = None
valid_for = Valid for
all_products = All products
some_products =
    { $count ->
        [one] { $n } selected product
       *[other] { $n } selected products
    }
claim_from = Claim from
claim_by = Claim by
usable = Can be used
days_after_claim =
    { $count ->
        [one] For { $n } day after claiming
       *[other] For { $n } days after claiming
    }
use_by = Use by
per_buyer = Per buyer
times =
    { $count ->
        [one] { $n } time
       *[other] { $n } times
    }
left = Left
coupons_few = Only { $number }
personal = Personal coupon
only_you = Only for you
