#!/usr/bin/env python3
"""An independent client (nats-py) on the bus: what a program that is none of ours sees and may write.

    pip install nats-py
    python3 services/lib/bus/tests/interop.py [nats://127.0.0.1:4222]

Needs a server with the project's nats.conf and streams: `arena up`, or a test that made them. It leaves a test incident and
refused or expired commands on a node that does not exist, `interop`. Prints `N passed, N failed`; exits 1 when one failed.
"""

import asyncio
import json
import os
import sys
import time
import uuid

import nats
from nats.errors import Error, TimeoutError as NatsTimeout
from nats.js.api import ConsumerConfig, DeliverPolicy

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NATS_URL", "nats://127.0.0.1:4222")
RUN = uuid.uuid4().hex[:8]
NOW = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
INCIDENT = {
    "kind": "OPENED", "id": f"inc-{RUN}", "revision": 1, "node": "interop", "service": "orders", "symptom": "cpu_high",
    "severity": "ERROR", "reason": "made by interop.py", "firstAbnormalAt": NOW, "openedAt": NOW, "at": NOW,
}
# Already expired: no node may ever do it, and none is called so.
COMMAND = {
    "id": f"cmd-{RUN}", "action": "RESTART", "service": "orders", "expiresAt": "2020-01-01T00:00:00Z",
    "issuer": "interop.py", "reason": "made by interop.py",
}


async def connect(role=None):
    """As the operator, or in a role, with that role's inbox."""

    async def quiet(_error):
        """Refusals are looked for where they are expected."""

    if role is None:
        return await nats.connect(URL, error_cb=quiet)
    return await nats.connect(
        URL, user=role, password=role, inbox_prefix=f"_INBOX_{role}".encode(), error_cb=quiet
    )


async def incident_is_json_and_stored_once():
    """An incident as the detector writes it: heard as JSON, stored, and its id makes the second one a duplicate."""
    detector, operator = await connect("detector"), await connect()
    heard = await operator.subscribe("arena.incident.interop.*")
    await operator.flush()
    stream = detector.jetstream()
    body, headers = json.dumps(INCIDENT).encode(), {"Nats-Msg-Id": f"inc-{RUN}.e1"}
    first = await stream.publish("arena.incident.interop.orders", body, headers=headers)
    second = await stream.publish("arena.incident.interop.orders", body, headers=headers)
    message = await heard.next_msg(timeout=5)
    assert json.loads(message.data)["symptom"] == "cpu_high"
    assert second.duplicate and second.seq == first.seq, (first, second)


async def incidents_replay_from_the_stream():
    """The remediator's way: a consumer on INCIDENTS, filtered, from the newest of each subject."""
    client = await connect("remediator")
    config = ConsumerConfig(
        name=f"interop-{RUN}", deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
        filter_subject="arena.incident.interop.*", inactive_threshold=10,
    )
    manager = client.jetstream()
    await manager.add_consumer("INCIDENTS", config)
    subscription = await manager.pull_subscribe_bind(f"interop-{RUN}", "INCIDENTS")
    (message,) = await subscription.fetch(1, timeout=5)
    assert json.loads(message.data)["id"] == f"inc-{RUN}", message.data
    assert message.header["Nats-Msg-Id"] == f"inc-{RUN}.e1"
    await message.ack()


async def a_command_by_hand_is_stored():
    """No headers, no node in the body: the stream takes it."""
    client = await connect()
    ack = await client.jetstream().publish("arena.command.interop", json.dumps(COMMAND).encode())
    assert ack.stream == "COMMANDS", ack


async def status_is_json():
    """KV status is a bucket for any client."""
    client = await connect()
    bucket = await client.jetstream().key_value("status")
    try:
        keys = await bucket.keys()
    except nats.js.errors.NoKeysError:
        return
    for key in keys:
        entry = await bucket.get(key)
        assert json.loads(entry.value)["node"] == key, key


async def telemetry_is_heard_by_partition():
    """A node publishes the short subject, a detector hears the partitioned one."""
    node, detector = await connect("node"), await connect("detector")
    heard = await detector.subscribe("arena.telemetry.*.interop")
    await detector.flush()
    await node.publish("arena.telemetry.interop", b"\x00")
    message = await heard.next_msg(timeout=5)
    _, _, partition, name = message.subject.split(".")
    assert name == "interop" and partition in "0123", message.subject


async def the_detector_cannot_see_faults():
    """Ground truth does not leak, whatever the client."""
    detector, operator = await connect("detector"), await connect()
    heard = await detector.subscribe("arena.fault.*")
    await detector.flush()
    request = {"op": "REVERT", "id": f"flt-{RUN}"}
    await operator.jetstream().publish("arena.fault.interop", json.dumps(request).encode())
    try:
        message = await heard.next_msg(timeout=0.5)
    except (NatsTimeout, Error):
        return
    raise AssertionError(f"heard {message.data}")


CHECKS = [
    incident_is_json_and_stored_once,
    incidents_replay_from_the_stream,
    a_command_by_hand_is_stored,
    status_is_json,
    telemetry_is_heard_by_partition,
    the_detector_cannot_see_faults,
]


async def main():
    failed = 0
    for check in CHECKS:
        try:
            await asyncio.wait_for(check(), timeout=20)
            print(f"ok      {check.__name__}")
        except Exception as error:  # one failed check must not hide the others
            failed += 1
            print(f"FAILED  {check.__name__}: {type(error).__name__}: {error}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
