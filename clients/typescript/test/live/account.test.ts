import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { test } from 'node:test';

import { account, accountTokens, baseUrl, confirm, project } from '../support/environment.js';
import { FaultyProxy } from '../support/faulty-proxy.js';

const first = account();
const second = account({ token: accountTokens[1] });

/** Saves a card as a page does: with a setup intent that Stripe.js confirms. */
async function save(client: typeof first, number: string): Promise<string> {
  const intent = await client.setupIntents.create();
  assert.equal(intent.status, 'requires_payment_method');
  const id = await confirm(intent.id, intent.client_secret, number);
  assert.equal((await client.paymentMethods.create({ id })).id, id);
  return id;
}

/** The headers that a page's request is answered with. `fetch` would not let a test write a page's headers. */
async function answerTo(method: string, headers: Record<string, string>): Promise<IncomingHttpHeaders> {
  const asked = request(new URL('/v1/account/payment-methods', baseUrl), { method, headers });
  asked.end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.resume();
  return answer.headers;
}

function listed(header: string | undefined): string[] {
  return (header ?? '').toLowerCase().split(/, */);
}

async function ids(client: typeof first): Promise<string[]> {
  return (await client.paymentMethods.list()).map(({ id }) => id);
}

test('a user saves a card, sees it and deletes it', async () => {
  const id = await save(first, '5555555555554444');
  const [newest] = await first.paymentMethods.list();
  const { brand, last4, exp_month, exp_year, created_at } = newest ?? assert.fail();
  assert.deepEqual([newest?.id, brand, last4, exp_month, exp_year], [id, 'mastercard', '4444', 12, 2034]);
  assert.match(created_at, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  assert.equal((await project().paymentMethods.retrieve(id)).last4, '4444');
  assert.equal(await first.paymentMethods.delete(id), undefined);
  assert.ok(!(await ids(first)).includes(id));
  await assert.rejects(first.paymentMethods.delete(id), { status: 410, type: 'gone' });
});

test('two users are kept apart', async () => {
  const mine = await save(first, '4242424242424242');
  const theirs = await save(second, '4242424242424242');
  assert.ok((await ids(first)).includes(mine) && !(await ids(first)).includes(theirs));
  assert.ok((await ids(second)).includes(theirs) && !(await ids(second)).includes(mine));
  await assert.rejects(second.paymentMethods.delete(mine), { status: 410, type: 'gone' });
  await assert.rejects(second.paymentMethods.create({ id: mine }), { status: 422, message: 'The selected id is invalid.' });
  assert.ok((await ids(first)).includes(mine));
});

test('each refusal is an error of its type', async () => {
  const intruder = account({ token: 'nonsense' });
  await assert.rejects(intruder.paymentMethods.list(), { status: 401, type: 'unauthenticated', attempts: 1 });
  const details = [{ property: 'id', message: 'The selected id is invalid.', code: null }];
  await assert.rejects(first.paymentMethods.create({ id: 'pm_unknown' }), { status: 422, type: 'invalid', details });
  await assert.rejects(first.paymentMethods.create({ id: 'pm_card_chargeDeclined' }), {
    status: 422,
    type: 'invalid',
    message: 'Your card was declined.',
  });
});

test('a page of another origin may send what the client sends, and read what it reads', async (context) => {
  const proxy = await FaultyProxy.start(baseUrl);
  context.after(() => proxy.stop());
  await account({ baseUrl: proxy.url }).setupIntents.create();
  await assert.rejects(account({ baseUrl: proxy.url }).paymentMethods.create({ id: 'pm_unknown' }), { status: 422 });
  // What a browser adds by itself, as Node.js does here, needs nobody's leave.
  const own = /^(accept|accept-.+|connection|content-length|host|sec-.+|user-agent)$/;
  const sent = new Set(proxy.exchanges.flatMap(({ headers }) => Object.keys(headers)).filter((name) => !own.test(name)));
  assert.deepEqual([...sent].sort(), ['authorization', 'content-type', 'idempotency-key']);

  const headers = { Origin: 'https://shop.example.com', 'Access-Control-Request-Headers': [...sent].join(', ') };
  for (const method of ['GET', 'POST', 'DELETE']) {
    const granted = await answerTo('OPTIONS', { ...headers, 'Access-Control-Request-Method': method });
    const allowed = listed(granted['access-control-allow-headers']);
    for (const name of sent) assert.ok(allowed.includes(name), `${method}: ${name}`);
  }
  const shown = listed((await answerTo('GET', headers))['access-control-expose-headers']);
  for (const name of ['request-id', 'retry-after']) assert.ok(shown.includes(name), name);
});
