//! Search and paging on real data: some sellers of the Brazilian E-Commerce Public Dataset by Olist, one shop a seller.
//!
//! The data is not part of the project. It is read from `DESKWIRE_OLIST`, or from `../shared/data/olist` beside the
//! checkout; where it is not, these tests say so and pass.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use deskwire_tests::{
    Backend, Client, Directory, Server, ServerOptions, Setting, User, on_both_stores, within,
};
use serde_json::{Value, json};
use tokio::process::Command;

/// The checkout.
fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The data, where it is on this machine.
fn data() -> Option<PathBuf> {
    let place = std::env::var_os("DESKWIRE_OLIST")
        .map_or_else(|| checkout().join("../shared/data/olist"), PathBuf::from);
    if place.join("olist_orders_dataset.csv").is_file() {
        return Some(place);
    }
    eprintln!("not tested: there is no Olist data in {}", place.display());
    None
}

/// A seller, as the script made files of it.
struct Shop {
    id: String,
    folder: PathBuf,
    orders: Vec<Value>,
    products: Vec<Value>,
}

impl Shop {
    fn read(folder: PathBuf) -> Self {
        let documents = |kind: &str| {
            let text = fs::read_to_string(folder.join(format!("{kind}.ndjson"))).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let id = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let (orders, products) = (documents("orders"), documents("products"));
        Self { id, folder, orders, products }
    }

    fn orders_of_buyers(&self) -> BTreeMap<&str, Vec<&Value>> {
        let mut of_buyers: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for order in &self.orders {
            of_buyers.entry(order["user_id"].as_str().unwrap()).or_default().push(order);
        }
        of_buyers
    }

    /// The shop whose orders are all by one buyer: no real buyer has hundreds.
    fn of_one_buyer(&self) -> String {
        format!("{}-one", self.id)
    }
}

/// A server with some of the data's sellers: the three busiest, the one to which a buyer came back most often, two small.
async fn imported(backend: Backend, data: &Path) -> (Server, Vec<Shop>) {
    let setting = Setting { backend, ..Setting::default() };
    let server = ServerOptions::new(setting)
        .env("DESKWIRE_GATEWAY__FRAME_BURST", 1_000_000)
        .env("DESKWIRE_REST__REQUEST_BURST", 1_000_000)
        .start()
        .await;
    let files = Directory::new();
    let folder = files.path("olist");
    let mut converting = Command::new(checkout().join("scripts/olist"));
    converting.arg("convert").arg(data).arg(&folder).stdin(Stdio::null()).kill_on_drop(true);
    let converted = within("scripts/olist", converting.output()).await.unwrap();
    let said = String::from_utf8(converted.stdout).unwrap();
    assert!(converted.status.success(), "{}", String::from_utf8_lossy(&converted.stderr));

    let mut shops: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| Shop::read(entry.unwrap().path())).collect();
    assert!(said.starts_with(&format!("{} shops: ", shops.len())), "{said}");
    shops.sort_by(|a, b| (Reverse(a.orders.len()), &a.id).cmp(&(Reverse(b.orders.len()), &b.id)));
    let most_often = |shop: &Shop| shop.orders_of_buyers().values().map(Vec::len).max();
    let loyal = (0..shops.len()).max_by_key(|place| most_often(&shops[*place])).unwrap();
    let chosen = BTreeSet::from([0, 1, 2, loyal, shops.len() / 2, shops.len() - 1]);
    let mut place = 0..;
    shops.retain(|_| chosen.contains(&place.next().unwrap()));
    for shop in &shops {
        for kind in ["buyers", "orders", "packages", "products"] {
            let file = shop.folder.join(format!("{kind}.ndjson"));
            if file.is_file() {
                import(&server, &shop.id, &file).await;
            }
        }
    }
    let busiest = &shops[0];
    let of_one = busiest.orders.iter().map(|order| {
        let mut order = order.clone();
        order["user_id"] = "one".into();
        order.to_string() + "\n"
    });
    let file = files.write("orders-of-one.ndjson", &of_one.collect::<String>());
    import(&server, &busiest.of_one_buyer(), Path::new(&file)).await;
    (server, shops)
}

async fn import(server: &Server, shop: &str, file: &Path) {
    let ran = server.run_to_end(&["import", "--shop", shop, file.to_str().unwrap()]).await;
    assert_eq!(ran.status.code(), Some(0), "a row was refused: {}", String::from_utf8_lossy(&ran.stderr));
}

