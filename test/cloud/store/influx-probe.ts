import { InfluxDB } from '@influxdata/influxdb-client';
import { BucketsAPI, OrgsAPI, TasksAPI } from '@influxdata/influxdb-client-apis';
import type { Influxdb } from '../../servers/influxdb.js';
import { waitFor } from '../../servers/wait-for.js';

export type Row = Record<string, unknown>;

/** Looks at an InfluxDB past the store, as its administrator would. */
export class InfluxProbe {
  readonly influx: InfluxDB;
  private readonly tasks: TasksAPI;

  constructor(private readonly influxdb: Influxdb) {
    this.influx = new InfluxDB(influxdb);
    this.tasks = new TasksAPI(this.influx);
  }

  query(flux: string): Promise<Row[]> {
    return this.influx.getQueryApi(this.influxdb.org).collectRows<Row>(flux);
  }

  /** All points of a bucket, the fields as columns, in a settled order. */
  async everything(bucket: string): Promise<Row[]> {
    const rows = await this
      .query(`from(bucket: "${bucket}") |> range(start: 1900-01-01T00:00:00Z, stop: 2255-01-01T00:00:00Z)
      |> drop(columns: ["_start", "_stop"])
      |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")`);
    const plain = rows.map(({ result: _result, table: _table, ...row }) => row);
    const key = (row: Row) => ['_measurement', 'device', 'sensor', 'form', '_time'].map((name) => row[name]).join(' ');
    return plain.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  }

  async write(bucket: string, lines: string): Promise<void> {
    const query = new URLSearchParams({ org: this.influxdb.org, bucket, precision: 'us' });
    await this.influx.transport.request(`/api/v2/write?${query}`, lines, { method: 'POST' });
  }

  async createBucket(name: string, everySeconds: number): Promise<void> {
    const { orgs } = await new OrgsAPI(this.influx).getOrgs({ org: this.influxdb.org });
    const retentionRules = [{ type: 'expire' as const, everySeconds }];
    await new BucketsAPI(this.influx).postBuckets({ body: { orgID: orgs![0]!.id!, name, retentionRules } });
  }

  async deleteBucket(name: string): Promise<void> {
    const api = new BucketsAPI(this.influx);
    const { buckets } = await api.getBuckets({ org: this.influxdb.org, name });
    await api.deleteBucketsID({ bucketID: buckets![0]!.id! });
  }

  async task(name: string): Promise<{ id: string; flux: string; status?: string | undefined }[]> {
    const { tasks } = await this.tasks.getTasks({ org: this.influxdb.org, name });
    return (tasks ?? []).map(({ id, flux, status }) => ({ id, flux, status }));
  }

  async change(taskID: string, body: { status: 'inactive'; flux: string }): Promise<void> {
    await this.tasks.patchTasksID({ taskID, body });
  }

  /** Runs a task as if it had been scheduled for that time, and waits for its success. */
  async runTask(name: string, scheduledUs: number): Promise<void> {
    const [task] = await this.task(name);
    const taskID = task!.id;
    const scheduledFor = new Date(scheduledUs / 1000).toISOString().replace('.000', '');
    const { id: runID } = await this.tasks.postTasksIDRuns({ taskID, body: { scheduledFor } });
    await waitFor(`run of ${name}`, 60_000, async () => {
      const run = await this.tasks.getTasksIDRunsID({ taskID, runID: runID! });
      if (run.status !== 'failed') return run.status === 'success';
      const { events } = await this.tasks.getTasksIDRunsIDLogs({ taskID, runID: runID! });
      return Promise.reject(new Error(JSON.stringify(events)));
    });
  }
}
