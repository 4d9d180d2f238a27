//! What a bus promises, in one process and over Redis alike.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use deskwire_chat::{
    Bus, SystemChance,
    bus::{Event, InProcess, Notice, Read, Receiver, RedisBus, RedisConfig, Topic},
};
use deskwire_protocol::{
    Content, ConversationId, ParticipantRole, Sender, ShopId, Timestamp, UserId, Visibility,
};
use deskwire_store::{EventRecord, MessageRecord};
use deskwire_test_backends::Redis;
use futures::future::join_all;
use tokio::sync::watch;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::node::{seq_of, soon};

/// Which bus.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Twin {
    InProcess,
    Redis,
    RedisCluster,
}

/// A bus, to which nodes can come.
pub(crate) enum Switchboard {
    InProcess(Arc<InProcess>),
    Redis { config: Box<RedisConfig>, _cluster: Option<Redis> },
}

impl Switchboard {
    pub(crate) async fn new(twin: Twin) -> Self {
        match twin {
            Twin::InProcess => Self::InProcess(Arc::default()),
            Twin::Redis => {
                let redis = soon("Redis starts", Redis::shared()).await.unwrap();
                Self::at(redis.url(), None)
            }
            Twin::RedisCluster => {
                let redis = soon("Redis starts", Redis::start_cluster()).await.unwrap();
                let url = redis.url().to_owned();
                Self::at(&url, Some(redis))
            }
        }
    }

    fn at(url: &str, cluster: Option<Redis>) -> Self {
        Self::Redis { config: Box::new(quick(url)), _cluster: cluster }
    }

    pub(crate) async fn node(&self) -> BusNode {
        match self {
            Self::InProcess(bus) => BusNode::of(bus.node()),
            Self::Redis { config, .. } => BusNode::on_redis(RedisConfig::clone(config)).await,
        }
    }
}

/// One that finds out soon, with a name of its own.
pub(crate) fn quick(url: &str) -> RedisConfig {
    RedisConfig {
        prefix: Redis::fresh_name(),
        probe_interval: Duration::from_millis(100),
        probe_timeout: Duration::from_secs(2),
        longest_pause: Duration::from_millis(100),
        ..RedisConfig::at(url)
    }
}

/// A node's end of a bus, and what it was told.
pub(crate) struct BusNode {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) told: Arc<Told>,
    _shutdown: DropGuard,
}

impl BusNode {
    fn of(bus: Arc<dyn Bus>) -> Self {
        Self::until(bus, CancellationToken::new())
    }

    fn until(bus: Arc<dyn Bus>, shutdown: CancellationToken) -> Self {
        let told = Arc::new(Told::default());
        bus.connect(Arc::clone(&told) as Arc<dyn Receiver>);
        Self { bus, told, _shutdown: shutdown.drop_guard() }
    }

    /// Connected, if Redis is there.
    pub(crate) async fn on_redis(config: RedisConfig) -> Self {
        let shutdown = CancellationToken::new();
        let bus = RedisBus::start(config, Arc::new(SystemChance), &TaskTracker::new(), &shutdown).unwrap();
        let node = Self::until(Arc::clone(&bus) as Arc<dyn Bus>, shutdown);
        soon("the first try to connect", bus.tried()).await;
        node
    }

    pub(crate) async fn follow(&self, topic: &Topic) {
        soon("subscribe", self.bus.subscribe(topic.clone())).await.unwrap();
    }

    /// Tells these numbers on this topic, in one go.
    pub(crate) async fn tell(&self, topic: &Topic, numbers: impl IntoIterator<Item = i64>) {
        let notices = numbers.into_iter().map(|number| (topic.clone(), numbered(number))).collect();
        soon("publish", self.bus.publish(notices)).await.unwrap();
    }

    /// The next numbers that it was told on this topic, and on no other.
    pub(crate) async fn hears(&self, topic: &Topic, count: usize) -> Vec<i64> {
        let mut heard = Vec::new();
        while heard.len() < count {
            let (on, notice) = self.told.next().await;
            assert_eq!(on, *topic, "{notice:?}");
            heard.push(number_of(&notice));
        }
        heard
    }
}

/// What a node was told, in order.
pub(crate) struct Told {
    notices: Mutex<VecDeque<(Topic, Notice)>>,
    count: watch::Sender<usize>,
    pub(crate) interruptions: watch::Sender<usize>,
}

