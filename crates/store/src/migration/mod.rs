//! The schema, step by step. A step that was released is never changed.

mod m0001_chat;
mod m0002_workbench;

use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait::async_trait};

pub(crate) struct Migrator;

#[async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_chat::Migration), Box::new(m0002_workbench::Migration)]
    }
}
