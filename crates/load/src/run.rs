//! A run from its beginning to its report: who comes when, the phases, and what is gathered every second.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use deskwire_protocol::{MethodName, Role, Timestamp, conversation::OpenParams};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::{
    LoadError, Report, Scenario, Target, Tokens, client,
    clock::{Clock, Micros, micros},
    desk::{Desk, Phase},
    mix::Mix,
    person::{Claim, Ledger, Part, Person, World},
    record::{Recorder, Tally},
    report::{Measured, Second},
    scout::{Scout, Unanswered},
    shop::Shop,
    tokens::Who,
    verdict::{Claims, Evidence, judge},
    wire::Opened,
};

/// Reading all conversations again takes longer than settling.
const AUDIT: Duration = Duration::from_mins(1);

/// What is to be run, against what.
#[derive(Debug)]
pub struct Plan {
    /// What is done.
    pub scenario: Scenario,
    /// The service.
    pub target: Target,
    /// By which people come in.
    pub tokens: Tokens,
    /// How the people of the run are called; the same name again is the same people, and their conversations.
    pub people: String,
    /// Unique to this run: what its messages are known by. Letters, digits and `-`.
    pub run: String,
    /// What chance follows from: the same seed plans the same deeds at the same moments.
    pub seed: u64,
    /// Now.
    pub began: Timestamp,
}

/// How a run stands, told about every second.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Since the beginning.
    pub elapsed: Duration,
    /// Of the part in which people act.
    pub duration: Duration,
    /// What is being done.
    pub doing: &'static str,
    /// Sockets that are open.
    pub sockets: usize,
    /// Messages that were acknowledged in the last second.
    pub messages: u64,
    /// Events that came to others in the last second.
    pub deliveries: u64,
    /// Other requests that were answered in the last second.
    pub rpcs: u64,
    /// Failures so far.
    pub errors: u64,
    /// Of the replies of the last second, in milliseconds.
    pub reply_p99: f64,
    /// Of the deliveries of the last second, in milliseconds.
    pub delivery_p99: f64,
}

impl Plan {
    async fn world(self) -> Result<World, LoadError> {
        let Self { scenario, target, tokens, people, run, began, .. } = self;
        let texts = scenario.texts()?;
        let conversations = scenario.conversations() as usize;
        let buyers = (0..conversations)
            .map(|index| Ok(tokens.who(Role::Buyer, index, &people)?.sub))
            .collect::<Result<_, LoadError>>()?;
        let service =
            |error: Unanswered| LoadError::Service { url: target.shown(), problem: error.to_string() };
        let shop = if scenario.agents.count > 0 {
            let mut agent = scout(&target, &tokens, Role::Agent, &people).await?.map_err(service)?;
            Shop::visit(&mut agent, scenario.coupon.as_ref(), &run, began).await.map_err(service)?
        } else {
            // At least it is known that someone answers there, and takes these tokens.
            let mut buyer = scout(&target, &tokens, Role::Buyer, &people).await?.map_err(service)?;
            let _: Opened =
                buyer.call(MethodName::ConversationOpen, &OpenParams::default()).await.map_err(service)?;
            Shop::default()
        };
        let warm_up = micros(scenario.warm_up.0);
        let (desk, _) = Desk::new(0, 0);
        Ok(World {
            buyer_mix: Mix::from(&scenario.buyers.mix),
            agent_mix: Mix::from(&scenario.agents.mix),
            end: micros(scenario.duration.0),
            // Twice as many as threads: two that note at the same moment are seldom at the same.
            recorder: Recorder::new(2 * client::cores(), warm_up),
            clock: Clock::begin(),
            scenario,
            target,
            tokens,
            desk,
            shop,
            texts,
            run,
            buyers,
        })
    }
}

async fn scout(
    target: &Target,
    tokens: &Tokens,
    role: Role,
    people: &str,
) -> Result<Result<Scout, Unanswered>, LoadError> {
    let who = tokens.who(role, 0, people)?;
    let token = tokens.token(&who, 0).map_err(LoadError::Token)?;
    Ok(Scout::begin(target, token).await)
}

