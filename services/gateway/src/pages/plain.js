// The plain page: what the live events say, as tables and lists, and the buttons for it. No build, no library.
'use strict';

/** So long without an event, and nobody knows anything any more: docs/gateway.md, "Live events". */
const SILENCE_MS = 12_000;
/** Before a stream that was refused (429, 503) is opened again: the gateway may be busy or just starting. */
const RETRY_MS = 5_000;
/** How many lines are kept of those that are not over, and of those that are: as many as the gateway keeps. */
const KEPT = {
  incidents: { open: 500, over: 100, since: 'opened_at', final: ['RESOLVED', 'CLOSED'] },
  faults: { open: 200, over: 200, since: 'at', final: ['REJECTED', 'REVERTED', 'REVERT_FAILED'] },
};
/** Lines of what happened that are kept. */
const LINES_MAX = 30;
/** Kinds of events that come all the time and change nothing that is shown here. */
const QUIET = ['samples', 'alive'];

const API = '/api/v1';
const at = (id) => document.getElementById(id);

/** Everything that was told: what the snapshot said, and each change since. It is known only while `whyUnknown` says nothing. */
let known = null;
let source = null;
let heardAt = 0;
let silent = false;

/** An element with text in it: never HTML, whatever a service calls itself. */
function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function say(text, isBad) {
  at('said').textContent = text;
  at('said').className = isBad ? 'bad' : '';
}

/** Asks for a change, and says what came of it. */
async function change(method, path, body) {
  const headers = {};
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (at('token').value) headers.authorization = `Bearer ${at('token').value}`;
  try {
    const answer = await fetch(API + path, { method, headers, body: body && JSON.stringify(body) });
    const told = await answer.json().catch(() => ({}));
    if (answer.ok) say(`${method} ${path}: done`);
    else say([told.detail ?? `it failed (${answer.status})`, told.mend].filter(Boolean).join(' '), true);
  } catch (error) {
    say(`the gateway does not answer: ${error.message}`, true);
  }
}

/** Why nobody knows how things are; null when they are as they were told. */
function whyUnknown() {
  if (silent) return heardAt ? `Unknown: nothing is heard from the gateway since ${new Date(heardAt).toLocaleTimeString()}.` : 'The gateway does not answer.';
  if (!known) return 'Connecting…';
  return known.bus.connected ? null : `Unknown since ${known.bus.since}: the gateway does not hear the bus.`;
}

/** A node as far as it is known: not at all when there is a reason why. */
function obscured(node, why) {
  if (!why) return node;
  const hide = (thing) => ({
    ...thing,
    state: 'NO_DATA',
    probe: 'UNKNOWN',
    message: '',
    actions: (thing.actions ?? []).map(({ action }) => ({ action, allowed: false, reason: why })),
  });
  return { ...hide(node), services: (node.services ?? []).map(hide) };
}

function tone(state) {
  if (state === 'RUNNING' || state === 'PASSING') return 'good';
  return state === 'NO_DATA' || state === 'UNKNOWN' ? 'unknown' : 'bad';
}

/** Turns a button off when there is a reason why. It stays in the tab order, so that everybody gets to hear it. */
function turn(button, why) {
  if (why) button.setAttribute('aria-disabled', 'true');
  else button.removeAttribute('aria-disabled');
  button.title = why ?? '';
}

function actionButton(name, action, path) {
  const button = element('button', action.action);
  button.type = 'button';
  button.setAttribute('aria-label', `${action.action} ${name}`);
  turn(button, action.allowed ? null : action.reason);
  button.addEventListener('click', () => {
    if (!action.allowed) say(action.reason, true);
    else void change('POST', `${path}/actions/${encodeURIComponent(action.action)}`, {});
  });
  return button;
}

function row(name, thing, probe, path) {
  const line = element('tr');
  const head = element('th', name);
  head.scope = 'row';
  const since = thing.unknown_since ? `, unknown since ${thing.unknown_since}` : '';
  const actions = element('div', undefined, 'actions');
  actions.append(...(thing.actions ?? []).map((action) => actionButton(name, action, path)));
  const last = element('td');
  last.append(actions);
  line.append(
    head,
    element('td', thing.state + since, tone(thing.state)),
    element('td', probe, tone(probe)),
    element('td', thing.message ?? ''),
    last,
  );
  return line;
}

function nodeRows(node) {
  const name = encodeURIComponent(node.name);
  const services = (node.services ?? []).map((service) =>
    row(
      `${node.name}/${service.name}`,
      service,
      service.probe,
      `/services/${name}/${encodeURIComponent(service.name)}`,
    ),
  );
  return [row(node.name, node, '', `/nodes/${name}`), ...services];
}

function items(list, texts, none) {
  list.replaceChildren(...(texts.length ? texts : [none]).map((text) => (text instanceof Node ? text : element('li', text))));
}

function faultLine(fault) {
  const line = element('li', `${fault.fault} on ${fault.target}: ${fault.state} ${fault.message ?? ''} `);
  if (fault.state === 'ACTIVE') {
    const button = element('button', 'revert');
    button.type = 'button';
    button.setAttribute('aria-label', `revert ${fault.fault} on ${fault.target}`);
    button.addEventListener('click', () => void change('DELETE', `/faults/${encodeURIComponent(fault.id)}`));
    line.append(button);
  }
  return line;
}

