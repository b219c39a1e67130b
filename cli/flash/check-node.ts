import { messageOf } from '#core/runtime/errors.js';
import { inspectNode, nodeFaults, type DeviceNode } from '../../edge/image/flash/device-node.js';
import { UsageError } from '../fail.js';
import type { FlashRun } from './flash.js';

/** Refuses a disk that is not to be written to, and asks whether this is the one. Throws UsageError. */
export async function checkNode(
  { target, options, ask, report }: FlashRun,
  inspect: (path: string) => Promise<DeviceNode> = inspectNode,
): Promise<DeviceNode> {
  if (target.kind !== 'node') throw new UsageError('--device-node is missing');
  const node = await inspect(target.path).catch((cause: unknown) => {
    throw new UsageError(`--device-node: ${messageOf(cause)}`, { cause });
  });
  const faults = nodeFaults(node);
  if (faults.length > 0) throw new UsageError(`--device-node: ${faults.join('\n--device-node: ')}`);
  const { path, name, model, sizeBytes } = node;
  report.line(`${path} is ${model}, ${(sizeBytes / 1e9).toFixed(1)} GB; all that is on it will be lost`);
  if (options.yes || options.dryRun) return node;
  if (!ask) throw new UsageError('--device-node: nobody is there to be asked: look twice, then say --yes');
  const answer = await ask(`Type ${name} to write to it: `);
  if (answer.trim() !== name) throw new UsageError(`--device-node: ${path} was not written to`);
  return node;
}
