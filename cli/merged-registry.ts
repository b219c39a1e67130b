import { AggregatorRegistry, Registry } from 'prom-client';

/**
 * The metrics of a process that holds several parts of one kind: each part has a registry of its own, told apart by
 * its default labels, and one scrape shows them all.
 */
export class MergedRegistry extends Registry {
  private readonly children: Registry[] = [];

  /** A registry whose metrics carry `labels`. */
  child(labels: Record<string, string>): Registry {
    const child = new Registry();
    child.setDefaultLabels(labels);
    this.children.push(child);
    return child;
  }

  override async metrics(): Promise<string> {
    const all = [this.getMetricsAsJSON(), ...this.children.map((child) => child.getMetricsAsJSON())];
    return AggregatorRegistry.aggregate(await Promise.all(all)).metrics();
  }
}
