import { TasksAPI, type Task } from '@influxdata/influxdb-client-apis';
import type { Logger } from '#core/runtime/logger.js';
import type { Flux } from './flux.js';
import { parseTimeUs, isoMicroseconds } from './flux.js';
import type { InfluxClient } from './influx-client.js';

export interface WantedTask {
  readonly name: string;
  readonly flux: Flux;
}

/** The tasks of one organisation. */
export class Tasks {
  private readonly api: TasksAPI;

  constructor(
    private readonly client: InfluxClient,
    private readonly org: string,
    private readonly orgID: string,
    private readonly logger: Logger,
  ) {
    this.api = new TasksAPI(client.influx);
  }

  /** Creates the task, or brings it up to date and sets it going; resolves with its id. */
  async ensure({ name, flux }: WantedTask): Promise<string> {
    const task = await this.find(name);
    if (!task) return this.create(name, flux);
    if (task.flux !== flux || task.status !== 'active') {
      const body = { flux, status: 'active' as const };
      await this.client.call(`update task ${name}`, () => this.api.patchTasksID({ taskID: task.id, body }));
      this.logger.info({ task: name }, 'InfluxDB: task updated');
    }
    return task.id;
  }

  /** The times, rising, that successful runs after `afterUs` were scheduled for. */
  async successfulRuns(taskID: string, afterUs: number): Promise<number[]> {
    const request = { taskID, afterTime: isoMicroseconds(afterUs), limit: 500 };
    const { runs } = await this.client.call('list the runs of a task', () => this.api.getTasksIDRuns(request));
    const successful = (runs ?? []).filter(({ status, scheduledFor }) => status === 'success' && scheduledFor);
    return successful.map(({ scheduledFor }) => parseTimeUs(scheduledFor!)).sort((a, b) => a - b);
  }

  private async create(name: string, flux: Flux): Promise<string> {
    const body = { flux, orgID: this.orgID, status: 'active' as const };
    const made = await this.client.call(`create task ${name}`, () => this.api.postTasks({ body }));
    this.logger.info({ task: name }, 'InfluxDB: task created');
    // Names are not unique: if another process created it as well, both keep the same one.
    const kept = await this.find(name);
    return kept?.id ?? made.id;
  }

  /** The task with the lowest id of that name; any other of that name is deleted. */
  private async find(name: string): Promise<Task | undefined> {
    const { tasks } = await this.client.call(`look for task ${name}`, () => this.api.getTasks({ name, org: this.org }));
    const [first, ...others] = (tasks ?? []).sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const { id } of others) {
      await this.client.call(`delete a second task ${name}`, () => this.api.deleteTasksID({ taskID: id }));
    }
    return first;
  }
}
