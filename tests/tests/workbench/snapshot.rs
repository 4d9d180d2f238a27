//! Snapshot plus events equals a fresh snapshot: whoever has read how things stand and applies what is told shows what one
//! sees who reads it all now. For every event that there is.

use std::collections::{BTreeMap, BTreeSet};

use deskwire_protocol::{card::ThingKind, event::EventName};
use deskwire_tests::{Client, DEADLINE, Server, ServerOptions, Setting, User, everywhere};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::fixtures::*;

/// What an agent's client shows.
#[derive(Debug, Clone, Default, PartialEq)]
struct Screen {
    /// The list of conversations, by id.
    conversations: BTreeMap<String, Value>,
    /// The open conversation: its last event, its messages by place, how far each side has read, who is there, who types.
    last_seq: i64,
    messages: BTreeMap<i64, Value>,
    read: BTreeMap<&'static str, i64>,
    present: BTreeSet<String>,
    typing: BTreeSet<String>,
    /// The workbench, by id; and the deadlines that it warns of, by order.
    orders: BTreeMap<String, Value>,
    products: BTreeMap<String, Value>,
    coupons: BTreeMap<String, Value>,
    near: BTreeMap<String, Value>,
}

/// Of what workbenches are told.
const KINDS: [ThingKind; 6] = [
    ThingKind::Order,
    ThingKind::SellerNote,
    ThingKind::Package,
    ThingKind::Return,
    ThingKind::Product,
    ThingKind::Coupon,
];

fn by(field: &str, list: &Value) -> BTreeMap<String, Value> {
    let things = list.as_array().unwrap().iter();
    things.map(|thing| (text(&thing[field]), thing.clone())).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("no number: {value}"))
}

impl Screen {
    /// How things stand now; from here on the client is told.
    async fn read(client: &mut Client, here: &str) -> Self {
        let attached = client.attach(here).await;
        let conversation = &attached["conversation"];
        let present = attached["presence"].as_array().unwrap().iter();
        let mut screen = Self {
            last_seq: number(&attached["last_seq"]),
            read: BTreeMap::from([
                ("BUYER", number(&conversation["buyer_read_seq"])),
                ("SHOP", number(&conversation["shop_read_seq"])),
            ]),
            present: present
                .filter(|person| person["online"] == true)
                .map(|person| text(&person["user_id"]))
                .collect(),
            ..Self::default()
        };
        let messages = client.history(here).await.into_iter();
        screen.messages = messages.map(|message| (number(&message["seq"]), message)).collect();
        screen.read_list(client).await;
        for kind in [ThingKind::Order, ThingKind::Product, ThingKind::Coupon] {
            screen.read_things(client, kind).await;
        }
        screen.near = screen
            .orders
            .iter()
            .filter_map(|(id, order)| {
                let reminder = order.get("reminder").filter(|reminder| reminder["overdue"] == false)?;
                Some((id.clone(), reminder.clone()))
            })
            .collect();
        screen
    }

    /// The same by someone who has seen nothing before.
    async fn fresh(server: &Server, here: &str) -> Self {
        let mut client = server.agent("bo").await;
        let screen = Self::read(&mut client, here).await;
        client.leave().await;
        screen
    }

    async fn read_list(&mut self, client: &mut Client) {
        let listed = client.call("conversation.list", json!({"page_size": 100})).await.unwrap();
        assert_eq!(listed["next_page_token"], "", "they fit on one page");
        self.conversations = by("conversation_id", &listed["conversations"]);
    }

    async fn read_things(&mut self, client: &mut Client, kind: ThingKind) {
        let (things, method, field, params) = match kind {
            ThingKind::Order | ThingKind::SellerNote | ThingKind::Package | ThingKind::Return => {
                (&mut self.orders, "workbench.orders.list", "orders", json!({"buyer_id": "ana"}))
            }
            ThingKind::Product => (&mut self.products, "workbench.products.list", "products", json!({})),
            ThingKind::Coupon => (&mut self.coupons, "workbench.coupons.list", "coupons", json!({})),
        };
        let listed = client.call(method, params).await.unwrap();
        assert_eq!(listed["next_page_token"], "", "they fit on one page");
        *things = by("id", &listed[field]);
    }

