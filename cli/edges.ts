import { join } from 'node:path';
import type { Clock } from '#core/runtime/clock.js';
import type { DataDirectory } from '#core/runtime/data-directory.js';
import { deviceToken } from '#core/runtime/device-token.js';
import type { Part } from '#core/runtime/lifecycle.js';
import type { Logger } from '#core/runtime/logger.js';
import type { StageSnapshot } from '#core/runtime/metrics.js';
import { edgeConfigSchema, type EdgeConfig } from '../edge/config.js';
import { createEdge, type Edge } from '../edge/main.js';
import { scenarios } from '../simulators/scenarios/registry.js';
import type { SimulatedDevice } from '../simulators/scenarios/scenario.js';
import type { FieldlineConfig } from './config.js';
import type { MergedRegistry } from './merged-registry.js';
import { ownEdgeConfig } from './own-edge-config.js';
import { simulatedSensor } from './simulated-sensor.js';
import { together } from './together.js';
import { version } from './version.js';

export interface EdgesOptions {
  readonly config: FieldlineConfig;
  readonly data: DataDirectory;
  readonly secret: Uint8Array;
  /** Asked at the start, when the gateway listens. */
  readonly gatewayUrl: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: MergedRegistry;
}

const mib = 1024 ** 2;

/** The edge agents of `fieldline up`: this machine, and the simulated devices; each with an outbox and a connection of its own. */
export class Edges implements Part {
  private edges: Edge[] = [];

  constructor(private readonly options: EdgesOptions) {}

  async start(): Promise<void> {
    if (this.edges.length > 0) return;
    const { config } = this.options;
    if (config.edge.enabled) this.edges.push(this.create(this.ownConfig()));
    if (config.simulator.enabled) {
      for (const device of scenarios[config.simulator.scenario]({
        ...config.simulator,
        spikeProbability: config.simulator.spikes,
      })) {
        this.edges.push(this.create(this.simulatedConfig(device), device));
      }
    }
    await together(this.edges).start();
  }

  async stop(deadlineMs: number): Promise<void> {
    await together(this.edges).stop(deadlineMs);
  }

  stages(): StageSnapshot[] {
    return this.edges.flatMap((edge) => edge.status().stages);
  }

  /** Packs that wait in the outboxes. */
  pendingPacks(): number {
    return this.edges.reduce((sum, edge) => sum + edge.status().outbox.pendingPacks, 0);
  }

  private create(config: EdgeConfig, simulated?: SimulatedDevice): Edge {
    const { clock, logger, registry } = this.options;
    const { site, device } = config;
    const intervalMs = this.options.config.simulator.every;
    const extraSensors = (own: Clock) =>
      simulated ? [{ name: 'simulated', sensor: simulatedSensor(simulated, own), intervalMs }] : [];
    const seams = { clock, logger, registry: registry.child({ site, device }) };
    return createEdge(config, { ...seams, version, extraSensors });
  }

  /** This machine: as configured, but speaking to the gateway of this process. */
  private ownConfig(): EdgeConfig {
    const own = ownEdgeConfig(this.options.config);
    return { ...own, ...this.place(own.site, own.device, own.outbox.maxBytes, own.outbox.reserveBytes) };
  }

  private simulatedConfig({ device, alert }: SimulatedDevice): EdgeConfig {
    const { site } = this.options.config.simulator;
    // A jump must raise the alert at once, even if it may turn out to be a spike.
    const sensor = alert.sensor.replace(/\d+$/, '*');
    const alerts = [{ sensor, rule: 'too-high', above: alert.above, severity: 'warning', countSpikes: true }];
    const parsed = edgeConfigSchema.parse({ site, device, sensors: [], channels: { '*': { alerts } } });
    return { ...parsed, ...this.place(site, device, 64 * mib, 2 * mib) };
  }

  private place(
    site: string,
    device: string,
    maxBytes: number,
    reserveBytes: number,
  ): Pick<EdgeConfig, 'gateway' | 'outbox'> {
    const { data, gatewayUrl, secret, config } = this.options;
    return {
      gateway: { url: gatewayUrl(), password: deviceToken(secret, { site, device }) },
      outbox: { ...config.edge.outbox, directory: join(data.path, 'outbox', site, device), maxBytes, reserveBytes },
    };
  }
}
