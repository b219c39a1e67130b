import { seriesStoreSuite } from '../../contracts/series-store-suite.js';
import { openDuckDB } from './duckdb-files.js';

seriesStoreSuite({ name: 'DuckDB', open: openDuckDB });
