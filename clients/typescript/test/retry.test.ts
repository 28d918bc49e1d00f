import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BillfoldApiError, BillfoldConnectionError } from 'billfold-client';

import { answer, refusal, Stub } from './support/stub.js';

const method = { id: 'pm_1', user: 'usr_1' };
const failing = (): Error => new TypeError('fetch failed');

test('pauses double up to a bound', async () => {
  const stub = new Stub([answer(500)], { retry: { attempts: 8 } });
  const error = await assert.rejects(stub.clock.run(stub.project.paymentMethods.retrieve('pm_1')), { attempts: 8 });
  assert.equal(error, undefined);
  assert.deepEqual(stub.pauses, [250, 500, 1000, 2000, 4000, 4000, 4000]);
});

test('jitter makes a pause up to twice as long, and never longer than the bound', async () => {
  const fractions = [0, 0.5, 0.75, 0.25, 0.5, 0.875, 0];
  const stub = new Stub([failing], { retry: { attempts: 8 }, random: () => fractions.shift() ?? assert.fail() });
  await assert.rejects(stub.clock.run(stub.project.paymentMethods.retrieve('pm_1')), BillfoldConnectionError);
  assert.deepEqual(stub.pauses, [250, 750, 1750, 2500, 6000, 7500, 4000]);
});

test('there are five attempts unless told otherwise', async () => {
  const stub = new Stub([answer(503)]);
  await assert.rejects(stub.clock.run(stub.project.paymentMethods.retrieve('pm_1')), { attempts: 5, status: 503 });
  assert.equal(stub.seen.length, 5);
});

for (const status of [409, 429, 500, 502, 503, 504]) {
  test(`${status} is worth another try`, async () => {
    const stub = new Stub([answer(status), answer(201, { id: 'pm_1' })]);
    assert.equal((await stub.clock.run(stub.project.paymentMethods.create(method))).id, 'pm_1');
    assert.equal(stub.seen.length, 2);
  });
}

for (const status of [400, 401, 403, 404, 405, 408, 410, 413, 422]) {
  test(`${status} is definite`, async () => {
    const stub = new Stub([answer(status, {}, { 'Retry-After': '1' })]);
    await assert.rejects(stub.clock.run(stub.account.paymentMethods.delete('pm_1')), { status, attempts: 1 });
    assert.equal(stub.seen.length, 1);
  });
}

test('a pause is never shorter than Retry-After', async () => {
  const busy = refusal(429, 'tooManyRequests', { 'Retry-After': '7' });
  const stub = new Stub([busy, busy, answer(200, { id: 'pm_1' })], { random: () => 0.5 });
  await stub.clock.run(stub.project.paymentMethods.delete('pm_1'));
  assert.deepEqual(stub.pauses, [7250, 7250]);
});

test('a Retry-After that nobody would wait for is told at once', async () => {
  const stub = new Stub([refusal(429, 'tooManyRequests', { 'Retry-After': '21' })]);
  const wanted = { type: 'tooManyRequests', retryAfterSeconds: 21, attempts: 1 };
  await assert.rejects(stub.clock.run(stub.project.paymentMethods.create(method)), wanted);
});

test('a Retry-After that is no number is passed over', async () => {
  const stub = new Stub([answer(503, {}, { 'Retry-After': 'Sat, 21 Nov 2026 15:00:00 GMT' }), answer(200)]);
  await stub.clock.run(stub.project.paymentMethods.delete('pm_1'));
  assert.deepEqual(stub.pauses, [250]);
});

test('all attempts of a write have one key, and each write one of its own', async () => {
  let made = 0;
  const stub = new Stub([failing, answer(500), answer(409), answer(200)], { newIdempotencyKey: () => `key-${(made += 1)}` });
  await stub.clock.run(stub.project.paymentMethods.create(method));
  await stub.clock.run(stub.project.paymentMethods.delete('pm_1'));
  await stub.clock.run(stub.project.setupIntents.create({ user: 'usr_1' }));
  await stub.clock.run(stub.account.paymentMethods.create({ id: 'pm_1' }));
  await stub.clock.run(stub.account.paymentMethods.delete('pm_1'));
  await stub.clock.run(stub.account.setupIntents.create());
  assert.deepEqual(stub.keys, ['key-1', 'key-1', 'key-1', 'key-1', 'key-2', 'key-3', 'key-4', 'key-5', 'key-6']);
  assert.deepEqual(new Set(stub.seen.slice(0, 4).map(({ body }) => body)), new Set([JSON.stringify(method)]));
});

