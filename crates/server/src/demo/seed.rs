//! Fills an empty store with the fictional shop, by the ways that a real shop's systems, agents and buyers take.

use anyhow::{Context, bail};
use deskwire_protocol::{
    Role, ShopId, UserId,
    coupon::CouponClaimParams,
    ids::{CouponId, OrderId},
    order::{Editor, EditorKind},
};
use deskwire_store::{Scope, Store, UserRecord};
use deskwire_workbench::{Caller, Outcomes, Workbench, WorkbenchError};

use super::{
    FIGURES, SHOP, person,
    things::{FEW, Things},
};

/// Puts the demo shop into a store that has no shop yet; whether it had none.
pub(crate) async fn seed(
    store: &Store,
    workbench: &Workbench,
    now: deskwire_protocol::Timestamp,
) -> anyhow::Result<bool> {
    if !store.is_empty().await.context("the database cannot be read")? {
        return Ok(false);
    }
    let shop_id = ShopId::new(SHOP)?;
    for figure in FIGURES {
        let user_id = UserId::new(figure.sub)?;
        let scope = Scope { shop_id: shop_id.clone(), role: figure.role, user_id: user_id.clone() };
        let user =
            UserRecord { user_id, name: figure.name.to_owned(), locale: Some(figure.locale.to_owned()) };
        store.put_user(&scope, &user, now).await?;
    }
    let (things, editor) = (Things::at(now), editor(EditorKind::Import, "demo", "Demo shop"));
    taken(workbench.put_products(&shop_id, &editor, things.products()?).await)?;
    taken(workbench.put_orders(&shop_id, &editor, things.orders()?).await)?;
    taken(workbench.put_packages(&shop_id, &editor, things.packages()?).await)?;
    taken(workbench.put_returns(&shop_id, &editor, things.returns()?).await)?;
    taken(workbench.put_coupons(&shop_id, &editor, things.coupons()?).await)?;
    for note in Things::notes() {
        let order_id = OrderId::new(note.order_id)?;
        for (version, (agent, text)) in (0..).zip(note.versions) {
            let name =
                person(&shop_id, Role::Agent, &UserId::new(*agent)?).map_or(*agent, |figure| figure.name);
            let writer = self::editor(EditorKind::Agent, agent, name);
            workbench.put_note(&shop_id, &writer, &order_id, text, version).await?;
        }
    }
    for buyer in ["bruno", "chen"] {
        let user_id = UserId::new(buyer)?;
        let scope = Scope { shop_id: shop_id.clone(), role: Role::Buyer, user_id };
        let claim = CouponClaimParams { coupon_id: CouponId::new(FEW)?, number: 1 };
        workbench.coupons_claim(&Caller::of_session(scope, buyer.to_owned()), claim).await?;
    }
    tracing::info!(shop = SHOP, "filled the empty store with a fictional shop");
    Ok(true)
}

fn editor(kind: EditorKind, id: &str, name: &str) -> Editor {
    Editor { kind, id: id.to_owned(), name: name.to_owned() }
}

/// All of it, or it is no demo.
fn taken(outcomes: Result<Outcomes, WorkbenchError>) -> anyhow::Result<()> {
    for (index, outcome) in outcomes?.into_iter().enumerate() {
        if let Err(error) = outcome {
            bail!("the demo shop's thing {index} was refused: {error}");
        }
    }
    Ok(())
}
