//! One message of a node, and how its times and values are read.

use std::cell::OnceCell;
use std::time::Duration;

use arena_proto::{Entity, Telemetry, Timestamp};

use crate::expression::Evaluator;
use crate::fleet::Latest;
use crate::policy::Policy;
use crate::rules::Sample;
use crate::signal::Moment;
use crate::stillness::Stillness;

/// A node's clock that is further from ours than this is not believed: the time that the message was received is told
/// instead. A message takes milliseconds; a second is a skew that people would notice in the order of events.
const SKEW_MAX: Duration = Duration::from_secs(1);

/// What reading one message needs besides the message.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) now: Timestamp,
    pub(crate) policy: &'a Policy,
    pub(crate) evaluator: &'a Evaluator,
    /// Without the short ways: every message whole, every condition by CEL.
    pub(crate) thorough: bool,
    /// Whether anybody wants to know what changes about an entity that nothing is or was wrong with.
    pub(crate) heeds: &'a dyn Fn(&Entity) -> bool,
}

/// One message, and how to read its times.
pub(crate) struct Message<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) values: &'a [f32],
    latest: &'a Latest,
    /// See [`Latest::busiest`]: known once somebody asks, which a calm message gives no reason to.
    busiest: OnceCell<[Option<usize>; 2]>,
    pub(crate) sampled: Timestamp,
    skewed: bool,
}

impl<'a> Message<'a> {
    pub(crate) fn new(reader: Reader<'a>, telemetry: &'a Telemetry, latest: &'a Latest) -> Self {
        let (ours, theirs) = (reader.now, telemetry.time);
        let skew = ours
            .saturating_since(theirs)
            .max(theirs.saturating_since(ours));
        Self {
            reader,
            values: &telemetry.values,
            latest,
            busiest: OnceCell::new(),
            sampled: theirs,
            skewed: skew > SKEW_MAX,
        }
    }

    /// Whether the values say anything.
    pub(crate) fn stillness(&self) -> &Stillness {
        self.latest.stillness()
    }

    /// A time of the node in ours.
    pub(crate) fn seen(&self, theirs: Timestamp) -> Timestamp {
        if self.skewed {
            self.reader.now
        } else {
            theirs.min(self.reader.now)
        }
    }

    /// The values as this entity reads them.
    pub(crate) fn sample_of(&self, entity: &Entity) -> Sample<'a> {
        let busiest = *self.busiest.get_or_init(|| self.latest.busiest());
        Sample {
            values: self.values,
            neighbour: self.latest.neighbour(busiest, entity.service.as_ref()),
        }
    }

    pub(crate) fn moment(&self, theirs: Timestamp) -> Moment {
        Moment {
            sampled: self.sampled,
            seen: self.seen(theirs),
        }
    }
}
