//! The course of one fault on one victim: well, hurt, shown, ended, well again.

use std::collections::BTreeSet;
use std::time::Duration;

use arena_proto::ProcessState;

use crate::measure::{self, Sign};
use crate::rows::{Ends, Row, Shows};
use crate::world::World;

/// Longer than anything here takes on a busy machine, shorter than a fault lives: what is not over by then did not end
/// by what was done to it.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the faults live whose end is to have another reason.
pub(crate) const LONG: &str = "5m";
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Injects, and sees the effect; the fault's id.
pub(crate) async fn hurt(world: &World, row: &Row, ttl: &str) -> Result<String, String> {
    becomes(world, row, "", Sign::Well, "before the fault").await?;
    let mut words = vec!["inject", row.fault.as_str(), row.target, "--for", ttl];
    words.extend(row.params);
    let id = world.run(&words).await?;
    becomes(world, row, &id, Sign::Hurt, "while the fault lasts").await?;
    Ok(id)
}

/// The detector says what the catalogue says that it should, in an incident that was not known before.
async fn shown(world: &World, row: &Row, known: &BTreeSet<String>) -> Result<(), String> {
    let main = row.fault.fault().symptoms.first();
    let entity = row.target;
    let symptom = match (row.shows, main) {
        (Shows::Symptom, Some(symptom)) => *symptom,
        (Shows::Nothing, _) => {
            let (node, _) = row.place();
            let raised = world.symptoms_of_node(node);
            return match raised.as_slice() {
                [] => Ok(()),
                raised => Err(format!("{node} is well, and {raised:?} was raised")),
            };
        }
        (Shows::Unknown, _) => return Ok(()),
        (shows, None) => return Err(format!("the catalogue has no symptom, the row {shows:?}")),
    };
    let what = format!("{symptom} on {entity}");
    until(&what, || async {
        let raised = world.symptoms(entity, known);
        if raised.iter().any(|found| found == symptom) {
            Ok(())
        } else {
            Err(format!("raised is {raised:?}"))
        }
    })
    .await
}

/// It is over and nothing of it is left, whoever ended it; what is dead is started by us, as a person would.
pub(crate) async fn over(world: &World, row: &Row, id: &str) -> Result<(), String> {
    until("the fault to be over, and all to be well", || async {
        let state = world.service(row.target).map(|service| service.state);
        let dead = matches!(state, Some(ProcessState::Exited | ProcessState::Fatal));
        if dead && row.ends != Ends::ByItself {
            // It may be refused, as when another start is under way or a start fails: it is tried again.
            let _ = world.run(&["do", "start", row.target, "--yes"]).await;
        }
        if world.faults().iter().any(|active| active == id) {
            return Err(format!("{id} is active still"));
        }
        // The dead use no CPU, hold no files and refuse nobody: they look well.
        if let Some(state) = state.filter(|state| *state != ProcessState::Running) {
            return Err(format!("{} is {state}", row.target));
        }
        is(world, row, id, Sign::Well).await
    })
    .await
}

/// From the first to the last, nobody dies.
pub(crate) async fn whole(world: &World, row: &Row) -> Result<(), String> {
    let restarts = || {
        world
            .service(row.target)
            .map_or(0, |service| service.restarts)
    };
    let before = restarts();
    let entity = row.target;
    until("no incident to be open", || async {
        let calm = world.is_calm(entity).then_some(());
        calm.ok_or(format!("{entity} has one"))
    })
    .await?;
    let known = world.incidents();
    let id = hurt(world, row, LONG).await?;
    shown(world, row, &known).await?;
    if !matches!(row.ends, Ends::Started(_)) {
        world.run(&["revert", &id]).await?;
    }
    over(world, row, &id).await?;
    let Ends::Started(least) = row.ends else {
        return Ok(());
    };
    until("as many starts as it takes", || async {
        let starts = restarts() - before;
        let enough = (starts >= least).then_some(());
        enough.ok_or(format!("{starts}, at least {least} were expected"))
    })
    .await
}

async fn becomes(
    world: &World,
    row: &Row,
    id: &str,
    wanted: Sign,
    when: &str,
) -> Result<(), String> {
    until(&format!("{wanted:?} {when}"), || is(world, row, id, wanted)).await
}

async fn is(world: &World, row: &Row, id: &str, wanted: Sign) -> Result<(), String> {
    let look = measure::look(world, row, id).await;
    if look.sign == wanted {
        return Ok(());
    }
    Err(format!("{:?}: {}", look.sign, look.seen))
}

/// Tries until it goes well; the last complaint when it never does.
async fn until<F: Future<Output = Result<(), String>>>(
    what: &str,
    mut tries: impl FnMut() -> F,
) -> Result<(), String> {
    let mut last = String::new();
    let trying = async {
        while let Err(complaint) = tries().await {
            last = complaint;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let done = tokio::time::timeout(PATIENCE, trying).await;
    done.map_err(|_| format!("waited for {what}; {last}"))
}
