// The plain page: what the live events say, as tables and lists, and the buttons for it. No build, no library.
'use strict';

/** So long without an event, and nobody knows anything any more: docs/gateway.md, "Live events". */
const SILENCE_MS = 12_000;
/** Lines of what happened that are kept. */
const LINES_MAX = 30;
/** Kinds of events that come all the time and change nothing that is shown here. */
const QUIET = ['samples', 'alive'];

const API = '/api/v1';
const at = (id) => document.getElementById(id);

/** Everything that is known: what the snapshot said, and each change since. */
let known = null;
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

function tone(state) {
  if (state === 'RUNNING' || state === 'PASSING') return 'good';
  return state === 'NO_DATA' || state === 'UNKNOWN' ? 'unknown' : 'bad';
}

/** A button that is off stays in the tab order, so that everybody gets to hear why. */
function actionButton(name, action, path) {
  const button = element('button', action.action);
  button.type = 'button';
  button.setAttribute('aria-label', `${action.action} ${name}`);
  if (!action.allowed) {
    button.setAttribute('aria-disabled', 'true');
    button.title = action.reason;
  }
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

function connection() {
  if (silent) return ['Nothing is heard from the gateway: what is shown may no longer be so.', 'unknown'];
  if (!known) return ['Connecting…', 'unknown'];
  if (!known.bus.connected) return [`Unknown since ${known.bus.since}: the gateway does not hear the bus.`, 'unknown'];
  return ['Live.', 'good'];
}

/** Keeps the focus where it is: a table that is drawn anew has new buttons of the same names. */
function keepingFocus(draw) {
  const label = document.activeElement?.getAttribute?.('aria-label');
  draw();
  if (label) document.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.focus();
}

function drawAll() {
  const [text, className] = connection();
  if (at('bus').textContent !== text) at('bus').textContent = text;
  at('bus').className = className;
  if (!known) return;
  at('nodes').replaceChildren(...[...known.nodes.values()].flatMap(nodeRows));
  at('no-nodes').hidden = known.nodes.size > 0;
  items(
    at('incidents'),
    [...known.incidents.values()].map((one) => `${one.state}: ${one.symptom} on ${one.entity}. ${one.reason}`),
    'No incident.',
  );
  items(at('faults'), [...known.faults.values()].map(faultLine), 'No fault.');
  const { lever, mode, degraded } = known.arena;
  const unwell = degraded?.length ? ` Not well: ${degraded.join('; ')}.` : ' All is well.';
  at('arena').textContent = `The lever is ${lever ?? 'unknown'}, the mode ${mode ?? 'unknown'}.${unwell}`;
  at('token-form').hidden = !known.about?.token_required;
}

function tell(kind, data) {
  const name = data.id ?? data.name ?? '';
  const state = data.state ?? (data.connected === undefined ? '' : data.connected ? 'connected' : 'away');
  const line = [new Date().toLocaleTimeString(), kind, name, data.entity ?? data.target ?? '', state].filter(Boolean).join(' ');
  at('events').prepend(element('li', line));
  while (at('events').children.length > LINES_MAX) at('events').lastChild.remove();
}

const byKey = (list, key) => new Map((list ?? []).map((one) => [one[key], one]));

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
  incident: (data) => known.incidents.set(data.id, data),
  fault: (data) => known.faults.set(data.id, data),
  command: () => {},
  resync: () => {},
};

function heard(kind, event) {
  heardAt = Date.now();
  silent = false;
  if (QUIET.includes(kind)) return;
  const data = JSON.parse(event.data);
  if (kind !== 'snapshot' && !known) return;
  KEEPERS[kind](data);
  if (kind !== 'snapshot') tell(kind, data);
  keepingFocus(drawAll);
}

const source = new EventSource(`${API}/events?samples=false`);
for (const kind of [...Object.keys(KEEPERS), ...QUIET]) source.addEventListener(kind, (event) => heard(kind, event));
setInterval(() => {
  if (silent || !heardAt || Date.now() - heardAt < SILENCE_MS) return;
  silent = true;
  drawAll();
}, 1_000);

at('revert-all').addEventListener('click', () => void change('DELETE', '/faults'));
at('lever-stop').addEventListener('click', () => void change('PUT', '/control/lever', { lever: 'STOPPED' }));
at('lever-run').addEventListener('click', () => void change('PUT', '/control/lever', { lever: 'RELEASED' }));
at('token-form').addEventListener('submit', (event) => event.preventDefault());
