import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { BillfoldApiError, BillfoldConnectionError, type ClientOptions, type PaymentMethod } from 'billfold-client';

import { account, baseUrl, clearFaults, confirm, newUser, order, project, setupIntentsMade } from '../support/environment.js';
import { FaultyProxy } from '../support/faulty-proxy.js';
import { attemptMilliseconds, HastyClock } from '../support/hasty-clock.js';

let proxy: FaultyProxy;
before(async () => {
  proxy = await FaultyProxy.start(baseUrl);
});
afterEach(clearFaults);
after(() => proxy.stop());

/** What makes a client go through the proxy, and try so many times without waiting between. */
function through(attempts = 5): Partial<ClientOptions> & { clock: HastyClock } {
  return { baseUrl: proxy.url, clock: new HastyClock(), retry: { attempts, attemptMilliseconds } };
}

async function methodsOf(user: string): Promise<PaymentMethod[]> {
  return (await project().paymentMethods.page({ user })).items;
}

/** The keys, each once, and the statuses of what came through to the service. */
function seen(): { keys: number; statuses: number[] } {
  assert.equal(proxy.undone, 0);
  const keys = proxy.exchanges.map(({ headers }) => headers['idempotency-key']);
  assert.ok(!keys.includes(undefined));
  return { keys: new Set(keys).size, statuses: proxy.exchanges.map(({ status }) => status) };
}

for (const fault of ['lose answer', 'cut answer'] as const) {
  test(`a payment method is saved once although the answers are lost (${fault})`, async () => {
    const user = newUser();
    proxy.expect(fault, fault);
    // Each request with this name makes a payment method of its own, so one that is carried out twice shows.
    const saved = await project(through()).paymentMethods.create({ id: 'pm_card_visa', user });
    assert.deepEqual(await methodsOf(user), [saved]);
    assert.deepEqual(seen(), { keys: 1, statuses: [201, 201, 201] });
  });
}

test('without the key there would be two', async () => {
  const user = newUser();
  proxy.expect('lose answer');
  const once = through(1);
  await assert.rejects(project(once).paymentMethods.create({ id: 'pm_card_visa', user }), BillfoldConnectionError);
  await project(once).paymentMethods.create({ id: 'pm_card_visa', user });
  assert.equal((await methodsOf(user)).length, 2);
  assert.equal(seen().keys, 2);
});

test('a request that is lost on its way is sent again', async () => {
  const user = newUser();
  proxy.expect('lose request', 'lose request', 'lose request', 'lose request');
  const saved = await project(through()).paymentMethods.create({ id: 'pm_card_visa', user });
  assert.deepEqual(await methodsOf(user), [saved]);
  assert.deepEqual(seen().statuses, [201]);
});

test('the error of a lost request names the key that tells what became of it', async () => {
  const user = newUser();
  proxy.expect('lose answer');
  const lost: unknown = await project(through(1))
    .paymentMethods.create({ id: 'pm_card_visa', user })
    .catch((error: unknown) => error);
  assert.ok(lost instanceof BillfoldConnectionError && lost.idempotencyKey !== null);
  const { idempotencyKey } = lost;
  const saved = await project().paymentMethods.create({ id: 'pm_card_visa', user }, { idempotencyKey });
  assert.deepEqual(await methodsOf(user), [saved]);
});

test('what was deleted is given back although the answer is lost', async () => {
  const user = newUser();
  const saved = await project().paymentMethods.create({ id: 'pm_card_visa', user });
  proxy.expect('lose answer');
  assert.deepEqual(await project(through()).paymentMethods.delete(saved.id), saved);
  assert.deepEqual(seen(), { keys: 1, statuses: [200, 200] });
  assert.deepEqual(await methodsOf(user), []);
});

test('one setup intent is made although the answer is lost', async () => {
  const earlier = await setupIntentsMade();
  proxy.expect('lose answer');
  const intent = await project(through()).setupIntents.create({ user: newUser() });
  assert.equal(await setupIntentsMade(), earlier + 1);
  assert.deepEqual(seen(), { keys: 1, statuses: [201, 201] });
  assert.equal(JSON.parse(proxy.exchanges[0]?.body ?? '').clientSecret, intent.clientSecret);
});

