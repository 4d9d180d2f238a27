//! Users as their tokens name them, and tokens withdrawn.

use deskwire_protocol::{Role, Timestamp, UserId};
use deskwire_store::{Admission, Arrival, Changes, Needs, Scope, Side, UserRecord};

use crate::{
    on_each_database,
    world::{Backend, NOW, World, agent, buyer, join, open, scope},
};

on_each_database! {
    a_new_store_is_empty_until_the_first_user
    a_user_who_comes_again_bears_the_new_name_everywhere
    a_buyer_and_an_agent_may_bear_the_same_id
    all_who_come_at_once_are_let_in_but_whose_token_was_withdrawn
    who_comes_twice_at_once_is_known_as_the_later_token_says
    a_withdrawal_is_of_one_user_of_one_side_of_one_shop
    a_withdrawal_is_never_taken_back_by_an_earlier_one
    withdrawals_are_followed_by_time
}

async fn a_new_store_is_empty_until_the_first_user(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    assert!(store.is_empty().await.unwrap());
    join(&store, &agent("grace")).await;
    assert!(!store.is_empty().await.unwrap());
}

async fn a_user_who_comes_again_bears_the_new_name_everywhere(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let ana = open(&store, &buyer("ana"), 1).await;
    let renamed = |name: &str, locale: Option<&str>| UserRecord {
        user_id: UserId::new("ana").unwrap(),
        name: name.into(),
        locale: locale.map(Into::into),
    };
    for (name, locale) in [("Ana", None), ("Ana", Some("pt-BR")), ("Ana María", None), ("Ana María", None)]
    {
        store.put_user(&buyer("ana"), &renamed(name, locale), NOW).await.unwrap();
        let record = store.conversation(&buyer("ana"), ana).await.unwrap().unwrap();
        assert_eq!(record.buyer.name, name);
    }
}

async fn a_buyer_and_an_agent_may_bear_the_same_id(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let sam = open(&store, &buyer("sam"), 1).await;
    let as_agent = UserRecord { user_id: agent("sam").user_id, name: "Agent Sam".into(), locale: None };
    store.put_user(&agent("sam"), &as_agent, NOW).await.unwrap();
    let record = store.conversation(&buyer("sam"), sam).await.unwrap().unwrap();
    assert_eq!(record.buyer.name, "sam's name");
    let asked = (agent("sam").shop_id, agent("sam").user_id);
    let needs = Needs { agents: vec![asked.clone()], ..Needs::default() };
    let loaded = store.commit(&needs, |loaded| (Changes::default(), loaded)).await.unwrap();
    assert_eq!(loaded.agents[&asked].name, "Agent Sam");
}

/// Someone with this name, by a token made at `NOW`.
fn arrival(scope: Scope, name: &str) -> Arrival {
    let user = UserRecord { user_id: scope.user_id.clone(), name: name.into(), locale: Some("pt-BR".into()) };
    Arrival { scope, user, issue_time: NOW }
}

async fn all_who_come_at_once_are_let_in_but_whose_token_was_withdrawn(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let (withdrawn, renewed) = (buyer("eve"), agent("renewed"));
    store.revoke(&withdrawn.shop_id, Role::Buyer, &withdrawn.user_id, NOW).await.unwrap();
    store.revoke(&renewed.shop_id, Role::Agent, &renewed.user_id, at(-1)).await.unwrap();
    let people = [
        buyer("ana"),
        withdrawn.clone(),
        scope("other", Role::Buyer, "ana"),
        agent("eve"),
        scope("shop", Role::Admin, "root"),
        renewed,
    ];
    let arrivals = people.map(|scope| arrival(scope, "first"));
    let admitted = arrivals
        .clone()
        .map(|arrival| if arrival.scope == withdrawn { Admission::Revoked } else { Admission::Admitted });
    for round in ["when they are new", "and when they are known"] {
        assert_eq!(store.arrive(&arrivals, NOW).await.unwrap(), admitted, "{round}");
        for Arrival { scope, user, .. } in &arrivals {
            let person = store.person(&scope.shop_id, scope.side(), &scope.user_id).await.unwrap();
            let expected = (*scope != withdrawn).then(|| (scope.role, user.clone()));
            assert_eq!(person.map(|person| (person.role, person.user)), expected, "{round}");
        }
    }
    assert_eq!(store.arrive(&[], NOW).await.unwrap(), []);
    let mut many: Vec<_> =
        (0..4_500).map(|number| arrival(buyer(&format!("buyer {number}")), "one of many")).collect();
    many.push(arrivals[1].clone());
    let admitted = store.arrive(&many, NOW).await.unwrap();
    assert_eq!(admitted.iter().position(|admission| *admission == Admission::Revoked), Some(4_500));
    let last = buyer("buyer 4499");
    assert!(store.person(&last.shop_id, Side::Buyer, &last.user_id).await.unwrap().is_some());
}