impl Default for Told {
    fn default() -> Self {
        let (count, interruptions) = (watch::Sender::new(0), watch::Sender::new(0));
        Self { notices: Mutex::default(), count, interruptions }
    }
}

impl Told {
    pub(crate) async fn next(&self) -> (Topic, Notice) {
        soon("a notice", self.count.subscribe().wait_for(|count| *count > 0)).await.unwrap();
        self.count.send_modify(|count| *count -= 1);
        self.notices.lock().unwrap().pop_front().unwrap()
    }
}

impl Receiver for Told {
    fn receive(&self, topic: &Topic, notice: Notice) {
        self.notices.lock().unwrap().push_back((topic.clone(), notice));
        self.count.send_modify(|count| *count += 1);
    }

    fn interrupted(&self) {
        self.interruptions.send_modify(|count| *count += 1);
    }
}

pub(crate) fn shop(id: &str) -> Topic {
    Topic::Shop(ShopId::new(id).unwrap())
}

fn buyer(shop: &str, id: &str) -> Topic {
    Topic::Buyer(ShopId::new(shop).unwrap(), UserId::new(id).unwrap())
}

fn ana() -> Sender {
    Sender { role: ParticipantRole::Buyer, user_id: Some(UserId::new("ana").unwrap()), name: "Ana".into() }
}

pub(crate) fn numbered(number: i64) -> Notice {
    Notice::Read(Read {
        conversation_id: ConversationId::new(1).unwrap(),
        reader: ana(),
        seq: seq_of(number),
        read_time: Timestamp::from_millis(1_764_000_000_000),
    })
}

fn number_of(notice: &Notice) -> i64 {
    match notice {
        Notice::Read(read) => read.seq.get(),
        other => panic!("no number: {other:?}"),
    }
}

macro_rules! on_each_bus {
    ($($claim:ident)*) => {
        mod in_process { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() { super::$claim(super::Twin::InProcess).await; })* }
        mod over_redis { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() { super::$claim(super::Twin::Redis).await; })* }
        mod over_a_redis_cluster { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $claim() { super::$claim(super::Twin::RedisCluster).await; })* }
    };
}

on_each_bus! {
    all_nodes_that_follow_are_told_once_and_in_order
    nodes_that_tell_at_once_are_each_heard_in_their_order
    only_those_who_follow_a_topic_are_told
    nothing_comes_after_unsubscribing
    what_is_told_after_subscribing_is_never_lost
    many_topics_are_followed_at_once
    an_event_arrives_whole
}

async fn all_nodes_that_follow_are_told_once_and_in_order(twin: Twin) {
    let switchboard = Switchboard::new(twin).await;
    let (one, two) = (switchboard.node().await, switchboard.node().await);
    let topic = shop("shop");
    one.follow(&topic).await;
    two.follow(&topic).await;
    // To follow twice is to follow once.
    two.follow(&topic).await;
    for batch in 0..20 {
        one.tell(&topic, batch * 10..batch * 10 + 10).await;
    }
    one.tell(&topic, [1_000]).await;
    let all: Vec<_> = (0..200).chain([1_000]).collect();
    assert_eq!(one.hears(&topic, 201).await, all, "who tells is told too");
    assert_eq!(two.hears(&topic, 201).await, all);
    two.tell(&topic, [7]).await;
    assert_eq!((one.hears(&topic, 1).await, two.hears(&topic, 1).await), (vec![7], vec![7]));
}

async fn nodes_that_tell_at_once_are_each_heard_in_their_order(twin: Twin) {
    let switchboard = Switchboard::new(twin).await;
    let (one, two) = (switchboard.node().await, switchboard.node().await);
    let topic = shop("shop");
    one.follow(&topic).await;
    two.follow(&topic).await;
    let telling = async |node: &BusNode, from: i64| {
        for number in from..from + 100 {
            node.tell(&topic, [number]).await;
        }
    };
    tokio::join!(telling(&one, 0), telling(&two, 1_000));
    for node in [&one, &two] {
        let (of_one, of_two): (Vec<i64>, Vec<i64>) =
            node.hears(&topic, 200).await.into_iter().partition(|number| *number < 1_000);
        assert_eq!(of_one, (0..100).collect::<Vec<_>>());
        assert_eq!(of_two, (1_000..1_100).collect::<Vec<_>>());
    }
}

