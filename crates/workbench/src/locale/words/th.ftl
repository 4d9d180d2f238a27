# Thai. What each message is for, and its variables, is told in ../words.rs.

## All cards

status = สถานะ
percentage = { $number }%
from_to = { $from } – { $to }
and_more = และอีก { $n } รายการ
name_and_more = { $name } และอีก { $n } รายการ
price_before = { $price } (ปกติ { $before })
price_each = ชิ้นละ { $price }

## What can be done, and what was

do_open = ดูรายละเอียด
do_confirm = ใช่ คำสั่งซื้อนี้
do_track = ติดตามพัสดุ
do_request_return = ขอคืนสินค้าหรือคืนเงิน
do_place_order = ซื้อเลย
do_claim = เก็บคูปอง
did_open = เปิดดูแล้ว
did_confirm = ยืนยันคำสั่งซื้อนี้แล้ว
did_track = เปิดดูการติดตามแล้ว
did_request_return = ยื่นคำขอคืนแล้ว
did_place_order = สั่งซื้อแล้ว
did_claim = เก็บคูปองแล้ว

## Orders

order = คำสั่งซื้อ { $id }
order_unpaid = รอชำระเงิน
order_on_hold = ชำระเงินแล้ว
order_awaiting_shipment = กำลังเตรียมจัดส่ง
order_partially_shipping = จัดส่งแล้วบางส่วน
order_awaiting_collection = แพ็กแล้ว รอขนส่งเข้ารับ
order_in_transit = อยู่ระหว่างจัดส่ง
order_delivered = จัดส่งสำเร็จ
order_completed = เสร็จสมบูรณ์
order_cancelled = ยกเลิกแล้ว
placed = สั่งซื้อเมื่อ
pay_by = ชำระเงินภายใน
ship_by = จัดส่งภายใน
hand_over_by = ส่งมอบให้ขนส่งภายใน
arrive_by = จัดส่งถึงภายใน
payment_was_due = เลยกำหนดชำระเงิน
shipping_was_due = เลยกำหนดจัดส่ง
hand_over_was_due = เลยกำหนดส่งมอบให้ขนส่ง
arrival_was_due = เลยกำหนดจัดส่งถึง
or_cancelled = { $time } มิฉะนั้นคำสั่งซื้อจะถูกยกเลิกโดยอัตโนมัติ
cancelled_on = ยกเลิกเมื่อ
cancelled_by_seller = { $time } โดยร้านค้า
cancelled_by_buyer = { $time } โดยผู้ซื้อ
cancelled_by_itself = { $time } โดยอัตโนมัติ
cancel_reason = เหตุผลที่ยกเลิก
payment_method = วิธีชำระเงิน
cash_on_delivery = เก็บเงินปลายทาง
buyer_message = ข้อความจากผู้ซื้อ
sub_total = ยอดรวมสินค้า
shipping_fee = ค่าจัดส่ง
tax = ภาษี
total = ยอดรวมทั้งหมด
discount = ส่วนลด (รวมในยอดแล้ว)
return_or_refund = คืนสินค้าหรือคืนเงิน

## Parcels

parcel = พัสดุของคำสั่งซื้อ { $id }
parcel_of = พัสดุชิ้นที่ { $number } จาก { $total } คำสั่งซื้อ { $id }
parcel_preparing = กำลังเตรียมพัสดุ
parcel_packing = กำลังแพ็ก
parcel_on_its_way = อยู่ระหว่างจัดส่ง
parcel_cancelled = ยกเลิกการจัดส่งแล้ว
tracking_pending = ยังไม่มีข้อมูลการติดตาม
tracking_info_received = ขนส่งได้รับข้อมูลแล้ว
tracking_out_for_delivery = กำลังนำจ่าย
tracking_attempt_fail = นำจ่ายไม่สำเร็จ
tracking_delivered = จัดส่งสำเร็จ
tracking_available_for_pickup = พร้อมให้ไปรับ
tracking_exception = มีปัญหาในการจัดส่ง
tracking_expired = ไม่มีความคืบหน้าจากขนส่งมาระยะหนึ่ง
latest_event = ความคืบหน้าล่าสุด
expected = คาดว่าจะได้รับ
was_expected = ล่าช้า เดิมคาดว่าจะได้รับ
delivered_on = จัดส่งถึงเมื่อ
carrier = ผู้ให้บริการขนส่ง
tracking_id = หมายเลขพัสดุ
delivery_option = ตัวเลือกการจัดส่ง
postal_code = รหัสไปรษณีย์
contents = จำนวนสินค้า
pieces = { $n } ชิ้น

