//! Reads a scenario file, and checks it as a whole: what is here can be played.
//!
//! Every mistake is told with its place and its mend; the first one ends the reading, as everywhere in Arena.

use std::time::Duration;

use arena_config::Diagnostic;
use arena_proto::ActionKind;
use toml::Spanned;

use crate::layout::{Layout, NODES_MAX, ROLES};
use crate::model::{
    Check, Expect, Healed, Injection, Load, Quality, Scenario, SteadyState, Topology, Truth,
};
use crate::raw::{
    RawHealed, RawLoad, RawQuality, RawScenario, RawSteadyState, RawTopology, RawTruth,
};
use crate::rules;
use crate::source::Source;

/// It names a file and is a word on the command line.
const NAME_CHARS_MAX: usize = 60;
/// A line of a list.
const SUMMARY_CHARS_MAX: usize = 200;
/// More than anybody can follow; a generated file that is longer has gone wrong.
const INJECTIONS_MAX: usize = 50;
/// Bad telemetry lasts for the whole run, and no fault lives longer than 10 minutes.
pub(crate) const LIMIT_MAX: Duration = Duration::from_mins(9);
/// Detection alone takes 2 to 3 s.
const LIMIT_MIN: Duration = Duration::from_secs(5);
/// Enough for a ladder of three steps, with time to verify each.
const LIMIT_DEFAULT: Duration = Duration::from_mins(1);
/// The traffic generator has at most 64 users under way, who wait 3 s at most.
const RATE_MAX: u32 = 200;
/// As the built-in arena has.
const RATE_DEFAULT: u32 = 20;
/// Two readings of a second each.
pub(crate) const STEADY_HOLD_DEFAULT: Duration = Duration::from_secs(2);
/// Programs start within seconds; a busy machine may take longer.
pub(crate) const STEADY_WITHIN_DEFAULT: Duration = Duration::from_secs(30);
/// Longer than a symptom takes to come back after a cure that was none.
pub(crate) const HEALED_HOLD_DEFAULT: Duration = Duration::from_secs(3);
/// A ladder of three steps.
const HEALED_WITHIN_DEFAULT: Duration = Duration::from_secs(40);
/// What is normal when a scenario does not say otherwise: users are served, and quickly; at rest they wait some 30 ms.
pub(crate) const CHECKS_DEFAULT: [&str; 4] = [
    "user_error_percent < 1.0",
    "user_latency_p95_ms < 300.0",
    "services_unhealthy == 0",
    "incidents_open == 0",
];

impl Scenario {
    /// Reads a scenario. `file` is the name that mistakes are told with; it need not exist.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostic> {
        let raw: RawScenario = arena_config::parse(file, text)?;
        Source { file, text }.scenario(&raw)
    }
}

