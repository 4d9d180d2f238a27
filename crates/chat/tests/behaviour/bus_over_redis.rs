//! What the bus over Redis does when Redis does what it should not.

use std::{sync::Arc, time::Duration};

use deskwire_chat::bus::{RedisConfig, Topic, Trouble};
use deskwire_test_backends::Redis;
use tokio::time::Instant;

use crate::{
    bus::{BusNode, Switchboard, Twin, numbered, quick, shop},
    node::soon,
    stalling::Stalling,
};

impl BusNode {
    /// Waits until it has said that it is up, or what is wrong; it says so with an interruption.
    async fn stands(&self, fits: impl Fn(Option<Trouble>) -> bool) {
        let mut interruptions = self.told.interruptions.subscribe();
        let waiting = interruptions.wait_for(|_| fits(self.bus.trouble()));
        soon("the bus says how it stands", waiting).await.unwrap();
    }

    async fn up(&self) {
        self.stands(|trouble| trouble.is_none()).await;
    }

    async fn down(&self) {
        self.stands(|trouble| trouble.is_some()).await;
    }

    fn interruptions(&self) -> usize {
        *self.told.interruptions.borrow()
    }

    /// Waits until it was interrupted once more than that, and is up.
    async fn interrupted_since(&self, count: usize) {
        let mut interruptions = self.told.interruptions.subscribe();
        let waiting = interruptions.wait_for(|now| *now > count && self.bus.trouble().is_none());
        soon("an interruption", waiting).await.unwrap();
    }
}

/// Two nodes that follow a topic and hear each other.
async fn two_nodes(config: &RedisConfig, topic: &Topic) -> (BusNode, BusNode) {
    let (one, two) = (BusNode::on_redis(config.clone()).await, BusNode::on_redis(config.clone()).await);
    one.follow(topic).await;
    two.follow(topic).await;
    hear_each_other(&one, &two, topic).await;
    (one, two)
}

