//! The migrations, oldest first. Forward only: one that was released is never changed, and what it made wrong is
//! mended by the next. `tests/schema.rs` holds the schema that they end in, on both databases.

use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod m0001_initial;
mod m0002_evidence_and_effects;

/// Every migration, in order.
pub(super) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_initial::Migration),
            Box::new(m0002_evidence_and_effects::Migration),
        ]
    }
}

#[cfg(test)]
mod tests;
