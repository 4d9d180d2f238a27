//! Work for many at once: whoever asks while it is under way shares the next round. A lone one never waits for a timer.
//!
//! Sockets that come in a storm cost a statement or a commit for all who came together, not one each.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::{
    sync::{mpsc, oneshot},
    task::yield_now,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{ChatError, spawn_vital};

/// What one round takes, and what may wait for it before those who ask wait for a place.
const AT_ONCE: usize = 256;
const WAITING: usize = 4_096;

type Answered<A> = oneshot::Sender<Result<A, ChatError>>;

/// Answers as many questions as it is given, in their order.
pub(crate) type Work<Q, A> =
    Arc<dyn Fn(Vec<Q>) -> BoxFuture<'static, Result<Vec<A>, ChatError>> + Send + Sync>;

/// Questions that are answered together.
pub(crate) struct Gather<Q, A> {
    queue: mpsc::Sender<(Q, Answered<A>)>,
}

impl<Q: Clone + Send + 'static, A: Send + 'static> Gather<Q, A> {
    /// Starts the task that works, until `shutdown`. A round has `deadline`.
    pub(crate) fn start(
        name: &'static str,
        deadline: Duration,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
        crashed: &CancellationToken,
        work: Work<Q, A>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let (ended, shutdown) = (shutdown.clone(), shutdown.clone());
        spawn_vital(tasks, name, crashed, move || ended.is_cancelled(), async move {
            shutdown.run_until_cancelled(run(waiting, deadline, work)).await;
        });
        Self { queue }
    }

    pub(crate) async fn ask(&self, question: Q) -> Result<A, ChatError> {
        let (answer, answered) = oneshot::channel();
        self.queue.send((question, answer)).await.map_err(|_| ChatError::ShuttingDown)?;
        answered.await.unwrap_or(Err(ChatError::ShuttingDown))
    }
}

async fn run<Q: Clone, A>(
    mut waiting: mpsc::Receiver<(Q, Answered<A>)>,
    deadline: Duration,
    work: Work<Q, A>,
) {
    let mut asked = Vec::new();
    while waiting.recv_many(&mut asked, AT_ONCE).await > 0 {
        // Others who are ready to ask do so first.
        yield_now().await;
        if !waiting.is_empty() && asked.len() < AT_ONCE {
            let room = AT_ONCE - asked.len();
            waiting.recv_many(&mut asked, room).await;
        }
        // Whoever does not wait any more needs no answer.
        let (questions, answers): (Vec<Q>, Vec<_>) =
            asked.drain(..).filter(|(_, answer)| !answer.is_closed()).unzip();
        match round(questions.clone(), deadline, &work).await {
            Ok(found) => {
                for (answer, found) in answers.into_iter().zip(found) {
                    answer.send(Ok(found)).ok();
                }
            }
            // What the database cannot take of one must not fail what others asked with it.
            Err(ChatError::Store(error)) if !error.is_unavailable() && questions.len() > 1 => {
                tracing::warn!(%error, asked = questions.len(), "a shared round was refused: each by itself");
                for (question, answer) in questions.into_iter().zip(answers) {
                    let found = round(vec![question], deadline, &work).await;
                    let found = found.and_then(|mut found| found.pop().ok_or(ChatError::Timeout));
                    answer.send(found).ok();
                }
            }
            Err(error) => {
                for answer in answers {
                    answer.send(Err(error.clone())).ok();
                }
            }
        }
    }
}

async fn round<Q, A>(questions: Vec<Q>, deadline: Duration, work: &Work<Q, A>) -> Result<Vec<A>, ChatError> {
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    timeout(deadline, work(questions)).await.unwrap_or(Err(ChatError::Timeout))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use deskwire_store::StoreError;
    use futures::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    struct Rounds {
        sizes: Arc<Mutex<Vec<usize>>>,
        may_begin: Arc<Semaphore>,
        gather: Gather<u32, u32>,
        shutdown: CancellationToken,
    }

    impl Rounds {
        /// Doubles; refuses a round in which there is a 13.
        fn start() -> Self {
            let (sizes, may_begin) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Semaphore::new(0)));
            let (seen, gate) = (Arc::clone(&sizes), Arc::clone(&may_begin));
            let work: Work<u32, u32> = Arc::new(move |numbers| {
                let (seen, gate) = (Arc::clone(&seen), Arc::clone(&gate));
                Box::pin(async move {
                    gate.acquire().await.unwrap().forget();
                    seen.lock().unwrap().push(numbers.len());
                    if numbers.contains(&13) {
                        return Err(ChatError::Store(Arc::new(StoreError::Collision)));
                    }
                    Ok(numbers.into_iter().map(|number| number * 2).collect())
                })
            });
            let shutdown = CancellationToken::new();
            let crashed = CancellationToken::new();
            let gather = Gather::start("doubling", PATIENCE, &TaskTracker::new(), &shutdown, &crashed, work);
            Self { sizes, may_begin, gather, shutdown }
        }

        async fn ask(&self, numbers: &[u32]) -> Vec<Result<u32, ChatError>> {
            let asked = join_all(numbers.iter().map(|number| self.gather.ask(*number)));
            timeout(PATIENCE, asked).await.unwrap()
        }
    }

    #[tokio::test]
    async fn those_who_ask_while_a_round_is_under_way_share_the_next() {
        let rounds = Rounds::start();
        let first = rounds.ask(&[1]);
        let others = async {
            // The first round waits for its permit by now, so that these come too late for it.
            yield_now().await;
            yield_now().await;
            yield_now().await;
            let others = rounds.ask(&[2, 3, 4]);
            let permits = async { rounds.may_begin.add_permits(2) };
            tokio::join!(others, permits).0
        };
        let (first, others) = tokio::join!(first, others);
        assert!(matches!(first[..], [Ok(2)]));
        assert!(matches!(others[..], [Ok(4), Ok(6), Ok(8)]));
        assert_eq!(*rounds.sizes.lock().unwrap(), [1, 3]);
    }

    #[tokio::test]
    async fn what_is_refused_of_one_is_answered_to_the_others() {
        let rounds = Rounds::start();
        rounds.may_begin.add_permits(4);
        let answers = rounds.ask(&[12, 13, 14]).await;
        assert!(matches!(answers[..], [Ok(24), Err(ChatError::Store(_)), Ok(28)]), "{answers:?}");
        assert_eq!(*rounds.sizes.lock().unwrap(), [3, 1, 1, 1]);
    }

    #[tokio::test]
    async fn after_the_end_nobody_waits() {
        let rounds = Rounds::start();
        rounds.shutdown.cancel();
        assert!(matches!(rounds.ask(&[1]).await[..], [Err(ChatError::ShuttingDown)]));
    }
}