async fn who_comes_twice_at_once_is_known_as_the_later_token_says(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let promoted = |role, name| arrival(scope("shop", role, "grace"), name);
    let arrivals = [
        arrival(buyer("ana"), "Ana"),
        promoted(Role::Agent, "Grace"),
        arrival(buyer("ana"), "Ana María"),
        promoted(Role::Admin, "Grace"),
    ];
    assert_eq!(store.arrive(&arrivals, NOW).await.unwrap(), [Admission::Admitted; 4]);
    let shop = buyer("ana").shop_id;
    let ana = store.person(&shop, Side::Buyer, &buyer("ana").user_id).await.unwrap().unwrap();
    let grace = store.person(&shop, Side::Shop, &agent("grace").user_id).await.unwrap().unwrap();
    assert_eq!((ana.user.name.as_str(), grace.role), ("Ana María", Role::Admin));
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.millis() + millis)
}

async fn a_withdrawal_is_of_one_user_of_one_side_of_one_shop(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let revoked = agent("grace");
    store.revoke(&revoked.shop_id, Role::Agent, &revoked.user_id, NOW).await.unwrap();
    assert_eq!(store.revoked_at(&revoked).await.unwrap(), Some(NOW));
    let as_admin = scope("shop", Role::Admin, "grace");
    assert_eq!(store.revoked_at(&as_admin).await.unwrap(), Some(NOW), "the same person in another role");
    for other in [buyer("grace"), agent("ada"), agent("GRACE"), scope("other", Role::Agent, "grace")] {
        assert_eq!(store.revoked_at(&other).await.unwrap(), None, "{other:?}");
    }
}

async fn a_withdrawal_is_never_taken_back_by_an_earlier_one(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let (shop, user) = (buyer("ana").shop_id, buyer("ana").user_id);
    // The second comes from a node whose clock is behind.
    for millis in [10, 3] {
        store.revoke(&shop, Role::Buyer, &user, at(millis)).await.unwrap();
        assert_eq!(store.revoked_at(&buyer("ana")).await.unwrap(), Some(at(10)));
    }
    store.revoke(&shop, Role::Buyer, &user, at(20)).await.unwrap();
    assert_eq!(store.revoked_at(&buyer("ana")).await.unwrap(), Some(at(20)));
}

async fn withdrawals_are_followed_by_time(backend: Backend) {
    let (_world, store) = World::with_store(backend).await;
    let shop = buyer("ana").shop_id;
    for (role, user, millis) in [(Role::Buyer, "ana", 1), (Role::Agent, "grace", 2), (Role::Admin, "root", 3)]
    {
        store.revoke(&shop, role, &UserId::new(user).unwrap(), at(millis)).await.unwrap();
    }
    let since = |millis| {
        let store = store.clone();
        async move {
            let mut found = store.revocations_since(at(millis)).await.unwrap();
            found.sort_by_key(|revocation| revocation.revoke_time);
            let told = |side, user: &str| (side, UserId::new(user).unwrap());
            let found: Vec<_> = found.into_iter().map(|found| (found.side, found.user_id)).collect();
            let all = [told(Side::Buyer, "ana"), told(Side::Shop, "grace"), told(Side::Shop, "root")];
            assert!(all.ends_with(&found), "{found:?}");
            found.len()
        }
    };
    assert_eq!((since(0).await, since(2).await, since(3).await, since(4).await), (3, 2, 1, 0));
}
