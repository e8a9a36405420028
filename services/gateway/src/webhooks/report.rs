//! How each receiver stands, for people and for `/metrics`. Counts begin with the gateway.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arena_gateway_core::webhook::Form;
use arena_gateway_core::webhook::event::Happened;
use arena_proto::{Severity, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// A receiver of events, as people see it: never its path or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookView {
    /// Its name in the file.
    pub name: String,
    /// How events are written for it.
    pub form: Form,
    /// Where it is: host, and port if one is given.
    pub host: String,
    /// What it is told.
    pub events: Vec<Happened>,
    /// Incidents below are not told.
    pub severity_min: Option<Severity>,
    /// Events that it is still to be told; from 64 on also what may turn out to be none of its own. Null while the bus is away.
    pub waiting: Option<u64>,
    /// Events that it has, since the gateway started.
    pub delivered: u64,
    /// Tries that failed, since the gateway started.
    pub retried: u64,
    /// Events that were given up, since the gateway started: refused three times, or a day old.
    pub lost: u64,
    /// What went wrong last, in words.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<Timestamp>,
    /// When it was told something last.
    pub last_delivered_at: Option<Timestamp>,
}

/// How all receivers stand. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Reports(BTreeMap<String, Report>);

impl Reports {
    pub(super) fn new(views: impl Iterator<Item = WebhookView>) -> Self {
        let report = |view: WebhookView| (view.name.clone(), Report(Arc::new(Mutex::new(view))));
        Self(views.map(report).collect())
    }

    pub(super) fn of(&self, name: &str) -> Option<Report> {
        self.0.get(name).cloned()
    }

    /// Each, by name.
    #[must_use]
    pub fn views(&self) -> Vec<WebhookView> {
        self.0
            .values()
            .map(|report| report.with(|view| view.clone()))
            .collect()
    }
}

/// How one receiver stands.
#[derive(Debug, Clone)]
pub(super) struct Report(Arc<Mutex<WebhookView>>);

impl Report {
    /// Reads or changes it.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut WebhookView) -> T) -> T {
        // A view is whole after every change: there is nothing that a panic could leave half done.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn failed(&self, why: String, now: Timestamp) {
        self.with(|view| {
            view.last_error = Some(why);
            view.last_error_at = Some(now);
        });
    }
}
