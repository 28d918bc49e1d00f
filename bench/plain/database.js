// The connections to PostgreSQL, and the ways to tell it whose rows a query may see.

import pg from 'pg';

/**
 * A function that runs a query for a project, and resolves to its rows. `isolation` says how:
 *
 * - `transaction`: begin, setting, query and commit, each sent when the one before is answered. The usual way.
 * - `pipeline`: the same four, sent together.
 * - `statement`: one statement that makes the setting and then asks, as Billfold's own does.
 */
export function makeDatabase(url, connections, isolation) {
  const ways = { transaction: inTransaction, pipeline: inPipeline, statement: inStatement };
  if (!Object.hasOwn(ways, isolation)) {
    throw new Error(`--isolation must be one of ${Object.keys(ways).join(', ')}`);
  }
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    pipeline: isolation === 'pipeline',
    // A named statement has one plan for all values, which is not compiled: planning and compiling at each call costs more
    // than it saves here.
    options: '-c plan_cache_mode=force_generic_plan -c jit=off',
  });
  pool.on('error', (error) => console.error(error.message));
  return (project, query) => ways[isolation](pool, project, query);
}

function setting(project) {
  return { name: 'set-project', text: "select set_config('app.project', $1, true)", values: [project] };
}

/** Lends a connection to the work. One on which anything failed is closed, which rolls back whatever was begun. */
async function withConnection(pool, work) {
  const connection = await pool.connect();
  try {
    const result = await work(connection);
    connection.release();
    return result;
  } catch (error) {
    connection.release(true);
    throw error;
  }
}

function inTransaction(pool, project, query) {
  return withConnection(pool, async (connection) => {
    await connection.query('begin');
    await connection.query(setting(project));
    const { rows } = await connection.query(query);
    await connection.query('commit');
    return rows;
  });
}

function inPipeline(pool, project, query) {
  return withConnection(pool, async (connection) => {
    const [, , { rows }] = await Promise.all([
      connection.query('begin'),
      connection.query(setting(project)),
      connection.query(query),
      connection.query('commit'),
    ]);
    return rows;
  });
}

async function inStatement(pool, project, { name, text, values }) {
  const { rows } = await pool.query({
    name,
    text: `select x.* from (select set_config('app.project', $${values.length + 1}, true) as project offset 0) s
      cross join lateral (select i.* from (${text}) i where s.project is not null offset 0) x`,
    values: [...values, project],
  });
  return rows;
}
