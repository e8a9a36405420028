//! The first schema. `docs/database.md` says what each column means.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_initial"
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            events(),
            incidents(),
            actions(),
            faults(),
            series(),
            rollups(),
            totals(),
        ] {
            manager.create_table(table).await?;
        }
        for (name, table, columns) in INDEXES {
            let mut index = Index::create();
            index.name(*name).table(*table);
            for column in *columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        let names = Index::create()
            .name("series_names")
            .table("series")
            .col("node")
            .col("service")
            .col("metric")
            .unique()
            .to_owned();
        manager.create_index(names).await
    }
}

const INDEXES: &[(&str, &str, &[&str])] = &[
    ("events_incident_id", "events", &["incident_id"]),
    ("events_stored_at_ns", "events", &["stored_at_ns"]),
    (
        "incidents_opened_at_ns",
        "incidents",
        &["opened_at_ns", "id"],
    ),
    ("incidents_state", "incidents", &["state"]),
    ("incidents_updated_at_ns", "incidents", &["updated_at_ns"]),
    ("actions_incident_id", "actions", &["incident_id"]),
    ("actions_updated_at_ns", "actions", &["updated_at_ns"]),
    ("faults_at_ns", "faults", &["at_ns", "id"]),
    ("faults_state", "faults", &["state"]),
    ("faults_updated_at_ns", "faults", &["updated_at_ns"]),
];

fn events() -> TableCreateStatement {
    Table::create()
        .table("events")
        .col(ColumnDef::new("kind").text().not_null())
        .col(ColumnDef::new("event_id").text().not_null())
        .col(ColumnDef::new("subject").text().not_null())
        .col(ColumnDef::new("incident_id").text())
        .col(ColumnDef::new("node").text().not_null())
        .col(ColumnDef::new("service").text())
        .col(ColumnDef::new("at_ns").big_integer().not_null())
        .col(ColumnDef::new("stored_at_ns").big_integer().not_null())
        .col(ColumnDef::new("traceparent").text())
        .col(ColumnDef::new("body").json_binary().not_null())
        .primary_key(Index::create().col("kind").col("event_id"))
        .to_owned()
}

fn incidents() -> TableCreateStatement {
    Table::create()
        .table("incidents")
        .col(ColumnDef::new("id").text().not_null().primary_key())
        .col(ColumnDef::new("node").text().not_null())
        .col(ColumnDef::new("service").text())
        .col(ColumnDef::new("symptom").text())
        .col(ColumnDef::new("severity").text())
        .col(ColumnDef::new("state").text().not_null())
        .col(ColumnDef::new("resolution").text())
        .col(ColumnDef::new("root_cause").text())
        .col(ColumnDef::new("opened_at_ns").big_integer())
        .col(ColumnDef::new("ended_at_ns").big_integer())
        .col(ColumnDef::new("detect_ms").double())
        .col(ColumnDef::new("plan_ms").double())
        .col(ColumnDef::new("act_ms").double())
        .col(ColumnDef::new("verify_ms").double())
        .col(ColumnDef::new("trace_id").text().not_null())
        .col(ColumnDef::new("facts").json_binary().not_null())
        .col(ColumnDef::new("updated_at_ns").big_integer().not_null())
        .to_owned()
}

fn actions() -> TableCreateStatement {
    Table::create()
        .table("actions")
        .col(ColumnDef::new("command_id").text().not_null().primary_key())
        .col(ColumnDef::new("incident_id").text())
        .col(ColumnDef::new("node").text().not_null())
        .col(ColumnDef::new("service").text())
        .col(ColumnDef::new("action").text())
        .col(ColumnDef::new("state").text().not_null())
        .col(ColumnDef::new("issuer").text())
        .col(ColumnDef::new("message").text().not_null())
        .col(ColumnDef::new("issued_at_ns").big_integer())
        .col(ColumnDef::new("ended_at_ns").big_integer())
        .col(ColumnDef::new("facts").json_binary().not_null())
        .col(ColumnDef::new("updated_at_ns").big_integer().not_null())
        .to_owned()
}

fn faults() -> TableCreateStatement {
    Table::create()
        .table("faults")
        .col(ColumnDef::new("id").text().not_null().primary_key())
        .col(ColumnDef::new("fault").text())
        .col(ColumnDef::new("node").text().not_null())
        .col(ColumnDef::new("service").text())
        .col(ColumnDef::new("state").text().not_null())
        .col(ColumnDef::new("reason").text())
        .col(ColumnDef::new("at_ns").big_integer().not_null())
        .col(ColumnDef::new("expires_at_ns").big_integer())
        .col(ColumnDef::new("facts").json_binary().not_null())
        .col(ColumnDef::new("updated_at_ns").big_integer().not_null())
        .to_owned()
}

/// Names once, numbers in `rollups`: a day of the default arena is a million rows, and names would be most of them.
fn series() -> TableCreateStatement {
    Table::create()
        .table("series")
        .col(
            ColumnDef::new("id")
                .big_integer()
                .not_null()
                .auto_increment()
                .primary_key(),
        )
        .col(ColumnDef::new("node").text().not_null())
        .col(ColumnDef::new("service").text().not_null())
        .col(ColumnDef::new("metric").text().not_null())
        .to_owned()
}

fn rollups() -> TableCreateStatement {
    Table::create()
        .table("rollups")
        .col(ColumnDef::new("bucket_start_ns").big_integer().not_null())
        .col(ColumnDef::new("series_id").big_integer().not_null())
        .col(ColumnDef::new("count").big_integer().not_null())
        .col(ColumnDef::new("min").double().not_null())
        .col(ColumnDef::new("max").double().not_null())
        .col(ColumnDef::new("sum").double().not_null())
        .col(ColumnDef::new("last").double().not_null())
        .primary_key(Index::create().col("bucket_start_ns").col("series_id"))
        .to_owned()
}

/// Counts of what was ever stored: retention deletes rows, and counting them all would read them all.
fn totals() -> TableCreateStatement {
    Table::create()
        .table("totals")
        .col(ColumnDef::new("name").text().not_null().primary_key())
        .col(ColumnDef::new("value").big_integer().not_null())
        .to_owned()
}
