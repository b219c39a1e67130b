import type { DeviceAlert } from '#core/contract/alert.js';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { StoreBatch, WriteOutcome } from '../store.js';
import { BatchPlan } from './batch-plan.js';
import type { Session } from './session.js';
import type { ColumnData, TableAppender } from './table-appender.js';

/** Stores a batch: points, ledger, dirty marks, expired readings and alerts in one transaction. */
export async function writeBatch(session: Session, batch: StoreBatch, nowUs: number): Promise<WriteOutcome> {
  const due = session.seal.due(nowUs);
  // What is dirty must be computed before its raw points are sealed off; until then the old seal holds.
  const seal = due === session.seal || session.marks.hasBefore(due.beforeUs) ? session.seal : due;
  const plan = await BatchPlan.of(batch, session, seal, nowUs);
  if (plan.ledger.isEmpty) return plan.outcome;
  await session.transaction(async (connection) => {
    if (seal !== session.seal) await session.saveSeal(connection, seal);
    await storePlan(session, plan, connection);
  });
  session.seal = seal;
  plan.commit();
  return plan.outcome;
}

async function storePlan(session: Session, plan: BatchPlan, connection: DuckDBConnection): Promise<void> {
  const { appenders, series } = session;
  await appenders.points.append(plan.points.columns());
  await plan.segments.addLate(connection);
  await plan.expired.store(connection, appenders.rollups);
  await appenders.ledger.append(plan.ledger.columns());
  await appenders.dirty.append(plan.marks.columns());
  const { ids, columns } = series.unsaved();
  if (ids.length > 0) {
    await connection.run(`DELETE FROM series WHERE series_id IN (${ids.join(',')})`);
    await appenders.series.append(columns);
  }
  if (plan.alerts.length > 0) await storeAlerts(connection, appenders.alerts, plan.alerts);
}

async function storeAlerts(
  connection: DuckDBConnection,
  appender: TableAppender,
  alerts: readonly DeviceAlert[],
): Promise<void> {
  const times = alerts.map(({ timeUs }) => timeUs);
  const known = await connection.runAndReadAll(
    `SELECT DISTINCT site, device, sensor, rule, state, time_us::DOUBLE FROM alerts
     WHERE time_us BETWEEN ${Math.min(...times)} AND ${Math.max(...times)}`,
  );
  const seen = new Set(known.getRows().map((row) => row.join('\n')));
  const fresh = alerts.filter((alert) => {
    const key = alertKey(alert);
    return !seen.has(key) && seen.add(key);
  });
  await appender.append(alertColumns(fresh));
}

function alertKey({ site, device, sensor, rule, state, timeUs }: DeviceAlert): string {
  return [site, device, sensor, rule, state, timeUs].join('\n');
}

function alertColumns(alerts: readonly DeviceAlert[]): ColumnData[] {
  const texts = (['site', 'device', 'sensor', 'rule', 'state', 'severity'] as const).map((name) =>
    alerts.map((alert) => alert[name]),
  );
  const numbers = (['timeUs', 'value', 'threshold'] as const).map((name) => alerts.map((alert) => alert[name]));
  return [...texts, ...numbers, alerts.map(({ message }) => message)];
}