/// Runs a scenario against a service, and reports what came of it.
pub async fn run(plan: Plan, live: &mut (dyn FnMut(&Live) + Send)) -> Result<Report, LoadError> {
    let sockets = u64::from(plan.scenario.people());
    // Some for everything else that this process has open.
    if let Some(files) = client::open_files().filter(|files| sockets + 32 > *files) {
        return Err(LoadError::Files { sockets, files });
    }
    let (people, seed, began) = (plan.people.clone(), plan.seed, plan.began);
    let mut world = plan.world().await?;
    let (desk, arrivals) = Desk::new(world.scenario.conversations(), world.scenario.agents.count);
    world.desk = desk;
    world.clock = Clock::begin();
    let world = Arc::new(world);
    let mut everyone = JoinSet::new();
    let mut rng = StdRng::seed_from_u64(seed);
    let conversations = world.scenario.conversations();
    for (index, arrivals) in arrivals.into_iter().enumerate() {
        let who = world.tokens.who(Role::Agent, index, &people)?;
        let number = conversations + u32::try_from(index).unwrap_or(u32::MAX);
        let own = StdRng::seed_from_u64(rng.random());
        let agent = Person::new(Arc::clone(&world), number, Part::Agent, (who, index), Some(arrivals), own);
        everyone.spawn(agent.live(nth_of(world.scenario.agents.ramp.0, index, world.scenario.agents.count)));
    }
    for number in 0..conversations {
        let index = number as usize;
        let is_slow = number >= world.scenario.buyers.count;
        let part = if is_slow { Part::SlowReader } else { Part::Buyer };
        let who = Who { role: Role::Buyer, sub: world.buyers[index].clone() };
        let own = StdRng::seed_from_u64(rng.random());
        let buyer = Person::new(Arc::clone(&world), number, part, (who, index), None, own);
        let arrives = if is_slow {
            nth_of(
                world.scenario.buyers.ramp.0,
                index - world.scenario.buyers.count as usize,
                world.scenario.slow_readers.count,
            )
        } else {
            nth_of(world.scenario.buyers.ramp.0, index, world.scenario.buyers.count)
        };
        everyone.spawn(buyer.live(arrives));
    }
    let mut course = Course::begin(Arc::clone(&world), everyone.len(), live);
    course.pass().await;
    let mut evidence = Evidence::default();
    let mut told = (0, 0);
    while let Some(left) = everyone.join_next().await {
        match left {
            Ok(ledger) => collect(&mut evidence, &mut told, ledger),
            Err(error) => tracing::error!(%error, "someone of the load ended before the run did"),
        }
    }
    match count_claims(&world, &people, told).await {
        Ok(claims) => evidence.claims = claims,
        Err(problem) => evidence.uncounted = Some(problem),
    }
    let measured = course.end();
    Ok(Report::new(&world, began, seed, measured, judge(&evidence)))
}

/// They come evenly over a time; the first at once.
fn nth_of(ramp: Duration, index: usize, count: u32) -> Micros {
    micros(ramp.mul_f64(index as f64 / f64::from(count.max(1))))
}

fn collect(evidence: &mut Evidence, (told, unknown): &mut (u64, u64), ledger: Ledger) {
    evidence.acks.extend(ledger.acks);
    evidence.kept.extend(ledger.kept);
    evidence.chains.extend(ledger.chains);
    evidence.altered.extend(ledger.altered);
    evidence.unread.extend(ledger.unread);
    match ledger.claim {
        Claim::None => {}
        Claim::Told => *told += 1,
        Claim::Unknown => *unknown += 1,
    }
}

async fn count_claims(
    world: &World,
    people: &str,
    (told, unknown): (u64, u64),
) -> Result<Option<Claims>, String> {
    let Some(rushed) = &world.scenario.coupon else { return Ok(None) };
    let agent = scout(&world.target, &world.tokens, Role::Agent, people).await;
    let mut agent = agent.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let counted = world.shop.claimed(&mut agent).await.map_err(|error| error.to_string())?;
    world.shop.leave(&mut agent).await.map_err(|error| error.to_string())?;
    Ok(counted.map(|counted| Claims { told, unknown, counted, limit: rushed.claims.into() }))
}

