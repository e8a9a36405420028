//! Evidence, what actions did to their incidents, and what both are looked up by. `docs/database.md` says what each
//! column means.
//!
//! Rows of before stay as they are; of actions only the symptom of their incident is known.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_evidence_and_effects"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(evidence()).await?;
        // SQLite adds one column a statement.
        for (table, column) in COLUMNS {
            let add = Table::alter()
                .table(*table)
                .add_column(ColumnDef::new(*column).text())
                .to_owned();
            manager.alter_table(add).await?;
        }
        for (name, table, column) in INDEXES {
            let index = Index::create()
                .name(*name)
                .table(*table)
                .col(*column)
                .to_owned();
            manager.create_index(index).await?;
        }
        manager
            .get_connection()
            .execute_unprepared(SYMPTOMS_OF_BEFORE)
            .await?;
        Ok(())
    }
}

const COLUMNS: &[(&str, &str)] = &[
    ("incidents", "fingerprint"),
    ("actions", "symptom"),
    ("actions", "step"),
    ("actions", "cause"),
    ("actions", "risk"),
    ("actions", "effect"),
];

const INDEXES: &[(&str, &str, &str)] = &[
    ("evidence_incident_id", "evidence", "incident_id"),
    ("evidence_updated_at_ns", "evidence", "updated_at_ns"),
    ("actions_issued_at_ns", "actions", "issued_at_ns"),
];

const SYMPTOMS_OF_BEFORE: &str = "UPDATE actions SET symptom = \
     (SELECT incidents.symptom FROM incidents WHERE incidents.id = actions.incident_id)";

fn evidence() -> TableCreateStatement {
    Table::create()
        .table("evidence")
        .col(ColumnDef::new("command_id").text().not_null().primary_key())
        .col(ColumnDef::new("incident_id").text().not_null())
        .col(ColumnDef::new("node").text().not_null())
        .col(ColumnDef::new("service").text())
        .col(ColumnDef::new("at_ns").big_integer().not_null())
        .col(ColumnDef::new("facts").json_binary().not_null())
        .col(ColumnDef::new("updated_at_ns").big_integer().not_null())
        .to_owned()
}
