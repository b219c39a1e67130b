import { EdgeNode } from './edge-node.js';
import type { SparkplugTopic } from './topics.js';

const maxNodes = 10_000;
/** What all edge nodes may take in memory, in bytes, about. */
const maxCost = 64 * 1024 * 1024;

/** The edge nodes that were heard. The one heard longest ago is forgotten first; when it speaks again, it is asked for births. */
export class EdgeNodes {
  private readonly nodes = new Map<string, EdgeNode>();
  private cost = 0;

  get size(): number {
    return this.nodes.size;
  }

  find({ group, edgeNode }: SparkplugTopic): EdgeNode | undefined {
    return this.nodes.get(keyOf(group, edgeNode));
  }

  /** Lets `work` have the edge node of the topic. */
  with<T>({ group, edgeNode }: SparkplugTopic, work: (node: EdgeNode) => T): T {
    const key = keyOf(group, edgeNode);
    const known = this.nodes.get(key);
    const node = known ?? new EdgeNode(group, edgeNode);
    this.nodes.delete(key);
    this.nodes.set(key, node);
    if (known) this.cost -= known.cost;
    try {
      return work(node);
    } finally {
      this.cost += node.cost;
      this.makeRoom();
    }
  }

  private makeRoom(): void {
    for (const [key, node] of this.nodes) {
      if (this.nodes.size <= maxNodes && this.cost <= maxCost) return;
      this.nodes.delete(key);
      this.cost -= node.cost;
    }
  }
}

function keyOf(group: string, edgeNode: string): string {
  return `${group}/${edgeNode}`;
}
