//! About forty faults in a few minutes, and nothing lost, doubled, out of order, late or leaked.

use std::time::Duration;

use deskwire_faults::{
    faults::{Kind, Rhythm, draw_seed, schedule},
    nodes::Program,
    report,
    run::{Plan, run},
};

const FAULTS: usize = 40;
const SOCKETS: usize = 120;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_nothing_is_lost() {
    let seed =
        std::env::var("DESKWIRE_FAULTS_SEED").map_or_else(|_| draw_seed(), |seed| seed.parse().unwrap());
    println!("the same faults come again by DESKWIRE_FAULTS_SEED={seed}");
    let rhythm = Rhythm { gap: 2_000..5_500, lasts: 500..3_000, stops: 1_500..6_000 };
    let plan = Plan {
        program: Program { binary: deskwire_tests::binary("deskwire"), environment: vec![] },
        sockets: SOCKETS,
        shops: 3,
        pace: Duration::from_millis(1_500),
        seed,
        faults: schedule(seed, FAULTS, &Kind::ALL, &rhythm),
        talk: Duration::ZERO,
        record: None,
    };
    let outcome = run(plan).await.unwrap();
    println!("{}", report::page("the test whatever_dies_nothing_is_lost", seed, SOCKETS, &outcome));
    assert!(outcome.verdict.violations.is_empty(), "seed {seed}:\n{}\n{}", outcome.verdict, outcome.logs);
    let figures = &outcome.verdict.figures;
    assert!(figures.acknowledged > 1_000, "too little was said to prove anything: {figures:?}");
    assert_eq!(figures.by_fault.values().map(|of| of.number).sum::<usize>(), FAULTS);
}
