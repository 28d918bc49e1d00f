// Payment methods: the queries, and the JSON that their rows become.

const COLUMNS = 'm.id, m.user_id, m.type, m.brand, m.last4, m.setup_intent_id, m.created_at';

/** The payment method of this id, or `undefined`. */
export async function find(run, project, id) {
  const [row] = await run(project, {
    name: 'find',
    text: `select ${COLUMNS} from payment_methods m where m.project_id = $1 and m.id = $2 and m.deleted_at is null`,
    values: [project, id],
  });
  return row && paymentMethod(row);
}

/** A page of the project's payment methods, newest first, or `undefined` where `after` is none of them. */
export async function page(run, project, { limit, user, after }) {
  const rows = await run(project, pageQuery(project, limit + 1, user, after));
  if (after && rows.length === 0 && !(await wasEverHere(run, project, after))) {
    return undefined;
  }
  const items = rows.slice(0, limit).map(paymentMethod);
  return {
    object: 'list',
    items,
    moreItemsAfter: rows.length > limit ? (items.at(-1)?.id ?? null) : null,
    moreItemsBefore: rows[0]?.precedes ? (items[0]?.id ?? null) : null,
  };
}

/** One row more than the page has says whether another page follows. */
function pageQuery(project, fetched, user, after) {
  const values = [project, fetched];
  const filters = (table) =>
    `${table}.project_id = $1 and ${table}.deleted_at is null${user ? ` and ${table}.user_id = $3` : ''}`;
  if (user) {
    values.push(user);
  }
  let position = '';
  let precedes = 'false';
  if (after) {
    values.push(after);
    const cursor = `(select c.created_at, c.id from payment_methods c where c.project_id = $1 and c.id = $${values.length})`;
    position = `and (m.created_at, m.id) < ${cursor}`;
    precedes = `(select b.id from payment_methods b where ${filters('b')} and (b.created_at, b.id) >= ${cursor}
      order by b.created_at, b.id limit 1) is not null`;
  }
  return {
    name: `page${user ? '-of-user' : ''}${after ? '-after' : ''}`,
    text: `select ${COLUMNS}, ${precedes} as precedes from payment_methods m where ${filters('m')} ${position}
      order by m.created_at desc, m.id desc limit $2`,
    values,
  };
}

/** Whether the project has or had such a payment method: deleted ones are still positions in lists. */
async function wasEverHere(run, project, id) {
  const rows = await run(project, {
    name: 'was-ever-here',
    text: 'select m.id from payment_methods m where m.project_id = $1 and m.id = $2',
    values: [project, id],
  });
  return rows.length > 0;
}

function paymentMethod(row) {
  const isCard = row.type === 'card';
  return {
    object: 'paymentMethod',
    id: row.id,
    brand: isCard ? (row.brand === 'eftpos_au' ? 'unknown' : row.brand) : null,
    clientSecret: null,
    last4: isCard ? row.last4 : null,
    provider: 'stripe',
    status: row.setup_intent_id === null ? 'available' : 'requiresConfirmation',
    type: row.type,
    user: row.user_id,
    // Whole seconds.
    createdAt: `${row.created_at.toISOString().slice(0, 19)}Z`,
  };
}