    /// What a client does with an event.
    async fn apply(&mut self, client: &mut Client, event: EventName, told: &Value) {
        match event {
            EventName::MessageCreated | EventName::MessageRevised => {
                assert_eq!(number(&told["prev_seq"]), self.last_seq, "nothing is missing before it: {told}");
                self.last_seq = number(&told["seq"]);
                let message = &told["message"];
                self.messages.insert(number(&message["seq"]), message.clone());
                // Of a new message, whoever is attached gets no summary: this is it.
                if event == EventName::MessageCreated {
                    let here = self.conversations.get_mut(&text(&message["conversation_id"])).unwrap();
                    if number(&told["seq"]) > number(&here["last_seq"]) {
                        if message["sender"]["role"] == "BUYER" {
                            here["unread_count"] = (number(&here["unread_count"]) + 1).into();
                        }
                        here["last_seq"] = told["seq"].clone();
                        here["update_time"] = message["create_time"].clone();
                        here["latest_message"] = message.clone();
                    }
                }
            }
            EventName::ConversationUpdated => {
                let mut conversation = told["conversation"].clone();
                let id = text(&conversation["conversation_id"]);
                if let Some(shown) = self.conversations.get(&id)
                    && number(&shown["last_seq"]) > number(&conversation["last_seq"])
                {
                    for field in ["last_seq", "latest_message", "unread_count", "update_time"] {
                        conversation[field] = shown[field].clone();
                    }
                }
                self.conversations.insert(id, conversation);
            }
            EventName::ReadUpdated => {
                let side = if told["reader"]["role"] == "BUYER" { "BUYER" } else { "SHOP" };
                self.read.insert(side, number(&told["seq"]));
            }
            EventName::Typing => {
                let user = text(&told["sender"]["user_id"]);
                if told["typing"] == true {
                    self.typing.insert(user)
                } else {
                    self.typing.remove(&user)
                };
            }
            EventName::Presence => {
                let user = text(&told["user_id"]);
                if told["online"] == true {
                    self.present.insert(user)
                } else {
                    self.present.remove(&user)
                };
            }
            EventName::WorkbenchOrders => self.orders.extend(by("id", &told["orders"])),
            EventName::WorkbenchChanged => {
                let kind = serde_json::from_value(told["kind"].clone()).unwrap();
                self.read_things(client, kind).await;
            }
            EventName::DeadlineNear => {
                self.near.insert(text(&told["order_id"]), told["reminder"].clone());
            }
            // What the client does then is shown below, in tests of their own.
            EventName::SessionExpiring | EventName::SessionDraining | EventName::SessionResync => {
                panic!("not expected here: {told}")
            }
        }
    }
}

fn event(name: &str) -> EventName {
    serde_json::from_value(name.into()).unwrap()
}

/// One of those whom an agent's client watches.
struct Watched {
    scene: Scene,
    key: String,
    screen: Screen,
}

impl Watched {
    async fn put(&self, path: &str, document: Value) {
        let answer = self.scene.rest(&self.key, "PUT", path, &document).await;
        assert!(["CREATED", "CHANGED"].contains(&answer["result"].as_str().unwrap_or("")), "{answer}");
    }

    /// Applies what is told until it has told of `wanted` what changed the screen, and the screen is as a fresh one.
    async fn follow(&mut self, wanted: impl Fn(EventName, &Value) -> bool, what: &str) {
        let mut changed = false;
        loop {
            let mut told = self.scene.bo.all_pushes_so_far().await;
            if told.is_empty() {
                let fresh = Screen::fresh(&self.scene.server, &self.scene.here).await;
                if changed && self.screen == fresh {
                    return;
                }
                let Ok(push) = timeout(DEADLINE / 2, self.scene.bo.any_push()).await else {
                    assert_eq!(self.screen, fresh, "{what}: nothing more is told");
                    panic!("{what}: nothing was told that changes anything");
                };
                told.push(push);
            }
            for (name, told) in told {
                self.take(&name, &told, &wanted, &mut changed).await;
            }
        }
    }

    async fn take(
        &mut self,
        name: &str,
        told: &Value,
        wanted: impl Fn(EventName, &Value) -> bool,
        changed: &mut bool,
    ) {
        let event = event(name);
        let before = self.screen.clone();
        self.screen.apply(&mut self.scene.bo, event, told).await;
        *changed |= wanted(event, told) && self.screen != before;
    }

