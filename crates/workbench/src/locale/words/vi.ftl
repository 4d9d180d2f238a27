# Vietnamese. What each message is for, and its variables, is told in ../words.rs.

## All cards

status = Trạng thái
percentage = { $number }%
from_to = { $from } – { $to }
and_more = và { $n } sản phẩm khác
name_and_more = { $name } và { $n } sản phẩm khác
price_before = { $price } (giá gốc { $before })
price_each = { $price }/sản phẩm

## What can be done, and what was

do_open = Xem chi tiết
do_confirm = Đúng đơn này
do_track = Theo dõi kiện hàng
do_request_return = Yêu cầu trả hàng hoặc hoàn tiền
do_place_order = Mua ngay
do_claim = Nhận mã giảm giá
did_open = Đã mở
did_confirm = Đã xác nhận đúng đơn
did_track = Đã mở theo dõi
did_request_return = Đã gửi yêu cầu trả hàng hoặc hoàn tiền
did_place_order = Đã đặt hàng
did_claim = Đã nhận mã

## Orders

order = Đơn hàng { $id }
order_unpaid = Chờ thanh toán
order_on_hold = Đã thanh toán
order_awaiting_shipment = Đang chuẩn bị hàng
order_partially_shipping = Đã gửi một phần
order_awaiting_collection = Đã đóng gói, chờ lấy hàng
order_in_transit = Đang vận chuyển
order_delivered = Đã giao
order_completed = Hoàn thành
order_cancelled = Đã hủy
placed = Thời gian đặt hàng
pay_by = Hạn thanh toán
ship_by = Hạn gửi hàng
hand_over_by = Hạn bàn giao vận chuyển
arrive_by = Hạn giao đến nơi
payment_was_due = Quá hạn thanh toán từ
shipping_was_due = Quá hạn gửi hàng từ
hand_over_was_due = Quá hạn bàn giao vận chuyển từ
arrival_was_due = Quá hạn giao đến nơi từ
or_cancelled = { $time }, quá hạn đơn hàng sẽ tự động bị hủy
cancelled_on = Thời gian hủy
cancelled_by_seller = { $time }, do cửa hàng hủy
cancelled_by_buyer = { $time }, do người mua hủy
cancelled_by_itself = { $time }, tự động hủy
cancel_reason = Lý do hủy
payment_method = Phương thức thanh toán
cash_on_delivery = Thanh toán khi nhận hàng
buyer_message = Lời nhắn của người mua
sub_total = Tổng tiền hàng
shipping_fee = Phí vận chuyển
tax = Thuế
total = Tổng cộng
discount = Giảm giá (đã trừ)
return_or_refund = Trả hàng hoặc hoàn tiền

## Parcels

parcel = Kiện hàng của đơn { $id }
parcel_of = Kiện hàng { $number }/{ $total }, đơn { $id }
parcel_preparing = Đang chuẩn bị
parcel_packing = Đang đóng gói
parcel_on_its_way = Đang vận chuyển
parcel_cancelled = Đã hủy giao hàng
tracking_pending = Chưa có thông tin vận chuyển
tracking_info_received = Đơn vị vận chuyển đã nhận thông tin
tracking_out_for_delivery = Đang giao hàng
tracking_attempt_fail = Giao hàng không thành công
tracking_delivered = Đã giao
tracking_available_for_pickup = Chờ bạn đến nhận
tracking_exception = Vận chuyển gặp sự cố
tracking_expired = Lâu chưa có tin từ đơn vị vận chuyển
latest_event = Cập nhật mới nhất
expected = Dự kiến giao
was_expected = Giao trễ, dự kiến ban đầu
delivered_on = Giao lúc
carrier = Đơn vị vận chuyển
tracking_id = Mã vận đơn
delivery_option = Hình thức giao hàng
postal_code = Mã bưu chính
contents = Số lượng
pieces = { $n } sản phẩm

## Returns and refunds

return_open = Có thể gửi yêu cầu
return_not_paid = Đơn chưa thanh toán
return_not_shipped = Chưa gửi hàng, có thể hủy đơn
return_not_delivered = Đơn chưa được giao
return_order_cancelled = Đơn đã bị hủy
return_window_closed = Đã hết thời hạn gửi yêu cầu
return_already_requested = Đã gửi yêu cầu cho mọi sản phẩm
request_by = Hạn gửi yêu cầu
refund = Hoàn tiền
return_and_refund = Trả hàng và hoàn tiền
replacement = Đổi hàng
request_pending = Chờ cửa hàng phản hồi
request_rejected = Yêu cầu bị từ chối
request_ship_back = Đã chấp thuận, chờ gửi trả hàng
request_shipped_back = Hàng đang được gửi trả
request_parcel_rejected = Hàng trả không được chấp nhận
request_approved = Đã chấp thuận, đang hoàn tiền
request_withdrawn = Đã rút yêu cầu
request_refunded = Đã hoàn tiền
request_awaiting_buyer = Chờ người mua phản hồi
replacement_refunded = Không còn hàng để đổi, đã hoàn tiền
replacement_complete = Đã đổi hàng
request_reason = Lý do
reason_no_need = Không còn nhu cầu
reason_not_match_description = Không đúng mô tả
reason_missing_product = Thiếu hàng
reason_damaged = Hàng bị hư hỏng khi nhận
reason_defective = Hàng bị lỗi
reason_wrong_product = Giao sai hàng
reason_not_received = Chưa nhận được hàng
requested_on = Thời gian yêu cầu
refund_total = Số tiền hoàn
answer_by = Hạn cửa hàng phản hồi
shop_answer = Phản hồi của cửa hàng
return_tracking_id = Mã vận đơn trả hàng

## Products

price = Giá
stock = Tình trạng
stock_some = Còn hàng
stock_few = Chỉ còn { $n } sản phẩm
stock_none = Hết hàng
not_sold = Hiện không bán

## Coupons

amount_off = Giảm { $amount }
percent_off = Giảm { $percent }
percent_off_up_to = Giảm { $percent }, tối đa { $max }
coupon_claimable = Có thể nhận
coupon_claimed = Đã nhận
coupon_used = Đã dùng
coupon_exhausted = Đã hết lượt
coupon_expired = Đã hết hạn
coupon_not_started = Chưa bắt đầu
coupon_ended = Đã kết thúc
coupon_not_yours = Không khả dụng
min_spend = Đơn tối thiểu
no_min_spend = Không yêu cầu
valid_for = Áp dụng cho
all_products = Tất cả sản phẩm
some_products = { $n } sản phẩm được chọn
claim_from = Nhận mã từ
claim_by = Hạn nhận mã
usable = Thời gian sử dụng
days_after_claim = { $n } ngày kể từ khi nhận
use_by = Hạn dùng
per_buyer = Mỗi người mua
times = { $n } lần
left = Còn lại
coupons_few = Chỉ { $number } mã
personal = Mã dành riêng
only_you = Chỉ dành cho bạn
