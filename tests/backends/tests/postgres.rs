//! The promises that other tests rely on: a real, durable cluster, a database a test, and nothing left behind.

#![expect(clippy::unwrap_used, reason = "the functions that tests share fail as tests do: by a panic")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use deskwire_test_backends::{Database, Postgres};

#[tokio::test]
async fn each_test_has_an_empty_database_of_its_own_that_ends_with_it() {
    let postgres = Postgres::shared().await.unwrap();
    let first = postgres.create_database().await.unwrap();
    let second = postgres.create_database().await.unwrap();
    assert_ne!(first.url(), second.url());
    ask(first.url(), "CREATE TABLE only_here (id bigint)");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!((ask(first.url(), tables), ask(second.url(), tables)), ("1".into(), "0".into()));

    let names: Vec<String> = [first, second].map(end).into();
    let left = format!("SELECT count(*) FROM pg_database WHERE datname IN ('{}')", names.join("', '"));
    assert_eq!(ask(postgres.url(), &left), "0");
}

#[tokio::test]
async fn what_is_committed_is_durable_and_text_is_sorted_by_language() {
    let postgres = Postgres::shared().await.unwrap();
    let database = postgres.create_database().await.unwrap();
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        assert_eq!(ask(database.url(), &format!("SHOW {setting}")), "on", "{setting}");
    }
    // By bytes, the capital would stand first.
    assert_eq!(ask(database.url(), "SELECT 'a' < 'B'"), "t");
}

#[tokio::test]
async fn a_cluster_of_ones_own_ends_when_it_is_dropped() {
    let postgres = Postgres::start().await.unwrap();
    assert!(postgres.is_owned());
    let (url, directory) = (postgres.url().to_owned(), ask(postgres.url(), "SHOW data_directory"));
    drop(postgres);
    assert!(psql(&url, "SELECT 1").unwrap_err().contains("Connection refused"));
    assert!(!Path::new(&directory).exists());
}

#[test]
fn a_cluster_ends_with_the_process_that_started_it_even_when_that_is_killed() {
    // The program starts a cluster and this shell; the shell tells where the cluster is, then both are killed.
    let mut program = Command::new(env!("CARGO_BIN_EXE_with-backends"))
        .args(["sh", "-c", "echo $DESKWIRE_TEST_POSTGRES_URL; exec cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(program.stdout.take().unwrap());
    let mut url = String::new();
    stdout.read_line(&mut url).unwrap();
    assert_eq!(ask(url.trim(), "SELECT 1"), "1");

    program.kill().unwrap();
    program.wait().unwrap();
    wait_until_refused(url.trim());
}

/// A server that is going down first refuses questions with a reason of its own, then there is nobody to ask.
fn wait_until_refused(url: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !psql(url, "SELECT 1").is_err_and(|reason| reason.contains("Connection refused")) {
        assert!(Instant::now() < deadline, "the server lives on");
    }
}

fn ask(url: &str, statement: &str) -> String {
    psql(url, statement).unwrap()
}

fn psql(url: &str, statement: &str) -> Result<String, String> {
    let output = Command::new("psql")
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement])
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Ends the database and tells its name.
fn end(database: Database) -> String {
    let name = database.url().rsplit_once('/').unwrap().1.to_owned();
    drop(database);
    name
}
