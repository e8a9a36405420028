//! Reads one `[[fault]]`: when, which, in what, for how long, how.

use std::time::Duration;

use arena_config::Diagnostic;
use arena_faults::{Fault, FaultName, Params, Scope, check_ttl};
use arena_proto::{Entity, ServiceName};
use toml::Spanned;

use crate::layout::{Layout, ROLES, dependencies};
use crate::model::{Injection, Selector, When};
use crate::raw::{RawInjection, RawSome, RawTarget};
use crate::roles::check_takes;
use crate::source::Source;

const SEE_FAULTS: &str = "docs/faults.md tells what each fault takes";

impl Source<'_> {
    pub(crate) fn injection(
        &self,
        raw: &RawInjection,
        layout: &Layout,
        limit: Duration,
    ) -> Result<Injection, Diagnostic> {
        let fault = Fault::named(raw.fault.get_ref())
            .map_err(|error| self.wrong(&raw.fault, &error, "write one of these faults"))?;
        let target = self.target(&raw.target, fault, layout)?;
        let params = fault.read_params((self.file, self.text), &raw.fault, &raw.params)?;
        self.check_services(raw, fault, &target, &params, layout)?;
        let when = self.when(raw, limit)?;
        let ttl = match &raw.r#for {
            None => limit,
            Some(raw) => {
                let ttl = self.duration(raw)?;
                check_ttl(ttl).map_err(|error| self.wrong(raw, &error, "write such a duration"))?;
                ttl
            }
        };
        Ok(Injection {
            when,
            fault,
            target,
            ttl,
            params,
        })
    }

    fn when(&self, raw: &RawInjection, limit: Duration) -> Result<When, Diagnostic> {
        let early = |raw: Option<&Spanned<String>>| {
            let delay = self.duration_or(raw, Duration::ZERO)?;
            match raw {
                Some(raw) if delay > limit => {
                    let what = format!(
                        "later than the limit of {}",
                        humantime::format_duration(limit)
                    );
                    Err(self.wrong(raw, &what, "write an earlier time, or a longer `limit`"))
                }
                _ => Ok(delay),
            }
        };
        match (&raw.at, &raw.r#if, &raw.after) {
            (Some(at), Some(_), _) => Err(self.wrong(
                at,
                "both `at` and `if`",
                "keep one of the two; `after` is how long after `if`",
            )),
            (_, None, Some(after)) => Err(self.wrong(
                after,
                "`after` without `if`",
                "write `at`, or add the condition",
            )),
            (None, Some(condition), after) => {
                Ok(When::If(self.check(condition)?, early(after.as_ref())?))
            }
            (at, None, None) => Ok(When::At(early(at.as_ref())?)),
        }
    }

    fn target(
        &self,
        raw: &Spanned<RawTarget>,
        fault: &Fault,
        layout: &Layout,
    ) -> Result<Selector, Diagnostic> {
        let selector = match raw.get_ref() {
            RawTarget::Named(name) => self.named(raw, name, layout)?,
            RawTarget::Some(some) => self.some(raw, some, layout)?,
        };
        let (hit, service) = match &selector {
            Selector::Entity(Entity {
                service: Some(service),
                ..
            })
            | Selector::Role { service, .. }
            | Selector::Percent { service, .. } => (Scope::Service, Some(service)),
            Selector::AnyService(_) => (Scope::Service, None),
            Selector::Entity(_) | Selector::Nodes(_) => (Scope::Node, None),
        };
        if fault.scope != Scope::Either && fault.scope != hit {
            let (is, mend) = match fault.scope {
                Scope::Node => ("node", "name a node, as in \"node-1\" or { nodes = 1 }"),
                _ => (
                    "service",
                    "name a service, as in \"node-1/orders\" or { role = \"orders\", count = 1 }",
                ),
            };
            return Err(self.wrong(raw, &format!("{} is made in a {is}", fault.name), mend));
        }
        if let Some(service) = service {
            check_takes(fault, service).map_err(|what| self.wrong(raw, &what, SEE_FAULTS))?;
        }
        Ok(selector)
    }

    fn named(
        &self,
        raw: &Spanned<RawTarget>,
        name: &str,
        layout: &Layout,
    ) -> Result<Selector, Diagnostic> {
        let text = Spanned::new(raw.span(), name.to_owned());
        if name == "*" {
            return Ok(Selector::Nodes(None));
        }
        match name.strip_prefix("*/") {
            Some(role) => Ok(Selector::Role {
                service: self.service(&text, role, layout)?,
                count: None,
            }),
            None => Ok(Selector::Entity(self.entity(&text, layout)?)),
        }
    }

    fn some(
        &self,
        whole: &Spanned<RawTarget>,
        raw: &RawSome,
        layout: &Layout,
    ) -> Result<Selector, Diagnostic> {
        let RawSome {
            role,
            count,
            percent,
            services,
            nodes,
        } = raw;
        let size = |entities: usize| u32::try_from(entities).unwrap_or(u32::MAX);
        match (role, count, percent, services, nodes) {
            (Some(role), count, percent, None, None) if count.is_some() != percent.is_some() => {
                let service = self.service(role, role.get_ref(), layout)?;
                let replicas = size(layout.replicas(&service).count());
                if let Some(count) = count {
                    let count = self.number(
                        count,
                        1,
                        replicas,
                        &format!("of {replicas} replicas of {service}"),
                    )?;
                    return Ok(Selector::Role {
                        service,
                        count: Some(count),
                    });
                }
                let percent = percent
                    .as_ref()
                    .map_or(Ok(1), |raw| self.number(raw, 1, 100, "percent"))?;
                Ok(Selector::Percent { service, percent })
            }
            (None, None, None, Some(services), None) => {
                let is_role = |entity: &Entity| {
                    entity
                        .service
                        .as_ref()
                        .is_some_and(|name| ROLES.contains(&name.as_str()))
                };
                let all = size(layout.services().filter(is_role).count());
                Ok(Selector::AnyService(self.number(
                    services,
                    1,
                    all,
                    &format!("of {all} services"),
                )?))
            }
            (None, None, None, None, Some(nodes)) => {
                let all = size(layout.nodes.len());
                Ok(Selector::Nodes(Some(self.number(
                    nodes,
                    1,
                    all,
                    &format!("of {all} nodes"),
                )?)))
            }
            _ => {
                let mend = "write { role = \"orders\", count = 1 }, { role = \"orders\", percent = 50 }, { services = 1 } or { nodes = 1 }";
                Err(self.wrong(whole, "this chooses nothing, or twice", mend))
            }
        }
    }

    /// Parameters that name services name some that are there, and that the target calls.
    fn check_services(
        &self,
        raw: &RawInjection,
        fault: &Fault,
        target: &Selector,
        params: &Params,
        layout: &Layout,
    ) -> Result<(), Diagnostic> {
        let named = |name: &str| {
            let given = raw.params.iter().find(|(given, _)| given.get_ref() == name);
            given.map_or_else(
                || Spanned::new(raw.fault.span(), String::new()),
                |(_, value)| Spanned::new(value.span(), String::new()),
            )
        };
        if matches!(
            fault.name,
            FaultName::TelemetryBias | FaultName::TelemetryForge
        ) {
            let service = params.text("service");
            if !service.is_empty() {
                self.service(&named("service"), service, layout)?;
            }
            return Ok(());
        }
        if !fault.params.iter().any(|param| param.name == "to") {
            return Ok(());
        }
        let called = params.text("to");
        let outward = fault.name == FaultName::DependencyDown || params.word("direction") == "out";
        if !called.is_empty() && !outward {
            return Err(self.wrong(
                &named("to"),
                "`to` is of requests that go out",
                "add direction = \"out\", or leave `to` out",
            ));
        }
        let Some(service) = target.service() else {
            return Ok(());
        };
        let dependencies = dependencies(service);
        if outward && dependencies.is_empty() {
            let what = format!("{service} calls no other service");
            return Err(self.wrong(
                &named("direction"),
                &what,
                "leave `direction` out, or choose another target",
            ));
        }
        if !called.is_empty()
            && !dependencies
                .iter()
                .any(|dependency| dependency.as_str() == called)
        {
            let known: Vec<String> = dependencies.iter().map(ToString::to_string).collect();
            return Err(self.unknown(
                &named("to"),
                &format!("{service} does not call {called}"),
                &known,
            ));
        }
        Ok(())
    }
}

impl Selector {
    /// The service that is hit, when it is known.
    pub(crate) const fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Entity(entity) => entity.service.as_ref(),
            Self::Role { service, .. } | Self::Percent { service, .. } => Some(service),
            Self::AnyService(_) | Self::Nodes(_) => None,
        }
    }
}
