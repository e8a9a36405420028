/**
 * Which component shows which view. They come in three parts, so that nobody waits for what they do not look at: what is looked at first,
 * what draws charts, and the rest.
 */
import type { Component } from 'svelte';
import type { View } from './router/routes';
import fleet from './views/fleet/Fleet.svelte';
import incidents from './views/incidents/Incidents.svelte';
import missing from './views/Missing.svelte';

/** A view of one thing is given its `id`; the others look at none. */
export type AnyView = Component<{ id: string }>;

const FIRST = { fleet, incidents, missing };

/** The component of a view. */
export async function load(view: View): Promise<AnyView> {
  if (view === 'fleet' || view === 'incidents' || view === 'missing') return FIRST[view] as unknown as AnyView;
  if (view === 'charts' || view === 'incident') return (await import('./views/charted'))[view] as unknown as AnyView;
  return (await import('./views/beside'))[view] as unknown as AnyView;
}

/** A gateway of another version has other files: the page that asks for the old ones is loaded anew. */
export function reloadWhenOutdated(): void {
  window.addEventListener('vite:preloadError', () => location.reload());
}
