//! One node on SQLite whose disk is full for a while, again and again, and which is killed in between.

use std::{sync::Arc, time::Duration};

use deskwire_faults::{
    nodes::{Program, Service},
    people::Place,
    record::{NOBODY, What},
    run::{Plan, over},
};
use tokio::time::sleep;

/// How often the disk is full, and for how long.
const TIMES: usize = 5;
const FULL: Duration = Duration::from_millis(2_500);
/// What a file may hold: less than each of the store's has.
const NOTHING: &str = "4096";

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_for_a_while_costs_no_message() {
    let program = Program { binary: deskwire_tests::binary("deskwire"), environment: vec![] };
    let plan = Plan {
        program: program.clone(),
        sockets: 40,
        shops: 1,
        pace: Duration::from_millis(500),
        seed: 1,
        faults: vec![],
        talk: Duration::ZERO,
        record: None,
    };
    let service = Arc::new(Service::start_alone(&program).await.unwrap());
    let outcome = over(plan, service, async |service: &Arc<Service>, place: &Arc<Place>| {
        for time in 0..TIMES {
            place.record.note(NOBODY, What::Broke { fault: time, kind: "SQLite: disk full", node: 0 });
            service.nodes[0].limit_files(NOTHING).await?;
            sleep(FULL).await;
            // Every second time it finds no room even for its last words.
            if time % 2 == 1 {
                service.nodes[0].kill().await?;
                service.nodes[0].start().await?;
            } else {
                service.nodes[0].limit_files("unlimited").await?;
            }
            place.record.note(NOBODY, What::Healed { fault: time });
            sleep(FULL).await;
        }
        Ok(())
    })
    .await
    .unwrap();
    assert!(outcome.verdict.violations.is_empty(), "{}\n{}", outcome.verdict, outcome.logs);
    assert!(outcome.verdict.figures.acknowledged > 200, "{:?}", outcome.verdict.figures);
}
