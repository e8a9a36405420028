/** What comes in from Alertmanager and what goes out to webhooks, as the gateway tells it (docs/gateway.md). Pure. */
import type { Tone } from '../../lib/words';

export interface Alert {
  fingerprint: string;
  name: string;
  /** FIRING or RESOLVED. */
  state: string;
  /** It fires, and was not repeated in time. */
  stale: boolean;
  starts_at: string;
  ends_at: string | null;
  received_at: string;
  matched: boolean;
  entity: string | null;
  /** By which labels it was matched, or why by none. */
  message: string;
  incident: string | null;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  generator_url: string;
}

export interface Webhook {
  name: string;
  form: string;
  host: string;
  events: string[];
  severity_min: string | null;
  /** Null while the bus is away. */
  waiting: number | null;
  delivered: number;
  retried: number;
  lost: number;
  last_error: string | null;
  last_error_at: string | null;
  last_delivered_at: string | null;
}

/** What fires and was not repeated in time may be over: nobody knows, and it is never shown as well. */
export function standing(alert: Pick<Alert, 'state' | 'stale'>): { word: string; tone: Tone } {
  if (alert.state === 'RESOLVED') return { word: 'RESOLVED', tone: 'good' };
  if (alert.stale) return { word: 'NOT REPEATED', tone: 'unknown' };
  return { word: alert.state, tone: 'bad' };
}

/** Whether the last thing that was tried with a receiver went wrong. */
export function fails(webhook: Pick<Webhook, 'last_error_at' | 'last_delivered_at'>): boolean {
  if (!webhook.last_error_at) return false;
  return !webhook.last_delivered_at || Date.parse(webhook.last_error_at) > Date.parse(webhook.last_delivered_at);
}

/** What fires before what does not, then the latest first. */
export function inOrder(alerts: readonly Alert[]): Alert[] {
  const fires = (alert: Alert): number => (alert.state === 'RESOLVED' ? 1 : 0);
  return alerts.toSorted((one, other) => fires(one) - fires(other) || Date.parse(other.starts_at) - Date.parse(one.starts_at));
}
