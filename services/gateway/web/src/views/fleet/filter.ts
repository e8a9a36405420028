/** Which services are shown. Pure. */
import type { Node, Service } from '../../api/types';

/** Fewer services than this are seen at a glance, and need no filter. */
export const FILTER_FROM = 8;

export interface Filter {
  /** Part of a node's or a service's name. */
  text: string;
  /** A word of the process, `unwell` for everything that is not as it should be, or empty for all. */
  state: string;
}

/** The nodes with the services that pass. A node whose own name passes keeps all its services; one without any is left out. */
export function filtered(nodes: Node[], filter: Filter): Node[] {
  const text = filter.text.trim().toLowerCase();
  if (text === '' && filter.state === '') return nodes;
  return nodes
    .map((node) => ({ ...node, services: node.services.filter((service) => passes(node, service, text, filter.state)) }))
    .filter((node) => node.services.length > 0);
}

function passes(node: Node, service: Service, text: string, state: string): boolean {
  if (!`${node.name}/${service.name}`.toLowerCase().includes(text)) return false;
  if (state === 'unwell') return isUnwell(service);
  return state === '' || service.state === state;
}

/** Not as it should be: a standby that waits is. */
export function isUnwell(service: Service): boolean {
  if (service.state === 'RUNNING') return service.probe === 'FAILING';
  return !(service.standby && service.state === 'STOPPED');
}