/** Keeps the focus where it is: a table that is drawn anew has new buttons of the same names. */
function keepingFocus(draw) {
  const label = document.activeElement?.getAttribute?.('aria-label');
  draw();
  if (label) document.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.focus();
}

/** Asks for a change of the whole arena, or says why that cannot be asked for now. */
function changeAll(method, path, body) {
  const why = whyUnknown();
  if (why) say(why, true);
  else void change(method, path, body);
}

function drawAll() {
  const why = whyUnknown();
  if (at('bus').textContent !== (why ?? 'Live.')) at('bus').textContent = why ?? 'Live.';
  at('bus').className = why ? 'unknown' : 'good';
  for (const id of ['revert-all', 'lever-stop', 'lever-run']) turn(at(id), why);
  if (!known) return;
  at('nodes').replaceChildren(...[...known.nodes.values()].flatMap((node) => nodeRows(obscured(node, why))));
  at('no-nodes').hidden = known.nodes.size > 0;
  drawLists(!why && known.bus.caught_up);
  drawArena(why);
  at('token-form').hidden = !known.about?.token_required;
}

/** What happened, as far as it is known: not before the gateway has read what the streams keep. */
function drawLists(isKnown) {
  const incidents = [...known.incidents.values()].map((one) => `${one.state}: ${one.symptom} on ${one.entity}. ${one.reason}`);
  items(at('incidents'), isKnown ? incidents : [], isKnown ? 'No incident.' : 'Unknown.');
  items(at('faults'), isKnown ? [...known.faults.values()].map(faultLine) : [], isKnown ? 'No fault.' : 'Unknown.');
}

function drawArena(why) {
  const { lever, mode, degraded } = why ? { degraded: ['nobody can say'] } : known.arena;
  const unwell = degraded?.length ? ` Not well: ${degraded.join('; ')}.` : ' All is well.';
  at('arena').textContent = `The lever is ${lever ?? 'unknown'}, the mode ${mode ?? 'unknown'}.${unwell}`;
}

function tell(kind, data) {
  const name = data.id ?? data.name ?? '';
  const state = data.state ?? (data.connected === undefined ? '' : data.connected ? 'connected' : 'away');
  const line = [new Date().toLocaleTimeString(), kind, name, data.entity ?? data.target ?? '', state].filter(Boolean).join(' ');
  at('events').prepend(element('li', line));
  while (at('events').children.length > LINES_MAX) at('events').lastChild.remove();
}

const byKey = (list, key) => new Map((list ?? []).map((one) => [one[key], one]));

/** Puts a line in place of the one of the same id, the newest first, and cuts the oldest that are too many. */
function put(lines, one, { open, over, since, final }) {
  const left = { open, over };
  const newestFirst = [...lines.values()].filter((line) => line.id !== one.id);
  const before = newestFirst.findIndex((line) => line[since] <= one[since]);
  newestFirst.splice(before < 0 ? newestFirst.length : before, 0, one);
  return byKey(newestFirst.filter((line) => left[final.includes(line.state) ? 'over' : 'open']-- > 0), 'id');
}

/** Keeps what is told; null where an event is none of this page's affair. */
const KEEPERS = {
  snapshot(data) {
    const { nodes, ...arena } = data.status;
    known = {
      about: data.about,
      bus: data.bus,
      arena,
      nodes: byKey(nodes, 'name'),
      incidents: byKey(data.incidents, 'id'),
      faults: byKey(data.faults, 'id'),
    };
  },
  bus: (data) => (known.bus = data),
  arena: (data) => (known.arena = data),
  node: (data) => known.nodes.set(data.name, data),
  node_gone: (data) => known.nodes.delete(data.name),
  incident: (data) => (known.incidents = put(known.incidents, data, KEPT.incidents)),
  fault: (data) => (known.faults = put(known.faults, data, KEPT.faults)),
  command: () => {},
  resync: () => {},
};

function heard(kind, event) {
  const wasSilent = silent;
  heardAt = Date.now();
  silent = false;
  if (!QUIET.includes(kind)) {
    const data = JSON.parse(event.data);
    if (kind !== 'snapshot' && !known) return;
    KEEPERS[kind](data);
    if (kind !== 'snapshot') tell(kind, data);
  } else if (!wasSilent) {
    return;
  }
  keepingFocus(drawAll);
}

/** Nobody knows anything any more. */
function fallSilent() {
  if (silent) return;
  silent = true;
  keepingFocus(drawAll);
}

function listen() {
  source?.close();
  source = new EventSource(`${API}/events?samples=false`);
  for (const kind of [...Object.keys(KEEPERS), ...QUIET]) source.addEventListener(kind, (event) => heard(kind, event));
  source.addEventListener('error', () => {
    fallSilent();
    // After a 429 or a 503 the browser does not try again by itself.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
  });
}

listen();
setInterval(() => {
  if (silent || !heardAt || Date.now() - heardAt < SILENCE_MS) return;
  fallSilent();
  // It may be open to somebody who is gone.
  listen();
}, 1_000);

at('revert-all').addEventListener('click', () => changeAll('DELETE', '/faults'));
at('lever-stop').addEventListener('click', () => changeAll('PUT', '/control/lever', { lever: 'STOPPED' }));
at('lever-run').addEventListener('click', () => changeAll('PUT', '/control/lever', { lever: 'RELEASED' }));
at('token-form').addEventListener('submit', (event) => event.preventDefault());
