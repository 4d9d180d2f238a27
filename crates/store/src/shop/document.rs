//! Things as documents: MessagePack with the names of fields, so that money is an integer and later versions may add.

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
