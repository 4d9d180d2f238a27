//! What a file can hold, and a row of it as a document.

use clap::ValueEnum;
use deskwire_protocol::{
    Role, Timestamp, UserId,
    coupon::Coupon,
    ids::PackageId,
    logistics::{Package, TrackingCode, TrackingEvent},
    order::Order,
    product::Product,
    returns::Return,
};
use deskwire_workbench::{Documents, PersonPut};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Orders with their line items and payment.
    Orders,
    /// Parcels of orders.
    Packages,
    /// Steps of parcels.
    Tracking,
    /// Returns and refunds of orders.
    Returns,
    /// Products with their variants.
    Products,
    /// Coupons.
    Coupons,
    /// Buyers.
    Buyers,
    /// Agents.
    Agents,
}

/// A step of a parcel.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct TrackingRow {
    package_id: PackageId,
    code: TrackingCode,
    description: String,
    location: Option<String>,
    update_time: Timestamp,
}

/// A buyer or an agent.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct PersonRow {
    user_id: UserId,
    name: String,
    locale: Option<String>,
    avatar: Option<String>,
    /// Of an agent: `AGENT` when not said, or `ADMIN`.
    role: Option<Role>,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Orders,
        Self::Packages,
        Self::Tracking,
        Self::Returns,
        Self::Products,
        Self::Coupons,
        Self::Buyers,
        Self::Agents,
    ];

    /// As the command line and file names have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Packages => "packages",
            Self::Tracking => "tracking",
            Self::Returns => "returns",
            Self::Products => "products",
            Self::Coupons => "coupons",
            Self::Buyers => "buyers",
            Self::Agents => "agents",
        }
    }

    /// The field by which a row is named in the report.
    pub(super) const fn id_field(self) -> &'static str {
        match self {
            Self::Orders | Self::Packages | Self::Products | Self::Coupons => "id",
            Self::Tracking => "package_id",
            Self::Returns => "return_id",
            Self::Buyers | Self::Agents => "user_id",
        }
    }

    /// The form of a row.
    pub(super) fn schema(self) -> Value {
        let schema = match self {
            Self::Orders => schemars::schema_for!(Order),
            Self::Packages => schemars::schema_for!(Package),
            Self::Tracking => schemars::schema_for!(TrackingRow),
            Self::Returns => schemars::schema_for!(Return),
            Self::Products => schemars::schema_for!(Product),
            Self::Coupons => schemars::schema_for!(Coupon),
            Self::Buyers | Self::Agents => schemars::schema_for!(PersonRow),
        };
        schema.to_value()
    }

    /// No documents yet.
    pub(super) const fn empty(self) -> Documents {
        match self {
            Self::Orders => Documents::Orders(Vec::new()),
            Self::Packages => Documents::Packages(Vec::new()),
            Self::Tracking => Documents::Tracking(Vec::new()),
            Self::Returns => Documents::Returns(Vec::new()),
            Self::Products => Documents::Products(Vec::new()),
            Self::Coupons => Documents::Coupons(Vec::new()),
            Self::Buyers | Self::Agents => Documents::People(Vec::new()),
        }
    }

    /// Adds a row to the documents, or says what is wrong with it.
    pub(super) fn add(self, documents: &mut Documents, row: &str) -> Result<(), String> {
        match documents {
            Documents::Orders(orders) => orders.push(read(row)?),
            Documents::Packages(packages) => packages.push(read(row)?),
            Documents::Tracking(steps) => {
                let TrackingRow { package_id, code, description, location, update_time } = read(row)?;
                steps.push((package_id, vec![TrackingEvent { code, description, location, update_time }]));
            }
            Documents::Returns(returns) => returns.push(read(row)?),
            Documents::Products(products) => products.push(read(row)?),
            Documents::Coupons(coupons) => coupons.push(read(row)?),
            Documents::People(people) => {
                let PersonRow { user_id, name, locale, avatar, role } = read(row)?;
                let role = match (self, role) {
                    (Self::Agents, None) => Role::Agent,
                    (Self::Agents, Some(role @ (Role::Agent | Role::Admin))) => role,
                    (Self::Agents, Some(Role::Buyer)) => return Err("`role` must be AGENT or ADMIN".into()),
                    (_, None | Some(Role::Buyer)) => Role::Buyer,
                    (_, Some(_)) => return Err("`role` must be BUYER in a file of buyers".into()),
                };
                people.push(PersonPut { role, user_id, name, locale, avatar });
            }
            // Stock is a field of its product in files.
            Documents::Inventory(_) => {}
        }
        Ok(())
    }
}

/// Reads a document. Fields that it does not have are refused: they are typing errors that would be lost in silence.
fn read<T: DeserializeOwned>(row: &str) -> Result<T, String> {
    let mut unknown = None;
    let mut track = serde_path_to_error::Track::new();
    let mut json = serde_json::Deserializer::from_str(row);
    let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    let document = serde_ignored::deserialize(tracked, |path| {
        unknown.get_or_insert_with(|| path.to_string());
    });
    let document = document.map_err(|error: serde_json::Error| {
        let problem = error.to_string();
        let problem = problem.split(" at line ").next().unwrap_or(&problem).to_owned();
        match track.path().to_string().as_str() {
            // The row as a whole, or where it was still unknown what is meant.
            "." | "?" => problem,
            path => format!("`{path}`: {problem}"),
        }
    })?;
    json.end().map_err(|_| "more than one document in a row".to_owned())?;
    match unknown {
        Some(path) => Err(format!("`{path}`: there is no such field")),
        None => Ok(document),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_refused_by_the_path_of_what_is_wrong() {
        let mut documents = Kind::Buyers.empty();
        for (row, problem) in [
            (r#"{"user_id":"b-1"}"#, "missing field `name`"),
            (r#"{"user_id":"b-1","name":7}"#, "`name`: invalid type: integer `7`, expected a string"),
            (r#"{"user_id":"b-1","name":"Ana","nmae":"x"}"#, "`nmae`: there is no such field"),
            (r#"{"user_id":"b-1","name":"Ana","role":"AGENT"}"#, "`role` must be BUYER in a file of buyers"),
            (r#"{"user_id":"b-1","name":"Ana"} {}"#, "more than one document in a row"),
        ] {
            assert_eq!(Kind::Buyers.add(&mut documents, row), Err(problem.to_owned()), "{row}");
        }
        assert!(documents.is_empty());
        Kind::Buyers.add(&mut documents, r#"{"user_id":"b-1","name":"Ana","locale":"pt-BR"}"#).unwrap();
        assert_eq!(documents.len(), 1);
    }

    #[test]
    fn the_fields_own_aliases_are_taken() {
        #[derive(Deserialize)]
        struct Row {
            status: deskwire_protocol::order::OrderStatus,
        }
        let row: Row = read(r#"{"status":"CANCEL"}"#).unwrap();
        assert_eq!(row.status, deskwire_protocol::order::OrderStatus::Cancelled);
    }
}
