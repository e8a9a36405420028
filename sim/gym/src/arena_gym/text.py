"""What the healer sees, in words: for people, and for agents that read."""

from __future__ import annotations

from typing import Any

METRICS = (
    ("cpu_percent", "cpu", "%"),
    ("error_percent", "errors", "%"),
    ("latency_p95_ms", "p95", " ms"),
    ("request_rate_hz", "rate", "/s"),
    ("user_error_percent", "users' errors", "%"),
    ("user_latency_p95_ms", "users' p95", " ms"),
)
"""Those that tell the most; the full observation has all."""


def describe_felix(seen: dict[str, Any]) -> str:
    """The healer's full observation as some lines of text: time, each node and service, incidents, outcomes."""
    lines = [f"t = {seen['at_ms'] / 1000:.1f} s, mode {seen['mode']}, lever {seen['lever']}"]
    for node in seen["nodes"]:
        lines.append(f"{node['node']}: {node['state']}{_if(node['quarantined'], ' quarantined')}")
        lines += [_service(service) for service in node["services"]]
    for one in seen["incidents"]:
        lines.append(
            f"incident {one['id']}: {one['symptom']} of {one['entity']}, {one['severity']}, "
            f"for {one['open_ms'] / 1000:.0f} s, cause {one['root_cause']}: {one['reason']}"
        )
    for one in seen["outcomes"]:
        said = f": {one['message']}" if one["message"] else ""
        lines.append(f"outcome: {one['action']} {one['target']} {one['state']}{said}")
    return "\n".join(lines)


def describe_villain(seen: dict[str, Any]) -> str:
    """The villain's full observation as some lines of text: time, what is not well, its own faults."""
    users = seen["users"]
    lines = [
        f"t = {seen['at_ms'] / 1000:.1f} s, room for {seen['room']} of {seen['faults_left']} faults; "
        f"users: errors {_number(users['error_percent'])} %, p95 {_number(users['latency_p95_ms'])} ms"
    ]
    for one in seen["entities"]:
        if one["state"] != "RUNNING" or one["probe"] == "FAILING" or one["drained"]:
            lines.append(f"{one['entity']}: {one['state']} {one['probe']}{_if(one['drained'], ' drained')}".rstrip())
    for one in seen["incidents"]:
        lines.append(f"incident of {one['entity']}, cause {one['root_cause']}")
    for one in seen["own"]:
        lines.append(f"fault {one['id']}: {one['fault']} in {one['target']} {one['state']}")
    return "\n".join(lines)


def _service(service: dict[str, Any]) -> str:
    metrics = service["metrics"]
    told = [f"{name} {metrics[metric]:.4g}{unit}" for metric, name, unit in METRICS if metric in metrics]
    marks = _if(service["drained"], " drained") + _if(service["throttled_percent"], " throttled")
    message = f" ({service['message']})" if service["message"] else ""
    head = f"  {service['entity']}: {service['state']} {service['probe']}{marks}{message}"
    return ": ".join([head, ", ".join(told)]) if told else head


def _if(is_so: object, text: str) -> str:
    return text if is_so else ""


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"
