//! Every action in every state, and what keeps a person from any of them.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arena_proto::{ActionKind, Control, LeverPosition, ProcessState, check_action};
use arena_view::Liveness;
use arena_view::action::{Standing, actions, check, check_shape};
use common::{at, entity, node, service};
use expect_test::expect;

const SILENT: Liveness = Liveness::Silent { since: None };

/// A service of this state is offered these, and of the others it is told why not.
fn offered(state: ProcessState) -> String {
    let status = service("orders", state);
    let views = actions(
        &entity("node-1/orders"),
        Standing::Service(&status),
        Liveness::Answers,
        &Control::default(),
        None,
    );
    let mut text = String::new();
    for view in views {
        assert_eq!(view.allowed, view.reason.is_none(), "{}", view.action);
        let reason = view.reason.as_deref().unwrap_or("yes");
        let _ = writeln!(text, "{}: {reason}", view.action);
    }
    text
}

#[test]
fn what_is_offered_is_what_the_node_will_take() {
    for state in ProcessState::ALL {
        let status = service("orders", *state);
        for action in ActionKind::ALL.iter().filter(|one| !one.is_for_nodes()) {
            let standing = Standing::Service(&status);
            let target = entity("node-1/orders");
            let here = check(*action, &target, standing, &Control::default(), None);
            let there = check_action(*action, "orders", *state, &status.detail);
            let here = here.map_err(|refused| refused.sentence);
            let there = there.map_err(|refusal| refusal.sentence);
            assert_eq!(here, there, "{action} in {state}");
        }
    }
}

#[test]
fn a_running_service_is_offered_what_fits_it() {
    expect![[r#"
        start: start is for stopped services; orders is running
        stop: yes
        kill: yes
        restart: yes
        recover: yes
        drain: yes
        undrain: orders is not drained
        throttle: yes
        unthrottle: orders is not throttled
        rollback: orders has no earlier version that was healthy to roll back to
        clean-disk: orders does not say what may be deleted (`clean` in arena.toml)
        free-port: no foreign process holds the port of orders
    "#]]
    .assert_eq(&offered(ProcessState::Running));
}

#[test]
fn a_stopped_service_is_offered_its_start() {
    expect![[r#"
        start: yes
        stop: orders is stopped already
        kill: kill is for running services; orders is stopped and has no process
        restart: restart is for running services; orders is stopped: start it
        recover: recover is for running services; orders is stopped: start it
        drain: yes
        undrain: orders is not drained
        throttle: throttle is for running services; orders is stopped
        unthrottle: orders is not throttled
        rollback: orders has no earlier version that was healthy to roll back to
        clean-disk: orders does not say what may be deleted (`clean` in arena.toml)
        free-port: no foreign process holds the port of orders
    "#]]
    .assert_eq(&offered(ProcessState::Stopped));
}

#[test]
fn a_node_is_offered_what_is_for_nodes() {
    let told = |quarantined| {
        let mut status = node("node-1", Vec::new());
        status.quarantined = quarantined;
        let views = actions(
            &entity("node-1"),
            Standing::Node(&status),
            Liveness::Answers,
            &Control::default(),
            None,
        );
        let told = views.into_iter().map(|view| (view.action, view.reason));
        told.collect::<BTreeMap<_, _>>()
    };
    let healthy = told(false);
    assert_eq!(healthy["quarantine"], None);
    assert_eq!(
        healthy["unquarantine"].as_deref(),
        Some("node-1 is not quarantined")
    );
    let apart = told(true);
    assert_eq!(
        apart["quarantine"].as_deref(),
        Some("node-1 is quarantined already")
    );
    assert_eq!(apart["unquarantine"], None);
    assert_eq!(healthy.len(), 2, "nothing that is for services");
}

#[test]
fn a_stopped_lever_and_a_lost_control_value_come_before_everything() {
    let status = service("orders", ProcessState::Running);
    let stopped = Control {
        lever: LeverPosition::Stopped,
        lever_set: Some(("ann@host".to_owned(), at(60))),
        ..Control::default()
    };
    let why = |control: &Control, lost| {
        let standing = Standing::Service(&status);
        let target = entity("node-1/orders");
        let refused = check(ActionKind::Restart, &target, standing, control, lost).unwrap_err();
        assert!(!refused.is_usage);
        refused.to_string()
    };
    expect![[r#"
        lever STOPPED by ann@host at 1970-01-01T00:01:00.000Z: nodes refuse every command, also a person's
          mend: arena lever resume"#]].assert_eq(&why(&stopped, None));
    expect![[r#"
        the control value was removed
          mend: `arena lever resume` or `arena lever stop` writes it anew"#]]
    .assert_eq(&why(
        &Control::default(),
        Some("the control value was removed"),
    ));
}

#[test]
fn nothing_is_offered_where_nobody_would_do_it() {
    let status = service("orders", ProcessState::Running);
    let reasons = |standing: Standing<'_>, liveness| {
        let views = actions(
            &entity("node-1/orders"),
            standing,
            liveness,
            &Control::default(),
            None,
        );
        assert!(views.iter().all(|view| !view.allowed));
        views[0].reason.clone().unwrap()
    };
    expect!["the agent of node-1 does not answer: it would drop what it is asked"]
        .assert_eq(&reasons(Standing::Service(&status), SILENT));
    let mut without_agent = status.clone();
    without_agent.detail.no_agent = true;
    for liveness in [SILENT, Liveness::Answers] {
        assert_eq!(
            reasons(Standing::Service(&without_agent), liveness),
            "nothing can be done to orders: its node has no agent, it is only told of over HTTP"
        );
    }
}

#[test]
fn what_never_fits_is_told_before_anybody_is_asked() {
    let shape = |action, target: &str, name: &str| {
        let given = (!name.is_empty()).then(|| (name.to_owned(), "1".to_owned()));
        let params = given.into_iter().collect();
        check_shape(action, &entity(target), &params).map_err(|refused| {
            assert!(refused.is_usage);
            refused.to_string()
        })
    };
    assert_eq!(shape(ActionKind::Throttle, "n/s", "percent"), Ok(()));
    assert_eq!(shape(ActionKind::Quarantine, "n", ""), Ok(()));
    expect![[r#"
        throttle has no parameter share
          mend: it takes percent and for"#]]
    .assert_eq(&shape(ActionKind::Throttle, "n/s", "share").unwrap_err());
    expect![[r#"
        restart has no parameter for
          mend: it takes none"#]]
    .assert_eq(&shape(ActionKind::Restart, "n/s", "for").unwrap_err());
    expect![[r#"
        quarantine is for a whole node, and n/s is a service
          mend: arena do quarantine n"#]]
    .assert_eq(&shape(ActionKind::Quarantine, "n/s", "").unwrap_err());
    assert_eq!(
        shape(ActionKind::Restart, "n", ""),
        Ok(()),
        "there may be a service of that name"
    );
    let node = node("n", Vec::new());
    let refused = check(
        ActionKind::Restart,
        &entity("n"),
        Standing::Node(&node),
        &Control::default(),
        None,
    )
    .unwrap_err();
    assert!(refused.is_usage);
    expect![[r#"
        n is a node; restart is for services
          mend: write NODE/SERVICE"#]]
    .assert_eq(&refused.to_string());
}
