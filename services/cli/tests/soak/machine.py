"""What faults could leave behind on a machine, looked for without any code of Arena's: /proc, files, TCP, NATS as text.

    machine.py snapshot FOLDER PORTS NATS_PORT             > before.json
    machine.py compare  FOLDER PORTS NATS_PORT before.json IDS

FOLDER is where the arena lives: each of its processes names it in its environment. PORTS is a file of lines "name port":
where sidecars take requests. IDS is a file of the ids of all faults that there were, one a line. `compare` prints each thing that
is left, and ends with 1 when there is any.
"""

import json
import os
import socket
import struct
import sys
import time
import urllib.request

# What a process may have more than before: runtimes and allocators breathe, a leak has hundreds.
# Connections are kept for the next request, 32 at most to each of the places that an agent calls.
MORE = {"threads": 16, "files": 16, "sockets": 400, "memory_mib": 96}
# What is under way at the last moment ends within the longest patience of a caller.
BREATH_S = 30
# A leg that is well answers in milliseconds; a busy machine has a second.
PROMPT_S = 1.0
# Nothing of an arena at rest uses half a core.
CPU_PERCENT_MAX = 50
TELEMETRY_S = 8


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def command_of(pid):
    return read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()


def cpu_ticks(pid):
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]) if fields else 0


def sockets(pid):
    found = set()
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:
        pass
    return found


