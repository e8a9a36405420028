/**
 * Holds what this page reads to what the gateway says that it sends (docs/openapi.json, from which `npm run types` writes `generated.d.ts`).
 * Types alone: nothing of this is in the page, and a difference fails `npm run check`.
 */
import type { components } from './generated';
import type { RunList } from './run';
import type * as ours from './types';

type Sent = components['schemas'];

/** What the gateway sends as null is described as optional, too; it is always there. */
type There<T> = T extends (infer One)[] ? There<One>[] : T extends object ? { [Name in keyof T]-?: There<T[Name]> } : T;

/** A mistake where what is sent is not what is read. */
type Reads<Ours, Theirs extends Ours> = Theirs extends Ours ? true : never;

export type Contract = [
  Reads<ours.About, There<Sent['About']>>,
  Reads<ours.Bus, There<Sent['BusView']>>,
  Reads<ours.Node, There<Sent['NodeReport']>>,
  Reads<ours.ArenaReport, There<Sent['ArenaReport']>>,
  Reads<ours.Incident, There<Sent['IncidentView']>>,
  Reads<ours.Fault, There<Sent['FaultView']>>,
  Reads<ours.Command, There<Sent['CommandView']>>,
  Reads<ours.Question, There<Sent['Question']>>,
  Reads<ours.Samples, There<Sent['SamplesView']>>,
  Reads<ours.SamplesReport, There<Sent['SamplesReport']>>,
  Reads<ours.CatalogueFault, There<Sent['FaultReport']>>,
  Reads<ours.VillainStatus, There<Sent['VillainStatus']>>,
  Reads<ours.Score, There<Sent['Score']>>,
  Reads<RunList, There<Sent['Listed']>>,
  Reads<Pick<ours.Problem, 'type' | 'title' | 'status' | 'detail'>, There<Sent['Problem']>>,
];