    /// Lets happen what this event tells of.
    async fn happen(&mut self, event: EventName) {
        let here = self.scene.here.clone();
        let (ana, bo) = (&mut self.scene.ana, &mut self.scene.bo);
        match event {
            EventName::MessageCreated => drop(ana.say(&here, "Is it still there?").await),
            EventName::MessageRevised => {
                let said = ana.say(&here, "Never mind").await;
                let recall = json!({"conversation_id": here, "message_id": said["message_id"]});
                ana.call("message.recall", recall).await.unwrap();
            }
            EventName::ConversationUpdated => {
                let tag = json!({"conversation_id": here, "tag": "patient"});
                self.scene.server.agent("cem").await.call("conversation.tag", tag).await.unwrap();
            }
            EventName::ReadUpdated => {
                let said = bo.say(&here, "It is").await;
                ana.call("conversation.read", json!({"conversation_id": here, "seq": said["seq"]}))
                    .await
                    .unwrap();
            }
            EventName::Typing => {
                for typing in [true, false] {
                    let params = json!({"conversation_id": here, "typing": typing});
                    ana.call("conversation.typing", params).await.unwrap();
                }
            }
            EventName::Presence => {
                let stranger = self.scene.server.connect().await;
                std::mem::replace(&mut self.scene.ana, stranger).leave().await;
            }
            EventName::WorkbenchOrders => {
                // As a client that has not asked for any.
                self.screen.orders.clear();
                bo.attach(&here).await;
            }
            EventName::DeadlineNear => {
                let deadlines = json!({"deadlines": {"shipping_due_time": now() + 5 * HOUR}});
                self.put("/orders/o-soon", with(order("o-soon", "ana", "AWAITING_SHIPMENT"), deadlines))
                    .await;
            }
            EventName::WorkbenchChanged
            | EventName::SessionExpiring
            | EventName::SessionDraining
            | EventName::SessionResync => panic!("it has a test of its own"),
        }
    }

    /// Lets such a thing change.
    async fn change(&mut self, kind: ThingKind) {
        match kind {
            ThingKind::Order => {
                let shipped = json!({"status": "IN_TRANSIT", "update_time": now()});
                self.put("/orders/o-2", with(bare(&self.screen.orders["o-2"]), shipped)).await;
            }
            ThingKind::SellerNote => {
                let note = json!({"order_id": "o-2", "text": "Ring twice.", "version": 0});
                let mut cem = self.scene.server.agent("cem").await;
                cem.call("workbench.orders.note.set", note).await.unwrap();
            }
            ThingKind::Package => self.put("/packages/pk-2", package("pk-2", "o-2")).await,
            ThingKind::Return => {
                let request = json!({
                    "client_return_id": "r", "order_id": "o-1", "return_type": "REFUND", "return_reason": "damaged",
                    "items": [{"order_line_item_id": "1", "quantity": 1}],
                });
                self.scene.ana.call("buyer.returns.submit", request).await.unwrap();
            }
            ThingKind::Product => {
                let sold = with(product("p-1", "Linen shirt", 2), json!({"update_time": now()}));
                self.put("/products/p-1", sold).await;
            }
            ThingKind::Coupon => {
                let stored = &self.screen.coupons["c-1"];
                let mut renamed = with(coupon("c-1", "Six off", 9), json!({"update_time": now()}));
                for field in ["create_time", "claim_duration"] {
                    renamed[field] = stored[field].clone();
                }
                self.put("/coupons/c-1", renamed).await;
            }
        }
    }
}

/// A client that has read how things stand.
async fn watch(setting: Setting) -> Watched {
    let orders = vec![delivered("o-1", "ana"), order("o-2", "ana", "AWAITING_SHIPMENT")];
    let mut scene = Scene::set(
        setting,
        &[
            ("orders", orders),
            ("products", vec![product("p-1", "Linen shirt", 3)]),
            ("coupons", vec![coupon("c-1", "Five off", 9)]),
        ],
    )
    .await;
    let key = scene.server.api_key(User::SHOP, &[]).await;
    let screen = Screen::read(&mut scene.bo, &scene.here).await;
    Watched { scene, key, screen }
}