async fn hear_each_other(one: &BusNode, two: &BusNode, topic: &Topic) {
    for teller in [one, two] {
        teller.tell(topic, [1, 2]).await;
        assert_eq!((one.hears(topic, 2).await, two.hears(topic, 2).await), (vec![1, 2], vec![1, 2]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_killed_and_started_again_is_followed_again_and_the_node_told_to_look() {
    let mut redis = soon("Redis starts", Redis::start()).await.unwrap();
    let (topic, later) = (shop("shop"), shop("later"));
    let (one, two) = two_nodes(&quick(redis.url()), &topic).await;
    redis.kill().await.unwrap();
    one.down().await;
    two.down().await;
    // Nobody waits for what is away, and who is here is told all the same.
    let began = Instant::now();
    for number in 0..1_000 {
        let notices = vec![(topic.clone(), numbered(number))];
        soon("publish", one.bus.publish(notices)).await.unwrap_err();
    }
    soon("subscribe", one.bus.subscribe(later.clone())).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(one.hears(&topic, 1_000).await, (0..1_000).collect::<Vec<_>>());
    let (before_one, before_two) = (one.interruptions(), two.interruptions());
    redis.start_again().await.unwrap();
    one.interrupted_since(before_one).await;
    two.interrupted_since(before_two).await;
    hear_each_other(&one, &two, &topic).await;
    two.tell(&later, [3]).await;
    assert_eq!(one.hears(&later, 1).await, [3], "what was wanted meanwhile is followed now");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listening_connection_that_is_cut_is_made_again() {
    let redis = soon("Redis starts", Redis::start()).await.unwrap();
    let topic = shop("shop");
    let (one, two) = two_nodes(&quick(redis.url()), &topic).await;
    for kind in ["pubsub", "normal"] {
        let (before_one, before_two) = (one.interruptions(), two.interruptions());
        redis.command(&["client", "kill", "type", kind]).await.unwrap();
        one.interrupted_since(before_one + 1).await;
        two.interrupted_since(before_two + 1).await;
        hear_each_other(&one, &two, &topic).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_does_not_answer_is_found_out_and_used_again_when_it_does() {
    let redis = soon("Redis starts", Redis::start()).await.unwrap();
    let topic = shop("shop");
    let (one, two) = two_nodes(&quick(redis.url()), &topic).await;
    let before = (one.interruptions(), two.interruptions());
    redis.command(&["client", "pause", "4000", "all"]).await.unwrap();
    one.down().await;
    two.down().await;
    one.interrupted_since(before.0 + 1).await;
    two.interrupted_since(before.1 + 1).await;
    hear_each_other(&one, &two, &topic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_can_tell_but_hears_nothing_finds_out_by_its_probe() {
    let redis = soon("Redis starts", Redis::shared()).await.unwrap();
    let server = redis.url().trim_start_matches("redis://");
    let way = Stalling::before(server).await;
    let topic = shop("shop");
    let config = RedisConfig {
        probe_timeout: Duration::from_millis(500),
        ..quick(&format!("redis://{}", way.address()))
    };
    let (one, two) = two_nodes(&config, &topic).await;
    let before = (one.interruptions(), two.interruptions());
    way.stall(true);
    one.stands(|trouble| trouble == Some(Trouble::NoAnswer)).await;
    two.down().await;
    way.stall(false);
    one.interrupted_since(before.0 + 1).await;
    two.interrupted_since(before.1 + 1).await;
    hear_each_other(&one, &two, &topic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_empty_redis_does_no_harm() {
    let redis = soon("Redis starts", Redis::start()).await.unwrap();
    let topic = shop("shop");
    let (one, two) = two_nodes(&quick(redis.url()), &topic).await;
    let before = (one.interruptions(), two.interruptions());
    redis.command(&["flushall"]).await.unwrap();
    hear_each_other(&one, &two, &topic).await;
    assert_eq!((one.interruptions(), two.interruptions()), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_without_redis_serves_and_joins_the_others_later() {
    let mut redis = soon("Redis starts", Redis::not_started()).await.unwrap();
    let (config, topic) = (quick(redis.url()), shop("shop"));
    let one = BusNode::on_redis(config.clone()).await;
    assert_eq!(one.bus.trouble(), Some(Trouble::NotConnected));
    soon("subscribe", one.bus.subscribe(topic.clone())).await.unwrap_err();
    soon("publish", one.bus.publish(vec![(topic.clone(), numbered(1))])).await.unwrap_err();
    assert_eq!(one.hears(&topic, 1).await, [1]);
    redis.start_again().await.unwrap();
    one.up().await;
    let two = BusNode::on_redis(config).await;
    two.follow(&topic).await;
    hear_each_other(&one, &two, &topic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_passed_over() {
    let redis = soon("Redis starts", Redis::shared()).await.unwrap();
    let (config, topic) = (quick(redis.url()), shop("shop"));
    let (one, two) = two_nodes(&config, &topic).await;
    let channel = format!("{}:{{shop}}", config.prefix);
    for garbage in ["", "hello", "\u{1}12345678\u{1}", "\u{2}12345678 of tomorrow"] {
        assert_eq!(redis.command(&["publish", &channel, garbage]).await.unwrap(), "2");
    }
    hear_each_other(&one, &two, &topic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_of_two_names_share_a_redis_and_do_not_hear_each_other() {
    let redis = soon("Redis starts", Redis::shared()).await.unwrap();
    let topic = shop("shop");
    let (one, two) = two_nodes(&quick(redis.url()), &topic).await;
    let (other, another) = two_nodes(&quick(redis.url()), &topic).await;
    other.tell(&topic, [7]).await;
    assert_eq!((other.hears(&topic, 1).await, another.hears(&topic, 1).await), (vec![7], vec![7]));
    hear_each_other(&one, &two, &topic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_carries_a_topic_in_one_of_its_shards_only() {
    let redis = soon("Redis starts", Redis::start_cluster()).await.unwrap();
    let (config, topic) = (quick(redis.url()), shop("shop"));
    let (one, two) = two_nodes(&config, &topic).await;
    let sharded = redis.command(&["pubsub", "shardchannels"]).await.unwrap();
    assert!(sharded.contains(&format!("{}:{{shop}}", config.prefix)), "{sharded}");
    assert_eq!(redis.command(&["pubsub", "channels"]).await.unwrap(), "");
    let before = (one.interruptions(), two.interruptions());
    redis.command(&["client", "kill", "type", "pubsub"]).await.unwrap();
    one.interrupted_since(before.0 + 1).await;
    two.interrupted_since(before.1 + 1).await;
    hear_each_other(&one, &two, &topic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_hear_each_other_over_tls_and_trust_only_whom_they_are_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    std::fs::write(&certificate, signed.cert.pem()).unwrap();
    std::fs::write(&key, signed.signing_key.serialize_pem()).unwrap();
    let port = free_port();
    let mut arguments: Vec<String> = ["--tls-auth-clients", "no", "--tls-port"]
        .map(str::to_owned)
        .into_iter()
        .chain([port.to_string()])
        .collect();
    for (name, file) in
        [("--tls-cert-file", &certificate), ("--tls-key-file", &key), ("--tls-ca-cert-file", &certificate)]
    {
        arguments.extend([name.to_owned(), file.display().to_string()]);
    }
    let _redis = soon("Redis starts", Redis::start_with(arguments)).await.unwrap();
    let config = quick(&format!("rediss://localhost:{port}"));
    let stranger = BusNode::on_redis(config.clone()).await;
    assert_eq!(stranger.bus.trouble(), Some(Trouble::NotConnected), "no public authority has signed it");
    let config = RedisConfig { ca: Some(signed.cert.pem().into_bytes()), ..config };
    two_nodes(&config, &shop("shop")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_are_asked_where_the_master_is() {
    let redis = soon("Redis starts", Redis::start()).await.unwrap();
    soon("a password", redis.command(&["config", "set", "requirepass", "secret"])).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (port, settings) = (free_port(), directory.path().join("sentinel.conf"));
    let lines = [
        format!("port {port}"),
        "bind 127.0.0.1".to_owned(),
        format!("sentinel monitor shop 127.0.0.1 {} 1", redis.port()),
        "sentinel auth-pass shop secret".to_owned(),
    ];
    std::fs::write(&settings, lines.join("\n")).unwrap();
    let _sentinel = Ended(
        std::process::Command::new("redis-server")
            .arg(&settings)
            .arg("--sentinel")
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap(),
    );
    // The first address is nobody's.
    let url = format!("redis+sentinel://:secret@127.0.0.1:1,127.0.0.1:{port}/shop");
    let topic = shop("shop");
    let one = BusNode::on_redis(quick(&url)).await;
    one.up().await;
    one.follow(&topic).await;
    one.tell(&topic, [1]).await;
    assert_eq!(one.hears(&topic, 1).await, [1]);
}

/// Ends with the test.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_in_redis_when_a_node_ends() {
    let switchboard = Switchboard::new(Twin::Redis).await;
    let Switchboard::Redis { config, .. } = &switchboard else { panic!("it is Redis") };
    let redis = soon("Redis", Redis::shared()).await.unwrap();
    let topic = shop("shop");
    let (one, two) = two_nodes(config, &topic).await;
    let bus = Arc::downgrade(&one.bus);
    drop(one);
    assert!(bus.upgrade().is_none());
    let channel = format!("{}:{{shop}}", config.prefix);
    soon("one follower is left", async {
        while redis.command(&["pubsub", "numsub", &channel]).await.unwrap() != format!("{channel}\n1") {}
    })
    .await;
    two.tell(&topic, [1]).await;
    assert_eq!(two.hears(&topic, 1).await, [1]);
}
