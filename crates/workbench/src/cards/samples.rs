//! A fictional shop in each language, for the tests of cards.

use std::sync::LazyLock;

use deskwire_protocol::{
    Timestamp, UserId,
    card::{ActionName, CardAct},
    coupon::{
        Claim, ClaimDuration, Coupon, CouponStatus, Discount, DiscountType, DisplayType, Issue, ProductScope,
        RedemptionDuration, RedemptionType, Threshold, ThresholdType, UsageLimits,
    },
    ids::{CouponId, LineItemId, OrderId, PackageId, ProductId, ReturnId, ShopId, SkuId},
    logistics::{Package, PackageStatus, PackedItem, TrackingCode, TrackingEvent},
    money::{Currency, Money},
    order::{
        CancellationInitiator, Deadlines, Editor, EditorKind, LineItem, Order, OrderStatus, Payment,
        RecipientAddress, ReturnState, SellerNote,
    },
    product::{Product, ProductStatus, Sku, SkuPrice},
    returns::{
        RefundAmount, Return, ReturnLineItem, ReturnReason, ReturnRecord, ReturnRole, ReturnStatus,
        ReturnType, SellerAction, SellerNextAction,
    },
};

use super::{LinkTemplates, Links, Rendering};
use crate::locale::{Locale, Speech, Speeches, Zone};

pub(super) const HOUR: i64 = 3_600_000;
pub(super) const DAY: i64 = 24 * HOUR;

/// Thursday, 12 November 2026, 11:05 UTC.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_794_481_500_000);

pub(super) const fn at(after: i64) -> Timestamp {
    Timestamp::from_millis(NOW.millis() + after)
}

pub(super) static SPEECHES: LazyLock<Speeches> = LazyLock::new(|| Speeches::load().unwrap());

pub(super) fn speech(locale: Locale) -> &'static Speech {
    SPEECHES.of(locale)
}