async fn only_those_who_follow_a_topic_are_told(twin: Twin) {
    let switchboard = Switchboard::new(twin).await;
    let (one, two) = (switchboard.node().await, switchboard.node().await);
    let topics = [
        shop("s"),
        buyer("s", "ana"),
        buyer("s", "ana:bo"),
        buyer("s:ana", "bo"),
        shop("s:ana"),
        shop("}"),
        buyer("}", "{"),
        shop("{s}"),
        buyer("s", "Ana 😀"),
    ];
    for topic in &topics {
        two.follow(topic).await;
        for other in topics.iter().filter(|other| *other != topic) {
            one.tell(other, [1]).await;
        }
        one.tell(topic, [2]).await;
        assert_eq!(two.hears(topic, 1).await, [2]);
        two.bus.unsubscribe(topic);
    }
}

async fn nothing_comes_after_unsubscribing(twin: Twin) {
    let switchboard = Switchboard::new(twin).await;
    let (one, two) = (switchboard.node().await, switchboard.node().await);
    let (topic, other) = (shop("shop"), shop("other"));
    for node in [&one, &two] {
        node.follow(&topic).await;
        node.follow(&other).await;
        node.bus.unsubscribe(&topic);
        // Whoever was never followed is unfollowed without harm.
        node.bus.unsubscribe(&shop("never"));
    }
    one.tell(&topic, [1, 2, 3]).await;
    one.tell(&other, [4]).await;
    assert_eq!((one.hears(&other, 1).await, two.hears(&other, 1).await), (vec![4], vec![4]));
}

async fn what_is_told_after_subscribing_is_never_lost(twin: Twin) {
    let switchboard = Switchboard::new(twin).await;
    let (one, two) = (switchboard.node().await, switchboard.node().await);
    for number in 0..100 {
        // The same topic over and over, and a new one each time.
        for topic in [shop("shop"), shop(&format!("shop {number}"))] {
            two.follow(&topic).await;
            one.tell(&topic, [number]).await;
            assert_eq!(two.hears(&topic, 1).await, [number]);
            two.bus.unsubscribe(&topic);
        }
        let back = shop("back and forth");
        two.follow(&back).await;
        two.bus.unsubscribe(&back);
        two.follow(&back).await;
        one.tell(&back, [number]).await;
        assert_eq!(two.hears(&back, 1).await, [number]);
    }
}

async fn many_topics_are_followed_at_once(twin: Twin) {
    let switchboard = Switchboard::new(twin).await;
    let (one, two) = (switchboard.node().await, switchboard.node().await);
    let topics: Vec<_> = (0..2_000).map(|number| buyer("shop", &format!("buyer {number}"))).collect();
    join_all(topics.iter().map(|topic| two.follow(topic))).await;
    for (number, topic) in (0..).zip(&topics).step_by(97) {
        one.tell(topic, [number]).await;
        assert_eq!(two.hears(topic, 1).await, [number]);
    }
}

async fn an_event_arrives_whole(twin: Twin) {
    let switchboard = Switchboard::new(twin).await;
    let (one, two) = (switchboard.node().await, switchboard.node().await);
    let record = EventRecord {
        seq: seq_of(5),
        buyer_prev_seq: seq_of(3),
        message: MessageRecord {
            conversation_id: ConversationId::new(i64::MAX).unwrap(),
            seq: seq_of(2),
            buyer_prev_seq: seq_of(1),
            sender: ana(),
            client_message_id: None,
            content: Content::Text { text: "a \u{1F44B}\n\"b\"".into() },
            visibility: Visibility::Agents,
            revision: 3,
            recalled: true,
            create_time: Timestamp::from_millis(1_764_000_000_123),
        },
    };
    let topics = [buyer("shop", "ana"), shop("shop")];
    two.follow(&topics[0]).await;
    two.follow(&topics[1]).await;
    let event = Arc::new(Event::new(record.clone()));
    let notices = topics.clone().map(|topic| (topic, Notice::Event(Arc::clone(&event))));
    soon("publish", one.bus.publish(notices.to_vec())).await.unwrap();
    for topic in topics {
        match two.told.next().await {
            (on, Notice::Event(event)) => assert_eq!((on, event.record()), (topic, &record)),
            other => panic!("no event: {other:?}"),
        }
    }
}
