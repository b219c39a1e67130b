/**
 * Imported first: Node's pool of native threads takes its size at its first use. LevelDB's synced commits and DuckDB's
 * queries both wait in it, and a long query must not stand in the way of a commit. An edge agent has no DuckDB.
 */
process.env['UV_THREADPOOL_SIZE'] ??= process.argv[2] === 'edge' ? '4' : '16';