async fn agent(server: &Server, shop: &str) -> Client {
    server.join(&User::agent("bo").of_shop(shop)).await
}

/// Every page, one after the other; each but the last is full.
async fn pages(client: &mut Client, method: &str, list: &str, params: &Value, size: usize) -> Vec<Value> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let mut params = params.clone();
        params["page_size"] = size.into();
        params["page_token"] = token.as_str().into();
        let page = client.call(method, params).await.unwrap();
        let rows = page[list].as_array().unwrap();
        page["next_page_token"].as_str().unwrap().clone_into(&mut token);
        assert!(rows.len() == size || token.is_empty(), "a page that is not the last is full");
        found.extend(rows.iter().cloned());
        if token.is_empty() {
            return found;
        }
    }
}

async fn orders(agent: &mut Client, params: &Value, size: usize) -> Vec<Value> {
    pages(agent, "workbench.orders.list", "orders", params, size).await
}

async fn products(agent: &mut Client, params: &Value, size: usize) -> Vec<Value> {
    pages(agent, "workbench.products.list", "products", params, size).await
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

fn ids<'a>(things: impl IntoIterator<Item = &'a Value>) -> Vec<&'a str> {
    things.into_iter().map(id).collect()
}

/// Newest first; of those made at once by id.
fn newest_first<'a>(orders: impl IntoIterator<Item = &'a Value>) -> Vec<&'a Value> {
    let mut orders: Vec<&Value> = orders.into_iter().collect();
    orders.sort_by_key(|order| Reverse((order["create_time"].as_i64(), id(order))));
    orders
}

async fn of_some_sellers(backend: Backend) {
    let Some(data) = data() else { return };
    let (server, shops) = imported(backend, &data).await;
    for (number, shop) in shops.iter().enumerate() {
        let mut agent = agent(&server, &shop.id).await;
        every_product_is_on_one_page(&mut agent, shop, 7 + number).await;
        parts_of_words_find_what_has_them(&mut agent, shop).await;
        every_buyers_orders_are_there(&mut agent, shop).await;
    }
    let busiest = &shops[0];
    orders_of_one_buyer_are_each_on_one_page(&mut agent(&server, &busiest.of_one_buyer()).await, busiest)
        .await;
    orders_of_the_shop_are_each_on_one_page(&server, busiest).await;
    nothing_of_another_shop_is_found(&mut agent(&server, &shops[1].id).await, busiest).await;
}

async fn every_product_is_on_one_page(agent: &mut Client, shop: &Shop, size: usize) {
    let found = products(agent, &json!({}), size).await;
    let newest_first: Vec<&str> = ids(&shop.products).into_iter().rev().collect();
    assert_eq!(ids(&found), newest_first, "shop {}", shop.id);
    for in_stock in [true, false] {
        let found = products(agent, &json!({ "in_stock": in_stock }), size).await;
        let has_some = |product: &&Value| (product["skus"][0]["inventory"] != 0) == in_stock;
        let expected: Vec<&str> = ids(shop.products.iter().rev().filter(has_some));
        assert_eq!(ids(&found), expected, "shop {}, in stock: {in_stock}", shop.id);
    }
}

/// What is found is what a reader finds who looks at every product.
async fn parts_of_words_find_what_has_them(agent: &mut Client, shop: &Shop) {
    let text = |product: &Value, by: &str| {
        let text = match by {
            "TITLE" => &product["title"],
            "PRODUCT_ID" => &product["id"],
            _ => &product["skus"][0]["seller_sku"],
        };
        text.as_str().unwrap().to_lowercase()
    };
    let some = &shop.products[shop.products.len() / 2];
    for by in ["TITLE", "PRODUCT_ID", "SELLER_SKU"] {
        let letters: Vec<char> = text(some, by).chars().collect();
        for part in
            [&letters[..], &letters[1..], &letters[..letters.len() / 2], &letters[2..6], &letters[..2]]
        {
            let part: String = part.iter().collect();
            let part = part.trim();
            let backwards: Vec<&str> = part.split(' ').rev().collect();
            let expected = shop
                .products
                .iter()
                .rev()
                .filter(|product| part.split(' ').all(|word| text(product, by).contains(word)));
            let expected = ids(expected);
            assert!(expected.contains(&id(some)), "{part:?} by {by}");
            for query in [part.to_owned(), part.to_uppercase(), accented(part), backwards.join("  ")] {
                let found = products(agent, &json!({ "query": query, "by": by }), 20).await;
                assert_eq!(ids(&found), expected, "{query:?} by {by} in shop {}", shop.id);
            }
        }
    }
    // Without saying where: a number is enough, and a word of the name beside it.
    let word = text(some, "TITLE").split(' ').next().unwrap().to_owned();
    for query in [id(some).to_owned(), format!("{} {}", accented(&word), &id(some)[8..20])] {
        let found = products(agent, &json!({ "query": query }), 20).await;
        assert_eq!(ids(&found), [id(some)], "{query:?} in shop {}", shop.id);
    }
}

