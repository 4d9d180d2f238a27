//! Live cards: when a thing has changed, or its time has come, its cards in all conversations are rendered again. In
//! bounded batches, so that a thing in thousands of conversations delays no message; changes that come meanwhile are
//! taken together.

use std::{collections::HashMap, time::Duration};

use deskwire_protocol::{ShopId, Timestamp, UserId, coupon::Claim};
use deskwire_store::{CardRefresh, ShownCard, Subject};
use futures::TryFutureExt as _;
use tokio::{
    task::JoinError,
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::JoinMap};

use crate::{
    Workbench, WorkbenchError,
    cards::differs,
    picture::{CardRef, Picture, Rendered, Viewer},
    workbench::{PATIENCE, in_time, system},
};

/// Things that are worked on at once: one in thousands of conversations does not keep others waiting.
const THINGS: usize = 8;
/// Cards that are read, rendered and written at once.
const CARDS: u32 = 100;
/// A node that has taken a thing says with every page of it that it is still at it. When it has not said so for this long
/// it is dead, and another takes the thing.
const LEASE: Duration = PATIENCE;
/// After an error: what was in the way may be gone, and others come first.
const PAUSE: Duration = Duration::from_secs(2);
/// The newest cards of a thing that a buyer is looking at.
const OWN_CARDS: u32 = 10;

/// How a pass over a thing's cards ended.
enum Pass {
    /// All were looked at; one of them changes by itself then.
    Whole(Option<Timestamp>),
    /// The node ends.
    BrokenOff,
}

impl Workbench {
    /// Renders again whatever has changed, until `stop`; returns when what was under way is given back.
    pub(crate) async fn keep_cards_true(&self, stop: CancellationToken) {
        // Each in a task of its own: none that holds a connection waits for this loop, which waits for one itself.
        let mut passes: JoinMap<(ShopId, Subject), ()> = JoinMap::new();
        while !stop.is_cancelled() {
            // Not given up when the node ends: what it has taken must not be left lying.
            self.begin_passes(&mut passes, &stop).await;
            let idle = timeout(self.config().poll_interval, self.stale().notified());
            tokio::select! {
                () = stop.cancelled() => {}
                Some((thing, ended)) = passes.join_next() => note(&thing, ended),
                _ = idle => {}
            }
        }
        while let Some((thing, ended)) = passes.join_next().await {
            note(&thing, ended);
        }
    }

    /// Takes things whose cards are to be rendered, as far as there is room.
    async fn begin_passes(&self, passes: &mut JoinMap<(ShopId, Subject), ()>, stop: &CancellationToken) {
        let free = THINGS - passes.len();
        if free == 0 {
            return;
        }
        let now = self.now();
        let under_way: Vec<_> = passes.keys().cloned().collect();
        let taking = self.store().take_card_refreshes(now, now.plus(LEASE), &under_way, free);
        match in_time(taking.map_err(WorkbenchError::from)).await {
            Ok(taken) => {
                for refresh in taken {
                    let thing = (refresh.shop_id.clone(), refresh.subject.clone());
                    passes.spawn(thing, self.clone().pass(refresh, stop.clone()));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cards could not be looked at; it is tried again soon");
            }
        }
    }

    /// All cards of a thing. What does not come to its end is given back, to be taken by this node or another.
    async fn pass(self, refresh: CardRefresh, stop: CancellationToken) {
        let kind = refresh.subject.kind();
        let ended = async {
            let pass = self.refresh(&refresh, &stop).await?;
            in_time(async {
                match pass {
                    Pass::Whole(next) => self.store().card_refreshed(&refresh, next).await?,
                    Pass::BrokenOff => self.store().give_back_card_refresh(&refresh, self.now()).await?,
                }
                Ok(())
            })
            .await
        };
        let ended: Result<(), WorkbenchError> = ended.await;
        let Err(error) = ended else { return };
        tracing::warn!(%error, kind, "a thing's cards could not be rendered again; it is tried again soon");
        let giving_back = self.store().give_back_card_refresh(&refresh, self.now().plus(PAUSE));
        if let Err(error) = in_time(giving_back.map_err(WorkbenchError::from)).await {
            tracing::debug!(%error, kind, "a thing could not be given back; its lease runs out");
        }
    }

    async fn refresh(&self, refresh: &CardRefresh, stop: &CancellationToken) -> Result<Pass, WorkbenchError> {
        let CardRefresh { shop_id, subject, .. } = refresh;
        let Some(picture) = in_time(self.picture(shop_id, subject)).await? else {
            return Ok(Pass::Whole(None));
        };
        let began = Instant::now();
        let mut next: Option<Timestamp> = None;
        let mut after = None;
        loop {
            let page_began = Instant::now();
            let page = async {
                let cards = self.store().shown_cards(shop_id, subject, after, CARDS).await?;
                let is_last = cards.len() < usize::try_from(CARDS).unwrap_or(usize::MAX);
                let changes = self.show(shop_id, subject, &picture, &cards).await?;
                if !is_last {
                    self.store().renew_card_refresh(refresh, self.now().plus(LEASE)).await?;
                }
                Ok((cards.last().map(ShownCard::place), is_last, changes))
            };
            let (last, is_last, changes) = in_time(page).await?;
            after = last;
            next = [next, changes].into_iter().flatten().min();
            if is_last {
                break;
            }
            // As long as it took: half of the time, and of the database, is for others.
            if stop.run_until_cancelled(sleep(page_began.elapsed())).await.is_none() {
                return Ok(Pass::BrokenOff);
            }
        }
        metrics::histogram!("deskwire_card_refresh_seconds").record(began.elapsed());
        Ok(Pass::Whole(next))
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

/// A pass that broke off is taken again when its lease is over; the cards of all others are none the worse.
fn note((_, subject): &(ShopId, Subject), ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, kind = subject.kind(), "rendering a thing's cards broke off");
    }
}
