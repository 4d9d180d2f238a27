//! Webhooks from the change to the receiver: told once and signed, tried again, lost by no crash, leading nowhere they
//! should not.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]
#![expect(clippy::similar_names, reason = "a receiver has received")]

use std::{sync::Arc, time::Duration};

use deskwire_tests::{Backend, Directory, Received, Receiver, Reply, Server, ServerOptions, Setting, within};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Receivers are on this machine, and nothing takes long.
const SETTINGS: &str = "
[webhooks]
allow_http = true
allowed_private = ['127.0.0.1']
connect_timeout_seconds = 1
attempt_timeout_seconds = 1
lease_seconds = 3
poll_interval_ms = 50
retry_after_seconds = [1, 1, 1]
[rest]
requests_per_second = 100000
request_burst = 100000
";

/// A shop whose systems are connected.
struct Shop {
    server: Server,
    key: String,
}

impl Shop {
    async fn open(settings: &str) -> Self {
        Self::on(Backend::Sqlite, settings).await
    }

    async fn on(backend: Backend, settings: &str) -> Self {
        let setting = Setting { backend, ..Setting::default() };
        let options = ServerOptions::new(setting).config(settings).env("DESKWIRE_LOG__LEVEL", "trace");
        let server = options.start().await;
        let key = key(&server, "shop").await;
        Self { server, key }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        ask(&self.server, &self.key, method, path, body).await
    }

    /// What is answered with a 2xx.
    async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// A webhook's id and secret.
    async fn webhook(&self, url: &str, events: Value) -> (String, String) {
        let made = self.done("POST", "/webhooks", json!({ "url": url, "events": events })).await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (text(&made["webhook"]["webhook_id"]), text(&made["secret"]))
    }

    async fn ping(&self, webhook_id: &str) {
        self.done("POST", &format!("/webhooks/{webhook_id}/test"), Value::Null).await;
    }

    /// Writes an order: placed the first time, updated then.
    async fn put_order(&self, id: &str, update_time: i64) {
        self.done("PUT", &format!("/orders/{id}"), order(id, update_time)).await;
    }

    /// The delivery log when it says what is waited for, the newest first.
    async fn log(&self, webhook_id: &str, says: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        within("the delivery log", async {
            loop {
                let path = format!("/webhooks/{webhook_id}/deliveries");
                let answer = self.done("GET", &path, Value::Null).await;
                let deliveries = answer["deliveries"].as_array().expect("a log").clone();
                if says(&deliveries) {
                    break deliveries;
                }
            }
        })
        .await
    }

    async fn status(&self, webhook_id: &str) -> Value {
        self.done("GET", &format!("/webhooks/{webhook_id}"), Value::Null).await["webhook"]["status"].clone()
    }
}