/// The phases of a run, and what each second of it brought.
struct Course<'a> {
    world: Arc<World>,
    people: usize,
    live: &'a mut (dyn FnMut(&Live) + Send),
    began: Instant,
    cpu_at_begin: Option<Duration>,
    seconds: Vec<Second>,
    total: Tally,
    last: Micros,
    cpu_of_load: Option<f64>,
    is_stopped: bool,
}

impl<'a> Course<'a> {
    fn begin(world: Arc<World>, people: usize, live: &'a mut (dyn FnMut(&Live) + Send)) -> Self {
        Self {
            world,
            people,
            live,
            began: Instant::now(),
            cpu_at_begin: client::cpu_time(),
            seconds: Vec::new(),
            total: Tally::default(),
            last: 0,
            cpu_of_load: None,
            is_stopped: false,
        }
    }

    async fn pass(&mut self) {
        let settle = self.world.scenario.settle.0;
        self.phase(Phase::Load, "load", self.world.scenario.duration.0).await;
        let took = self.began.elapsed();
        let cpu = self.cpu_at_begin.zip(client::cpu_time());
        self.cpu_of_load = cpu.map(|(from, to)| to.saturating_sub(from).as_secs_f64() / took.as_secs_f64());
        self.phase(Phase::Settle, "waiting for answers", settle).await;
        self.phase(Phase::CatchUp, "waiting for deliveries", settle).await;
        self.phase(Phase::Audit, "reading the conversations again", AUDIT.max(settle)).await;
        self.world.desk.begin(Phase::Over, 0);
    }

    /// Until everyone has done their part of it, at most so long. The load itself ends only by time, or by ctrl-c.
    async fn phase(&mut self, phase: Phase, doing: &'static str, longest: Duration) {
        if phase != Phase::Load {
            self.world.desk.begin(phase, self.people);
        }
        let end = Instant::now() + longest;
        let mut tick = interval(Duration::from_millis(if phase == Phase::Load { 1_000 } else { 50 }));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.tick().await;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let is_done = phase != Phase::Load && self.world.desk.busy(phase) == 0;
            if left.is_zero() || is_done {
                break;
            }
            tokio::select! {
                _ = tick.tick() => {}
                () = sleep(left) => {}
                interrupted = tokio::signal::ctrl_c(), if phase == Phase::Load => {
                    self.is_stopped = interrupted.is_ok();
                    break;
                }
            }
            if self.world.clock.now() - self.last >= 950_000 {
                self.gather(doing);
            }
        }
        // The figures of a moment are no figures: what it brought belongs to the next second.
        if self.world.clock.now() - self.last >= 500_000 {
            self.gather(doing);
        }
    }

    fn gather(&mut self, doing: &'static str) {
        let now = self.world.clock.now();
        let mut tally = self.world.recorder.gather();
        let sockets = self.world.desk.sockets.load(Ordering::Relaxed);
        let second = Second::new(self.last, now, sockets, &tally);
        self.last = now;
        self.total.take(&mut tally);
        (self.live)(&Live {
            elapsed: Duration::from_micros(now),
            duration: self.world.scenario.duration.0,
            doing,
            sockets,
            messages: second.messages,
            deliveries: second.deliveries,
            rpcs: second.rpcs,
            errors: self.total.failed(),
            reply_p99: second.reply_p99,
            delivery_p99: second.delivery_p99,
        });
        self.seconds.push(second);
    }

    fn end(mut self) -> Measured {
        let mut rest = self.world.recorder.gather();
        self.total.take(&mut rest);
        Measured {
            total: self.total,
            seconds: self.seconds,
            cpu: self.cpu_of_load,
            is_stopped: self.is_stopped,
        }
    }
}
