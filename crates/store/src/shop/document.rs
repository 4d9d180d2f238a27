//! Things as documents: MessagePack with the names of fields, so that money is an integer and later versions may add.

use deskwire_protocol::ShopId;
use sea_orm::{QueryResult, Value};
use serde::{Serialize, de::DeserializeOwned};

use crate::{StoreError, row};

pub(crate) fn write<T: Serialize>(table: &'static str, thing: &T) -> Result<Value, StoreError> {
    let bytes = rmp_serde::to_vec_named(thing).map_err(|problem| StoreError::corrupt(table, problem))?;
    Ok(bytes.into())
}

pub(crate) fn read<T: DeserializeOwned>(row: &QueryResult, table: &'static str) -> Result<T, StoreError> {
    let bytes: Vec<u8> = row::get(row, "document")?;
    rmp_serde::from_slice(&bytes)
        .map_err(|problem| StoreError::corrupt(table, format_args!("document: {problem}")))
}

/// Things of all shops that something is to be done with. One that cannot be read must not keep back those of others: it is
/// left out, and the log told.
pub(crate) fn read_what_can_be<T>(
    rows: &[QueryResult],
    table: &'static str,
    read: impl Fn(&QueryResult) -> Result<T, StoreError>,
) -> Vec<(ShopId, T)> {
    let whole = |row: &QueryResult| Ok((row::shop_id(row, table)?, read(row)?));
    let told =
        |error: &StoreError| tracing::error!(%error, table, "what is due cannot be read, and is left out");
    rows.iter().filter_map(|row| whole(row).inspect_err(told).ok()).collect()
}