impl Source<'_> {
    fn scenario(&self, raw: &RawScenario) -> Result<Scenario, Diagnostic> {
        let name = self.name(&raw.name)?;
        let summary = self.summary(&raw.summary)?;
        let seed = *raw.seed.get_ref();
        let topology = match &raw.topology {
            None => Topology::Shop,
            Some(raw) => self.topology(raw)?,
        };
        let layout = Layout::of(&topology, seed);
        let limit = self.limit(raw.limit.as_ref())?;
        let steady_state = self.steady_state(&raw.steady_state)?;
        let healed = self.healed(&raw.healed, &steady_state)?;
        self.check_times(raw, &healed, limit)?;
        if let Some(extra) = raw.fault.get(INJECTIONS_MAX) {
            let what = format!("more than {INJECTIONS_MAX} faults");
            return Err(self.wrong(&extra.fault, &what, "make several scenarios of it"));
        }
        let injections = raw
            .fault
            .iter()
            .map(|raw| self.injection(raw, &layout, limit));
        let injections: Vec<Injection> = injections.collect::<Result<_, _>>()?;
        let scenario = Scenario {
            truth: self.truth(&raw.truth, &layout, &injections)?,
            load: self.load(&raw.load)?,
            telemetry: self.quality(&raw.telemetry)?,
            difficulty: raw.difficulty,
            name,
            summary,
            seed,
            topology,
            steady_state,
            injections,
            healed,
            limit,
        };
        self.check_whole(raw, &scenario, &layout)?;
        Ok(scenario)
    }

    fn name(&self, raw: &Spanned<String>) -> Result<String, Diagnostic> {
        let name = raw.get_ref();
        let is_word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if name.len() > NAME_CHARS_MAX || !name.split('-').all(is_word) {
            let mend = format!(
                "write lower-case words joined by `-`, as in \"cpu-spike-orders\", at most {NAME_CHARS_MAX} characters"
            );
            return Err(self.wrong(raw, "this is no name of a scenario", &mend));
        }
        Ok(name.clone())
    }

    fn summary(&self, raw: &Spanned<String>) -> Result<String, Diagnostic> {
        let summary = raw.get_ref();
        let length = summary.chars().count();
        if summary.trim().is_empty()
            || length > SUMMARY_CHARS_MAX
            || summary.contains(char::is_control)
        {
            let mend =
                format!("say in one line of at most {SUMMARY_CHARS_MAX} characters what happens");
            return Err(self.wrong(raw, "this is no line", &mend));
        }
        Ok(summary.clone())
    }

    fn topology(&self, raw: &RawTopology) -> Result<Topology, Diagnostic> {
        let nodes = self.number(&raw.nodes, 1, NODES_MAX, "nodes")?;
        let replicas = self.number(&raw.replicas, 1, NODES_MAX, "replicas")?;
        let places = replicas * u32::try_from(ROLES.len()).unwrap_or(1);
        if replicas > nodes {
            let what = format!("{replicas} replicas of a role do not fit on {nodes} nodes");
            return Err(self.wrong(
                &raw.replicas,
                &what,
                "a role is on a node at most once: write at most as many as nodes",
            ));
        }
        if nodes > places {
            let what =
                format!("{replicas} of each of the five roles leave some of {nodes} nodes empty");
            return Err(self.wrong(
                &raw.nodes,
                &what,
                &format!("write at most {places} nodes, or more replicas"),
            ));
        }
        Ok(Topology::Generated {
            nodes,
            replicas,
            batch: raw.batch,
        })
    }

    fn limit(&self, raw: Option<&Spanned<String>>) -> Result<Duration, Diagnostic> {
        let limit = self.duration_or(raw, LIMIT_DEFAULT)?;
        match raw {
            Some(raw) if !(LIMIT_MIN..=LIMIT_MAX).contains(&limit) => {
                Err(self.wrong(raw, "this is no limit of a run", "write 5s to 9m"))
            }
            _ => Ok(limit),
        }
    }

    fn load(&self, raw: &RawLoad) -> Result<Load, Diagnostic> {
        let rate = match &raw.rate {
            None => RATE_DEFAULT,
            Some(rate) => self.number(rate, 1, RATE_MAX, "checkouts a second")?,
        };
        Ok(Load {
            rate,
            shape: raw.shape,
        })
    }

    fn quality(&self, raw: &RawQuality) -> Result<Quality, Diagnostic> {
        let percent = |raw: &Option<Spanned<u32>>| {
            raw.as_ref()
                .map_or(Ok(0), |raw| self.number(raw, 0, 100, "percent"))
        };
        let delay = self.duration_or(raw.delay.as_ref(), Duration::ZERO)?;
        let fault = arena_faults::FaultName::TelemetryDelay.fault();
        if let Some(raw) = &raw.delay
            && !delay.is_zero()
        {
            let given = [("delay".to_owned(), raw.get_ref().clone())].into();
            fault
                .fill(&given)
                .map_err(|error| self.wrong(raw, &error, "write such a delay, or 0s"))?;
        }
        Ok(Quality {
            loss_percent: percent(&raw.loss)?,
            duplicate_percent: percent(&raw.duplicate)?,
            delay,
        })
    }

    fn steady_state(&self, raw: &RawSteadyState) -> Result<SteadyState, Diagnostic> {
        let usual = CHECKS_DEFAULT.map(|check| Check(check.to_owned()));
        Ok(SteadyState {
            checks: self.checks(raw.checks.as_ref(), &usual)?,
            hold: self.duration_or(raw.hold.as_ref(), STEADY_HOLD_DEFAULT)?,
            within: self.duration_or(raw.within.as_ref(), STEADY_WITHIN_DEFAULT)?,
        })
    }

    fn healed(&self, raw: &RawHealed, steady_state: &SteadyState) -> Result<Healed, Diagnostic> {
        Ok(Healed {
            checks: self.checks(raw.checks.as_ref(), &steady_state.checks)?,
            hold: self.duration_or(raw.hold.as_ref(), HEALED_HOLD_DEFAULT)?,
            within: self.duration_or(raw.within.as_ref(), HEALED_WITHIN_DEFAULT)?,
        })
    }

    fn check_times(
        &self,
        raw: &RawScenario,
        healed: &Healed,
        limit: Duration,
    ) -> Result<(), Diagnostic> {
        let needed = healed.within.saturating_add(healed.hold);
        if needed <= limit {
            return Ok(());
        }
        let write = |duration| humantime::format_duration(duration).to_string();
        let what = format!(
            "healed within {} and held for {} is later than the limit of {}",
            write(healed.within),
            write(healed.hold),
            write(limit),
        );
        let mend = format!(
            "make `limit` {} or more, or `within` of [healed] shorter",
            write(needed)
        );
        let places = [&raw.healed.within, &raw.healed.hold, &raw.limit];
        let place = places.into_iter().find_map(Option::as_ref);
        Err(self.wrong(place.unwrap_or(&raw.name), &what, &mend))
    }

    fn truth(
        &self,
        raw: &Spanned<RawTruth>,
        layout: &Layout,
        injections: &[Injection],
    ) -> Result<Truth, Diagnostic> {
        let RawTruth {
            expect,
            roots,
            cures,
        } = raw.get_ref();
        let roots = roots
            .iter()
            .map(|root| self.entity(root, layout))
            .collect::<Result<_, _>>()?;
        let cures = match (cures, expect.get_ref()) {
            (Some(cures), _) => cures
                .iter()
                .map(|cure| self.action(cure))
                .collect::<Result<_, _>>()?,
            (None, Expect::Heal) => rules::usual_cures(injections),
            (None, _) => Vec::new(),
        };
        Ok(Truth {
            expect: *expect.get_ref(),
            roots,
            cures,
        })
    }

    fn action(&self, raw: &Spanned<String>) -> Result<ActionKind, Diagnostic> {
        let known = crate::schema::action_names();
        raw.get_ref().parse().map_err(|_| {
            let what = format!("there is no action {:?}", raw.get_ref());
            self.unknown(raw, &what, &known)
        })
    }
}
