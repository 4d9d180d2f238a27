//! The loop that delivers: takes what is due as far as there is room, tries each in a task of its own, and writes down what
//! came of them, many at once. Told to stop, it takes nothing more, waits a little for what is under way, and gives the
//! rest back.

use std::{collections::HashMap, sync::Arc, time::Duration};

use deskwire_protocol::{Timestamp, ids::WebhookDeliveryId, webhook::WebhookStatus};
use deskwire_store::{
    ClaimLimits, ClaimedDelivery, DeliveryOutcome, DeliveryResult, StoreError, WebhookRecord,
};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use http::StatusCode;
use metrics::{counter, histogram};
use rustls::ClientConfig;
use tokio::{
    task::AbortHandle,
    time::{Instant, error::Elapsed, sleep, sleep_until, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    WebhooksConfig,
    attempt::{self, Answer, Tried},
    backoff,
    receivers::Receivers,
};
use crate::gate::Gate;

/// For what is under way when the node stops.
const GRACE: Duration = Duration::from_secs(5);
/// Between two looks at the store.
const BREATH: Duration = Duration::from_millis(10);

/// A delivery and what came of it; nothing where its task panicked or was ended.
type Ended = (Arc<ClaimedDelivery>, Option<Tried>);

/// Delivers until `stop`.
pub(crate) async fn deliver(gate: Arc<Gate>, tls: Arc<ClientConfig>, stop: CancellationToken) {
    let mut round = Round {
        gate,
        tls,
        under_way: FuturesUnordered::new(),
        claims: HashMap::new(),
        receivers: Receivers::default(),
        unwritten: Vec::new(),
        failing: false,
    };
    while !stop.is_cancelled() {
        round.turn(&stop).await;
    }
    round.end().await;
}

struct Round {
    gate: Arc<Gate>,
    tls: Arc<ClientConfig>,
    under_way: FuturesUnordered<BoxFuture<'static, Ended>>,
    /// As what they were taken.
    claims: HashMap<WebhookDeliveryId, i64>,
    receivers: Receivers,
    /// What came of deliveries that the store does not know yet.
    unwritten: Vec<DeliveryResult>,
    /// The store did not answer last time.
    failing: bool,
}

impl Round {
    async fn turn(&mut self, stop: &CancellationToken) {
        let began = Instant::now();
        // While the store takes no results, nothing more is taken: it would only be tried twice.
        if self.write().await {
            self.take().await;
        }
        let gate = Arc::clone(&self.gate);
        tokio::select! {
            () = stop.cancelled() => {}
            () = gate.store.webhook_events_written().notified() => {}
            () = sleep(gate.config.webhooks.poll_interval) => {}
            Some(ended) = self.under_way.next() => self.note(ended),
        }
        // A lone event does not wait; of many, what comes together is written together.
        sleep_until(began + BREATH).await;
        while let Some(Some(ended)) = self.under_way.next().now_or_never() {
            self.note(ended);
        }
    }

    /// Takes what is due, as far as there is room, and begins to try it.
    async fn take(&mut self) {
        let gate = Arc::clone(&self.gate);
        let config = &gate.config.webhooks;
        let limits = ClaimLimits {
            places: config.concurrency.saturating_sub(self.under_way.len()),
            per_webhook: config.concurrency_per_webhook,
            exceptions: self.receivers.room(config.concurrency_per_webhook, Instant::now()),
        };
        if limits.places == 0 {
            return;
        }
        let now = gate.clock.now();
        let claiming = gate.store.claim_webhook_deliveries(&limits, now, now.plus(config.lease));
        let claimed = self.known(timeout(gate.config.request_timeout, claiming).await);
        for delivery in claimed.into_iter().flatten() {
            self.begin(Arc::new(delivery));
        }
    }

    fn begin(&mut self, delivery: Arc<ClaimedDelivery>) {
        self.receivers.begin(&delivery.webhook.webhook_id);
        self.claims.insert(delivery.delivery_id, delivery.claim);
        let (gate, tls) = (Arc::clone(&self.gate), Arc::clone(&self.tls));
        let of_task = Arc::clone(&delivery);
        let task = self.gate.tasks.spawn(async move {
            attempt::attempt(&of_task, &tls, &gate.config.webhooks, gate.clock.as_ref()).await
        });
        let ends_with_us = EndsWithUs(task.abort_handle());
        self.under_way.push(Box::pin(async move {
            let tried = task.await.ok();
            drop(ends_with_us);
            (delivery, tried)
        }));
    }

    /// Judges an attempt.
    fn note(&mut self, (delivery, tried): Ended) {
        let gate = &self.gate;
        self.claims.remove(&delivery.delivery_id);
        let tried = tried.unwrap_or_else(|| Tried {
            time: gate.clock.now(),
            duration: Duration::ZERO,
            answer: Answer::Nothing("the attempt broke off".into()),
        });
        let result = judge(&delivery, tried, gate.chance.fraction(), gate.clock.now(), &gate.config.webhooks);
        let well = result.outcome == DeliveryOutcome::Delivered;
        let outcome = match result.outcome {
            DeliveryOutcome::Delivered => "delivered",
            DeliveryOutcome::Retry(_) => "retry",
            DeliveryOutcome::Failed => "failed",
            DeliveryOutcome::Gone => "gone",
        };
        counter!("deskwire_webhook_attempts_total", "outcome" => outcome).increment(1);
        histogram!("deskwire_webhook_attempt_seconds").record(result.duration.as_secs_f64());
        if result.outcome == DeliveryOutcome::Failed {
            info!(shop_id = %delivery.webhook.shop_id, webhook_id = %delivery.webhook.webhook_id,
                delivery_id = %delivery.delivery_id, attempts = result.number, "a webhook's delivery has failed for good");
        }
        self.receivers.end(&delivery.webhook.webhook_id, well, Instant::now());
        self.unwritten.push(result);
    }

    /// Writes down what came of deliveries; whether there is nothing left to write.
    async fn write(&mut self) -> bool {
        if self.unwritten.is_empty() {
            return true;
        }
        let gate = Arc::clone(&self.gate);
        let now = gate.clock.now();
        let failing_before = now.minus(gate.config.webhooks.disable_after);
        let results = std::mem::take(&mut self.unwritten);
        let writing = gate.store.finish_webhook_deliveries(&results, now, failing_before);
        if let Some(switched_off) = self.known(timeout(gate.config.request_timeout, writing).await) {
            switched_off.iter().for_each(tell_switched_off);
            true
        } else {
            self.unwritten = results;
            false
        }
    }

    /// Waits a little for what is under way, and gives the rest back, so that the next node need not wait for the lease.
    async fn end(mut self) {
        let deadline = Instant::now() + GRACE;
        while let Ok(Some(ended)) = timeout_at(deadline, self.under_way.next()).await {
            self.note(ended);
        }
        self.under_way.clear();
        self.write().await;
        if self.claims.is_empty() {
            return;
        }
        let claims: Vec<_> = self.claims.drain().collect();
        let gate = Arc::clone(&self.gate);
        let releasing = gate.store.release_webhook_deliveries(&claims, gate.clock.now());
        self.known(timeout(GRACE, releasing).await);
    }

    /// The store's answer; that it gave none is said once.
    fn known<T>(&mut self, asked: Result<Result<T, StoreError>, Elapsed>) -> Option<T> {
        let (answer, problem) = match asked {
            Ok(Ok(answer)) => (Some(answer), None),
            Ok(Err(error)) => (None, Some(error.to_string())),
            Err(_) => (None, Some("no answer in time".to_owned())),
        };
        if let Some(problem) = problem.as_ref().filter(|_| !self.failing) {
            warn!(problem, "cannot ask the store for webhooks, trying on");
        }
        self.failing = problem.is_some();
        answer
    }
}

/// A task that ends when nobody waits for it any more.
struct EndsWithUs(AbortHandle);

impl Drop for EndsWithUs {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What follows from an attempt. `chance` is from 0 to 1.
fn judge(
    delivery: &ClaimedDelivery,
    tried: Tried,
    chance: f64,
    now: Timestamp,
    config: &WebhooksConfig,
) -> DeliveryResult {
    let number = delivery.attempts.saturating_add(1);
    let again = |asked| match backoff::pause_after(number, asked, chance, config) {
        Some(pause) => DeliveryOutcome::Retry(now.plus(pause)),
        None => DeliveryOutcome::Failed,
    };
    let (status, error, outcome) = match tried.answer {
        Answer::Taken(status) => (Some(status), None, DeliveryOutcome::Delivered),
        Answer::Gone => {
            (Some(StatusCode::GONE), Some("the receiver wants no more".to_owned()), DeliveryOutcome::Gone)
        }
        Answer::Refused { status, retry_after } => {
            let what = if status.is_redirection() { ", and redirects are not followed" } else { "" };
            (Some(status), Some(format!("answered {}{what}", status.as_u16())), again(retry_after))
        }
        Answer::Nothing(why) => (None, Some(why), again(None)),
    };
    DeliveryResult {
        delivery_id: delivery.delivery_id,
        claim: delivery.claim,
        webhook_id: delivery.webhook.webhook_id.clone(),
        number,
        time: tried.time,
        duration: tried.duration,
        response_status: status.map(|status| status.as_u16()),
        error,
        outcome,
    }
}

fn tell_switched_off(webhook: &WebhookRecord) {
    let reason = match webhook.status {
        WebhookStatus::Gone => "it answered 410",
        WebhookStatus::Failing => "it has failed for too long",
        WebhookStatus::Enabled | WebhookStatus::Disabled => "?",
    };
    warn!(shop_id = %webhook.shop_id, webhook_id = %webhook.webhook_id, reason, "a webhook was switched off");
}
