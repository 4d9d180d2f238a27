# Spanish, in words that Spain and Latin America share. What each message is for, and its variables, is told in ../words.rs.

## All cards

status = Estado
percentage = { $number } %
from_to = { $from } – { $to }
and_more =
    { $count ->
        [one] y { $n } artículo más
       *[other] y { $n } artículos más
    }
name_and_more =
    { $count ->
        [one] { $name } y { $n } artículo más
       *[other] { $name } y { $n } artículos más
    }
price_before = { $price } (antes { $before })
price_each = { $price } cada uno

## What can be done, and what was

do_open = Ver detalles
do_confirm = Es este pedido
do_track = Seguir el paquete
do_request_return = Solicitar devolución o reembolso
do_place_order = Comprar ahora
do_claim = Obtener cupón
did_open = Abierto
did_confirm = Pedido confirmado
did_track = Seguimiento abierto
did_request_return = Devolución o reembolso solicitado
did_place_order = Pedido realizado
did_claim = Cupón obtenido

## Orders

order = Pedido { $id }
order_unpaid = Pendiente de pago
order_on_hold = Pagado
order_awaiting_shipment = Preparando el envío
order_partially_shipping = Parcialmente enviado
order_awaiting_collection = Empaquetado, a la espera del transportista
order_in_transit = En camino
order_delivered = Entregado
order_completed = Completado
order_cancelled = Cancelado
placed = Fecha del pedido
pay_by = Fecha límite de pago
ship_by = Fecha límite de envío
hand_over_by = Entrega al transportista a más tardar
arrive_by = Llega a más tardar
payment_was_due = Pago vencido desde
shipping_was_due = Debía enviarse a más tardar
hand_over_was_due = Debía entregarse al transportista a más tardar
arrival_was_due = Debía llegar a más tardar
or_cancelled = { $time }; después, el pedido se cancela automáticamente
cancelled_on = Cancelado el
cancelled_by_seller = { $time }, por la tienda
cancelled_by_buyer = { $time }, por el comprador
cancelled_by_itself = { $time }, automáticamente
cancel_reason = Motivo de la cancelación
payment_method = Forma de pago
cash_on_delivery = Pago contra entrega
buyer_message = Mensaje del comprador
sub_total = Subtotal
shipping_fee = Envío
tax = Impuestos
total = Total
discount = Descuentos ya incluidos
return_or_refund = Devolución o reembolso

## Parcels

parcel = Paquete del pedido { $id }
parcel_of = Paquete { $number } de { $total }, pedido { $id }
parcel_preparing = En preparación
parcel_packing = En proceso de empaquetado
parcel_on_its_way = En camino
parcel_cancelled = Envío cancelado
tracking_pending = Aún sin información de seguimiento
tracking_info_received = Transportista avisado
tracking_out_for_delivery = En reparto
tracking_attempt_fail = Intento de entrega fallido
tracking_delivered = Entregado
tracking_available_for_pickup = Listo para recoger
tracking_exception = Incidencia en la entrega
tracking_expired = Sin noticias recientes del transportista
latest_event = Última actualización
expected = Entrega estimada
was_expected = Con retraso, se esperaba para
delivered_on = Entregado el
carrier = Transportista
tracking_id = Número de seguimiento
delivery_option = Opción de envío
postal_code = Código postal
contents = Contenido
pieces =
    { $count ->
        [one] { $n } artículo
       *[other] { $n } artículos
    }

## Returns and refunds

return_open = Se puede solicitar
return_not_paid = Pedido aún sin pagar
return_not_shipped = Aún sin enviar; el pedido se puede cancelar
return_not_delivered = Pedido aún sin entregar
return_order_cancelled = El pedido fue cancelado
return_window_closed = El plazo para solicitarlo ha terminado
return_already_requested = Ya solicitado para todos los artículos
request_by = Solicitar a más tardar
refund = Reembolso
return_and_refund = Devolución y reembolso
replacement = Cambio
request_pending = Pendiente de respuesta de la tienda
request_rejected = Solicitud rechazada
request_ship_back = Aprobada; faltan por devolver los artículos
request_shipped_back = Artículos en camino a la tienda
request_parcel_rejected = Artículos devueltos no aceptados
request_approved = Aprobada; reembolso en curso
request_withdrawn = Solicitud retirada
request_refunded = Reembolsado
request_awaiting_buyer = Pendiente de respuesta del comprador
replacement_refunded = Sin artículo de cambio; importe reembolsado
replacement_complete = Cambio completado
request_reason = Motivo
reason_no_need = Ya no se necesita
reason_not_match_description = No coincide con la descripción
reason_missing_product = Falta algo
reason_damaged = Llegó dañado
reason_defective = Defectuoso
reason_wrong_product = Artículo equivocado
reason_not_received = No recibido
requested_on = Solicitado el
refund_total = Importe del reembolso
answer_by = La tienda responde a más tardar
shop_answer = Respuesta de la tienda
return_tracking_id = Número de seguimiento de la devolución

## Products

price = Precio
stock = Disponibilidad
stock_some = Disponible
stock_few =
    { $count ->
        [one] Solo queda { $n }
       *[other] Solo quedan { $n }
    }
stock_none = Agotado
not_sold = No disponible

## Coupons

amount_off = { $amount } de descuento
percent_off = { $percent } de descuento
percent_off_up_to = { $percent } de descuento, hasta { $max }
coupon_claimable = Disponible
coupon_claimed = Obtenido
coupon_used = Usado
coupon_exhausted = Agotado
coupon_expired = Expirado
coupon_not_started = Aún no ha empezado
coupon_ended = Finalizado
coupon_not_yours = No disponible
min_spend = Compra mínima
no_min_spend = Sin mínimo
valid_for = Válido para
all_products = Todos los productos
some_products =
    { $count ->
        [one] { $n } producto seleccionado
       *[other] { $n } productos seleccionados
    }
claim_from = Disponible desde
claim_by = Disponible hasta
usable = Vigencia
days_after_claim =
    { $count ->
        [one] { $n } día desde que se obtiene
       *[other] { $n } días desde que se obtiene
    }
use_by = Usar a más tardar
per_buyer = Por comprador
times =
    { $count ->
        [one] { $n } vez
       *[other] { $n } veces
    }
left = Restantes
coupons_few = Solo { $number }
personal = Cupón personal
only_you = Solo para ti
