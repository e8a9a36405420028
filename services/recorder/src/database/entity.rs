//! The tables as SeaORM entities. `docs/database.md` says what each column means; the migrations make them.

#![expect(unreachable_pub, reason = "SeaORM's derive macros want `pub`")]

pub(super) mod events {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub event_id: String,
        pub subject: String,
        pub incident_id: Option<String>,
        pub node: String,
        pub service: Option<String>,
        pub at_ns: i64,
        pub stored_at_ns: i64,
        pub traceparent: Option<String>,
        #[sea_orm(column_type = "JsonBinary")]
        pub body: Json,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod incidents {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "incidents")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub node: String,
        pub service: Option<String>,
        pub symptom: Option<String>,
        pub severity: Option<String>,
        pub state: String,
        pub resolution: Option<String>,
        pub root_cause: Option<String>,
        pub fingerprint: Option<String>,
        pub opened_at_ns: Option<i64>,
        pub ended_at_ns: Option<i64>,
        pub detect_ms: Option<f64>,
        pub plan_ms: Option<f64>,
        pub act_ms: Option<f64>,
        pub verify_ms: Option<f64>,
        pub trace_id: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub facts: Json,
        pub updated_at_ns: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod actions {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "actions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub command_id: String,
        pub incident_id: Option<String>,
        pub node: String,
        pub service: Option<String>,
        pub action: Option<String>,
        pub state: String,
        pub issuer: Option<String>,
        pub message: String,
        pub issued_at_ns: Option<i64>,
        pub ended_at_ns: Option<i64>,
        pub symptom: Option<String>,
        pub step: Option<String>,
        pub cause: Option<String>,
        pub risk: Option<String>,
        pub effect: Option<String>,
        #[sea_orm(column_type = "JsonBinary")]
        pub facts: Json,
        pub updated_at_ns: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod evidence {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "evidence")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub command_id: String,
        pub incident_id: String,
        pub node: String,
        pub service: Option<String>,
        pub at_ns: i64,
        #[sea_orm(column_type = "JsonBinary")]
        pub facts: Json,
        pub updated_at_ns: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod faults {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "faults")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub fault: Option<String>,
        pub node: String,
        pub service: Option<String>,
        pub state: String,
        pub reason: Option<String>,
        pub at_ns: i64,
        pub expires_at_ns: Option<i64>,
        #[sea_orm(column_type = "JsonBinary")]
        pub facts: Json,
        pub updated_at_ns: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod series {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "series")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub node: String,
        pub service: String,
        pub metric: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod rollups {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "rollups")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub bucket_start_ns: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub series_id: i64,
        pub count: i64,
        pub min: f64,
        pub max: f64,
        pub sum: f64,
        pub last: f64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod totals {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "totals")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub value: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
