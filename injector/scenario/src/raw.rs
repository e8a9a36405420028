//! A scenario as it is written, before it is checked; also what its JSON Schema is made of, so that both know the same keys. The comments here
//! are what an editor shows. What is checked later keeps its place in the file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::{Spanned, Value};

use crate::model::{Difficulty, Expect, LoadShape};

/// A scenario of Arena: an arena, its load, faults and when they are made, what counts as healed, and what is true about it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Arena scenario")]
pub(crate) struct RawScenario {
    /// Lower-case words joined by `-`; the file is called like this.
    #[schemars(
        with = "String",
        regex(pattern = r"^[a-z0-9]+(-[a-z0-9]+)*$"),
        length(max = 60)
    )]
    pub(crate) name: Spanned<String>,
    /// What happens and what there is to learn from it, in one line.
    #[schemars(with = "String", length(min = 1, max = 200))]
    pub(crate) summary: Spanned<String>,
    /// How hard it is to heal rightly.
    pub(crate) difficulty: Difficulty,
    /// Of every choice that is left to chance.
    #[serde(default = "zero")]
    #[schemars(with = "i64", range(min = 0))]
    pub(crate) seed: Spanned<u64>,
    /// How long it runs at most, from the first fault on; 60s when left out.
    #[schemars(with = "Option<DurationText>")]
    pub(crate) limit: Option<Spanned<String>>,
    /// The arena; the built-in shop when left out.
    pub(crate) topology: Option<RawTopology>,
    /// What users do.
    #[serde(default)]
    pub(crate) load: RawLoad,
    /// What must hold before the first fault.
    #[serde(default)]
    pub(crate) steady_state: RawSteadyState,
    /// The faults.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub(crate) fault: Vec<RawInjection>,
    /// How good every node's telemetry is, for the whole run.
    #[serde(default)]
    pub(crate) telemetry: RawQuality,
    /// When it counts as healed.
    #[serde(default)]
    pub(crate) healed: RawHealed,
    /// What is true, for the judge alone.
    #[schemars(with = "RawTruth")]
    pub(crate) truth: Spanned<RawTruth>,
}

/// The shop's five roles on nodes of their own number.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Topology")]
pub(crate) struct RawTopology {
    /// How many nodes: node-1, node-2... At most five times the replicas, so that none is empty.
    #[schemars(with = "u32", range(min = 1, max = 32))]
    pub(crate) nodes: Spanned<u32>,
    /// How many of each role; at most one of a role on a node.
    #[schemars(with = "u32", range(min = 1, max = 32))]
    pub(crate) replicas: Spanned<u32>,
    /// A batch job, idle until a fault makes it burn, is on node-1, too.
    #[serde(default)]
    pub(crate) batch: bool,
}

/// What users do.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Load")]
pub(crate) struct RawLoad {
    /// Checkouts a second; 20 when left out.
    #[schemars(with = "Option<u32>", range(min = 1, max = 200))]
    pub(crate) rate: Option<Spanned<u32>>,
    /// How the load changes from the first fault on; steady when left out.
    #[serde(default)]
    pub(crate) shape: LoadShape,
}

/// What is normal.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SteadyState")]
pub(crate) struct RawSteadyState {
    /// What must hold: CEL over readings of the users and the arena.
    #[schemars(with = "Option<Vec<String>>", length(min = 1, max = 20))]
    pub(crate) checks: Option<Spanned<Vec<Spanned<String>>>>,
    /// For so long without a break; 2s when left out.
    #[schemars(with = "Option<DurationText>")]
    pub(crate) hold: Option<Spanned<String>>,
    /// That stretch begins no later than this after the arena's start; 30s when left out.
    #[schemars(with = "Option<DurationText>")]
    pub(crate) within: Option<Spanned<String>>,
}

/// One fault to make.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fault")]
pub(crate) struct RawInjection {
    /// When, after the steady state was found; 0s when left out.
    #[schemars(with = "Option<DurationText>")]
    pub(crate) at: Option<Spanned<String>>,
    /// Instead of `at`: once this condition first holds.
    #[schemars(with = "Option<String>")]
    pub(crate) r#if: Option<Spanned<String>>,
    /// Of `if`: so long after that; 0s when left out.
    #[schemars(with = "Option<DurationText>")]
    pub(crate) after: Option<Spanned<String>>,
    /// Its name in the catalogue.
    #[schemars(with = "String", extend("enum" = crate::schema::fault_names()))]
    pub(crate) fault: Spanned<String>,
    /// What it is made in.
    #[schemars(with = "RawTarget")]
    pub(crate) target: Spanned<RawTarget>,
    /// Its time to live; the limit when left out.
    #[schemars(with = "Option<DurationText>")]
    pub(crate) r#for: Option<Spanned<String>>,
    /// Its parameters; what is left out has its default.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, ParamValue>")]
    pub(crate) params: BTreeMap<Spanned<String>, Spanned<Value>>,
}

