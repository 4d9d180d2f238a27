//! Buyers and agents as the shop's systems know them. Whoever signs in by a token is then named as the token says.

use axum::http::Method;
use deskwire_protocol::{Role, ShopId, UserId, order::Editor};
use deskwire_store::{
    ApiScope::{PeopleRead, PeopleWrite},
    PersonRecord, Side,
};
use deskwire_workbench::{PersonPut, Workbench};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    document::{Document, Taken, put_many, put_one},
    endpoint::{Call, Endpoint},
    examples,
    orders::MANY,
    output::Shown,
    refusal::Refusal,
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    let buyers = [
        Endpoint::new(
            (Method::POST, "/buyers"),
            "buyers.put_many",
            PeopleWrite,
            "Writes many buyers.",
            put_many::<Buyer>,
        )
        .described(MANY),
        Endpoint::new((Method::GET, "/buyers/{buyer_id}"), "buyers.get", PeopleRead, "A buyer.", get_buyer),
        Endpoint::new(
            (Method::PUT, "/buyers/{buyer_id}"),
            "buyers.put",
            PeopleWrite,
            "Writes a buyer.",
            put_one::<Buyer>,
        ),
    ];
    let agents = [
        Endpoint::new(
            (Method::POST, "/agents"),
            "agents.put_many",
            PeopleWrite,
            "Writes many agents.",
            put_many::<Agent>,
        )
        .described(MANY),
        Endpoint::new((Method::GET, "/agents/{agent_id}"), "agents.get", PeopleRead, "An agent.", get_agent),
        Endpoint::new(
            (Method::PUT, "/agents/{agent_id}"),
            "agents.put",
            PeopleWrite,
            "Writes an agent.",
            put_one::<Agent>,
        )
        .described("It gives nobody a token: those are the shop's own back end's to sign."),
    ];
    let buyers = buyers.into_iter().map(|endpoint| endpoint.under("Buyers"));
    buyers.chain(agents.into_iter().map(|endpoint| endpoint.under("Agents"))).collect()
}

/// A buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Buyer {
    /// As the tokens name them: `sub`.
    user_id: UserId,
    /// To be displayed.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// Language tag, such as `pt-BR`: cards are rendered in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    avatar: Option<String>,
}

/// An agent's role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum AgentRole {
    /// Answers buyers.
    #[default]
    Agent,
    /// Manages as well.
    Admin,
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Agent {
    /// As the tokens name them: `sub`.
    user_id: UserId,
    /// In which role.
    #[serde(default)]
    role: AgentRole,
    /// To be displayed.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// Language tag, such as `pt-BR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// Address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    avatar: Option<String>,
}

impl Document for Buyer {
    type Id = UserId;
    const ID: &'static str = "user_id";
    const PLURAL: &'static str = "buyers";
    fn id(&self) -> &UserId {
        &self.user_id
    }
    fn example() -> Value {
        examples::buyer()
    }
    async fn put(workbench: &Workbench, shop_id: &ShopId, editor: &Editor, documents: Vec<Self>) -> Taken {
        let people = documents.into_iter().map(|Self { user_id, name, locale, avatar }| PersonPut {
            role: Role::Buyer,
            user_id,
            name,
            locale,
            avatar,
        });
        workbench.put_people(shop_id, editor, people.collect()).await
    }
}

impl Document for Agent {
    type Id = UserId;
    const ID: &'static str = "user_id";
    const PLURAL: &'static str = "agents";
    fn id(&self) -> &UserId {
        &self.user_id
    }
    fn example() -> Value {
        examples::agent()
    }
    async fn put(workbench: &Workbench, shop_id: &ShopId, editor: &Editor, documents: Vec<Self>) -> Taken {
        let people = documents.into_iter().map(|Self { user_id, role, name, locale, avatar }| PersonPut {
            role: match role {
                AgentRole::Agent => Role::Agent,
                AgentRole::Admin => Role::Admin,
            },
            user_id,
            name,
            locale,
            avatar,
        });
        workbench.put_people(shop_id, editor, people.collect()).await
    }
}

/// A buyer.
#[derive(Debug, Serialize, JsonSchema)]
struct BuyerResult {
    /// As known here.
    buyer: Buyer,
}

/// An agent.
#[derive(Debug, Serialize, JsonSchema)]
struct AgentResult {
    /// As known here.
    agent: Agent,
}

async fn get_buyer(call: Call, user_id: UserId, (): ()) -> Result<Shown<BuyerResult>, Refusal> {
    let PersonRecord { user, avatar, .. } =
        call.workbench().shop_person(call.caller(), Side::Buyer, &user_id).await?;
    let buyer = Buyer { user_id: user.user_id, name: user.name, locale: user.locale, avatar };
    Ok(Shown(BuyerResult { buyer }))
}

async fn get_agent(call: Call, user_id: UserId, (): ()) -> Result<Shown<AgentResult>, Refusal> {
    let PersonRecord { role, user, avatar } =
        call.workbench().shop_person(call.caller(), Side::Shop, &user_id).await?;
    let role = match role {
        Role::Admin => AgentRole::Admin,
        Role::Agent | Role::Buyer => AgentRole::Agent,
    };
    let agent = Agent { user_id: user.user_id, role, name: user.name, locale: user.locale, avatar };
    Ok(Shown(AgentResult { agent }))
}
