//! The checker proves itself: of eight bugs that are planted one by one it finds each, and where none is planted it finds none.
//!
//! `deskwire` is built here with the feature `planted-bugs`, into a target directory of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use deskwire_faults::{
    checker::{Kind as Violation, Verdict},
    faults::{Fault, Kind, Rhythm, schedule},
    nodes::Program,
    run::{Plan, run},
};

const SEED: u64 = 4;

/// A bug, the faults under which it shows, and what the checker calls it.
const BUGS: &[(&str, &[Kind], Violation)] = &[
    ("acknowledge-before-commit", &[Kind::KillBackend], Violation::Lost),
    ("drop-publishes", &[], Violation::Stale),
    ("read-before-subscribe", &[Kind::CutSockets], Violation::Skipped),
    ("no-dedupe", &[Kind::HalfOpenSockets, Kind::ResetSockets], Violation::Doubled),
    ("sequence-outside-transaction", &[Kind::CutSockets], Violation::Hole),
    ("edit-sent-live-only", &[], Violation::Lost),
    ("note-sent-to-buyer", &[], Violation::Leaked),
    ("resume-off-by-one", &[Kind::CutSockets], Violation::Skipped),
];

/// Builds `deskwire` with the bugs in it.
fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap().join("planted");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--package", "deskwire-server", "--features", "planted-bugs", "--target-dir"])
        .arg(&target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .status()
        .unwrap();
    assert!(built.success(), "{built}");
    target.join("debug/deskwire")
}

async fn verdict(binary: &Path, bug: Option<&str>, faults: Vec<Fault>) -> Verdict {
    let environment = bug.map(|bug| ("PLANTED_BUG".to_owned(), bug.to_owned())).into_iter().collect();
    let plan = Plan {
        program: Program { binary: binary.into(), environment },
        sockets: 40,
        shops: 1,
        pace: Duration::from_millis(100),
        seed: SEED,
        faults,
        talk: Duration::from_secs(8),
        record: None,
    };
    run(plan).await.unwrap().verdict
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_finds_each_planted_bug_and_none_where_none_is_planted() {
    let binary = build();
    let rhythm = Rhythm { gap: 1_000..1_800, lasts: 300..800, stops: 300..800 };
    let mut unfound = Vec::new();
    for (bug, kinds, expected) in BUGS {
        let faults = schedule(SEED, if kinds.is_empty() { 0 } else { 14 }, kinds, &rhythm);
        let verdict = verdict(&binary, Some(bug), faults).await;
        println!("== {bug}: {} acknowledged\n{verdict}", verdict.figures.acknowledged);
        if verdict.count(*expected) == 0 {
            unfound.push(format!("{bug} is not found as {expected:?}, but: {verdict}"));
        }
    }
    let kinds: Vec<Kind> = BUGS.iter().flat_map(|(_, kinds, _)| kinds.iter().copied()).collect();
    let clean = verdict(&binary, None, schedule(SEED, 12, &kinds, &rhythm)).await;
    println!("== nothing planted: {} acknowledged\n{clean}", clean.figures.acknowledged);
    assert!(clean.violations.is_empty(), "nothing is planted: {clean}");
    assert!(unfound.is_empty(), "{}", unfound.join("\n"));
}
