//! The promises that other tests rely on: a real server that can be killed and started again, and nothing left behind.

use deskwire_test_backends::Redis;

#[tokio::test]
async fn a_shared_server_answers() {
    let redis = Redis::shared().await.unwrap();
    assert_eq!(redis.command(&["ping"]).await.unwrap(), "PONG");
    assert_ne!(Redis::fresh_name(), Redis::fresh_name());
}

#[tokio::test]
async fn a_server_of_ones_own_is_killed_and_started_again_at_the_same_address_and_remembers_nothing() {
    let mut redis = Redis::start().await.unwrap();
    let url = redis.url().to_owned();
    redis.command(&["set", "a", "1"]).await.unwrap();
    redis.kill().await.unwrap();
    redis.command(&["ping"]).await.unwrap_err();
    redis.start_again().await.unwrap();
    assert_eq!((redis.url(), redis.command(&["get", "a"]).await.unwrap().as_str()), (&*url, ""));
    let gone = redis.command(&["config", "get", "dir"]).await.unwrap().lines().last().unwrap().to_owned();
    drop(redis);
    assert!(!std::path::Path::new(&gone).exists());
}

#[tokio::test]
async fn a_cluster_of_one_carries_all_slots() {
    let redis = Redis::start_cluster().await.unwrap();
    assert!(redis.command(&["cluster", "info"]).await.unwrap().contains("cluster_slots_ok:16384"));
}