test('keys are random where nothing else makes them', async () => {
  const stub = new Stub([answer(200)]);
  for (let count = 0; count < 100; count += 1) await stub.account.setupIntents.create();
  assert.equal(new Set(stub.keys).size, 100);
  for (const key of stub.keys) assert.match(key ?? '', /^[0-9a-f]{32}$/);
});

test('a key that the caller gives is taken as it is', async () => {
  const stub = new Stub([failing, answer(200)]);
  await stub.clock.run(stub.project.paymentMethods.create(method, { idempotencyKey: 'job-7' }));
  assert.deepEqual(stub.keys, ['job-7', 'job-7']);
});

test('what only reads has no key', async () => {
  const stub = new Stub([answer(200, { items: [], moreItemsAfter: null })]);
  await stub.project.paymentMethods.page();
  await stub.account.paymentMethods.list();
  assert.deepEqual(stub.keys, [null, null]);
});

test('when no attempt gets an answer, the error says why and names the key', async () => {
  const cause = failing();
  const stub = new Stub([() => cause]);
  const wanted = { name: 'BillfoldConnectionError', attempts: 5, idempotencyKey: 'job-7', cause };
  await assert.rejects(stub.clock.run(stub.project.paymentMethods.create(method, { idempotencyKey: 'job-7' })), wanted);
});

test('an answer that breaks off is none', async () => {
  const broken = (): Response =>
    new Response(new ReadableStream({ start: (controller) => controller.error(new TypeError('terminated')) }), { status: 201 });
  const stub = new Stub([broken, answer(201, { id: 'pm_1' })]);
  assert.equal((await stub.clock.run(stub.project.paymentMethods.create(method))).id, 'pm_1');
  assert.equal(stub.seen.length, 2);
});

test('a page of somebody in between is no answer', async () => {
  const stub = new Stub([() => new Response('<html>Sign in to the network</html>', { status: 200 })]);
  await assert.rejects(stub.clock.run(stub.account.paymentMethods.list()), BillfoldConnectionError);
});

test('an attempt that hangs is given up after its time, and made again', async () => {
  const stub = new Stub([() => 'hang', answer(201, { id: 'pm_1' })]);
  await stub.clock.run(stub.project.paymentMethods.create(method));
  assert.deepEqual(stub.pauses, [40_250]);
  assert.equal(stub.clock.waiting, 0);
});

test('a caller who aborts ends the attempt', async () => {
  const ending = new AbortController();
  const stub = new Stub([() => 'hang']);
  const call = stub.project.paymentMethods.create(method, { signal: ending.signal });
  stub.clock.after(100, () => ending.abort(new Error('enough')));
  await assert.rejects(stub.clock.run(call), { message: 'enough' });
  assert.deepEqual([stub.seen.length, stub.clock.now, stub.clock.waiting], [1, 100, 0]);
});

test('a caller who aborts ends the pause', async () => {
  const ending = new AbortController();
  const stub = new Stub([answer(503, {}, { 'Retry-After': '10' })]);
  const call = stub.project.paymentMethods.create(method, { signal: ending.signal });
  stub.clock.after(100, () => ending.abort(new Error('enough')));
  await assert.rejects(stub.clock.run(call), { message: 'enough' });
  assert.deepEqual([stub.seen.length, stub.clock.now, stub.clock.waiting], [1, 100, 0]);
});

test('a call that is aborted before it begins sends nothing', async () => {
  const stub = new Stub([answer(200)]);
  const call = stub.account.paymentMethods.list({ signal: AbortSignal.abort(new Error('enough')) });
  await assert.rejects(call, { message: 'enough' });
  assert.equal(stub.seen.length, 0);
});

test('the token is asked for before each attempt', async () => {
  let asked = 0;
  const stub = new Stub([answer(503), answer(200)], { token: async () => `token-${(asked += 1)}` });
  await stub.clock.run(stub.account.paymentMethods.list());
  assert.deepEqual(
    stub.seen.map(({ headers }) => headers.get('Authorization')),
    ['Bearer token-1', 'Bearer token-2'],
  );
});

test('one attempt means that nothing is repeated', async () => {
  const stub = new Stub([answer(503)], { retry: { attempts: 1 } });
  await assert.rejects(stub.clock.run(stub.account.paymentMethods.list()), BillfoldApiError);
  assert.equal(stub.seen.length, 1);
});
