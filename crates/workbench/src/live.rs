//! Live cards: when a thing has changed, or its time has come, its cards in all conversations are rendered again. In
//! bounded batches, so that a thing in thousands of conversations delays no message; changes that come meanwhile are
//! taken together.

use std::{collections::HashMap, time::Duration};

use deskwire_protocol::{ShopId, Timestamp, UserId, coupon::Claim};
use deskwire_store::{CardRefresh, ShownCard, Subject};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::JoinMap};

use crate::{
    Workbench, WorkbenchError,
    cards::differs,
    picture::{CardRef, Picture, Rendered, Viewer},
    workbench::system,
};

/// Things that are worked on at once: one in thousands of conversations does not keep others waiting.
const THINGS: usize = 8;
/// Cards that are read, rendered and written at once.
const CARDS: u32 = 100;
/// A node that has taken a thing is done with it, or dead, after so long; then another takes it.
const LEASE: Duration = Duration::from_mins(5);
/// The newest cards of a thing that a buyer is looking at.
const OWN_CARDS: u32 = 10;

impl Workbench {
    /// Renders again whatever has changed, until `shutdown`.
    pub(crate) async fn keep_cards_true(&self, shutdown: CancellationToken) {
        shutdown.run_until_cancelled(self.follow_changes()).await;
    }

    async fn follow_changes(&self) {
        // Each in a task of its own: none that holds a connection waits for this loop, which waits for one itself.
        let mut passes: JoinMap<(ShopId, Subject), ()> = JoinMap::new();
        loop {
            let free = THINGS - passes.len();
            if free > 0 {
                let now = self.now();
                let under_way: Vec<_> = passes.keys().cloned().collect();
                match self.store().take_card_refreshes(now, now.plus(LEASE), &under_way, free).await {
                    Ok(taken) => {
                        for refresh in taken {
                            let thing = (refresh.shop_id.clone(), refresh.subject.clone());
                            passes.spawn(thing, self.clone().pass(refresh));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cards could not be looked at; it is tried again soon");
                    }
                }
            }
            let idle = timeout(self.config().poll_interval, self.stale().notified());
            tokio::select! {
                Some((thing, ended)) = passes.join_next() => {
                    // Taken again when its lease is over; the cards of all others are none the worse.
                    if let Err(error) = ended {
                        tracing::error!(%error, kind = thing.1.kind(), "rendering a thing's cards broke off");
                    }
                }
                _ = idle => {}
            }
        }
    }

    /// All cards of a thing.
    async fn pass(self, refresh: CardRefresh) {
        // Left to the next one who takes it, when the lease is over.
        if let Err(error) = self.refresh(&refresh).await {
            tracing::warn!(%error, kind = refresh.subject.kind(), "a thing's cards could not be rendered again");
        }
    }

    async fn refresh(&self, refresh: &CardRefresh) -> Result<(), WorkbenchError> {
        let CardRefresh { shop_id, subject, .. } = refresh;
        let Some(picture) = self.picture(shop_id, subject).await? else {
            return Ok(self.store().card_refreshed(refresh, None).await?);
        };
        let began = Instant::now();
        let mut next: Option<Timestamp> = None;
        let mut after = None;
        loop {
            let page_began = Instant::now();
            let cards = self.store().shown_cards(shop_id, subject, after, CARDS).await?;
            let is_last = cards.len() < usize::try_from(CARDS).unwrap_or(usize::MAX);
            after = cards.last().map(ShownCard::place);
            let changes = self.show(shop_id, subject, &picture, &cards).await?;
            next = [next, changes].into_iter().flatten().min();
            if is_last {
                break;
            }
            // As long as it took: half of the time, and of the database, is for others.
            sleep(page_began.elapsed()).await;
        }
        metrics::histogram!("deskwire_card_refresh_seconds").record(began.elapsed());
        Ok(self.store().card_refreshed(refresh, next).await?)
    }

    /// Renders the cards that one buyer has of a thing, at once: what a buyer has done is seen without waiting for the
    /// cards of all others. If it fails they are rendered with all others.
    pub(crate) async fn show_buyer(&self, shop_id: &ShopId, subject: &Subject, buyer_id: &UserId) {
        let shown = async {
            let cards = self.store().shown_cards_of_buyer(shop_id, subject, buyer_id, OWN_CARDS).await?;
            if cards.is_empty() {
                return Ok(());
            }
            let Some(picture) = self.picture(shop_id, subject).await? else { return Ok(()) };
            self.show(shop_id, subject, &picture, &cards).await.map(drop)
        };
        let outcome: Result<(), WorkbenchError> = shown.await;
        if let Err(error) = outcome {
            tracing::warn!(%error, "a buyer's cards could not be rendered at once");
        }
    }

    /// Renders these cards and writes those that differ, many in one commit; the first time at which one of them changes
    /// by itself.
    async fn show(
        &self,
        shop_id: &ShopId,
        subject: &Subject,
        picture: &Picture,
        cards: &[ShownCard],
    ) -> Result<Option<Timestamp>, WorkbenchError> {
        let claims = self.claims_behind(shop_id, subject, cards).await?;
        let mut next: Option<Timestamp> = None;
        let mut writes = Vec::new();
        let renderer: UserId =
            UserId::new(system().id).map_err(|error| WorkbenchError::invalid("id", error))?;
        for shown in cards {
            let message = &shown.message;
            let Some(card) = CardRef::of(&message.content) else { continue };
            let old = message.content.card();
            let viewer = Viewer {
                buyer_id: &shown.buyer_id,
                speech: self.speech(shown.locale.as_deref()),
                claims: claims.get(&shown.buyer_id).map_or(&[], Vec::as_slice),
                acts: old.map_or(&[], |card| card.acts.as_slice()),
                sent_time: message.create_time,
            };
            let Some(Rendered { content, shows, next_change }) = self.render(shop_id, picture, &card, viewer)
            else {
                continue;
            };
            next = [next, next_change].into_iter().flatten().min();
            let is_news = match (old, content.card()) {
                (Some(old), Some(new)) => differs(old, new),
                (_, _) => false,
            };
            if is_news {
                let write =
                    self.chat().render_card(shop_id.clone(), renderer.clone(), shown.place(), content, shows);
                writes.push(write);
            }
        }
        for written in futures::future::join_all(writes).await {
            written?;
        }
        Ok(next)
    }

    /// Of a coupon: what each of the buyers who see these cards has of it, in one read.
    async fn claims_behind(
        &self,
        shop_id: &ShopId,
        subject: &Subject,
        cards: &[ShownCard],
    ) -> Result<HashMap<UserId, Vec<Claim>>, WorkbenchError> {
        let Subject::Coupon(coupon_id) = subject else { return Ok(HashMap::new()) };
        let buyers: Vec<UserId> = cards.iter().map(|shown| shown.buyer_id.clone()).collect();
        let mut claims: HashMap<UserId, Vec<Claim>> = HashMap::new();
        for record in self.store().claims_of_buyers(shop_id, coupon_id, &buyers).await? {
            claims.entry(record.buyer_id).or_default().push(record.claim);
        }
        Ok(claims)
    }
}
