/** The views that are not looked at first: loaded together, when one of them is. */
export { default as alerts } from './alerts/Alerts.svelte';
export { default as arena } from './arena/Arena.svelte';
export { default as run } from './runs/Run.svelte';
export { default as runs } from './runs/Runs.svelte';