def listeners():
    """inode -> port, of everything that listens on TCP."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read(table).splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                found[words[9]] = int(words[1].rpartition(":")[2], 16)
    return found


def arena_processes(folder):
    """Everything that names the folder, but us and who called us."""
    own = {os.getpid(), os.getppid()}
    for pid in pids():
        if pid not in own and folder in read(f"/proc/{pid}/environ"):
            yield pid


def look_at(pid, ports):
    status = dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    try:
        files = len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        files = 0
    open_sockets = sockets(pid)
    return {
        "state": status.get("State", "?")[:1],
        "threads": int(status.get("Threads", "0")),
        "files": files - len(open_sockets),
        "sockets": len(open_sockets),
        "memory_mib": int(status.get("VmRSS", "0 kB").split()[0]) // 1024,
        "cpus": status.get("Cpus_allowed_list", "?").strip(),
        "nice": fields[16] if fields else "?",
        "policy": fields[38] if fields else "?",
        "limits": read(f"/proc/{pid}/limits"),
        "ports": sorted(ports[inode] for inode in open_sockets if inode in ports),
    }


def odd_files(folder):
    """What faults write: journal entries, quotas, fills, and records of limits; not what services write themselves."""
    found = []
    for path, _, names in os.walk(os.path.join(folder, "data", "nodes")):
        for name in names:
            full = os.path.relpath(os.path.join(path, name), folder)
            parts = full.split(os.sep)
            of_fault = name == "quota" or name.endswith(".fill") or "scratch" in parts or "journal" in parts
            if of_fault or ("throttle" in full and name.endswith(".json")):
                found.append(full)
    return sorted(found)


def ask(port, path="/healthz"):
    """Seconds to a 200, or what came instead."""
    began = time.monotonic()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            answer.read()
            status = answer.status
    except Exception as error:  # whatever it is, it is no 200
        return str(error)
    return time.monotonic() - began if status == 200 else f"status {status}"


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, at


def decode(data):
    """The fields of a protobuf, by number; the last of each."""
    at, fields = 0, {}
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = data[at : at + 8], at + 8
        elif kind == 5:
            value, at = data[at : at + 4], at + 4
        else:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        fields[key >> 3] = value
    return fields


def telemetry(nats_port):
    """node -> [(sequence, seconds late, values)], heard for a while by a client that speaks plain NATS."""
    heard, data, ends = {}, b"", time.monotonic() + TELEMETRY_S
    with socket.create_connection(("127.0.0.1", nats_port), 5) as connection:
        connection.sendall(b'CONNECT {"verbose":false}\r\nSUB arena.telemetry.> 1\r\nPING\r\n')
        connection.settimeout(0.5)
        while time.monotonic() < ends:
            try:
                data += connection.recv(65536)
            except TimeoutError:
                continue
            while b"\r\n" in data:
                line, rest = data.split(b"\r\n", 1)
                if line == b"PING":
                    connection.sendall(b"PONG\r\n")
                if not line.startswith(b"MSG "):
                    data = rest
                    continue
                size = int(line.split()[-1])
                if len(rest) < size + 2:
                    break
                body, data = rest[:size], rest[size + 2 :]
                fields = decode(body)
                taken = struct.unpack("<q", fields[5])[0] / 1e9
                entry = (fields[3], time.time() - taken, fields.get(6, b""))
                heard.setdefault(fields[1].decode(), []).append(entry)
    return heard


def sick_telemetry(heard, nodes):
    for node in nodes:
        messages = heard.get(node, [])
        # A tick is a second; a busy machine may miss a few.
        if len(messages) < TELEMETRY_S // 2:
            yield f"telemetry of {node}: {len(messages)} messages in {TELEMETRY_S} s"
            continue
        numbers = [number for number, _, _ in messages]
        if any(later != earlier + 1 for earlier, later in zip(numbers, numbers[1:])):
            yield f"telemetry of {node}: numbers {numbers}"
        if any(abs(late) > 1.5 for _, late, _ in messages):
            yield f"telemetry of {node}: late by {[round(late, 1) for _, late, _ in messages]} s"
        if len({values for _, _, values in messages if values}) < 2:
            yield f"telemetry of {node}: its values stand still"


def snapshot(folder, nats_port):
    ports = listeners()
    found = {command_of(pid): look_at(pid, ports) for pid in arena_processes(folder)}
    return {
        "processes": {command: seen for command, seen in found.items() if command},
        "files": odd_files(folder),
        "nodes": sorted(telemetry(nats_port)),
    }


def beyond(pid, command, then, ports):
    """What it has more of than before, once it had its time to let go."""
    ends = time.monotonic() + BREATH_S
    while True:
        now = look_at(pid, ports)
        more = [what for what, extra in MORE.items() if now[what] > then[what] + extra]
        if not more or time.monotonic() > ends:
            break
        time.sleep(2)
    for what in more:
        yield f"{what} of {pid} {command}: were {then[what]}, are {now[what]}"


def compare(folder, legs, nats_port, before, ids):
    # Strangers: nobody's process may name a fault.
    own = {os.getpid(), os.getppid()}
    for pid in pids():
        told = read(f"/proc/{pid}/cmdline") + read(f"/proc/{pid}/environ")
        named = [fault for fault in ids if fault in told] if pid not in own else []
        # Faults whose asker did not live to hear its id are found by how all ids begin.
        if not named and folder in told and "flt-" in told:
            named = ["a fault"]
        if named:
            yield f"process {pid} of {named}: {command_of(pid)}"

    ports, was = listeners(), before["processes"]
    running = {pid: command_of(pid) for pid in arena_processes(folder)}
    used = {pid: cpu_ticks(pid) for pid in running}
    time.sleep(2)
    used = {pid: (cpu_ticks(pid) - ticks) // 2 for pid, ticks in used.items()}
    for command in was.keys() - set(running.values()):
        yield f"gone: {command}"
    for pid, command in running.items():
        if not command:
            yield f"process {pid} is dead, and nobody waited for it"
            continue
        now = look_at(pid, ports)
        then = was.get(command)
        if then is None:
            yield f"new: {pid} {command}"
            continue
        if now["state"] in "TtZ":
            yield f"state {now['state']}: {pid} {command}"
        for what in ("cpus", "nice", "policy", "limits", "ports"):
            if now[what] != then[what]:
                yield f"{what} of {pid} {command}: was {then[what]}, is {now[what]}"
        yield from beyond(pid, command, then, ports)
        if used[pid] > CPU_PERCENT_MAX:
            yield f"CPU of {pid} {command}: {used[pid]} %"

    # Ports of the arena that somebody else holds: look at every process.
    wanted = {port for seen in was.values() for port in seen["ports"]}
    held = {inode: port for inode, port in ports.items() if port in wanted}
    for pid in set(pids()) - set(running):
        for inode in sockets(pid) & set(held):
            yield f"port {held[inode]} is held by {pid} {command_of(pid)}"

    for name in odd_files(folder):
        if name not in before["files"]:
            yield f"file: {name}"
    for name, port in legs:
        answers = [ask(port) for _ in range(5)]
        if any(not isinstance(answer, float) or answer > PROMPT_S for answer in answers):
            yield f"leg of {name} (port {port}): {answers}"
        if name.endswith("/edge"):
            answers = [ask(port, "/checkout") for _ in range(5)]
            if any(not isinstance(answer, float) for answer in answers):
                yield f"checkout at {name}: {answers}"
    yield from sick_telemetry(telemetry(nats_port), before["nodes"])


def main():
    what, folder, legs, nats_port = sys.argv[1:5]
    legs = [(line.split()[0], int(line.split()[1])) for line in read(legs).splitlines()]
    if what == "snapshot":
        print(json.dumps(snapshot(folder, int(nats_port))))
        return 0
    before, ids = json.loads(read(sys.argv[5])), read(sys.argv[6]).split()
    left = list(compare(folder, legs, int(nats_port), before, ids))
    for thing in left:
        print(thing)
    looked = f"{len(before['processes'])} processes, {len(legs)} legs, {len(before['nodes'])} nodes, {len(ids)} faults"
    print(f"{len(left)} leftovers; looked at {looked}")
    return 1 if left else 0


sys.exit(main())
