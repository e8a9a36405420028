/** Which path shows which view. Pure. */

export type View = 'fleet' | 'incidents' | 'incident' | 'charts' | 'arena' | 'runs' | 'run' | 'alerts' | 'missing';

export interface Route {
  view: View;
  /** Of `/incidents/<id>` and `/runs/<id>`; else empty. */
  id: string;
  /** For the tab, and for who hears the page. */
  title: string;
}

/** The entries of the navigation. */
export const ENTRIES: readonly { view: View; path: string; title: string }[] = [
  { view: 'fleet', path: '/', title: 'Fleet' },
  { view: 'incidents', path: '/incidents', title: 'Incidents' },
  { view: 'charts', path: '/charts', title: 'Charts' },
  { view: 'arena', path: '/arena', title: 'Arena' },
  { view: 'runs', path: '/runs', title: 'Runs' },
  { view: 'alerts', path: '/alerts', title: 'Alerts' },
];

/** The views of one thing, by the path before its id. */
const DETAILS: readonly { view: View; under: string; title: string }[] = [
  { view: 'incident', under: '/incidents/', title: 'Incident' },
  { view: 'run', under: '/runs/', title: 'Run' },
];

/** The route of a path; a path that nobody knows is `missing`. */
export function match(path: string): Route {
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') || '/' : path;
  const entry = ENTRIES.find((one) => one.path === trimmed);
  if (entry) return { view: entry.view, id: '', title: entry.title };
  for (const { view, under, title } of DETAILS) {
    const id = decode(trimmed.slice(under.length));
    if (trimmed.startsWith(under) && id && !id.includes('/')) return { view, id, title: `${title} ${id}` };
  }
  return { view: 'missing', id: '', title: 'Not found' };
}

/** The navigation entry that a view belongs to. */
export function entryOf(view: View): View {
  if (view === 'incident') return 'incidents';
  return view === 'run' ? 'runs' : view;
}

/** Empty when it is no valid text. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
