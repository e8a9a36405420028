/** The views that draw charts, and with them the library that does: loaded together, when one of them is first looked at. */
export { default as charts } from './charts/Charts.svelte';
export { default as incident } from './incidents/Incident.svelte';
