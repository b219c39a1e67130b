import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import { datasource } from '../buckets.js';

/** A query of the InfluxDB datasource in its Flux mode; the SDK knows only Grafana's newer query types. */
export interface FluxQuery extends Dataquery {
  readonly refId: string;
  readonly datasource: typeof datasource;
  readonly query: string;
}

export class FluxQueryBuilder implements Builder<FluxQuery> {
  constructor(
    private readonly refId: string,
    private readonly query: string,
  ) {}

  build(): FluxQuery {
    const { refId, query } = this;
    return { refId, datasource, query, _implementsDataqueryVariant: () => undefined };
  }
}