test('the account API is repeated in the same way', async () => {
  const user = account(through());
  const earlier = await setupIntentsMade();
  proxy.expect('lose answer');
  const intent = await user.setupIntents.create();
  assert.equal(await setupIntentsMade(), earlier + 1);
  const id = await confirm(intent.id, intent.client_secret, '4242424242424242');

  proxy.expect('lose answer');
  assert.equal((await user.paymentMethods.create({ id })).id, id);
  assert.deepEqual(seen(), { keys: 1, statuses: [201, 201] });

  proxy.expect('lose answer');
  await user.paymentMethods.delete(id);
  assert.deepEqual(seen(), { keys: 1, statuses: [204, 204] });
});

test('a read is repeated when Stripe could not answer, no sooner than Retry-After says', async () => {
  const intent = await project().setupIntents.create({ user: newUser() });
  // Billfold itself asks Stripe twice.
  await order({ kind: 'reset', path: `/v1/setup_intents/${intent.id}`, method: 'GET', count: 2 });
  proxy.expect();
  const options = through();
  assert.equal((await project(options).setupIntents.retrieve(intent.id)).id, intent.id);
  assert.deepEqual(proxy.exchanges.map(({ status }) => status), [503, 200]);
  const seconds = Number(proxy.exchanges[0]?.retryAfter);
  assert.ok(seconds >= 1 && (options.clock.pauses[0] ?? 0) >= seconds * 1000, `${seconds} s, ${options.clock.pauses}`);
});

test('when no attempt helps, the error has what the last answer told', async () => {
  const intent = await project().setupIntents.create({ user: newUser() });
  await order({ kind: 'reset', path: `/v1/setup_intents/${intent.id}`, method: 'GET', count: 6 });
  const told: unknown = await project(through(3))
    .setupIntents.retrieve(intent.id)
    .catch((error: unknown) => error);
  assert.ok(told instanceof BillfoldApiError);
  assert.deepEqual([told.status, told.type, told.attempts, told.code], [503, 'serviceUnavailable', 3, null]);
  assert.match(told.requestId ?? '', /^req_/);
  assert.ok((told.retryAfterSeconds ?? 0) >= 1);
});

test('a write is repeated when Stripe could not answer, and done once', async () => {
  const user = newUser();
  const earlier = await setupIntentsMade();
  await order({ kind: 'reset_after', path: '/v1/setup_intents', method: 'POST', count: 2 });
  proxy.expect();
  const options = through();
  const saved = await project(options).paymentMethods.create({ id: 'pm_card_visa', user });
  const { keys, statuses } = seen();
  assert.deepEqual([keys, statuses[0], statuses.at(-1)], [1, 503, 201]);
  assert.ok((options.clock.pauses[0] ?? 0) >= Number(proxy.exchanges[0]?.retryAfter) * 1000);
  assert.equal(await setupIntentsMade(), earlier + 1);
  assert.deepEqual(await methodsOf(user), [saved]);
});

test('a limit is waited for', async () => {
  proxy.expect({ status: 429, headers: { 'Retry-After': '3' } }, { status: 503, headers: {} });
  const options = through();
  await account(options).paymentMethods.list();
  const [first = 0, second = 0] = options.clock.pauses;
  assert.ok(first >= 3000 && first < 3500 && second >= 500 && second <= 1000, String([first, second]));
});

test('of two requests with one key, the later waits for the earlier and gets its answer', async () => {
  const user = newUser();
  await order({ kind: 'delay', path: '/v1/setup_intents', method: 'POST', count: 1, milliseconds: 500 });
  proxy.expect();
  // It asks again without a pause for as long as the other takes, so the number of attempts must not end it.
  const billfold = project(through(100_000));
  const request = () => billfold.paymentMethods.create({ id: 'pm_card_visa', user }, { idempotencyKey: user });
  const [one, other] = await Promise.all([request(), request()]);
  assert.deepEqual(one, other);
  assert.deepEqual(await methodsOf(user), [one]);
  assert.ok(seen().statuses.includes(409));
});
