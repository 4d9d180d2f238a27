//! REST as the shop's own systems meet it: keys, every endpoint, races on a note, other shops, limits.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use deskwire_tests::{Backend, Response, Server, ServerOptions, Setting, User, on_both_stores, within};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A server, and a key of one shop.
struct Shop {
    server: Server,
    key: String,
}

impl Shop {
    async fn open(backend: Backend) -> Self {
        Self::with(backend, "").await
    }

    async fn with(backend: Backend, settings: &str) -> Self {
        let setting = Setting { backend, ..Setting::default() };
        let server = ServerOptions::new(setting).config(settings).start().await;
        let key = server.api_key(User::SHOP, &[]).await;
        Self { server, key }
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Response {
        ask(&self.server, &self.key, method, path, &[], body).await
    }

    /// What is answered with a 2xx.
    async fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.ask(method, path, body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
        answer.json()
    }
}

async fn ask(
    server: &Server,
    key: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Response {
    let bearer = format!("Bearer {key}");
    let mut all = vec![("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    all.extend_from_slice(headers);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    server.request(method, &format!("/api/v1{path}"), &all, &body).await
}

/// A refusal: its status, its type, the field it names.
fn refused(answer: &Response) -> (u16, String, Option<String>) {
    let data = &answer.json()["error"]["data"];
    let kind = data["type"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned();
    assert!(data["request_id"].is_string(), "{answer:?}");
    assert_eq!(answer.header("x-request-id"), data["request_id"].as_str(), "{answer:?}");
    (answer.status, kind, data["field"].as_str().map(str::to_owned))
}

fn is(answer: &Response, status: u16, kind: &str, field: Option<&str>) {
    assert_eq!(refused(answer), (status, kind.to_owned(), field.map(str::to_owned)), "{answer:?}");
}

async fn openapi(server: &Server) -> Value {
    let answer = server.get("/api/v1/openapi.json").await;
    assert_eq!(answer.status, 200);
    answer.json()
}

/// The example of a body in the document.
fn example(document: &Value, path: &str, method: &str) -> Value {
    let body = &document["paths"][path][method]["requestBody"]["content"]["application/json"]["example"];
    assert!(body.is_object(), "{method} {path}");
    body.clone()
}

/// Writes every example of the document, so that there is one of each thing.
async fn fill(shop: &Shop, document: &Value) {
    for (path, template, created) in [
        ("/buyers/b-1", "/buyers/{buyer_id}", true),
        ("/agents/a-1", "/agents/{agent_id}", true),
        ("/products/p-100", "/products/{product_id}", true),
        ("/orders/576461413038785752", "/orders/{order_id}", true),
        ("/packages/pk-1", "/packages/{package_id}", true),
        ("/returns/ret-1", "/returns/{return_id}", true),
        ("/coupons/cpn-1", "/coupons/{coupon_id}", true),
        ("/skus/p-100-m/inventory", "/skus/{sku_id}/inventory", false),
    ] {
        let body = example(document, template, "put");
        let answer = shop.ask("PUT", path, &body).await;
        assert_eq!(answer.status, if created { 201 } else { 200 }, "{path}: {answer:?}");
        let again = shop.done("PUT", path, &body).await;
        assert_eq!(again["result"], "UNCHANGED", "{path}: {again}");
    }
    let tracking = example(document, "/packages/{package_id}/tracking", "post");
    for result in ["CHANGED", "UNCHANGED"] {
        let answer = shop.done("POST", "/packages/pk-1/tracking", &tracking).await;
        assert_eq!(answer, json!({ "id": "pk-1", "result": result }));
    }
}

/// What is told, but for the id of the request.
fn mute(answer: &Response) -> Value {
    let mut body = answer.json();
    if body["error"].is_object() {
        body["error"]["data"]["request_id"].take();
    }
    for outcome in body["outcomes"].as_array_mut().into_iter().flatten() {
        if outcome["error"].is_object() {
            outcome["error"]["data"]["request_id"].take();
        }
    }
    body
}

/// What stands in paths, after `fill`: one of each thing, and a webhook that is told something.
async fn things(shop: &Shop) -> Vec<(&'static str, String)> {
    let webhook = json!({ "url": "https://hooks.example.com/", "events": ["*"] });
    let webhook =
        shop.done("POST", "/webhooks", &webhook).await["webhook"]["webhook_id"].as_str().unwrap().to_owned();
    let told = shop.done("POST", &format!("/webhooks/{webhook}/test"), &Value::Null).await;
    let delivery = told["delivery"]["delivery_id"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned();
    let ids = [
        ("order_id", "576461413038785752"),
        ("package_id", "pk-1"),
        ("return_id", "ret-1"),
        ("product_id", "p-100"),
        ("sku_id", "p-100-m"),
        ("coupon_id", "cpn-1"),
        ("buyer_id", "b-1"),
        ("agent_id", "a-1"),
    ];
    let mut ids: Vec<_> = ids.into_iter().map(|(name, id)| (name, id.to_owned())).collect();
    ids.extend([("webhook_id", webhook), ("delivery_id", delivery)]);
    ids
}

/// All that the shop's own key reads, but for deliveries, which go on by themselves.
async fn state(shop: &Shop, document: &Value, ids: &[(&str, String)]) -> Vec<Value> {
    let mut state = Vec::new();
    for (template, methods) in document["paths"].as_object().unwrap() {
        if methods["get"].is_object() && !template.contains("deliveries") {
            let path = ids
                .iter()
                .fold(template.clone(), |path, (name, id)| path.replace(&format!("{{{name}}}"), id));
            let mut read = shop.done("GET", &path, &Value::Null).await;
            // Nobody is there who could be told.
            if let Some(webhook) = read.get_mut("webhook") {
                webhook.as_object_mut().unwrap().remove("failing_since");
            }
            let listed = read.get_mut("webhooks").and_then(Value::as_array_mut);
            for webhook in listed.into_iter().flatten() {
                webhook.as_object_mut().unwrap().remove("failing_since");
            }
            state.push(read);
        }
    }
    state
}

on_both_stores! {
    async fn every_example_is_taken_once_and_read_back(backend: Backend) {
        let shop = Shop::open(backend).await;
        let document = openapi(&shop.server).await;
        fill(&shop, &document).await;
        let get = async |path: &str| shop.done("GET", path, &Value::Null).await;
        let order = get("/orders/576461413038785752").await["order"].clone();
        assert_eq!(order["packages"][0]["tracking"][0]["code"], "IN_TRANSIT");
        assert_eq!(order["returns"][0]["return_id"], "ret-1");
        assert_eq!(get("/packages/pk-1").await["package"]["order_id"], order["id"]);
        assert_eq!(get("/returns/ret-1").await["return"]["order_id"], order["id"]);
        assert_eq!(get("/products/p-100").await["product"]["stock"], 12);
        assert_eq!(get("/skus/p-100-m").await["product_id"], "p-100");
        assert_eq!(get("/coupons/cpn-1").await["coupon"]["title"], "5 off 30");
        assert_eq!(get("/buyers/b-1").await["buyer"]["locale"], "pt-BR");
        assert_eq!(get("/agents/a-1").await["agent"]["role"], "AGENT");
        for (list, things) in [
            ("/orders", "orders"),
            ("/orders?buyer_id=b-1", "orders"),
            ("/orders?status=IN_TRANSIT&order_id=1303878", "orders"),
            ("/returns", "returns"),
            ("/products?query=linen", "products"),
            ("/coupons", "coupons"),
        ] {
            let page = get(list).await;
            assert_eq!(page[things].as_array().map(Vec::len), Some(1), "{list}: {page}");
            assert_eq!(page["next_page_token"], "", "{list}");
        }
        assert_eq!(get("/orders?status=UNPAID").await["orders"], json!([]));
    }

    async fn a_request_of_a_buyer_is_answered_and_a_coupon_is_ended(backend: Backend) {
        let shop = Shop::open(backend).await;
        let document = openapi(&shop.server).await;
        fill(&shop, &document).await;
        let reject = shop.ask("POST", "/returns/ret-1/reject", &json!({})).await;
        is(&reject, 400, "validation", Some("reason_text"));
        let approved = shop.done("POST", "/returns/ret-1/approve", &json!({})).await;
        assert_eq!(approved["return"]["return_status"], "RETURN_OR_REFUND_REQUEST_SUCCESS");
        shop.done("POST", "/returns/ret-1/approve", &json!({})).await;
        let reject = shop.ask("POST", "/returns/ret-1/reject", &json!({ "reason_text": "no" })).await;
        is(&reject, 409, "conflict", None);
        assert_eq!(reject.json()["error"]["data"]["current"]["return"]["return_id"], "ret-1");
        for _ in 0..2 {
            let ended = shop.done("POST", "/coupons/cpn-1/deactivate", &Value::Null).await;
            assert_eq!(ended["coupon"]["status"], "DEACTIVATED");
        }
    }

    async fn of_many_documents_each_is_taken_or_refused_by_itself(backend: Backend) {
        let shop = Shop::open(backend).await;
        let document = openapi(&shop.server).await;
        let order = example(&document, "/orders/{order_id}", "put");
        let changed = |id: &str, change: &dyn Fn(&mut Value)| {
            let mut order = order.clone();
            order["id"] = id.into();
            change(&mut order);
            order
        };
        let orders = json!({ "orders": [
            changed("o-1", &|_| ()),
            changed("o-2", &|order| order["payment"]["total_amount"]["amount"] = "1.00".into()),
            changed("o-3", &|order| order["line_items"][0]["quantity"] = "two".into()),
            changed("o-4", &|order| order["statsu"] = "UNPAID".into()),
            changed("o-5", &|_| ()),
            7,
        ] });
        let answer = shop.done("POST", "/orders", &orders).await;
        let outcomes: Vec<_> = answer["outcomes"].as_array().unwrap().iter()
            .map(|outcome| (outcome["id"].as_str(), outcome["result"].as_str().unwrap(), outcome["error"]["data"]["field"].as_str()))
            .collect();
        assert_eq!(outcomes, [
            (Some("o-1"), "CREATED", None),
            (Some("o-2"), "REFUSED", Some("payment.total_amount")),
            (Some("o-3"), "REFUSED", Some("line_items[0].quantity")),
            (Some("o-4"), "REFUSED", Some("statsu")),
            (Some("o-5"), "CREATED", None),
            (None, "REFUSED", Some("body")),
        ], "{answer}");
        let many: Vec<_> = (0..501).map(|number| json!({ "id": number.to_string() })).collect();
        let answer = shop.ask("POST", "/orders", &json!({ "orders": many })).await;
        is(&answer, 400, "limit_reached", None);
        assert_eq!(answer.json()["error"]["data"]["limit"], 500);
        for (body, field) in [(json!([]), "body"), (json!({}), "orders"), (json!({ "orders": {} }), "orders"), (json!({ "order": [] }), "order")] {
            is(&shop.ask("POST", "/orders", &body).await, 400, "validation", Some(field));
        }
    }

    async fn pages_of_the_shops_orders_hold_each_once_newest_first(backend: Backend) {
        let shop = Shop::open(backend).await;
        let document = openapi(&shop.server).await;
        let order = example(&document, "/orders/{order_id}", "put");
        let orders: Vec<_> = (0..25_i64).map(|number| {
            let mut order = order.clone();
            order["id"] = format!("o-{number:02}").into();
            order["user_id"] = format!("b-{}", number % 2).into();
            // Several of one time: the id settles their order.
            order["create_time"] = (1_763_900_000_000_i64 + number / 3).into();
            order
        }).collect();
        shop.done("POST", "/orders", &json!({ "orders": orders })).await;
        for (query, count) in [("", 25), ("&buyer_id=b-1", 12), ("&order_id=o-1", 10), ("&status=IN_TRANSIT", 25)] {
            let (mut ids, mut token) = (Vec::new(), String::new());
            loop {
                let page = shop.done("GET", &format!("/orders?page_size=4{query}&page_token={token}"), &Value::Null).await;
                ids.extend(page["orders"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap().to_owned()));
                page["next_page_token"].as_str().unwrap().clone_into(&mut token);
                if token.is_empty() {
                    break;
                }
            }
            let mut sorted = ids.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            assert_eq!((ids.len(), &ids), (count, &sorted), "{query}");
        }
        is(&shop.ask("GET", "/orders?page_token=x", &Value::Null).await, 400, "validation", Some("page_token"));
    }

    async fn of_two_editors_of_a_note_one_wins_and_the_other_gets_what_stands(backend: Backend) {
        let shop = Shop::open(backend).await;
        let document = openapi(&shop.server).await;
        fill(&shop, &document).await;
        let path = "/orders/576461413038785752/note";
        let none = shop.ask("GET", path, &Value::Null).await;
        assert_eq!((none.status, none.header("etag"), none.json()), (200, Some("\"0\""), json!({})));
        let write = async |tag: &str, text: &str| {
            ask(&shop.server, &shop.key, "PUT", path, &[("If-Match", tag)], &json!({ "text": text })).await
        };
        let (ana, bo) = tokio::join!(write("\"0\"", "by ana"), write("\"0\"", "by bo"));
        let (won, lost) = if ana.status == 200 { (ana, bo) } else { (bo, ana) };
        assert_eq!((won.status, won.header("etag")), (200, Some("\"1\"")), "{won:?}");
        is(&lost, 412, "conflict", None);
        assert_eq!(lost.header("etag"), Some("\"1\""));
        assert_eq!(lost.json()["error"]["data"]["current"]["note"]["text"], won.json()["note"]["text"]);
        assert_eq!(won.json()["note"]["editor"]["kind"], "API");
        assert_eq!(won.json()["note"]["editor"]["name"], "order system");
        let missing = shop.ask("PUT", path, &json!({ "text": "x" })).await;
        is(&missing, 428, "validation", Some("If-Match"));
        is(&write("*", "x").await, 400, "validation", Some("If-Match"));
        assert_eq!(write("\"1\"", "second").await.header("etag"), Some("\"2\""));
        let history = shop.done("GET", &format!("{path}/history?page_size=1"), &Value::Null).await;
        assert_eq!((history["notes"][0]["text"].as_str(), history["next_page_token"].as_str()), (Some("second"), Some("2")));
        let older = shop.done("GET", &format!("{path}/history?page_token=2"), &Value::Null).await;
        assert_eq!(older["notes"][0]["version"], 1);
    }

    async fn another_shops_key_finds_nothing_on_any_path(backend: Backend) {
        let shop = Shop::open(backend).await;
        let document = openapi(&shop.server).await;
        fill(&shop, &document).await;
        let foreign = shop.server.api_key("another", &[]).await;
        let ids = things(&shop).await;
        let before = state(&shop, &document, &ids).await;
        let mut walked = 0;
        for (template, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let known = ids.iter().find(|(name, _)| template.contains(&format!("{{{name}}}")));
                assert_eq!(known.is_some(), template.contains('{'), "{template} names what is not there");
                let method = method.to_uppercase();
                let body = &operation["requestBody"]["content"]["application/json"]["example"];
                if let Some((name, id)) = known {
                    // Writing a document of one's own by the same id is no reach into the other shop.
                    let own_document = method == "PUT" && template.ends_with('}');
                    let ask = async |id: &str| {
                        let path = template.replace(&format!("{{{name}}}"), id);
                        ask(&shop.server, &foreign, &method, &path, &[("If-Match", "\"0\"")], body).await
                    };
                    if own_document {
                        continue;
                    }
                    // Which are numbers.
                    let nobodys = if *name == "delivery_id" { "999999" } else { "nobodys" };
                    let (theirs, nobodys) = (ask(id).await, ask(nobodys).await);
                    assert_eq!(refused(&theirs).0, 404, "{method} {template}: {theirs:?}");
                    assert_eq!(mute(&theirs), mute(&nobodys), "{method} {template}");
                    walked += 1;
                } else if method == "GET" {
                    let page = ask(&shop.server, &foreign, "GET", template, &[], &Value::Null).await;
                    let lists = page.json();
                    assert!(lists.as_object().unwrap().values().all(|things| things.as_array().is_none_or(Vec::is_empty)), "{template}: {lists}");
                    walked += 1;
                }
            }
        }
        assert!(walked >= 18, "{walked}");
        // What it writes by these ids is its own, and what it hangs on another shop's thing hangs on nothing.
        for (path, parent) in [("/packages", "order_id"), ("/returns", "order_id")] {
            let thing = document["paths"].as_object().unwrap().keys().find(|template| {
                template.strip_prefix(path).is_some_and(|rest| rest.starts_with("/{") && rest.ends_with('}'))
            });
            let template = thing.unwrap();
            let mut body = example(&document, template, "put");
            let id = &ids.iter().find(|(name, _)| template.contains(&format!("{{{name}}}"))).unwrap().1;
            let theirs = ask(&shop.server, &foreign, "PUT", &format!("{path}/{id}"), &[], &body).await;
            is(&theirs, 400, "validation", Some(parent));
            let of_theirs = ask(&shop.server, &foreign, "POST", path, &[], &json!({ &path[1..]: [body] })).await;
            body[parent] = "nobodys".into();
            let nobodys = ask(&shop.server, &foreign, "PUT", &format!("{path}/{id}"), &[], &body).await;
            let of_nobodys = ask(&shop.server, &foreign, "POST", path, &[], &json!({ &path[1..]: [body] })).await;
            assert_eq!((theirs.status, mute(&theirs)), (nobodys.status, mute(&nobodys)), "{path}");
            assert_eq!((of_theirs.status, mute(&of_theirs)), (of_nobodys.status, mute(&of_nobodys)), "{path}");
            assert_eq!(of_theirs.json()["outcomes"][0]["result"], "REFUSED", "{path}: {of_theirs:?}");
        }
        for (template, methods) in document["paths"].as_object().unwrap() {
            let operation = &methods["put"];
            let Some((name, id)) = ids.iter().find(|(name, _)| template.ends_with(&format!("/{{{name}}}"))) else { continue };
            if operation.is_object() && !["package_id", "return_id"].contains(name) {
                let mut body = example(&document, template, "put");
                for field in ["title", "name", "buyer_message"] {
                    if body.get(field).is_some() {
                        body[field] = "Another's".into();
                    }
                }
                let path = template.replace(&format!("{{{name}}}"), id);
                let made = ask(&shop.server, &foreign, "PUT", &path, &[], &body).await;
                assert!([200, 201].contains(&made.status), "{path}: {made:?}");
            }
        }
        assert_eq!(state(&shop, &document, &ids).await, before, "nothing of the shop's is another");
    }

    async fn no_path_is_answered_without_a_key_or_with_one_that_was_revoked(backend: Backend) {
        let shop = Shop::open(backend).await;
        let document = openapi(&shop.server).await;
        fill(&shop, &document).await;
        let ids = things(&shop).await;
        let before = state(&shop, &document, &ids).await;
        let revoked = shop.server.api_key(User::SHOP, &[]).await;
        let key_id = revoked.split('_').nth(1).unwrap();
        let done = shop.server.run_to_end(&["api-key", "revoke", "--shop", User::SHOP, "--key", key_id]).await;
        assert!(done.status.success(), "{done:?}");
        let mut walked = 0;
        for (template, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let path = ids.iter().fold(template.clone(), |path, (name, id)| path.replace(&format!("{{{name}}}"), id));
                let method = method.to_uppercase();
                let body = &operation["requestBody"]["content"]["application/json"]["example"];
                let asked = ask(&shop.server, &revoked, &method, &path, &[("If-Match", "\"0\"")], body).await;
                is(&asked, 401, "authentication", None);
                let body = if body.is_null() { String::new() } else { body.to_string() };
                let headers = [("Content-Type", "application/json"), ("If-Match", "\"0\"")];
                let asked = shop.server.request(&method, &format!("/api/v1{path}"), &headers, &body).await;
                is(&asked, 401, "authentication", None);
                walked += 1;
            }
        }
        assert!(walked >= 40, "{walked}");
        assert_eq!(state(&shop, &document, &ids).await, before, "nothing was changed");
    }

    async fn every_change_leaves_a_row_of_audit_with_the_key(backend: Backend) {
        let shop = Shop::open(backend).await;
        let document = openapi(&shop.server).await;
        fill(&shop, &document).await;
        shop.done("POST", "/returns/ret-1/approve", &json!({})).await;
        let key_id = shop.key.split('_').nth(1).unwrap();
        let count = format!("SELECT count(*) FROM audit WHERE actor_kind = 'API' AND actor_id = '{key_id}'");
        // Eight things, a step of a parcel, an answer; what was written twice changed nothing.
        assert_eq!(shop.server.number(&count).await, 9, "see {count}");
    }
}

#[tokio::test]
async fn what_is_written_shows_at_once_in_an_open_workbench() {
    let shop = Shop::open(Backend::Sqlite).await;
    let document = openapi(&shop.server).await;
    let mut agent = shop.server.agent("bo").await;
    let order = example(&document, "/orders/{order_id}", "put");
    // Agents are told of a buyer's things while they are attached to that buyer's conversation.
    let mut buyer = shop.server.buyer(order["user_id"].as_str().unwrap()).await;
    let here = buyer.open().await;
    agent.attach(&here).await;
    shop.done("PUT", "/orders/576461413038785752", &order).await;
    let told = agent.push("workbench.changed").await;
    assert_eq!((told["kind"].as_str(), told["id"].as_str()), (Some("ORDER"), Some("576461413038785752")));
}

#[tokio::test]
async fn a_note_of_the_order_management_page_shows_at_once_in_an_open_workbench() {
    let shop = Shop::open(Backend::Sqlite).await;
    let document = openapi(&shop.server).await;
    let order = example(&document, "/orders/{order_id}", "put");
    let id = order["id"].as_str().unwrap();
    shop.done("PUT", &format!("/orders/{id}"), &order).await;
    let mut agent = shop.server.agent("bo").await;
    let mut buyer = shop.server.buyer(order["user_id"].as_str().unwrap()).await;
    let here = buyer.open().await;
    agent.attach(&here).await;
    for (tag, text) in [("\"0\"", "Gift wrap."), ("\"1\"", "No gift wrap.")] {
        let path = format!("/orders/{id}/note");
        let headers = [("If-Match", tag)];
        let put = ask(&shop.server, &shop.key, "PUT", &path, &headers, &json!({ "text": text })).await;
        assert_eq!(put.status, 200, "{put:?}");
        let told = agent.push("workbench.changed").await;
        assert_eq!(
            (&told["kind"], &told["id"], &told["order_id"]),
            (&json!("SELLER_NOTE"), &order["id"], &order["id"])
        );
        let seen = agent.call("workbench.orders.note.get", json!({ "order_id": id })).await.unwrap();
        assert_eq!((&seen["note"]["text"], &seen["note"]["editor"]["kind"]), (&json!(text), &json!("API")));
    }
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_until_it_is_revoked() {
    let shop = Shop::open(Backend::Sqlite).await;
    let document = openapi(&shop.server).await;
    fill(&shop, &document).await;
    let server = &shop.server;
    let reads = server.api_key(User::SHOP, &["read"]).await;
    let coupons = server.api_key(User::SHOP, &["coupons:write"]).await;
    for (template, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let scope = operation["security"][0]["api_key"][0].as_str().unwrap();
            let path = template.replace(['{', '}'], "");
            for (key, may) in [(&reads, scope.ends_with(":read")), (&coupons, scope == "coupons:write")] {
                let answer = ask(server, key, &method.to_uppercase(), &path, &[], &Value::Null).await;
                assert_eq!(answer.status == 403, !may, "{scope}: {method} {path}: {answer:?}");
                if !may {
                    assert_eq!(refused(&answer).1, "authorization");
                }
            }
        }
    }
    let key_id = reads.split('_').nth(1).unwrap();
    let listed = server.run_to_end(&["api-key", "list", "--shop", User::SHOP]).await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.lines().any(|line| line.starts_with(&format!("{key_id}\tvalid\t"))), "{listed}");
    assert!(!listed.contains(&reads[21..]), "the secret is shown once");
    let foreign = server.run_to_end(&["api-key", "revoke", "--shop", "another", "--key", key_id]).await;
    assert!(!foreign.status.success());
    assert_eq!(ask(server, &reads, "GET", "/orders", &[], &Value::Null).await.status, 200);
    let revoked = server.run_to_end(&["api-key", "revoke", "--shop", User::SHOP, "--key", key_id]).await;
    assert!(revoked.status.success(), "{revoked:?}");
    is(&ask(server, &reads, "GET", "/orders", &[], &Value::Null).await, 401, "authentication", None);
    assert!(!server.log().contains(&reads[21..]), "no secret in the log");
}

#[tokio::test]
async fn without_a_good_key_there_is_nothing() {
    let shop = Shop::open(Backend::Sqlite).await;
    let other = format!("{}{}", &shop.key[..21], "A".repeat(43));
    let token = shop.server.sign(&User::admin("root"));
    for key in ["", "dwk_", "nothing", &other, &shop.key.to_uppercase(), &token] {
        let answer = ask(&shop.server, key, "GET", "/orders", &[], &Value::Null).await;
        is(&answer, 401, "authentication", None);
        assert!(answer.header("www-authenticate").unwrap().starts_with("bearer"), "{answer:?}");
    }
    is(&shop.server.get("/api/v1/orders").await, 401, "authentication", None);
    for open in ["/api/v1/openapi.json", "/api/v1/docs"] {
        assert_eq!(shop.server.get(open).await.status, 200);
    }
}

#[tokio::test]
async fn what_is_no_request_of_ours_is_refused_by_what_is_wrong_with_it() {
    let shop = Shop::open(Backend::Sqlite).await;
    let document = openapi(&shop.server).await;
    let order = example(&document, "/orders/{order_id}", "put");
    let is_at =
        async |method: &str, path: &str, body: &Value, status: u16, kind: &str, field: Option<&str>| {
            is(&shop.ask(method, path, body).await, status, kind, field);
        };
    is_at("PUT", "/orders/another", &order, 400, "validation", Some("id")).await;
    is_at("PUT", "/orders/576461413038785752?dry_run=1", &order, 400, "validation", Some("dry_run")).await;
    is_at("GET", "/orders?statsu=UNPAID", &Value::Null, 400, "validation", Some("statsu")).await;
    is_at("GET", "/orders?status=GONE", &Value::Null, 400, "validation", Some("status")).await;
    is_at("GET", "/orders?page_size=101", &Value::Null, 400, "validation", Some("page_size")).await;
    for (list, field) in [("products", "query"), ("coupons", "query"), ("orders", "order_id")] {
        let path = format!("/{list}?{field}={}", "x".repeat(201));
        is_at("GET", &path, &Value::Null, 400, "validation", Some(field)).await;
    }
    is_at("POST", "/packages/pk-1/tracking", &json!({ "events": [] }), 400, "validation", Some("events"))
        .await;
    is_at("GET", "/orders/%00", &Value::Null, 400, "validation", Some("order_id")).await;
    is_at("GET", "/orders/%FF", &Value::Null, 400, "validation", Some("order_id")).await;
    is_at("GET", "/nothing", &Value::Null, 404, "not_found", None).await;
    let wrong_method = shop.ask("PUT", "/orders", &json!({})).await;
    is(&wrong_method, 405, "method_not_found", None);
    assert!(wrong_method.header("allow").is_some_and(|allow| allow.contains("get")), "{wrong_method:?}");
    let bearer = format!("Bearer {}", shop.key);
    let send = async |kind: &str, body: &str| {
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
        shop.server.request("PUT", "/api/v1/orders/o", &headers, body).await
    };
    is(&send("application/json", "{\"id\":").await, 400, "parse_error", None);
    is(&send("application/x-www-form-urlencoded", "id=1").await, 415, "invalid_request", None);
    is(&send("application/json", "[]").await, 400, "validation", Some("body"));
}

/// A request whose body does not come: the server waits for it.
async fn without_its_body(server: &Server, key: &str) -> TcpStream {
    let head = format!(
        "PUT /api/v1/orders/o HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Content-Length: 9\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n"
    );
    let mut stream = within("a connection", TcpStream::connect(server.address())).await.unwrap();
    within("a request", stream.write_all(head.as_bytes())).await.unwrap();
    let mut answer = [0; 12];
    within("100", stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(std::str::from_utf8(&answer).unwrap(), "HTTP/1.1 100");
    stream
}

#[tokio::test]
async fn a_shop_whose_bodies_do_not_come_holds_up_no_other() {
    let settings = "[rest]\nbody_timeout_seconds = 600\nin_flight_per_shop = 3\nconcurrency = 2\n";
    let shop = Shop::with(Backend::Sqlite, settings).await;
    let [second, another] =
        [shop.server.api_key(User::SHOP, &[]).await, shop.server.api_key("another", &[]).await];
    let mut slow = Vec::new();
    for key in [&shop.key, &shop.key, &second] {
        slow.push(without_its_body(&shop.server, key).await);
    }
    let answer = ask(&shop.server, &another, "GET", "/orders", &[], &Value::Null).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for key in [&shop.key, &second] {
        let refused = ask(&shop.server, key, "GET", "/orders", &[], &Value::Null).await;
        is(&refused, 429, "pending_requests_limit_reached", None);
        assert_eq!(refused.json()["error"]["data"]["limit"], 3);
    }
    // What comes to its end makes room.
    for mut stream in slow {
        within("a body", stream.write_all(b"not JSON!")).await.unwrap();
        let mut answer = String::new();
        within("an answer", stream.read_to_string(&mut answer)).await.unwrap_or_default();
        assert!(answer.contains("HTTP/1.1 400"), "{answer}");
    }
    assert_eq!(shop.ask("GET", "/orders", &Value::Null).await.status, 200);
}

#[tokio::test]
async fn limits_hold_and_say_when_to_come_again() {
    let settings =
        "[rest]\nbody_bytes = 1000\nbody_timeout_seconds = 1\nrequests_per_second = 1\nrequest_burst = 4\n";
    let shop = Shop::with(Backend::Sqlite, settings).await;
    let large = json!({ "text": "x".repeat(1001) });
    let answer = shop.ask("PUT", "/orders/o/note", &large).await;
    is(&answer, 413, "entity_too_large", None);
    assert_eq!(answer.json()["error"]["data"]["limit"], 1000);
    // Chunked: nothing says beforehand how much will come.
    let head = format!(
        "PUT /api/v1/orders/o HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        shop.key
    );
    for (sent, status) in [
        (format!("{head}7d0\r\n{}\r\n0\r\n\r\n", "x".repeat(2000)), "413"),
        (format!("{head}4\r\n{{\"id\r\n"), "408"),
    ] {
        let mut stream = within("a connection", TcpStream::connect(shop.server.address())).await.unwrap();
        within("a request", stream.write_all(sent.as_bytes())).await.unwrap();
        let mut answer = [0; 12];
        within(status, stream.read_exact(&mut answer)).await.unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), format!("HTTP/1.1 {status}"));
    }
    let mut last = shop.ask("GET", "/orders", &Value::Null).await;
    for _ in 0..5 {
        if last.status == 429 {
            break;
        }
        last = shop.ask("GET", "/orders", &Value::Null).await;
    }
    is(&last, 429, "too_many_requests", None);
    assert_eq!(last.header("retry-after"), Some("1"), "{last:?}");
    let another = shop.server.api_key(User::SHOP, &[]).await;
    assert_eq!(ask(&shop.server, &another, "GET", "/orders", &[], &Value::Null).await.status, 200);
}
