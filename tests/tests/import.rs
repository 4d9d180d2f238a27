//! `deskwire import` as a shop's systems meet it: tables of each kind, rows that are refused, what a kill leaves behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::{fs, process::Stdio};

use deskwire_tests::{Backend, Client, Directory, Server, ServerOptions, Setting, User, within};
use serde_json::{Value, json};
use tokio::process::Command;

const MADE: i64 = 1_764_000_000_000;
/// Several batches of a thousand.
const ROWS: i64 = 4_000;
/// What imports have noted of what they did.
const AUDIT: &str = "(SELECT shop_id FROM audit WHERE actor_kind = 'IMPORT') AS imported";

/// The claim on both stores.
macro_rules! on_both_stores {
    ($(async fn $claim:ident($backend:ident: Backend) $body:block)*) => {$(
        mod $claim {
            use super::*;

            async fn holds($backend: Backend) $body

            #[tokio::test]
            async fn on_sqlite() {
                holds(Backend::Sqlite).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                holds(Backend::Postgres).await;
            }
        }
    )*};
}

/// A server, and a place for files.
struct Shop {
    server: Server,
    files: Directory,
}

/// How an import ended.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    /// Its report: file, line, id and reason of each refused row.
    report: Vec<(String, u64, String, String)>,
}

impl Shop {
    async fn open(backend: Backend) -> Self {
        let setting = Setting { backend, ..Setting::default() };
        let server = ServerOptions::new(setting).env("DESKWIRE_REST__REQUEST_BURST", 10_000).start().await;
        Self { server, files: Directory::new() }
    }

