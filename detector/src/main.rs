//! `arena-detector`: telemetry in, incidents out. What is a symptom is decided in `arena-detector-core`.

mod args;
mod intake;
mod observer;
mod publisher;

use std::process::ExitCode;

use arena_bus::{Bus, Role};
use arena_chassis::Chassis;
use arena_detector_core::Detector;

use crate::args::Args;
use crate::intake::Intake;
use crate::publisher::Publisher;

fn main() -> ExitCode {
    arena_chassis::run("detector", detect)
}

async fn detect(args: Args, chassis: Chassis) -> anyhow::Result<()> {
    let policy = args.read_policy()?;
    let rules = policy.rule_count();
    if args.check {
        return Ok(());
    }
    let open = async {
        let bus = Bus::connect(&args.nats, Role::Detector, "detector").await?;
        let registration = bus.register(args::description()).await?;
        let publisher = Publisher::start(&bus, &chassis);
        let detector = Detector::new(policy);
        let mut intake = Intake::open(&bus, &chassis, detector, args.partitions()).await?;
        intake.restore(&bus, &publisher).await?;
        anyhow::Ok((intake, publisher, registration))
    };
    let (mut intake, publisher, _registration) = tokio::select! {
        () = chassis.shutdown.cancelled() => return Ok(()),
        opened = Box::pin(open) => opened?,
    };
    tracing::info!(
        "watching with {rules} rules; {} incidents are open",
        intake.open_incidents()
    );
    intake.run(&chassis.shutdown, &publisher).await;
    publisher.finish().await
}