/// What is not the same in every shop.
pub(super) struct Shop {
    pub(super) locale: Locale,
    pub(super) id: ShopId,
    pub(super) zone: Zone,
    pub(super) links: Links,
    /// Amounts are in dollars, near enough.
    pub(super) currency: Currency,
    rate: i64,
    names: [&'static str; 4],
    carrier: &'static str,
    event: [&'static str; 2],
    words: [&'static str; 3],
}

impl Shop {
    pub(super) fn of(locale: Locale) -> Self {
        let (zone, currency, rate, names, carrier, event, words) = match locale {
            Locale::English => (
                "America/New_York",
                "USD",
                100,
                ["Linen shirt", "Wool socks", "White / M", "Blue / L"],
                "Northwind Express",
                ["Departed the sorting center", "Newark, NJ"],
                ["Please gift-wrap it", "The seam has come undone", "Please add a photo of the seam"],
            ),
            Locale::Portuguese => (
                "America/Sao_Paulo",
                "BRL",
                500,
                ["Camisa de linho", "Meias de lã", "Branca / M", "Azul / G"],
                "Vento Norte Entregas",
                ["Objeto saiu do centro de distribuição", "Cajamar, SP"],
                [
                    "Embrulhar para presente, por favor",
                    "A costura abriu",
                    "Envie uma foto da costura, por favor",
                ],
            ),
            Locale::Indonesian => (
                "Asia/Jakarta",
                "IDR",
                1_600_000,
                ["Kemeja linen", "Kaus kaki wol", "Putih / M", "Biru / L"],
                "Kurir Angin Utara",
                ["Paket keluar dari gudang sortir", "Cakung, Jakarta Timur"],
                ["Tolong dibungkus kado", "Jahitannya lepas", "Mohon lampirkan foto jahitannya"],
            ),
            Locale::Thai => (
                "Asia/Bangkok",
                "THB",
                3_500,
                ["เสื้อเชิ้ตลินิน", "ถุงเท้าขนสัตว์", "ขาว / M", "น้ำเงิน / L"],
                "ลมเหนือเอ็กซ์เพรส",
                ["พัสดุออกจากศูนย์คัดแยก", "บางพลี สมุทรปราการ"],
                ["ช่วยห่อของขวัญด้วย", "ตะเข็บหลุด", "กรุณาแนบรูปตะเข็บ"],
            ),
            Locale::Vietnamese => (
                "Asia/Ho_Chi_Minh",
                "VND",
                25_000,
                ["Áo sơ mi lanh", "Tất len", "Trắng / M", "Xanh / L"],
                "Gió Bắc Express",
                ["Đơn hàng rời kho phân loại", "Củ Chi, TP. Hồ Chí Minh"],
                ["Gói quà giúp mình nhé", "Đường may bị bung", "Vui lòng gửi ảnh đường may"],
            ),
            Locale::Spanish => (
                "Europe/Madrid",
                "EUR",
                100,
                ["Camisa de lino", "Calcetines de lana", "Blanca / M", "Azul / L"],
                "Viento Norte Exprés",
                ["El envío ha salido del centro logístico", "Getafe, Madrid"],
                [
                    "Para regalo, por favor",
                    "La costura se ha abierto",
                    "Envía una foto de la costura, por favor",
                ],
            ),
            Locale::SpanishMexico => (
                "America/Mexico_City",
                "MXN",
                1_800,
                ["Camisa de lino", "Calcetines de lana", "Blanca / M", "Azul / G"],
                "Viento Norte Exprés",
                ["El envío salió del centro de distribución", "Cuautitlán, Edo. Méx."],
                ["Para regalo, por favor", "La costura se abrió", "Envía una foto de la costura, por favor"],
            ),
        };
        let links = LinkTemplates {
            order_detail: "https://shop.example/orders/{order_id}".into(),
            ..LinkTemplates::default()
        };
        Self {
            locale,
            id: ShopId::new("s-1").unwrap(),
            zone: Zone::named(zone).unwrap(),
            links: Links::new(&links).unwrap(),
            currency: currency.parse().unwrap(),
            rate,
            names,
            carrier,
            event,
            words,
        }
    }

    pub(super) fn rendering<'a>(&'a self, now: Timestamp, acts: &'a [CardAct]) -> Rendering<'a> {
        Rendering {
            speech: speech(self.locale),
            zone: &self.zone,
            now,
            shop_id: &self.id,
            links: &self.links,
            acts,
        }
    }

    /// So many tenths of a dollar.
    pub(super) fn money(&self, tenths: i64) -> Money {
        Money::new(tenths * self.rate / 10, self.currency)
    }

    fn line_item(&self, number: usize, tenths: i64, quantity: u32) -> LineItem {
        LineItem {
            id: LineItemId::new(format!("l-{number}")).unwrap(),
            product_id: ProductId::new(format!("p-{number}")).unwrap(),
            product_name: self.names[number - 1].into(),
            sku_id: SkuId::new(format!("sku-{number}")).unwrap(),
            sku_name: Some(self.names[number + 1].into()),
            seller_sku: Some("INTERNAL-7".into()),
            sku_image: Some(format!("https://img.example/{number}.jpg")),
            original_price: None,
            sale_price: self.money(tenths),
            quantity,
        }
    }

    pub(super) fn order(&self, status: OrderStatus) -> Order {
        let line_items = vec![self.line_item(1, 299, 1), self.line_item(2, 75, 2)];
        Order {
            id: OrderId::new("576461413038785752").unwrap(),
            status,
            create_time: at(-26 * HOUR),
            update_time: at(-HOUR),
            user_id: UserId::new("b-1").unwrap(),
            paid_time: None,
            delivery_time: None,
            buyer_message: Some(self.words[0].into()),
            cancel_reason: None,
            cancellation_initiator: None,
            cancel_time: None,
            payment_method_name: Some("Visa •••• 4242".into()),
            is_cod: false,
            payment: Payment {
                currency: self.currency,
                sub_total: self.money(449),
                shipping_fee: self.money(20),
                original_shipping_fee: Some(self.money(50)),
                seller_discount: Some(self.money(30)),
                platform_discount: None,
                tax: self.money(36),
                total_amount: self.money(505),
            },
            recipient_address: Some(RecipientAddress {
                name: "SECRET Name".into(),
                phone_number: Some("SECRET +1 555 0100".into()),
                full_address: "SECRET Street 1".into(),
                postal_code: Some("12345".into()),
                region_code: Some("US".into()),
            }),
            delivery_option_name: None,
            shipping_provider: None,
            tracking_number: None,
            line_items,
            deadlines: Deadlines::default(),
            reminder: None,
            pending_actions: Vec::new(),
            seller_note: Some(SellerNote {
                text: "SECRET note".into(),
                version: 1,
                editor: Editor { kind: EditorKind::Agent, id: "a-1".into(), name: "SECRET agent".into() },
                update_time: at(-HOUR),
            }),
            packages: Vec::new(),
            returns: Vec::new(),
            links: None,
        }
    }

    pub(super) fn cancelled(&self) -> Order {
        Order {
            cancel_reason: Some(self.words[1].into()),
            cancellation_initiator: Some(CancellationInitiator::Buyer),
            cancel_time: Some(at(-2 * HOUR)),
            ..self.order(OrderStatus::Cancelled)
        }
    }

    pub(super) fn unpaid(&self) -> Order {
        let deadlines = Deadlines { payment_due_time: Some(at(5 * HOUR)), ..Deadlines::default() };
        Order { deadlines, ..self.order(OrderStatus::Unpaid) }
    }

    pub(super) fn on_its_way(&self) -> Order {
        Order {
            packages: self.packages(),
            returns: vec![ReturnState {
                return_id: ReturnId::new("r-1").unwrap(),
                return_status: ReturnStatus::ReturnOrRefundRequestPending,
                update_time: at(-HOUR),
            }],
            shipping_provider: Some(self.carrier.into()),
            tracking_number: Some("NW123456789".into()),
            ..self.order(OrderStatus::InTransit)
        }
    }

    fn package(&self, number: usize, status: PackageStatus, tracking: Vec<TrackingEvent>) -> Package {
        Package {
            id: PackageId::new(format!("k-{number}")).unwrap(),
            order_id: OrderId::new("576461413038785752").unwrap(),
            status,
            update_time: at(-HOUR),
            shipping_provider: Some(self.carrier.into()),
            tracking_number: Some("NW123456789".into()),
            delivery_option_name: None,
            predict_delivery_time_min: Some(at(2 * DAY)),
            predict_delivery_time_max: Some(at(4 * DAY)),
            postal_code: Some("12345".into()),
            line_items: vec![PackedItem { id: LineItemId::new(format!("l-{number}")).unwrap(), quantity: 2 }],
            tracking,
        }
    }

    pub(super) fn event(&self, code: TrackingCode, after: i64) -> TrackingEvent {
        TrackingEvent {
            code,
            description: self.event[0].into(),
            location: Some(self.event[1].into()),
            update_time: at(after),
        }
    }

    /// One is being packed, the other on its way.
    pub(super) fn packages(&self) -> Vec<Package> {
        vec![
            self.package(1, PackageStatus::Processing, Vec::new()),
            self.package(
                2,
                PackageStatus::Fulfilling,
                vec![
                    self.event(TrackingCode::InTransit, -HOUR),
                    self.event(TrackingCode::InfoReceived, -DAY),
                ],
            ),
        ]
    }

    pub(super) fn request(&self, return_type: ReturnType, return_status: ReturnStatus) -> Return {
        Return {
            return_id: ReturnId::new("r-1").unwrap(),
            order_id: OrderId::new("576461413038785752").unwrap(),
            return_type,
            return_status,
            return_reason: ReturnReason::Damaged,
            return_reason_text: Some(self.words[1].into()),
            role: ReturnRole::Buyer,
            create_time: at(-2 * HOUR),
            update_time: at(-HOUR),
            refund_amount: RefundAmount {
                currency: self.currency,
                refund_subtotal: self.money(299),
                refund_shipping_fee: self.money(0),
                refund_tax: self.money(0),
                refund_total: self.money(299),
            },
            return_tracking_number: None,
            return_line_items: vec![ReturnLineItem {
                order_line_item_id: LineItemId::new("l-1").unwrap(),
                sku_id: SkuId::new("sku-1").unwrap(),
                product_name: self.names[0].into(),
                quantity: 1,
            }],
            records: Vec::new(),
            seller_next_action_response: vec![SellerNextAction {
                action: SellerAction::Approve,
                deadline: at(46 * HOUR),
            }],
            link: None,
        }
    }

    pub(super) fn rejected(&self) -> Return {
        let status = ReturnStatus::RefundOrReturnRequestReject;
        Return {
            records: vec![ReturnRecord {
                event: status,
                role: ReturnRole::Seller,
                description: "SECRET description".into(),
                note: Some("SECRET note".into()),
                reason_text: Some(self.words[2].into()),
                images: Vec::new(),
                create_time: at(-HOUR),
            }],
            ..self.request(ReturnType::Refund, status)
        }
    }

    /// Of a variant for each stock.
    pub(super) fn product(&self, stock: &[u32]) -> Product {
        let sku = |(number, inventory): (usize, &u32)| Sku {
            id: SkuId::new(format!("sku-{number}")).unwrap(),
            seller_sku: Some("INTERNAL-7".into()),
            name: self.names[2 + number % 2].into(),
            price: SkuPrice {
                currency: self.currency,
                sale_price: self.money(299 + 50 * i64::try_from(number).unwrap()),
                original_price: (number == 0).then(|| self.money(399)),
            },
            inventory: *inventory,
            quantity: None,
            status: ProductStatus::Activate,
        };
        Product {
            id: ProductId::new("p-1").unwrap(),
            title: self.names[0].into(),
            main_image: Some("https://img.example/1.jpg".into()),
            description: None,
            category: None,
            status: ProductStatus::Activate,
            update_time: at(-DAY),
            skus: stock.iter().enumerate().map(sku).collect(),
            price_range: None,
            stock: 0,
            link: None,
        }
    }

    /// Off 12.5 % to a limit, from a minimum, for everyone.
    pub(super) fn coupon(&self) -> Coupon {
        Coupon {
            id: CouponId::new("c-1").unwrap(),
            title: "11.11".into(),
            status: CouponStatus::Ongoing,
            display_type: DisplayType::Regular,
            discount: Discount {
                kind: DiscountType::PercentOff,
                reduction_amount: None,
                percentage: Some("12.5".parse().unwrap()),
                max_discount: Some(self.money(50)),
            },
            threshold: Threshold { kind: ThresholdType::MinSpend, min_spend: Some(self.money(200)) },
            product_scope: ProductScope::SpecificProducts,
            product_ids: vec![ProductId::new("p-1").unwrap(), ProductId::new("p-2").unwrap()],
            claim_duration: ClaimDuration { start_time: at(-DAY), end_time: at(5 * DAY) },
            redemption_duration: RedemptionDuration {
                kind: RedemptionType::Relative,
                start_time: None,
                end_time: None,
                relative_days: Some(7),
            },
            usage_limits: UsageLimits {
                total_claim_limit: Some(100),
                single_buyer_claim_limit: 2,
                redemption_limit: None,
            },
            issue: None,
            claimed_count: 97,
            redeemed_count: 0,
            remaining: None,
            create_time: at(-DAY),
            update_time: at(-DAY),
            version: 1,
            link: None,
        }
    }

    /// An amount off for one buyer.
    pub(super) fn personal(&self) -> Coupon {
        Coupon {
            display_type: DisplayType::Chat,
            discount: Discount {
                kind: DiscountType::AmountOff,
                reduction_amount: Some(self.money(50)),
                percentage: None,
                max_discount: None,
            },
            threshold: Threshold::default(),
            product_scope: ProductScope::FullShop,
            product_ids: Vec::new(),
            usage_limits: UsageLimits {
                total_claim_limit: Some(1),
                single_buyer_claim_limit: 1,
                redemption_limit: None,
            },
            claimed_count: 0,
            issue: Some(Issue {
                buyer_id: buyer(),
                reason: "SECRET reason".into(),
                order_id: Some(OrderId::new("SECRET-order").unwrap()),
            }),
            ..self.coupon()
        }
    }
}

pub(super) fn buyer() -> UserId {
    UserId::new("b-1").unwrap()
}

pub(super) fn claim(number: u32, end: i64) -> Claim {
    Claim {
        coupon_id: CouponId::new("c-1").unwrap(),
        number,
        claim_time: at(-HOUR),
        start_time: at(-HOUR),
        end_time: at(end),
        order_id: None,
    }
}

pub(super) fn acted(action: ActionName) -> CardAct {
    CardAct { action, act_time: at(-HOUR / 2) }
}