## Returns and refunds

return_open = ยื่นคำขอได้
return_not_paid = คำสั่งซื้อยังไม่ได้ชำระเงิน
return_not_shipped = ยังไม่จัดส่ง สามารถยกเลิกคำสั่งซื้อแทนได้
return_not_delivered = สินค้ายังจัดส่งไม่ถึง
return_order_cancelled = คำสั่งซื้อถูกยกเลิกแล้ว
return_window_closed = หมดเวลายื่นคำขอแล้ว
return_already_requested = ยื่นคำขอครบทุกชิ้นแล้ว
request_by = ยื่นคำขอภายใน
refund = คืนเงิน
return_and_refund = คืนสินค้าและคืนเงิน
replacement = เปลี่ยนสินค้า
request_pending = รอร้านค้าตอบกลับ
request_rejected = คำขอถูกปฏิเสธ
request_ship_back = อนุมัติแล้ว โปรดส่งสินค้าคืน
request_shipped_back = สินค้ากำลังส่งกลับร้าน
request_parcel_rejected = ร้านค้าไม่รับสินค้าที่ส่งคืน
request_approved = อนุมัติแล้ว กำลังคืนเงิน
request_withdrawn = ยกเลิกคำขอแล้ว
request_refunded = คืนเงินแล้ว
request_awaiting_buyer = รอผู้ซื้อตอบกลับ
replacement_refunded = ไม่มีสินค้าให้เปลี่ยน คืนเงินแทนแล้ว
replacement_complete = เปลี่ยนสินค้าเรียบร้อยแล้ว
request_reason = เหตุผล
reason_no_need = ไม่ต้องการแล้ว
reason_not_match_description = ไม่ตรงตามรายละเอียด
reason_missing_product = ได้รับสินค้าไม่ครบ
reason_damaged = ได้รับสินค้าเสียหาย
reason_defective = สินค้าชำรุดหรือใช้งานไม่ได้
reason_wrong_product = ได้รับสินค้าผิด
reason_not_received = ไม่ได้รับสินค้า
requested_on = ยื่นคำขอเมื่อ
refund_total = ยอดเงินคืน
answer_by = ร้านค้าตอบกลับภายใน
shop_answer = คำตอบจากร้านค้า
return_tracking_id = หมายเลขพัสดุส่งคืน

## Products

price = ราคา
stock = สถานะสินค้า
stock_some = มีสินค้า
stock_few = เหลือเพียง { $n } ชิ้น
stock_none = สินค้าหมด
not_sold = ไม่พร้อมจำหน่าย

## Coupons

amount_off = ลด { $amount }
percent_off = ลด { $percent }
percent_off_up_to = ลด { $percent } สูงสุด { $max }
coupon_claimable = เก็บได้เลย
coupon_claimed = เก็บแล้ว
coupon_used = ใช้แล้ว
coupon_exhausted = ถูกเก็บหมดแล้ว
coupon_expired = หมดอายุแล้ว
coupon_not_started = ยังไม่เริ่ม
coupon_ended = ยุติแล้ว
coupon_not_yours = ใช้ไม่ได้
min_spend = ยอดซื้อขั้นต่ำ
no_min_spend = ไม่มีขั้นต่ำ
valid_for = ใช้ได้กับ
all_products = สินค้าทั้งร้าน
some_products = สินค้าที่ร่วมรายการ { $n } รายการ
claim_from = เก็บได้ตั้งแต่
claim_by = เก็บได้ถึง
usable = ระยะเวลาใช้งาน
days_after_claim = { $n } วันหลังจากเก็บ
use_by = ใช้ได้ถึง
per_buyer = ต่อผู้ซื้อหนึ่งคน
times = { $n } ครั้ง
left = คงเหลือ
coupons_few = เพียง { $number } ใบ
personal = คูปองส่วนตัว
only_you = สำหรับคุณเท่านั้น
