//! Writes families of metrics. A family without a sample is left out: what is unknown is absent.

use std::fmt::Error;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric as _, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::labels::Labels;
use super::tally::Distribution;

/// What it is, and its unit; empty when it has none.
pub(super) type About = (&'static str, &'static str, &'static str);

pub(super) struct Page<'a>(pub(super) DescriptorEncoder<'a>);

impl Page<'_> {
    /// `about`: name without the unit, unit, and help.
    pub(super) fn gauges(
        &mut self,
        about: About,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) -> Result<(), Error> {
        self.family(about, MetricType::Gauge, samples, |encoder, value| {
            ConstGauge::new(*value).encode(encoder)
        })
    }

    pub(super) fn gauge(&mut self, about: About, value: Option<f64>) -> Result<(), Error> {
        self.gauges(about, value.map(|value| (Labels::new(), value)))
    }

    /// Its name is written with `_total`.
    pub(super) fn counters(
        &mut self,
        about: About,
        samples: impl IntoIterator<Item = (Labels, u64)>,
    ) -> Result<(), Error> {
        self.family(about, MetricType::Counter, samples, |encoder, value| {
            ConstCounter::new(*value).encode(encoder)
        })
    }

    pub(super) fn histogram(&mut self, about: About, values: &Distribution) -> Result<(), Error> {
        let sample = (Labels::new(), values);
        self.family(about, MetricType::Histogram, [sample], |mut encoder, of| {
            let (sum, count) = (of.sum(), of.count());
            encoder.encode_histogram::<NoLabelSet>(sum, count, &of.buckets(), None)
        })
    }

    /// A constant 1 whose labels tell something.
    pub(super) fn info(
        &mut self,
        name: &'static str,
        help: &str,
        labels: &Labels,
    ) -> Result<(), Error> {
        let mut encoder = self
            .0
            .encode_descriptor(name, help, None, MetricType::Info)?;
        encoder.encode_info(labels)
    }

    fn family<T>(
        &mut self,
        (name, unit, help): About,
        kind: MetricType,
        samples: impl IntoIterator<Item = (Labels, T)>,
        write: impl Fn(MetricEncoder<'_>, &T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let unit = (!unit.is_empty()).then(|| Unit::Other(unit.to_owned()));
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        for (labels, value) in samples {
            if labels.is_empty() {
                // It has but this one.
                return write(family, &value);
            }
            write(family.encode_family(&labels)?, &value)?;
        }
        Ok(())
    }
}

/// 1 for what is so, 0 for what is not.
pub(super) const fn flag(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}

/// Exact below 2^53; nothing that is counted here comes near.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(super) const fn number(count: usize) -> f64 {
    count as f64
}
