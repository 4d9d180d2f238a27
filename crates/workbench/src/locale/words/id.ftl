# Indonesian. What each message is for, and its variables, is told in ../words.rs.

## All cards

status = Status
percentage = { $number }%
from_to = { $from } – { $to }
and_more = dan { $n } barang lainnya
name_and_more = { $name } dan { $n } barang lainnya
price_before = { $price } (semula { $before })
price_each = { $price } per barang

## What can be done, and what was

do_open = Lihat detail
do_confirm = Ini pesanannya
do_track = Lacak paket
do_request_return = Ajukan pengembalian
do_place_order = Beli sekarang
do_claim = Klaim kupon
did_open = Dibuka
did_confirm = Pesanan dipastikan
did_track = Pelacakan dibuka
did_request_return = Pengembalian diajukan
did_place_order = Pesanan dibuat
did_claim = Kupon diklaim

## Orders

order = Pesanan { $id }
order_unpaid = Menunggu pembayaran
order_on_hold = Sudah dibayar
order_awaiting_shipment = Sedang disiapkan
order_partially_shipping = Dikirim sebagian
order_awaiting_collection = Sudah dikemas, menunggu kurir
order_in_transit = Dalam pengiriman
order_delivered = Sudah tiba
order_completed = Selesai
order_cancelled = Dibatalkan
placed = Waktu pemesanan
pay_by = Batas pembayaran
ship_by = Batas pengiriman
hand_over_by = Diserahkan ke kurir paling lambat
arrive_by = Tiba paling lambat
payment_was_due = Batas pembayaran terlewat
shipping_was_due = Seharusnya dikirim paling lambat
hand_over_was_due = Seharusnya diserahkan ke kurir paling lambat
arrival_was_due = Seharusnya tiba paling lambat
or_cancelled = { $time }, setelah itu pesanan otomatis dibatalkan
cancelled_on = Dibatalkan pada
cancelled_by_seller = { $time }, oleh toko
cancelled_by_buyer = { $time }, oleh pembeli
cancelled_by_itself = { $time }, secara otomatis
cancel_reason = Alasan pembatalan
payment_method = Metode pembayaran
cash_on_delivery = Bayar di tempat (COD)
buyer_message = Pesan dari pembeli
sub_total = Subtotal
shipping_fee = Ongkos kirim
tax = Pajak
total = Total
discount = Diskon, sudah termasuk
return_or_refund = Pengembalian barang atau dana

## Parcels

parcel = Paket pesanan { $id }
parcel_of = Paket { $number } dari { $total }, pesanan { $id }
parcel_preparing = Sedang disiapkan
parcel_packing = Sedang dikemas
parcel_on_its_way = Dalam pengiriman
parcel_cancelled = Pengiriman dibatalkan
tracking_pending = Belum ada info pelacakan
tracking_info_received = Kurir sudah menerima data kiriman
tracking_out_for_delivery = Sedang diantar kurir
tracking_attempt_fail = Pengantaran gagal
tracking_delivered = Sudah tiba
tracking_available_for_pickup = Siap diambil
tracking_exception = Ada kendala pengiriman
tracking_expired = Belum ada kabar baru dari kurir
latest_event = Info terbaru
expected = Perkiraan tiba
was_expected = Terlambat, semula diperkirakan tiba
delivered_on = Tiba pada
carrier = Kurir
tracking_id = Nomor resi
delivery_option = Opsi pengiriman
postal_code = Kode pos
contents = Isi paket
pieces = { $n } barang

## Returns and refunds

return_open = Bisa diajukan
return_not_paid = Pesanan belum dibayar
return_not_shipped = Belum dikirim; pesanan masih bisa dibatalkan
return_not_delivered = Pesanan belum tiba
return_order_cancelled = Pesanan sudah dibatalkan
return_window_closed = Batas waktu pengajuan sudah lewat
return_already_requested = Sudah diajukan untuk semua barang
request_by = Ajukan paling lambat
refund = Pengembalian dana
return_and_refund = Pengembalian barang dan dana
replacement = Penukaran barang
request_pending = Menunggu jawaban toko
request_rejected = Pengajuan ditolak
request_ship_back = Disetujui; barang perlu dikirim kembali
request_shipped_back = Barang dalam perjalanan kembali ke toko
request_parcel_rejected = Barang yang dikembalikan tidak diterima
request_approved = Disetujui; dana sedang dikembalikan
request_withdrawn = Pengajuan dibatalkan
request_refunded = Dana sudah dikembalikan
request_awaiting_buyer = Menunggu jawaban pembeli
replacement_refunded = Barang pengganti tidak tersedia; dana dikembalikan
replacement_complete = Barang sudah ditukar
request_reason = Alasan
reason_no_need = Tidak dibutuhkan lagi
reason_not_match_description = Tidak sesuai deskripsi
reason_missing_product = Ada barang yang kurang
reason_damaged = Rusak saat diterima
reason_defective = Cacat atau tidak berfungsi
reason_wrong_product = Barang yang diterima salah
reason_not_received = Tidak diterima
requested_on = Diajukan pada
refund_total = Jumlah dana dikembalikan
answer_by = Toko menjawab paling lambat
shop_answer = Jawaban toko
return_tracking_id = Nomor resi pengembalian

## Products

price = Harga
stock = Ketersediaan
stock_some = Tersedia
stock_few = Sisa { $n }
stock_none = Stok habis
not_sold = Tidak tersedia

## Coupons

amount_off = Diskon { $amount }
percent_off = Diskon { $percent }
percent_off_up_to = Diskon { $percent }, maksimal { $max }
coupon_claimable = Bisa diklaim
coupon_claimed = Sudah diklaim
coupon_used = Sudah dipakai
coupon_exhausted = Sudah habis
coupon_expired = Kedaluwarsa
coupon_not_started = Belum dimulai
coupon_ended = Sudah dihentikan
coupon_not_yours = Tidak tersedia
min_spend = Minimum belanja
no_min_spend = Tanpa minimum
valid_for = Berlaku untuk
all_products = Semua produk
some_products = { $n } produk pilihan
claim_from = Bisa diklaim mulai
claim_by = Klaim paling lambat
usable = Masa berlaku
days_after_claim = { $n } hari setelah diklaim
use_by = Pakai paling lambat
per_buyer = Per pembeli
times = { $n } kali
left = Sisa
coupons_few = Hanya { $number }
personal = Kupon pribadi
only_you = Khusus untuk Anda