    fn command(&self, shop: &str, files: &[&str]) -> Command {
        let mut arguments = vec!["import", "--shop", shop];
        let report = self.files.path("report.ndjson");
        arguments.extend(["--report", report.to_str().unwrap()]);
        arguments.extend(files);
        let mut command = self.server.command(&arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn import(&self, shop: &str, files: &[&str]) -> Ran {
        let output = within("the import", self.command(shop, files).output()).await.unwrap();
        let report = fs::read_to_string(self.files.path("report.ndjson")).unwrap_or_default();
        let refused = |line: &str| {
            let row: Value = serde_json::from_str(line).unwrap();
            let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
            let file = text("file").rsplit('/').next().unwrap().to_owned();
            (file, row["line"].as_u64().unwrap(), text("id"), text("reason"))
        };
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            report: report.lines().map(refused).collect(),
        }
    }

    async fn rest(&self, shop: &str, path: &str) -> Value {
        let key = self.server.api_key(shop, &[]).await;
        let bearer = format!("Bearer {key}");
        let path = format!("/api/v1{path}");
        let answer = self.server.request("GET", &path, &[("Authorization", &bearer)], "").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// All orders of a shop, page by page, as REST answers them.
    async fn orders(&self, shop: &str) -> Vec<Value> {
        let key = self.server.api_key(shop, &[]).await;
        let bearer = format!("Bearer {key}");
        let (mut orders, mut token) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/orders?page_size=100&page_token={token}");
            let answer = self.server.request("GET", &path, &[("Authorization", &bearer)], "").await;
            let page = answer.json();
            orders.extend(page["orders"].as_array().unwrap_or_else(|| panic!("{answer:?}")).iter().cloned());
            page["next_page_token"].as_str().unwrap().clone_into(&mut token);
            if token.is_empty() {
                return orders;
            }
        }
    }

    /// Rows of a shop that the database has.
    async fn count(&self, from: &str, shop: &str) -> i64 {
        self.server.number(&format!("SELECT count(*) FROM {from} WHERE shop_id = '{shop}'")).await
    }

    /// Rows of a shop that were taken, and those that were refused, as far as its files have come.
    async fn progress(&self, shop: &str) -> (i64, i64) {
        let sum = |of: &str| {
            format!("SELECT CAST(COALESCE(sum({of}), 0) AS bigint) FROM import_file WHERE shop_id = '{shop}'")
        };
        (self.server.number(&sum("accepted")).await, self.server.number(&sum("refused")).await)
    }
}

fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

fn line_item(id: &str, name: &str, price: &str, quantity: u32) -> Value {
    json!({
        "id": id, "product_id": "p-1", "product_name": name, "sku_id": format!("p-1-{id}"), "seller_sku": format!("LS-{id}"),
        "sale_price": money(price), "quantity": quantity,
    })
}

/// Of two lines, for 25.00.
fn order(id: &str, status: &str) -> Value {
    json!({
        "id": id, "status": status, "create_time": MADE, "update_time": MADE + 1, "user_id": "ana", "is_cod": true,
        "payment": {
            "currency": "EUR", "sub_total": money("25.00"), "shipping_fee": money("3.50"), "seller_discount": money("2.00"),
            "tax": money("0.00"), "total_amount": money("28.50"),
        },
        "payment_method_name": "Cartão", "buyer_message": "Ring twice,\r\nthen \"wait\".",
        "recipient_address": { "name": "Ana Souza", "full_address": "Long Street 1, 10115 Berlin", "region_code": "DE" },
        "line_items": [line_item("1", "Camisa de linho", "10.00", 1), line_item("2", "Calça", "7.50", 2)],
        "deadlines": { "shipping_due_time": MADE + 5 },
    })
}

const ORDER: &[&str] = &[
    "id",
    "status",
    "create_time",
    "update_time",
    "user_id",
    "is_cod",
    "payment.currency",
    "payment.sub_total",
    "payment.shipping_fee",
    "payment.seller_discount",
    "payment.tax.amount",
    "payment.tax.currency",
    "payment.total_amount",
    "payment_method_name",
    "buyer_message",
    "recipient_address",
    "line_items.0.id",
    "line_items.0.product_id",
    "line_items.0.product_name",
    "line_items.0.sku_id",
    "line_items.0.seller_sku",
    "line_items.0.sale_price",
    "line_items.0.quantity",
    "line_items.1.id",
    "line_items.1.product_id",
    "line_items.1.product_name",
    "line_items.1.sku_id",
    "line_items.1.seller_sku",
    "line_items.1.sale_price",
    "line_items.1.quantity",
    "deadlines.shipping_due_time",
];

fn package(id: &str, order: &str) -> Value {
    json!({
        "id": id, "order_id": order, "status": "FULFILLING", "update_time": MADE + 2, "shipping_provider": "Acme Post",
        "tracking_number": "0042", "postal_code": "01115", "predict_delivery_time_max": MADE + 9,
        "line_items": [{ "id": "1", "quantity": 1 }, { "id": "2", "quantity": 2 }],
    })
}

const PACKAGE: &[&str] = &[
    "id",
    "order_id",
    "status",
    "update_time",
    "shipping_provider",
    "tracking_number",
    "postal_code",
    "predict_delivery_time_max",
    "line_items",
];

/// A refund of the second line's first piece.
fn request(id: &str, order: &str) -> Value {
    json!({
        "return_id": id, "order_id": order, "return_type": "REFUND", "return_status": "RETURN_OR_REFUND_REQUEST_SUCCESS",
        "return_reason": "damaged", "return_reason_text": "A seam, torn", "role": "BUYER", "create_time": MADE + 5,
        "update_time": MADE + 6,
        "refund_amount": {
            "currency": "EUR", "refund_subtotal": money("7.50"), "refund_shipping_fee": money("0.00"),
            "refund_tax": money("0.00"), "refund_total": money("7.50"),
        },
        "return_line_items": [{ "order_line_item_id": "2", "sku_id": "p-1-2", "product_name": "Calça", "quantity": 1 }],
    })
}

/// Of two variants, of which one is out of stock.
fn product(id: &str) -> Value {
    json!({
        "id": id, "title": "Camisa de linho", "main_image": "https://img.example/p.png", "category": "camisas",
        "status": "ACTIVATE", "update_time": MADE,
        "skus": [
            {
                "id": "p-1-1", "seller_sku": "LS-1", "name": "M", "inventory": 3, "status": "ACTIVATE",
                "price": { "currency": "EUR", "sale_price": money("10.00"), "original_price": money("12.00") },
            },
            {
                "id": "p-1-2", "seller_sku": "LS-2", "name": "L", "inventory": 0, "status": "ACTIVATE",
                "price": { "currency": "EUR", "sale_price": money("7.50") },
            },
        ],
    })
}

/// For the product.
fn coupon(id: &str) -> Value {
    json!({
        "id": id, "title": "Volta às aulas", "status": "ONGOING", "display_type": "REGULAR",
        "discount": { "type": "AMOUNT_OFF", "reduction_amount": money("5.00") },
        "threshold": { "type": "MIN_SPEND", "min_spend": money("20.00") }, "product_scope": "SPECIFIC_PRODUCTS",
        "product_ids": ["p-1"], "claim_duration": { "start_time": MADE, "end_time": MADE + 400_000_000_000_i64 },
        "redemption_duration": { "type": "RELATIVE", "relative_days": 7 },
        "usage_limits": { "total_claim_limit": 10, "single_buyer_claim_limit": 1 }, "create_time": MADE, "update_time": MADE,
    })
}

/// These documents as lines of a table, each column a path, the lines ended as spreadsheets do.
fn table(columns: &[&str], documents: &[Value]) -> String {
    let mut text = columns.join(",") + "\r\n";
    for document in documents {
        let cells = columns.iter().map(|column| {
            let cell =
                document.pointer(&format!("/{}", column.replace('.', "/"))).map_or_else(String::new, cell);
            if cell.contains(['"', ',', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
        });
        text += &(cells.collect::<Vec<_>>().join(",") + "\r\n");
    }
    text
}

fn cell(value: &Value) -> String {
    match (value.as_str(), value["amount"].as_str(), value["currency"].as_str()) {
        (Some(text), _, _) => text.to_owned(),
        (None, Some(amount), Some(currency)) => format!("{amount} {currency}"),
        _ => value.to_string(),
    }
}

/// Whether an answer has all that was written, as it was written.
fn has(answer: &Value, written: &Value) -> bool {
    match (answer, written) {
        (Value::Object(answer), Value::Object(written)) => {
            written.iter().all(|(field, value)| answer.get(field).is_some_and(|answer| has(answer, value)))
        }
        (Value::Array(answer), Value::Array(written)) => {
            answer.len() == written.len() && answer.iter().zip(written).all(|(a, w)| has(a, w))
        }
        (answer, written) => answer == written,
    }
}

async fn answers(agent: &mut Client, method: &str, params: Value, field: &str, written: &Value) {
    let answer = agent.call(method, params).await.unwrap_or_else(|error| panic!("{method}: {error:?}"));
    assert!(has(&answer[field], written), "{method} answers {answer}\nwhere this was written: {written}");
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|thing| thing["id"].as_str().unwrap()).collect()
}

on_both_stores! {
    async fn a_table_of_each_kind_is_what_the_workbench_answers(backend: Backend) {
        let shop = Shop::open(backend).await;
        let orders = [order("o-1", "DELIVERED"), order("007", "CANCEL")];
        let packages = [package("k-1", "o-1")];
        let steps: Vec<_> = [("IN_TRANSIT", "Left, at last", "Leipzig"), ("DELIVERED", "At the door", "")].iter().zip(3..)
            .map(|((code, said, place), later)| json!({
                "package_id": "k-1", "code": code, "description": said, "location": place, "update_time": MADE + later,
            }))
            .collect();
        let (request, product, coupon) = (request("r-1", "o-1"), product("p-1"), coupon("c-1"));
        let buyer = json!({ "user_id": "ana", "name": "Ana \"Aninha\" Souza", "locale": "pt-BR" });
        let agent = json!({ "user_id": "cleo", "name": "Cleo", "role": "ADMIN" });
        let files: Vec<_> = [
            ("buyers.csv", table(&["user_id", "name", "locale", "avatar"], std::slice::from_ref(&buyer))),
            ("agents.csv", table(&["user_id", "name", "role"], std::slice::from_ref(&agent))),
            ("products.csv", table(
                &[
                    "id", "title", "main_image", "category", "status", "update_time", "skus.0.id", "skus.0.seller_sku", "skus.0.name",
                    "skus.0.inventory", "skus.0.status", "skus.0.price.currency", "skus.0.price.sale_price",
                    "skus.0.price.original_price", "skus.1",
                ],
                std::slice::from_ref(&product),
            )),
            ("coupons.csv", table(
                &[
                    "id", "title", "status", "display_type", "discount.type", "discount.reduction_amount", "threshold.type",
                    "threshold.min_spend", "product_scope", "product_ids", "claim_duration.start_time", "claim_duration.end_time",
                    "redemption_duration.type", "redemption_duration.relative_days", "usage_limits.total_claim_limit",
                    "usage_limits.single_buyer_claim_limit", "create_time", "update_time",
                ],
                std::slice::from_ref(&coupon),
            )),
            ("Orders 2025.CSV", format!("\u{feff}{}", table(ORDER, &orders))),
            ("packages.csv", table(PACKAGE, &packages)),
            ("tracking.csv", table(&["package_id", "code", "description", "location", "update_time"], &steps)),
            ("returns.csv", table(
                &[
                    "return_id", "order_id", "return_type", "return_status", "return_reason", "return_reason_text", "role",
                    "create_time", "update_time", "refund_amount.currency", "refund_amount.refund_subtotal",
                    "refund_amount.refund_shipping_fee", "refund_amount.refund_tax", "refund_amount.refund_total",
                    "return_line_items.0.order_line_item_id", "return_line_items.0.sku_id", "return_line_items.0.product_name",
                    "return_line_items.0.quantity",
                ],
                std::slice::from_ref(&request),
            )),
        ]
        .iter()
        .map(|(name, text)| shop.files.write(name, text))
        .collect();
        let ran = shop.import(User::SHOP, &files.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert_eq!((ran.code, ran.report.len()), (Some(0), 0), "{ran:?}");
        for said in ["buyers.csv: 1 buyers taken, 0 refused", "Orders 2025.CSV: 2 orders taken, 0 refused"] {
            assert!(ran.stdout.contains(said), "{ran:?}");
        }

        let mut bo = shop.server.agent("bo").await;
        answers(&mut bo, "workbench.orders.get", json!({"order_id": "o-1"}), "order", &orders[0]).await;
        let mut cancelled = orders[1].clone();
        cancelled["status"] = "CANCELLED".into();
        answers(&mut bo, "workbench.orders.get", json!({"order_id": "007"}), "order", &cancelled).await;
        let listed = bo.call("workbench.orders.list", json!({"buyer_id": "ana"})).await.unwrap();
        assert_eq!(ids(&listed["orders"]), ["o-1", "007"]);
        let mut way = packages[0].clone();
        let mut newest_first: Vec<Value> = steps.iter().rev().cloned().collect();
        for step in &mut newest_first {
            step.as_object_mut().unwrap().retain(|field, value| field != "package_id" && *value != "");
        }
        way["tracking"] = newest_first.into();
        answers(&mut bo, "workbench.logistics.get", json!({"order_id": "o-1"}), "packages", &json!([way])).await;
        answers(&mut bo, "workbench.returns.get", json!({"return_id": "r-1"}), "return", &request).await;
        answers(&mut bo, "workbench.returns.list", json!({"order_id": "o-1"}), "returns", &json!([request])).await;
        answers(&mut bo, "workbench.products.get", json!({"product_id": "p-1"}), "product", &product).await;
        answers(&mut bo, "workbench.products.list", json!({"query": "LINHO"}), "products", &json!([product])).await;
        answers(&mut bo, "workbench.coupons.get", json!({"coupon_id": "c-1"}), "coupon", &coupon).await;
        answers(&mut bo, "workbench.coupons.list", json!({"query": "as aulas"}), "coupons", &json!([coupon])).await;
        let known = shop.rest(User::SHOP, "/buyers/ana").await;
        assert!(has(&known["buyer"], &buyer), "{known}");
        let known = shop.rest(User::SHOP, "/agents/cleo").await;
        assert!(has(&known["agent"], &agent), "{known}");
    }

    async fn a_refused_row_is_named_by_line_and_reason_and_the_others_are_in(backend: Backend) {
        let shop = Shop::open(backend).await;
        let changed = |id: &str, path: &str, value: Value| {
            let mut order = order(id, "IN_TRANSIT");
            *order.pointer_mut(path).unwrap() = value;
            order
        };
        // Each row is two lines, for the buyer's message is.
        let rows = [
            order("o-1", "IN_TRANSIT"),
            changed("o-2", "/payment/total_amount", money("28.51")),
            changed("o-3", "/create_time", "yesterday".into()),
            changed("o-1", "/status", "UNPAID".into()),
            changed("o-4", "/line_items/1/quantity", 0.into()),
            changed("o-5", "/line_items/1/quantity", "two".into()),
            changed("o-6", "/line_items/1/sale_price", "7.50".into()),
            changed("o-7", "/payment/tax/currency", "BRL".into()),
            order("o-8", "IN_TRANSIT"),
        ];
        let text = table(ORDER, &rows);
        let text = text.replacen("\r\no-3", "\r\n\r\no-3", 1) + "o-9,UNPAID\r\no-10" + &",".repeat(ORDER.len());
        let table = shop.files.write("orders.csv", &text);
        let lines = [
            order("o-21", "IN_TRANSIT").to_string(),
            String::new(),
            "{\"id\": \"o-22\"".into(),
            { let mut order = order("o-23", "IN_TRANSIT"); order["statsu"] = 1.into(); order.to_string() },
            order("o-24", "ON_THE_WAY").to_string(),
            order("o-25", "IN_TRANSIT").to_string(),
        ];
        let lines = shop.files.write("orders.ndjson", &lines.join("\n"));
        let packages = self::table(PACKAGE, &[package("k-1", "o-1"), package("k-2", "o-2")]);
        let packages = shop.files.write("packages.csv", &packages);
        let files = [table.as_str(), &lines, &packages];
        let ran = shop.import(User::SHOP, &files).await;
        assert_eq!(ran.code, Some(3), "{ran:?}");
        for said in [
            "orders.csv: 2 orders taken, 9 refused",
            "orders.ndjson: 2 orders taken, 3 refused",
            "packages.csv: 1 packages taken, 1 refused",
        ] {
            assert!(ran.stdout.contains(said), "{ran:?}");
        }
        let expected = [
            ("orders.csv", 4, "o-2", "`payment.total_amount` must be `sub_total` + `shipping_fee` + `tax`, which is 28.50"),
            ("orders.csv", 7, "o-3", "`create_time`: \"yesterday\" is no whole number"),
            ("orders.csv", 9, "o-1", "`status` must not go back to an earlier status"),
            ("orders.csv", 11, "o-4", "`line_items[1].quantity` must be at least 1"),
            ("orders.csv", 13, "o-5", "`line_items.1.quantity`: \"two\" is no whole number"),
            ("orders.csv", 15, "o-6", "`line_items.1.sale_price`: \"7.50\" is no amount, as \"12.50 EUR\""),
            ("orders.csv", 17, "o-7", "`payment.tax` must be in EUR, as all amounts here"),
            ("orders.csv", 21, "o-9", "missing field `create_time`"),
            ("orders.csv", 22, "o-10", "has 32 cells, more than the 31 columns"),
            ("orders.ndjson", 3, "", "EOF while parsing an object"),
            ("orders.ndjson", 4, "o-23", "`statsu`: there is no such field"),
            ("orders.ndjson", 5, "o-24", "`status`: unknown variant `ON_THE_WAY`"),
            ("packages.csv", 3, "k-2", "`order_id` names no order of this shop: write the order first"),
        ];
        for ((file, line, id, reason), expected) in ran.report.iter().zip(expected) {
            assert_eq!((file.as_str(), *line, id.as_str()), (expected.0, expected.1, expected.2), "{reason}");
            assert!(reason.starts_with(expected.3), "{file}:{line}: {reason:?}, not {:?}", expected.3);
        }
        assert_eq!(ran.report.len(), expected.len(), "{:?}", ran.report);
        for (file, line, _, reason) in &ran.report {
            let named = |said: &str| said.contains(&format!("{file}:{line}")) && said.contains(reason);
            assert!(ran.stderr.lines().any(named), "{file}:{line}: {reason}: {ran:?}");
        }

        let mut bo = shop.server.agent("bo").await;
        let listed = bo.call("workbench.orders.list", json!({"buyer_id": "ana"})).await.unwrap();
        assert_eq!(ids(&listed["orders"]), ["o-8", "o-25", "o-21", "o-1"]);
        answers(&mut bo, "workbench.orders.get", json!({"order_id": "o-1"}), "order", &rows[0]).await;
        // Not even what of them was good.
        for number in (2..8).chain([9, 10, 22, 23, 24]) {
            let params = json!({"order_id": format!("o-{number}")});
            for method in ["workbench.orders.get", "workbench.logistics.get"] {
                assert_eq!(bo.call(method, params.clone()).await.unwrap_err().kind(), "not_found", "{method} {params}");
            }
        }
        let parcels = bo.call("workbench.logistics.get", json!({"order_id": "o-1"})).await.unwrap();
        assert_eq!(ids(&parcels["packages"]), ["k-1"]);

        // Again: nothing is taken twice, and all of it is named again.
        let again = shop.import(User::SHOP, &files).await;
        assert_eq!((again.code, &again.report, &again.stdout), (Some(3), &ran.report, &ran.stdout));
        assert_eq!(shop.count("shop_order", User::SHOP).await, 4);
        assert_eq!(shop.count(AUDIT, User::SHOP).await, 5);
    }

    async fn lines_are_counted_alike_however_they_end(backend: Backend) {
        let shop = Shop::open(backend).await;
        let mut rows = [order("o-1", ""), order("o-2", ""), order("o-3", "")];
        rows[1]["buyer_message"] = "In\r\nthree\r\nlines".into();
        let windows = table(ORDER, &rows).replacen("\r\no-2", "\r\n , \r\n\r\n\r\no-2", 1);
        let unix = windows.replace("\r\n", "\n");
        for (number, text) in [windows.as_str(), windows.trim_end(), &unix, unix.trim_end()].iter().enumerate() {
            let file = shop.files.write(&format!("orders-{number}.csv"), text);
            let ran = shop.import(User::SHOP, &[&file]).await;
            let lines: Vec<_> = ran.report.iter().map(|(_, line, id, _)| (*line, id.as_str())).collect();
            assert_eq!(lines, [(2, "o-1"), (7, "o-2"), (10, "o-3")], "{text:?}");
        }
    }

    async fn what_was_refused_for_what_came_later_is_taken_when_read_again(backend: Backend) {
        let shop = Shop::open(backend).await;
        let packages = shop.files.write("packages.csv", &table(PACKAGE, &[package("k-1", "o-1")]));
        let orders = shop.files.write("orders.csv", &table(ORDER, &[order("o-1", "IN_TRANSIT")]));
        assert_eq!(shop.import(User::SHOP, &[&packages]).await.code, Some(3), "its order is not there");
        assert_eq!(shop.import(User::SHOP, &[&orders]).await.code, Some(0));
        assert_eq!(shop.import(User::SHOP, &[&packages]).await.code, Some(3), "the file was read");
        let again = shop.import(User::SHOP, &["--again", &packages, &orders]).await;
        assert_eq!((again.code, again.report.len()), (Some(0), 0), "{again:?}");
        let mut bo = shop.server.agent("bo").await;
        let parcels = bo.call("workbench.logistics.get", json!({"order_id": "o-1"})).await.unwrap();
        assert_eq!(ids(&parcels["packages"]), ["k-1"]);
    }

    async fn an_import_killed_after_each_commit_ends_as_one_that_was_not(backend: Backend) {
        let shop = Shop::open(backend).await;
        let rows: Vec<_> = (0..ROWS).map(|number| {
            let mut order = order(&format!("o-{number}"), "IN_TRANSIT");
            order["user_id"] = format!("b-{}", number % 40).into();
            order["create_time"] = (MADE - number / 3).into();
            if number % 100 == 99 {
                order["payment"]["tax"] = money("0.01");
            }
            if number % 100 == 98 {
                order["line_items"][1]["quantity"] = "two".into();
            }
            order
        }).collect();
        let file = shop.files.write("orders.csv", &table(ORDER, &rows));
        let mut kills = 0;
        let ran = loop {
            let before = shop.progress(User::SHOP).await;
            let mut child = shop.command(User::SHOP, &[&file]).spawn().unwrap();
            // Killed as soon as it has come further, in the middle of whatever it does then.
            let further = async {
                loop {
                    let has_ended = child.try_wait().unwrap().is_some();
                    let now = shop.progress(User::SHOP).await;
                    if has_ended || now != before {
                        break now;
                    }
                }
            };
            let (taken, refused) = within("the next rows", Box::pin(further)).await;
            if taken + refused == ROWS {
                let ended = within("its end", child.wait()).await.unwrap();
                assert_eq!(ended.code(), Some(3));
                break shop.import(User::SHOP, &[&file]).await;
            }
            within("its end", child.kill()).await.unwrap();
            kills += 1;
            let (taken, refused) = shop.progress(User::SHOP).await;
            assert_eq!((taken + refused) % 1_000, 0, "whole batches");
            assert_eq!(shop.count("shop_order", User::SHOP).await, taken, "what is counted is there, and nothing else");
            assert_eq!(shop.count("import_refusal", User::SHOP).await, refused);
        };
        assert!(kills > 0, "it was never killed");

        let whole = shop.import("shop-2", &[&file]).await;
        assert_eq!((ran.code, &ran.stdout), (whole.code, &whole.stdout), "{ran:?}");
        let (taken, refused) = (ROWS * 98 / 100, ROWS * 2 / 100);
        assert!(ran.stdout.contains(&format!("{taken} orders taken, {refused} refused")), "{ran:?}");
        assert_eq!(ran.report, whole.report);
        // Each row is two lines, the first is the second of the file.
        let line = |number: i64| u64::try_from(2 * number + 2).unwrap();
        let lines: Vec<_> = (0..ROWS).filter(|number| number % 100 >= 98).map(line).collect();
        assert_eq!(ran.report.iter().map(|(_, line, ..)| *line).collect::<Vec<_>>(), lines);
        let (killed, whole) = (shop.orders(User::SHOP).await, shop.orders("shop-2").await);
        let expected = (0..).zip(&rows).filter(|(number, _)| number % 100 < 98).map(|(_, row)| row);
        let expected: Vec<_> = expected.collect();
        assert_eq!(killed.len(), expected.len());
        let mut of_killed = killed.clone();
        of_killed.sort_by_key(|order| order["id"].as_str().unwrap()[2..].parse::<i64>().unwrap());
        for (order, row) in of_killed.iter().zip(expected) {
            assert!(has(order, row), "{order}\nis not {row}");
        }
        assert_eq!(Value::from(killed).to_string().replace(User::SHOP, "shop-2"), Value::from(whole).to_string());
        let mut bo = shop.server.agent("bo").await;
        let mut eve = shop.server.join(&User::agent("eve").of_shop("shop-2")).await;
        let params = json!({"buyer_id": "b-7", "page_size": 100});
        let killed = bo.call("workbench.orders.list", params.clone()).await.unwrap();
        let whole = eve.call("workbench.orders.list", params).await.unwrap();
        assert_eq!(killed.to_string().replace(User::SHOP, "shop-2"), whole.to_string());
        for (table, number) in [("shop_order", taken), (AUDIT, taken), ("import_refusal", refused)] {
            for of in [User::SHOP, "shop-2"] {
                assert_eq!(shop.count(table, of).await, number, "{table} of {of}, after {kills} kills");
            }
        }
    }

    async fn two_who_read_one_file_at_once_double_nothing(backend: Backend) {
        let shop = Shop::open(backend).await;
        let rows: Vec<_> = (0..ROWS).map(|number| order(&format!("o-{number}"), "IN_TRANSIT")).collect();
        let file = shop.files.write("orders.csv", &table(ORDER, &rows));
        let both = [0; 2].map(|_| shop.command(User::SHOP, &[&file]).spawn().unwrap());
        let mut to_the_end = 0;
        for child in both {
            let output = within("its end", child.wait_with_output()).await.unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            match output.status.code() {
                Some(0) => to_the_end += 1,
                Some(1) => assert!(stderr.contains("someone else is importing the same file"), "{stderr}"),
                other => panic!("{other:?}: {stderr}"),
            }
        }
        assert!(to_the_end > 0, "none came to the end");
        assert_eq!(shop.progress(User::SHOP).await, (ROWS, 0));
        assert_eq!(shop.orders(User::SHOP).await.len(), rows.len());
        assert_eq!(shop.count(AUDIT, User::SHOP).await, ROWS);
    }

    async fn a_column_that_is_no_field_is_told_before_anything_is_read(backend: Backend) {
        let shop = Shop::open(backend).await;
        let wrong = table(ORDER, &[order("o-1", "UNPAID")]).replacen("payment_method_name", "payment_method", 1);
        let wrong = shop.files.write("orders.csv", &wrong);
        let ran = shop.import(User::SHOP, &[&wrong]).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("orders.csv") && ran.stderr.contains("\"payment_method\""), "{ran:?}");
        let nameless = shop.files.write("stuff.csv", "id\r\n1\r\n");
        let ran = shop.import(User::SHOP, &[&nameless]).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("what is in it?"), "{ran:?}");
        assert_eq!(shop.orders(User::SHOP).await, [] as [Value; 0]);
    }
}