/// What a fault is made in.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[schemars(rename = "Target")]
pub(crate) enum RawTarget {
    /// "node-1/orders", "node-1"; "*/orders" for every replica of a role, "*" for every node.
    Named(String),
    /// Some, by chance.
    Some(RawSome),
}

/// Some entities, by chance: exactly one of `count` and `percent` (with `role`), `services` and `nodes`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Choice")]
pub(crate) struct RawSome {
    /// Replicas of this role.
    #[schemars(with = "Option<String>")]
    pub(crate) role: Option<Spanned<String>>,
    /// So many of them.
    #[schemars(with = "Option<u32>", range(min = 1))]
    pub(crate) count: Option<Spanned<u32>>,
    /// This share of them, at least one.
    #[schemars(with = "Option<u32>", range(min = 1, max = 100))]
    pub(crate) percent: Option<Spanned<u32>>,
    /// So many services of the shop's roles that can have the fault.
    #[schemars(with = "Option<u32>", range(min = 1))]
    pub(crate) services: Option<Spanned<u32>>,
    /// So many nodes.
    #[schemars(with = "Option<u32>", range(min = 1))]
    pub(crate) nodes: Option<Spanned<u32>>,
}

/// How good every node's telemetry is.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Telemetry")]
pub(crate) struct RawQuality {
    /// Percent of the messages that are lost; 0 when left out.
    #[schemars(with = "Option<u32>", range(min = 0, max = 100))]
    pub(crate) loss: Option<Spanned<u32>>,
    /// Percent of the messages that are told twice; 0 when left out.
    #[schemars(with = "Option<u32>", range(min = 0, max = 100))]
    pub(crate) duplicate: Option<Spanned<u32>>,
    /// How late every message is; 0s when left out.
    #[schemars(with = "Option<DurationText>")]
    pub(crate) delay: Option<Spanned<String>>,
}

/// When it counts as healed.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Healed")]
pub(crate) struct RawHealed {
    /// What must hold again; the checks of the steady state when left out.
    #[schemars(with = "Option<Vec<String>>", length(min = 1, max = 20))]
    pub(crate) checks: Option<Spanned<Vec<Spanned<String>>>>,
    /// For so long without a break; 3s when left out.
    #[schemars(with = "Option<DurationText>")]
    pub(crate) hold: Option<Spanned<String>>,
    /// That stretch begins no later than this after the first fault; 40s when left out.
    #[schemars(with = "Option<DurationText>")]
    pub(crate) within: Option<Spanned<String>>,
}

/// What is true about a scenario.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Truth")]
pub(crate) struct RawTruth {
    /// What a good remediator does.
    #[schemars(with = "Expect")]
    pub(crate) expect: Spanned<Expect>,
    /// The entities that are to blame; those that the faults hit when left out.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(crate) roots: Vec<Spanned<String>>,
    /// The actions on a root, any of which is right; those of the catalogue for its faults when left out.
    #[schemars(with = "Option<Vec<Action>>")]
    pub(crate) cures: Option<Vec<Spanned<String>>>,
}

fn zero() -> Spanned<u64> {
    Spanned::new(0..0, 0)
}

/// By hand, as what serde derives for "one of these" forgets where things stand.
impl<'de> Deserialize<'de> for RawTarget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Target;

        impl<'de> Visitor<'de> for Target {
            type Value = RawTarget;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(
                    "a target such as \"node-1/orders\" or { role = \"orders\", count = 1 }",
                )
            }

            fn visit_str<E>(self, text: &str) -> Result<RawTarget, E> {
                Ok(RawTarget::Named(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawTarget, A::Error> {
                RawSome::deserialize(MapAccessDeserializer::new(map)).map(RawTarget::Some)
            }
        }

        deserializer.deserialize_any(Target)
    }
}

/// In the schema: a duration.
pub(crate) struct DurationText;

impl JsonSchema for DurationText {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A number and a unit, as in \"200ms\", \"1s\" or \"1m 30s\".",
            "pattern": "^[0-9]+ ?[a-z]+( ?[0-9]+ ?[a-z]+)*$",
        })
    }
}

/// In the schema: an action.
pub(crate) struct Action;

impl JsonSchema for Action {
    fn schema_name() -> Cow<'static, str> {
        "Action".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": crate::schema::action_names() })
    }
}

/// In the schema: the value of a parameter.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum ParamValue {
    /// A number.
    Count(u64),
    /// A word, a text or a duration.
    Text(String),
}