everywhere! {
    async fn a_snapshot_and_what_is_told_make_a_fresh_snapshot(setting: Setting) {
        let mut watched = watch(setting).await;
        for event in EventName::ALL {
            match event {
                EventName::WorkbenchChanged => {
                    for kind in KINDS {
                        watched.change(kind).await;
                        let of_kind = |event, told: &Value| {
                            event == EventName::WorkbenchChanged && told["kind"] == kind.as_str()
                        };
                        watched.follow(of_kind, kind.as_str()).await;
                    }
                }
                // Below.
                EventName::Presence
                | EventName::SessionExpiring
                | EventName::SessionDraining
                | EventName::SessionResync => {}
                EventName::MessageCreated
                | EventName::MessageRevised
                | EventName::ConversationUpdated
                | EventName::ReadUpdated
                | EventName::Typing
                | EventName::WorkbenchOrders
                | EventName::DeadlineNear => {
                    watched.happen(event).await;
                    watched.follow(|told, _| told == event, event.as_str()).await;
                }
            }
        }
        // The last, since Ana is gone then.
        watched.happen(EventName::Presence).await;
        watched.follow(|told, _| told == EventName::Presence, "presence").await;
    }

    async fn a_session_lasts_as_long_as_it_was_told_last(setting: Setting) {
        let server = Server::start(setting).await;
        let mut bo = server.join(&User::agent("bo").for_only(std::time::Duration::from_secs(3))).await;
        let told = bo.push("session.expiring").await["expire_time"].clone();
        assert_eq!(told, bo.started()["expire_time"], "the snapshot said so, too");
        let token = server.sign(&User::agent("bo"));
        let refreshed = bo.call("session.refresh", json!({"token": token})).await.unwrap();
        let mut fresh = server.connect().await;
        fresh.start(&token).await;
        assert_eq!(refreshed["expire_time"], fresh.started()["expire_time"]);
    }

    async fn a_client_that_is_sent_away_shows_what_a_fresh_one_shows_when_it_is_back(setting: Setting) {
        let mut watched = watch(setting).await;
        watched.scene.server.signal_to_end().await;
        watched.scene.bo.push("session.draining").await;
        watched.scene.server.ended().await;
        watched.scene.server.start_again().await;
        let Watched { scene: Scene { server, here, .. }, mut screen, .. } = watched;
        server.buyer("ana").await.say(&here, "Are you back?").await;
        let mut bo = server.agent("bo").await;
        let missed = bo.attach_after(&here, screen.last_seq).await;
        for event in missed["events"].as_array().unwrap() {
            screen.apply(&mut bo, self::event(event["event"].as_str().unwrap()), event).await;
        }
        let fresh = Screen::fresh(&server, &here).await;
        assert_eq!((screen.last_seq, &screen.messages), (fresh.last_seq, &fresh.messages));
        assert_eq!(fresh.messages.len(), 1);
    }

    async fn a_client_that_missed_summaries_is_told_so_and_syncs_to_a_fresh_list(setting: Setting) {
        // A socket that holds so few is told of more at once.
        let options = ServerOptions::new(setting).env("DESKWIRE_GATEWAY__OUTBOX_EVENTS", 4);
        let server = options.start().await;
        let mut bo = server.agent("bo").await;
        let mut buyers = Vec::new();
        for number in 0..24 {
            let mut buyer = server.buyer(&format!("buyer-{number}")).await;
            let here = buyer.open().await;
            buyers.push((buyer, here));
        }
        let mut screen = Screen::default();
        screen.read_list(&mut bo).await;
        let synced = bo.call("conversation.sync", json!({})).await.unwrap();
        let mut cursor = synced["cursor"].clone();
        let mut missed = false;
        while !missed {
            join_all(buyers.iter_mut().map(|(buyer, here)| buyer.say(here, "Hello?"))).await;
            missed = !bo.pushes_so_far("session.resync").await.is_empty();
        }
        loop {
            let synced = bo.call("conversation.sync", json!({"cursor": cursor})).await.unwrap();
            screen.conversations.extend(by("conversation_id", &synced["conversations"]));
            cursor = synced["cursor"].clone();
            if synced["has_more"] == false {
                break;
            }
        }
        let mut fresh = Screen::default();
        fresh.read_list(&mut bo).await;
        assert_eq!(screen, fresh);
    }
}
