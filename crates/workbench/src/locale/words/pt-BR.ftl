# Portuguese (Brazil). What each message is for, and its variables, is told in ../words.rs.

## All cards

status = Status
percentage = { $number }%
from_to = { $from } – { $to }
and_more =
    { $count ->
        [one] e mais { $n } item
       *[other] e mais { $n } itens
    }
name_and_more =
    { $count ->
        [one] { $name } e mais { $n } item
       *[other] { $name } e mais { $n } itens
    }
price_before = { $price } (antes { $before })
price_each = { $price } cada

## What can be done, and what was

do_open = Ver detalhes
do_confirm = É este pedido
do_track = Rastrear pacote
do_request_return = Solicitar devolução ou reembolso
do_place_order = Comprar agora
do_claim = Resgatar cupom
did_open = Aberto
did_confirm = Pedido confirmado
did_track = Rastreio aberto
did_request_return = Devolução ou reembolso solicitado
did_place_order = Pedido feito
did_claim = Cupom resgatado

## Orders

order = Pedido { $id }
order_unpaid = Aguardando pagamento
order_on_hold = Pago
order_awaiting_shipment = Preparando envio
order_partially_shipping = Parcialmente enviado
order_awaiting_collection = Embalado, aguardando coleta
order_in_transit = A caminho
order_delivered = Entregue
order_completed = Concluído
order_cancelled = Cancelado
placed = Data do pedido
pay_by = Prazo de pagamento
ship_by = Prazo de envio
hand_over_by = Com a transportadora até
arrive_by = Chega até
payment_was_due = Pagamento vencido em
shipping_was_due = Deveria ter sido enviado até
hand_over_was_due = Deveria estar com a transportadora até
arrival_was_due = Deveria ter chegado até
or_cancelled = { $time }; depois disso, o pedido é cancelado automaticamente
cancelled_on = Cancelado em
cancelled_by_seller = { $time }, pela loja
cancelled_by_buyer = { $time }, pelo comprador
cancelled_by_itself = { $time }, automaticamente
cancel_reason = Motivo do cancelamento
payment_method = Forma de pagamento
cash_on_delivery = Pagamento na entrega
buyer_message = Mensagem do comprador
sub_total = Subtotal
shipping_fee = Frete
tax = Impostos
total = Total
discount = Descontos já incluídos
return_or_refund = Devolução ou reembolso

## Parcels

parcel = Pacote do pedido { $id }
parcel_of = Pacote { $number } de { $total }, pedido { $id }
parcel_preparing = Em preparação
parcel_packing = Sendo embalado
parcel_on_its_way = A caminho
parcel_cancelled = Envio cancelado
tracking_pending = Ainda sem informações de rastreio
tracking_info_received = Transportadora informada
tracking_out_for_delivery = Saiu para entrega
tracking_attempt_fail = Tentativa de entrega sem sucesso
tracking_delivered = Entregue
tracking_available_for_pickup = Disponível para retirada
tracking_exception = Problema na entrega
tracking_expired = Sem notícias recentes da transportadora
latest_event = Última atualização
expected = Previsão de entrega
was_expected = Atrasado, previsto para
delivered_on = Entregue em
carrier = Transportadora
tracking_id = Código de rastreio
delivery_option = Opção de entrega
postal_code = CEP
contents = Conteúdo
pieces =
    { $count ->
        [one] { $n } item
       *[other] { $n } itens
    }

## Returns and refunds

return_open = Disponível para solicitação
return_not_paid = Pedido ainda não pago
return_not_shipped = Ainda não enviado; o pedido pode ser cancelado
return_not_delivered = Pedido ainda não entregue
return_order_cancelled = O pedido foi cancelado
return_window_closed = O prazo para solicitar terminou
return_already_requested = Já solicitado para todos os itens
request_by = Solicitar até
refund = Reembolso
return_and_refund = Devolução e reembolso
replacement = Troca
request_pending = Aguardando resposta da loja
request_rejected = Solicitação recusada
request_ship_back = Aprovada; itens a devolver
request_shipped_back = Itens a caminho da loja
request_parcel_rejected = Itens devolvidos não aceitos
request_approved = Aprovada; reembolso a caminho
request_withdrawn = Solicitação cancelada
request_refunded = Reembolsado
request_awaiting_buyer = Aguardando resposta do comprador
replacement_refunded = Sem item para troca; valor reembolsado
replacement_complete = Troca concluída
request_reason = Motivo
reason_no_need = Não é mais necessário
reason_not_match_description = Diferente do anunciado
reason_missing_product = Faltam itens
reason_damaged = Chegou danificado
reason_defective = Com defeito
reason_wrong_product = Item errado
reason_not_received = Não recebido
requested_on = Solicitado em
refund_total = Valor do reembolso
answer_by = Resposta da loja até
shop_answer = Resposta da loja
return_tracking_id = Código de rastreio da devolução

## Products

price = Preço
stock = Disponibilidade
stock_some = Em estoque
stock_few =
    { $count ->
        [one] Só resta { $n }
       *[other] Só restam { $n }
    }
stock_none = Esgotado
not_sold = Indisponível

## Coupons

amount_off = { $amount } de desconto
percent_off = { $percent } de desconto
percent_off_up_to = { $percent } de desconto, até { $max }
coupon_claimable = Disponível para resgate
coupon_claimed = Resgatado
coupon_used = Usado
coupon_exhausted = Esgotado
coupon_expired = Expirado
coupon_not_started = Ainda não começou
coupon_ended = Encerrado
coupon_not_yours = Indisponível
min_spend = Compra mínima
no_min_spend = Sem valor mínimo
valid_for = Válido para
all_products = Todos os produtos
some_products =
    { $count ->
        [one] { $n } produto selecionado
       *[other] { $n } produtos selecionados
    }
claim_from = Resgate a partir de
claim_by = Resgate até
usable = Validade
days_after_claim =
    { $count ->
        [one] Por { $n } dia após o resgate
       *[other] Por { $n } dias após o resgate
    }
use_by = Usar até
per_buyer = Por comprador
times =
    { $count ->
        [one] { $n } vez
       *[other] { $n } vezes
    }
left = Restantes
coupons_few = Só { $number }
personal = Cupom pessoal
only_you = Só para você
