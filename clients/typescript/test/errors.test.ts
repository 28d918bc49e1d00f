import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { BillfoldApiError, BillfoldError } from 'billfold-client';

import { answer, refusal, Stub, type Move } from './support/stub.js';

/** The error that a call of the project API ends with, and one of the account API. */
async function errorsOf(move: () => Move): Promise<BillfoldApiError[]> {
  const stub = new Stub([move], { retry: { attempts: 1 } });
  const calls = [stub.project.paymentMethods.retrieve('pm_1'), stub.account.paymentMethods.delete('pm_1')];
  const errors = [];
  for (const call of calls) {
    const error: unknown = await call.then(() => assert.fail('no error'), (thrown: unknown) => thrown);
    assert.ok(error instanceof BillfoldApiError && error instanceof BillfoldError && error instanceof Error);
    errors.push(error);
  }
  return errors;
}

test('an error of the project API has all that the answer told', async () => {
  const fault = { object: 'propertyErrorDetail', code: 'propertyInvalid', message: 'user is empty.', property: 'user' };
  const body = { object: 'error', type: 'invalid', code: 'propertyInvalid', message: 'user is empty.', details: [fault] };
  const [error] = await errorsOf(answer(422, body));
  assert.equal(error?.message, 'user is empty.');
  assert.equal(error.status, 422);
  assert.equal(error.type, 'invalid');
  assert.equal(error.code, 'propertyInvalid');
  assert.equal(error.hint, null);
  assert.equal(error.requestId, 'req_1');
  assert.deepEqual(error.details, [{ property: 'user', message: 'user is empty.', code: 'propertyInvalid' }]);
});

test('a hint and a Retry-After are told', async () => {
  const [error] = await errorsOf(refusal(503, 'serviceUnavailable', { 'Retry-After': '3' }));
  assert.deepEqual([error?.hint, error?.retryAfterSeconds, error?.code], ['Do it better.', 3, null]);
});

test('the account API names no types: the status does', async () => {
  const wanted = {
    400: 'malformed',
    401: 'unauthenticated',
    403: 'permissionDenied',
    404: 'notFound',
    405: 'notImplemented',
    408: 'malformed',
    409: 'conflict',
    410: 'gone',
    413: 'malformed',
    422: 'invalid',
    429: 'tooManyRequests',
    500: 'internal',
    503: 'serviceUnavailable',
  };
  for (const [status, type] of Object.entries(wanted)) {
    const [, error] = await errorsOf(answer(Number(status), { message: 'No.' }));
    assert.deepEqual([error?.type, error?.message, error?.hint], [type, 'No.', null]);
  }
});

test('faults of fields of the account API are details', async () => {
  const body = { message: 'The id field is required.', errors: { id: ['The id field is required.'] } };
  const [, error] = await errorsOf(answer(422, body));
  assert.deepEqual(error?.details, [{ property: 'id', message: 'The id field is required.', code: null }]);
});

test("what is not Billfold's own is told as unknown", async () => {
  for (const body of ['<html>Bad gateway</html>', '', 'null', '"text"', '[]', '{}', '{"message":7}']) {
    for (const error of await errorsOf(() => new Response(body, { status: 503 }))) {
      const told = [error.type, error.message, error.requestId, error.details.length];
      assert.deepEqual(told, ['unknown', 'HTTP status 503', null, 0]);
    }
  }
});

test('no token shows in an error or in a client', async () => {
  for (const error of await errorsOf(refusal(401, 'unauthenticated'))) {
    assert.doesNotMatch(inspect(error, { depth: 10, showHidden: true }), /the-token/);
  }
  const stub = new Stub([() => new TypeError('fetch failed')], { retry: { attempts: 1 } });
  const lost: unknown = await stub.account.paymentMethods.list().catch((error: unknown) => error);
  assert.doesNotMatch(inspect(lost, { depth: 10, showHidden: true }), /the-token/);
  assert.doesNotMatch(inspect(stub.project, { depth: 10, showHidden: true }), /the-token/);
});

test('what cannot stand in a path is refused before anything is sent', async () => {
  const stub = new Stub([answer(200)]);
  for (const id of ['', '.', '..']) {
    await assert.rejects(stub.project.paymentMethods.retrieve(id), TypeError);
    await assert.rejects(stub.project.paymentMethods.delete(id), TypeError);
    await assert.rejects(stub.project.setupIntents.retrieve(id), TypeError);
    await assert.rejects(stub.account.paymentMethods.delete(id), TypeError);
  }
  assert.equal(stub.seen.length, 0);
  await stub.project.paymentMethods.retrieve('../../operator?x#y');
  assert.equal(stub.seen[0]?.url.pathname, '/projects/demo/paymentMethods/..%2F..%2Foperator%3Fx%23y');
});
