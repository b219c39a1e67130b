/** The namespace of Sparkplug B, in versions 2.2 and 3.0 alike. */
export const namespace = 'spBv1.0';

/** What an edge node says of itself (N) or of a device behind it (D). */
export type UpKind = 'NBIRTH' | 'NDATA' | 'NDEATH' | 'DBIRTH' | 'DDATA' | 'DDEATH';

export interface SparkplugTopic {
  readonly kind: UpKind;
  readonly group: string;
  readonly edgeNode: string;
  /** Set on those that begin with D. */
  readonly device?: string;
}

/** Of what is remembered for each edge node, its names are a part. */
const maxTopicLength = 1024;

const upKinds = new Set<string>(['NBIRTH', 'NDATA', 'NDEATH', 'DBIRTH', 'DDATA', 'DDEATH'] satisfies UpKind[]);
const downKinds = new Set(['NCMD', 'DCMD']);

/**
 * `spBv1.0/<group>/<kind>/<edge node>[/<device>]`. `other` for what is said to edge nodes or by host applications, and so
 * tells nothing of a sensor; undefined for what is no topic of Sparkplug.
 */
export function parseTopic(topic: string): SparkplugTopic | 'other' | undefined {
  const [root, group, kind, edgeNode, device, ...rest] = topic.split('/');
  if (root !== namespace || !group || !kind || rest.length > 0) return undefined;
  if (group === 'STATE') return edgeNode === undefined ? 'other' : undefined;
  if (!edgeNode || device === '') return undefined;
  if (topic.length > maxTopicLength) return undefined;
  const ofDevice = kind.startsWith('D');
  if (ofDevice !== (device !== undefined)) return undefined;
  if (downKinds.has(kind)) return 'other';
  if (!upKinds.has(kind)) return undefined;
  return { kind: kind as UpKind, group, edgeNode, ...(device !== undefined && { device }) };
}

/** Where an edge node hears commands. */
export function commandTopic({ group, edgeNode }: SparkplugTopic): string {
  return `${namespace}/${group}/NCMD/${edgeNode}`;
}

/** Where a host application says whether it is there. */
export function stateTopic(hostId: string): string {
  return `${namespace}/STATE/${hostId}`;
}