async fn key(server: &Server, shop: &str) -> String {
    let output = server.run_to_end(&["api-key", "create", "--shop", shop, "--name", "erp"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn ask(server: &Server, key: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = format!(
        "{method} /api/v1{path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    within(format!("{method} {path}"), async {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.read_to_string(&mut answer).await.unwrap();
    })
    .await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{answer:?}")), serde_json::from_str(body).unwrap_or_default())
}

fn order(id: &str, update_time: i64) -> Value {
    let money = |amount: &str| json!({ "amount": amount, "currency": "EUR" });
    json!({
        "id": id, "status": "AWAITING_SHIPMENT", "create_time": 1_763_990_000_000_i64, "update_time": update_time,
        "user_id": "ana", "paid_time": 1_763_990_100_000_i64,
        "payment": {
            "currency": "EUR", "sub_total": money("25.00"), "shipping_fee": money("3.50"), "tax": money("0.00"),
            "total_amount": money("28.50"),
        },
        "line_items": [{
            "id": "1", "product_id": "p-100", "product_name": "Schuh “Größe 43” 👟", "sku_id": "p-100-m",
            "sale_price": money("12.50"), "quantity": 2,
        }],
    })
}

const T: i64 = 1_764_000_000_000;

fn statuses(delivery: &Value) -> Vec<Value> {
    let attempts = delivery["attempts"].as_array().expect("attempts");
    attempts.iter().map(|attempt| attempt["response_status"].clone()).collect()
}

fn errors(delivery: &Value) -> Vec<&str> {
    let attempts = delivery["attempts"].as_array().expect("attempts");
    attempts.iter().map(|attempt| attempt["error"].as_str().unwrap_or_default()).collect()
}

fn all_are(status: &'static str) -> impl Fn(&[Value]) -> bool {
    move |log| !log.is_empty() && log.iter().all(|delivery| delivery["status"] == status)
}

/// The claim on both stores.
macro_rules! on_both {
    ($($claim:ident)*) => {$(
        mod $claim {
            use super::*;
            #[tokio::test]
            async fn on_sqlite() { holds::$claim(Backend::Sqlite).await; }
            #[tokio::test]
            async fn on_postgres() { holds::$claim(Backend::Postgres).await; }
        }
    )*};
}

on_both! {
    a_change_is_told_once_signed_and_as_the_workbench_shows_it
    what_a_killed_server_had_not_delivered_is_delivered_after_its_restart
    what_a_killed_server_was_delivering_is_delivered_again_under_the_same_id
}

mod holds {
    use super::*;

    pub(super) async fn a_change_is_told_once_signed_and_as_the_workbench_shows_it(backend: Backend) {
        let shop = Shop::on(backend, SETTINGS).await;
        let mut receiver = Receiver::start().await;
        let (webhook_id, secret) = shop.webhook(&receiver.url("/in?from=deskwire"), json!(["*"])).await;
        shop.put_order("o-1", T).await;

        let placed = receiver.next().await;
        assert_eq!(placed.line, "POST /in?from=deskwire HTTP/1.1");
        assert_eq!(placed.header("host"), receiver.address());
        assert_eq!(placed.header("content-type"), "application/json");
        assert!(placed.header("user-agent").starts_with("Deskwire/"));
        assert!(placed.is_signed_with(&secret) && placed.id().starts_with("msg_"));
        let body = placed.json();
        assert_eq!((&body["type"], &body["sequence"]), (&json!("order.placed"), &json!(1)), "{body}");
        assert!(body["timestamp"].as_str().unwrap().ends_with('Z'), "{body}");

        let grace = deskwire_tests::User::agent("grace").of_shop("shop");
        let mut agent = shop.server.join(&grace).await;
        let shown = agent.call("workbench.orders.get", json!({ "order_id": "o-1" })).await.unwrap();
        assert_eq!(body["data"]["order"], shown["order"], "as the workbench shows it");

        let note = json!({ "order_id": "o-1", "text": "gift wrap", "version": 0 });
        agent.call("workbench.orders.note.set", note).await.unwrap();
        let noted = receiver.next().await.json();
        assert_eq!(
            (&noted["type"], &noted["sequence"]),
            (&json!("order.note.updated"), &json!(2)),
            "{noted}"
        );
        assert_eq!(noted["data"]["seller_note"]["text"], "gift wrap");
        assert_eq!(noted["data"]["order_id"], "o-1");

        // What says what stands already is no change.
        shop.put_order("o-1", T).await;
        shop.ping(&webhook_id).await;
        assert_eq!(receiver.next().await.json()["type"], "ping", "and nothing before it");
        let log = shop.log(&webhook_id, all_are("DELIVERED")).await;
        let types: Vec<_> = log.iter().map(|delivery| delivery["event_type"].as_str().unwrap()).collect();
        assert_eq!(types, ["ping", "order.note.updated", "order.placed"]);
        assert!(log.iter().all(|delivery| statuses(delivery) == [204]), "{log:?}");
        assert_eq!(log[2]["event_id"], placed.id());
        assert!(receiver.already().is_none());
    }

    pub(super) async fn what_a_killed_server_had_not_delivered_is_delivered_after_its_restart(
        backend: Backend,
    ) {
        let mut shop = Shop::on(backend, SETTINGS).await;
        // An address at which nobody listens yet.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let (webhook_id, secret) = shop.webhook(&format!("http://{address}/"), json!(["order.placed"])).await;
        shop.put_order("o-1", T).await;
        // Acknowledged, so committed; what becomes of the event is nobody's promise but the store's.
        shop.server.kill().await;
        let mut receiver = Receiver::start_at(&address, None).await;
        shop.server.start_again().await;
        let received = receiver.next().await;
        assert!(received.is_signed_with(&secret));
        assert_eq!(received.json()["data"]["order"]["id"], "o-1");
        shop.log(&webhook_id, all_are("DELIVERED")).await;
    }

    pub(super) async fn what_a_killed_server_was_delivering_is_delivered_again_under_the_same_id(
        backend: Backend,
    ) {
        let mut shop = Shop::on(backend, SETTINGS).await;
        let mut receiver = Receiver::start().await;
        receiver.answer_next([Reply::Silence]);
        let (webhook_id, _) = shop.webhook(&receiver.url("/"), json!(["order.placed"])).await;
        shop.put_order("o-1", T).await;
        let first = receiver.next().await;
        shop.server.kill().await;
        shop.server.start_again().await;
        // When the dead server's lease has run out.
        let again = receiver.next().await;
        assert_eq!((again.id(), &again.body), (first.id(), &first.body));
        let log = shop.log(&webhook_id, all_are("DELIVERED")).await;
        assert_eq!(statuses(&log[0]), [204], "an attempt of which nobody knows the end is none");
    }
}

#[tokio::test]
async fn only_what_is_wanted_is_told() {
    let shop = Shop::open(SETTINGS).await;
    let (mut orders, mut coupons) = (Receiver::start().await, Receiver::start().await);
    let (_, orders_secret) = shop.webhook(&orders.url("/"), json!(["order.updated", "order.placed"])).await;
    let (coupons_id, _) = shop.webhook(&coupons.url("/"), json!(["coupon.claimed"])).await;
    let of_another = key(&shop.server, "other").await;
    ask(&shop.server, &of_another, "PUT", "/orders/o-9", order("o-9", T)).await;
    shop.put_order("o-1", T).await;
    shop.put_order("o-1", T + 1).await;
    let told: Vec<Received> = orders.take(2).await;
    assert!(told.iter().all(|received| received.is_signed_with(&orders_secret)));
    let mut told: Vec<Value> = told.iter().map(Received::json).collect();
    // They may come in any order, and say themselves in which they belong.
    told.sort_by_key(|body| body["sequence"].as_i64());
    let told: Vec<_> =
        told.iter().map(|body| (body["type"].as_str().unwrap(), body["sequence"].as_i64())).collect();
    assert_eq!(told, [("order.placed", Some(1)), ("order.updated", Some(2))]);
    shop.ping(&coupons_id).await;
    assert_eq!(coupons.next().await.json()["type"], "ping");
    assert!(orders.already().is_none() && coupons.already().is_none());
}

#[tokio::test]
async fn a_delivery_that_fails_is_tried_again_until_it_is_taken() {
    let shop = Shop::open(SETTINGS).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_next([Reply::Status(500), Reply::Silence, Reply::HangUp]);
    let (webhook_id, secret) = shop.webhook(&receiver.url("/"), json!(["order.placed"])).await;
    shop.put_order("o-1", T).await;
    let tries = receiver.take(4).await;
    assert!(tries.iter().all(|received| received.id() == tries[0].id() && received.is_signed_with(&secret)));
    let pause = tries[1].at - tries[0].at;
    assert!(pause >= Duration::from_millis(800), "the schedule says 1 s, give or take 20 %: {pause:?}");
    let log = shop.log(&webhook_id, all_are("DELIVERED")).await;
    assert_eq!(statuses(&log[0]), [json!(500), Value::Null, Value::Null, json!(204)]);
    let errors = errors(&log[0]);
    assert_eq!((errors[0], errors[1], errors[3]), ("answered 500", "no answer within 1000 ms", ""));
    assert!(errors[2].starts_with("the connection broke"), "{errors:?}");
}

#[tokio::test]
async fn after_its_last_try_a_delivery_has_failed_and_can_be_tried_by_hand() {
    let shop = Shop::open(&SETTINGS.replace("[1, 1, 1]", "[1]")).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_next([Reply::Status(400), Reply::Status(404)]);
    let (webhook_id, _) = shop.webhook(&receiver.url("/"), json!(["order.placed"])).await;
    shop.put_order("o-1", T).await;
    let log = shop.log(&webhook_id, all_are("FAILED")).await;
    assert_eq!(statuses(&log[0]), [400, 404]);
    assert!(log[0].get("next_attempt_time").is_none());

    let id = log[0]["delivery_id"].as_str().unwrap();
    let again = shop.done("POST", &format!("/deliveries/{id}/retry"), Value::Null).await;
    assert_eq!(again["delivery"]["status"], "PENDING");
    shop.log(&webhook_id, all_are("DELIVERED")).await;
    // One that has arrived can be sent again too: the receiver knows it again.
    shop.done("POST", &format!("/deliveries/{id}/retry"), Value::Null).await;
    let received = receiver.take(4).await;
    assert!(received.iter().all(|one| one.id() == log[0]["event_id"]));
    let log = shop.log(&webhook_id, |log| all_are("DELIVERED")(log) && statuses(&log[0]).len() == 4).await;
    assert_eq!(statuses(&log[0]), [400, 404, 204, 204]);
    let one = shop.done("GET", &format!("/deliveries/{id}"), Value::Null).await;
    assert_eq!(one["delivery"], log[0]);
}

#[tokio::test]
async fn a_receiver_may_ask_for_time() {
    let shop = Shop::open(SETTINGS).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_next([Reply::With(503, "retry-after: 3\r\n".into())]);
    let (webhook_id, _) = shop.webhook(&receiver.url("/"), json!(["*"])).await;
    shop.ping(&webhook_id).await;
    let tries = receiver.take(2).await;
    let pause = tries[1].at - tries[0].at;
    assert!(pause >= Duration::from_millis(2_900), "{pause:?}");
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_nothing_more() {
    let shop = Shop::open(SETTINGS).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_next([Reply::Status(410)]);
    let (webhook_id, _) = shop.webhook(&receiver.url("/"), json!(["*"])).await;
    shop.ping(&webhook_id).await;
    let log = shop.log(&webhook_id, all_are("FAILED")).await;
    assert_eq!(statuses(&log[0]), [410]);
    assert_eq!(shop.status(&webhook_id).await, "GONE");
    shop.put_order("o-1", T).await;
    let (status, refused) = shop.ask("POST", &format!("/webhooks/{webhook_id}/test"), Value::Null).await;
    assert_eq!((status, &refused["error"]["data"]["type"]), (409, &json!("conflict")));
    assert!(shop.server.log().contains("a webhook was switched off"));

    let path = format!("/webhooks/{webhook_id}");
    let on = shop.done("PATCH", &path, json!({ "enabled": true })).await;
    assert_eq!(on["webhook"]["status"], "ENABLED");
    shop.ping(&webhook_id).await;
    let received = receiver.take(2).await;
    assert_eq!(received[1].json()["type"], "ping", "what happened meanwhile was not told");
}

#[tokio::test]
async fn a_receiver_that_fails_for_too_long_is_switched_off() {
    let settings =
        SETTINGS.replace("[rest]", "disable_after_seconds = 1\n[rest]").replace("[1, 1, 1]", "[1, 1, 1, 1]");
    let shop = Shop::open(&settings).await;
    let receiver = Receiver::start().await;
    receiver.answer_always(Reply::Status(500));
    let (webhook_id, _) = shop.webhook(&receiver.url("/"), json!(["*"])).await;
    shop.ping(&webhook_id).await;
    within("the webhook is switched off", async { while shop.status(&webhook_id).await != "FAILING" {} })
        .await;
    let webhook = shop.done("GET", &format!("/webhooks/{webhook_id}"), Value::Null).await;
    assert!(webhook["webhook"]["failing_since"].is_i64(), "{webhook}");
}

#[tokio::test]
async fn a_slow_receiver_holds_up_no_other() {
    let few = "concurrency = 4\nconcurrency_per_webhook = 2\n[rest]";
    let shop = Shop::open(
        &SETTINGS
            .replace("[rest]", few)
            .replace("attempt_timeout_seconds = 1", "attempt_timeout_seconds = 2"),
    )
    .await;
    let (mut slow, mut quick) = (Receiver::start().await, Receiver::start().await);
    slow.answer_always(Reply::Silence);
    let (slow_id, _) = shop.webhook(&slow.url("/"), json!(["order.placed"])).await;
    let many: Vec<Value> = (0..50).map(|number| order(&format!("o-{number}"), T)).collect();
    shop.done("POST", "/orders", json!({ "orders": many })).await;
    let stuck = slow.next().await;
    let (quick_id, _) = shop.webhook(&quick.url("/"), json!(["order.placed"])).await;
    let many: Vec<Value> = (50..100).map(|number| order(&format!("o-{number}"), T)).collect();
    shop.done("POST", "/orders", json!({ "orders": many })).await;
    let told = quick.take(50).await;
    assert!(told[49].at - stuck.at < Duration::from_secs(2), "while the slow one kept its attempts waiting");
    shop.log(&quick_id, |log| log.len() == 20 && all_are("DELIVERED")(log)).await;
    assert_eq!(shop.status(&slow_id).await, "ENABLED");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let shop = Shop::open(&SETTINGS.replace("[1, 1, 1]", "[]")).await;
    let (mut receiver, mut elsewhere) = (Receiver::start().await, Receiver::start().await);
    for status in [301, 302, 303, 307, 308] {
        receiver.answer_next([Reply::With(status, format!("location: {}\r\n", elsewhere.url("/")))]);
    }
    let (webhook_id, _) = shop.webhook(&receiver.url("/"), json!(["*"])).await;
    for _ in 0..5 {
        shop.ping(&webhook_id).await;
        receiver.next().await;
    }
    let log = shop.log(&webhook_id, |log| log.len() == 5 && all_are("FAILED")(log)).await;
    assert!(
        log.iter().all(|delivery| errors(delivery)[0].ends_with("redirects are not followed")),
        "{log:?}"
    );
    assert!(elsewhere.already().is_none());
}

#[tokio::test]
async fn an_endless_answer_holds_nothing_up() {
    let shop = Shop::open(SETTINGS).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_next([Reply::Endless(200), Reply::Endless(500)]);
    let (webhook_id, _) = shop.webhook(&receiver.url("/"), json!(["*"])).await;
    shop.ping(&webhook_id).await;
    shop.log(&webhook_id, all_are("DELIVERED")).await;
    shop.ping(&webhook_id).await;
    receiver.take(3).await;
    let log = shop.log(&webhook_id, all_are("DELIVERED")).await;
    assert_eq!(statuses(&log[0]), [500, 204]);
}

#[tokio::test]
async fn nothing_private_is_reached_unless_configured() {
    let shop =
        Shop::open(&SETTINGS.replace("allowed_private = ['127.0.0.1']", "").replace("[1, 1, 1]", "[]")).await;
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = inside.local_addr().unwrap().port();
    for host in
        ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"]
    {
        let webhook = json!({ "url": format!("http://{host}:{port}/"), "events": ["*"] });
        let (status, refused) = shop.ask("POST", "/webhooks", webhook).await;
        assert_eq!((status, &refused["error"]["data"]["field"]), (400, &json!("url")), "{host}: {refused}");
    }
    // A name is resolved when it is used.
    let (webhook_id, _) = shop.webhook(&format!("http://localhost:{port}/"), json!(["*"])).await;
    shop.ping(&webhook_id).await;
    let log = shop.log(&webhook_id, all_are("FAILED")).await;
    assert_eq!(errors(&log[0]), ["the host leads to an address that is not of the public network"]);
    let path = format!("/webhooks/{webhook_id}");
    let (status, _) = shop.ask("PATCH", &path, json!({ "url": format!("http://127.0.0.1:{port}/") })).await;
    assert_eq!(status, 400);
    let came = futures::FutureExt::now_or_never(inside.accept());
    assert!(came.is_none(), "nobody has knocked");
}

#[tokio::test]
async fn plain_http_and_credentials_are_refused() {
    let shop = Shop::open(&SETTINGS.replace("allow_http = true", "")).await;
    for url in [
        "http://shop.example/",
        "ftp://shop.example/",
        "https://u:p@shop.example/",
        "https://shop.example/#x",
        "shop",
    ] {
        let (status, refused) = shop.ask("POST", "/webhooks", json!({ "url": url, "events": ["*"] })).await;
        assert_eq!((status, &refused["error"]["data"]["field"]), (400, &json!("url")), "{url}: {refused}");
    }
    let events = json!({ "url": "https://shop.example/", "events": ["order.*"] });
    let (status, refused) = shop.ask("POST", "/webhooks", events).await;
    assert_eq!((status, &refused["error"]["data"]["type"]), (400, &json!("validation")), "{refused}");
}

#[tokio::test]
async fn tls_is_of_an_authority_that_is_trusted() {
    let directory = Directory::new();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let ca = directory.write("ca.pem", &made.cert.pem());
    let config = || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider);
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        builder.with_single_cert(vec![made.cert.der().clone()], key).unwrap()
    };
    for (settings, outcome) in [
        (SETTINGS.replace("[rest]", &format!("ca_file = '{ca}'\n[rest]")), "DELIVERED"),
        (SETTINGS.replace("[1, 1, 1]", "[]"), "FAILED"),
    ] {
        let shop = Shop::open(&settings.replace("allow_http = true", "")).await;
        let mut receiver = Receiver::start_tls(config()).await;
        let (webhook_id, secret) = shop.webhook(&receiver.url("/"), json!(["*"])).await;
        shop.ping(&webhook_id).await;
        let log = shop.log(&webhook_id, all_are(outcome)).await;
        if outcome == "DELIVERED" {
            assert!(receiver.next().await.is_signed_with(&secret));
        } else {
            assert!(errors(&log[0])[0].starts_with("TLS failed"), "{log:?}");
            assert!(receiver.already().is_none());
        }
    }
}

#[tokio::test]
async fn after_a_change_of_the_secret_both_are_good_for_a_while() {
    let shop = Shop::open(SETTINGS).await;
    let mut receiver = Receiver::start().await;
    let (webhook_id, older) = shop.webhook(&receiver.url("/"), json!(["*"])).await;
    let changed = shop.done("POST", &format!("/webhooks/{webhook_id}/rotate_secret"), Value::Null).await;
    let newer = changed["secret"].as_str().unwrap();
    assert!(changed["webhook"]["older_secret_until"].is_i64());
    shop.ping(&webhook_id).await;
    let received = receiver.next().await;
    assert_ne!(older, newer);
    assert!(received.is_signed_with(&older) && received.is_signed_with(newer));
    assert!(received.header("webhook-signature").starts_with("v1,"));
}

#[tokio::test]
async fn a_secret_is_told_once_and_never_logged() {
    let shop = Shop::open(SETTINGS).await;
    let mut receiver = Receiver::start().await;
    receiver.answer_next([Reply::Status(500)]);
    let (webhook_id, secret) = shop.webhook(&receiver.url("/"), json!(["*"])).await;
    shop.ping(&webhook_id).await;
    receiver.take(2).await;
    shop.log(&webhook_id, all_are("DELIVERED")).await;
    let path = format!("/webhooks/{webhook_id}");
    for answer in [
        shop.done("GET", "/webhooks", Value::Null).await,
        shop.done("GET", &path, Value::Null).await,
        shop.done("PATCH", &path, json!({ "events": ["order.placed"] })).await,
        shop.done("GET", &format!("{path}/deliveries"), Value::Null).await,
    ] {
        assert!(!answer.to_string().contains("whsec"), "{answer}");
    }
    let changed = shop.done("POST", &format!("{path}/rotate_secret"), Value::Null).await;
    let log = shop.server.log();
    for secret in [secret.as_str(), changed["secret"].as_str().unwrap()] {
        assert!(!log.contains(secret.strip_prefix("whsec_").unwrap()));
    }
}

#[tokio::test]
async fn webhooks_are_managed_by_their_own_shop_only() {
    let shop = Shop::open(&SETTINGS.replace("[rest]", "per_shop = 2\n[rest]")).await;
    let mut receiver = Receiver::start().await;
    let (webhook_id, _) = shop.webhook(&receiver.url("/"), json!(["order.placed"])).await;
    shop.ping(&webhook_id).await;
    receiver.next().await;
    let log = shop.log(&webhook_id, all_are("DELIVERED")).await;
    let delivery = log[0]["delivery_id"].as_str().unwrap();
    let path = format!("/webhooks/{webhook_id}");
    let other = key(&shop.server, "other").await;
    for (method, path, body) in [
        ("GET", path.clone(), Value::Null),
        ("PATCH", path.clone(), json!({ "enabled": false })),
        ("DELETE", path.clone(), Value::Null),
        ("POST", format!("{path}/rotate_secret"), Value::Null),
        ("POST", format!("{path}/test"), Value::Null),
        ("GET", format!("{path}/deliveries"), Value::Null),
        ("GET", format!("/deliveries/{delivery}"), Value::Null),
        ("POST", format!("/deliveries/{delivery}/retry"), Value::Null),
    ] {
        let (status, answer) = ask(&shop.server, &other, method, &path, body).await;
        assert_eq!((status, &answer["error"]["data"]["type"]), (404, &json!("not_found")), "{method} {path}");
    }
    let (_, theirs) = ask(&shop.server, &other, "GET", "/webhooks", Value::Null).await;
    assert_eq!(theirs["webhooks"], json!([]));

    let (second, _) = shop.webhook(&receiver.url("/2"), json!(["*"])).await;
    let third = json!({ "url": receiver.url("/3"), "events": ["*"] });
    let (status, refused) = shop.ask("POST", "/webhooks", third).await;
    assert_eq!((status, &refused["error"]["data"]["limit"]), (400, &json!(2)), "{refused}");
    let first = shop.done("GET", "/webhooks?page_size=1", Value::Null).await;
    let token = first["next_page_token"].as_str().unwrap();
    let rest = shop.done("GET", &format!("/webhooks?page_size=1&page_token={token}"), Value::Null).await;
    assert_eq!(first["webhooks"][0]["webhook_id"], webhook_id.as_str());
    assert_eq!((&rest["webhooks"][0]["webhook_id"], &rest["next_page_token"]), (&json!(second), &json!("")));

    let (status, _) = shop.ask("DELETE", &path, Value::Null).await;
    assert_eq!(status, 204);
    for (method, path) in
        [("GET", path.clone()), ("DELETE", path.clone()), ("GET", format!("{path}/deliveries"))]
    {
        assert_eq!(shop.ask(method, &path, Value::Null).await.0, 404);
    }
    let listed = shop.done("GET", "/webhooks", Value::Null).await;
    assert_eq!(listed["webhooks"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_told_to_end_gives_back_what_it_was_delivering() {
    let mut shop = Shop::open(
        &SETTINGS
            .replace("lease_seconds = 3", "lease_seconds = 3600")
            .replace("attempt_timeout_seconds = 1", "attempt_timeout_seconds = 60"),
    )
    .await;
    let mut receiver = Receiver::start().await;
    receiver.answer_next([Reply::Silence]);
    let (webhook_id, _) = shop.webhook(&receiver.url("/"), json!(["*"])).await;
    shop.ping(&webhook_id).await;
    let first = receiver.next().await;
    assert!(shop.server.terminate().await.success());
    shop.server.start_again().await;
    assert_eq!(receiver.next().await.id(), first.id(), "without waiting for the lease");
}

#[tokio::test]
async fn a_file_of_authorities_without_one_keeps_the_server_from_starting() {
    let directory = Directory::new();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    for file in [directory.write("ca.pem", "no certificate"), "missing.pem".to_owned()] {
        let ran = directory.run_with(&serve, &[("DESKWIRE_WEBHOOKS__CA_FILE", &file)]).await;
        assert!(ran.code == Some(1) && ran.stderr.contains(&file), "{ran:?}");
    }
}