/// As someone writes whose keyboard has accents.
fn accented(text: &str) -> String {
    let accented = |letter| match letter {
        'a' => 'á',
        'c' => 'Ç',
        'e' => 'ê',
        'i' => 'Í',
        'o' => 'õ',
        'u' => 'ü',
        other => other,
    };
    text.chars().map(accented).collect()
}

async fn every_buyers_orders_are_there(agent: &mut Client, shop: &Shop) {
    let mut busiest: Vec<_> = shop.orders_of_buyers().into_iter().collect();
    busiest.sort_by_key(|(_, orders)| Reverse(orders.len()));
    for (buyer, of_buyer) in busiest.into_iter().take(10) {
        let expected = newest_first(of_buyer);
        let found = orders(agent, &json!({ "buyer_id": buyer }), 1).await;
        assert_eq!(ids(&found), ids(expected.iter().copied()), "buyer {buyer}");
        for (found, order) in found.iter().zip(expected) {
            for field in ["payment", "status", "create_time", "line_items"] {
                assert_eq!(found[field], order[field], "{field} of {}", id(order));
            }
        }
    }
}

async fn orders_of_one_buyer_are_each_on_one_page(agent: &mut Client, shop: &Shop) {
    let all = newest_first(&shop.orders);
    for size in [1, 7, 100] {
        let found = orders(agent, &json!({ "buyer_id": "one" }), size).await;
        assert_eq!(ids(&found), ids(all.iter().copied()), "by pages of {size}");
    }
    let mut statuses: Vec<&str> = all.iter().map(|order| order["status"].as_str().unwrap()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    for status in statuses {
        let of_status = || all.iter().copied().filter(|order| order["status"] == status);
        let found = orders(agent, &json!({ "buyer_id": "one", "status": status }), 9).await;
        assert_eq!(ids(&found), ids(of_status()), "{status}");
        for part in [&id(of_status().next().unwrap())[5..15], &id(all[0])[..2], &id(all[0])[30..]] {
            let with_part = |order: &&Value| id(order).contains(part);
            let params = json!({ "buyer_id": "one", "order_id": part.to_uppercase() });
            assert_eq!(
                ids(&orders(agent, &params, 5).await),
                ids(all.iter().copied().filter(with_part)),
                "{part}"
            );
            let params = json!({ "buyer_id": "one", "order_id": part, "status": status });
            assert_eq!(
                ids(&orders(agent, &params, 5).await),
                ids(of_status().filter(with_part)),
                "{part} of {status}"
            );
        }
    }
}

async fn orders_of_the_shop_are_each_on_one_page(server: &Server, shop: &Shop) {
    let bearer = format!("Bearer {}", server.api_key(&shop.id, &[]).await);
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/orders?page_size=9&page_token={token}");
        let page = server.request("GET", &path, &[("Authorization", &bearer)], "").await.json();
        found.extend(page["orders"].as_array().unwrap().iter().map(|order| id(order).to_owned()));
        page["next_page_token"].as_str().unwrap().clone_into(&mut token);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, ids(newest_first(&shop.orders)));
}

async fn nothing_of_another_shop_is_found(agent: &mut Client, other: &Shop) {
    let product = &other.products[0];
    assert_eq!(products(agent, &json!({ "query": product["id"] }), 20).await, [] as [Value; 0]);
    let order = &other.orders[0];
    for params in [
        json!({ "buyer_id": order["user_id"] }),
        json!({ "buyer_id": order["user_id"], "order_id": order["id"] }),
    ] {
        let found = orders(agent, &params, 20).await;
        assert!(!ids(&found).contains(&id(order)), "{params}");
    }
    let refused = agent.call("workbench.orders.get", json!({ "order_id": order["id"] })).await.unwrap_err();
    assert_eq!(refused.kind(), "not_found");
}

on_both_stores! {
    async fn the_olist_data_is_paged_without_loss_and_found_by_parts_of_words(backend: Backend) {
        of_some_sellers(backend).await;
    }
}
