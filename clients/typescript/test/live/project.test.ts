import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BillfoldApiError, type PaymentMethod } from 'billfold-client';

import { confirm, newUser, project, readingToken } from '../support/environment.js';

const billfold = project();

test('a payment method is saved, retrieved and deleted', async () => {
  const user = newUser();
  const saved = await billfold.paymentMethods.create({ id: 'pm_card_visa', user });
  const { object, brand, last4, status, type, clientSecret } = saved;
  const wanted = { object: 'paymentMethod', brand: 'visa', last4: '4242', status: 'available', type: 'card', clientSecret: null };
  assert.deepEqual({ object, brand, last4, status, type, clientSecret }, wanted);
  assert.equal(saved.user, user);

  assert.deepEqual(await billfold.paymentMethods.retrieve(saved.id), saved);
  assert.deepEqual(await billfold.paymentMethods.create({ id: saved.id, user }), saved);
  assert.deepEqual(await billfold.paymentMethods.delete(saved.id), saved);
  await assert.rejects(billfold.paymentMethods.retrieve(saved.id), { status: 404, type: 'notFound' });
  await assert.rejects(billfold.paymentMethods.delete(saved.id), { status: 404, type: 'notFound' });
});

test('a walk shows all of 25 payment methods, newest first, a page after the other', async () => {
  const user = newUser();
  const saved: PaymentMethod[] = [];
  for (let count = 0; count < 25; count += 1) {
    saved.unshift(await billfold.paymentMethods.create({ id: 'pm_card_mastercard', user }));
  }
  const listed = [];
  for await (const method of billfold.paymentMethods.list({ user, limit: 10 })) listed.push(method);
  assert.deepEqual(listed, saved);
  const sizes = [];
  for await (const page of billfold.paymentMethods.list({ user, limit: 10 }).pages()) sizes.push(page.items.length);
  assert.deepEqual(sizes, [10, 10, 5]);

  const rest = [];
  const after = saved[21]?.id ?? assert.fail();
  for await (const method of billfold.paymentMethods.list({ user, limit: 2, after })) rest.push(method.id);
  assert.deepEqual(rest, saved.slice(22).map(({ id }) => id));

  const last = await billfold.paymentMethods.page({ user, limit: 10, after: saved[19]?.id ?? assert.fail() });
  const back = await billfold.paymentMethods.page({ user, limit: 10, before: last.moreItemsBefore ?? assert.fail() });
  assert.deepEqual(back.items, saved.slice(10, 20));
});

test('filters by type are a union', async () => {
  const user = newUser();
  for (const id of ['pm_card_visa', 'pm_card_googlePay_visa', 'pm_card_applePay_visa']) {
    await billfold.paymentMethods.create({ id, user });
  }
  const types = [];
  for await (const { type } of billfold.paymentMethods.list({ user, type: ['card', 'googlePay'] })) types.push(type);
  assert.deepEqual(types, ['googlePay', 'card']);
  await assert.rejects(billfold.paymentMethods.page({ user, type: [] }), { status: 422, type: 'invalid' });
});

test('a card that a page collects with a setup intent is saved', async () => {
  const user = newUser();
  const intent = await billfold.setupIntents.create({ user });
  assert.deepEqual([intent.status, intent.user], ['requiresPaymentMethod', user]);
  const id = await confirm(intent.id, intent.clientSecret, '378282246310005');
  assert.equal((await billfold.setupIntents.retrieve(intent.id)).status, 'succeeded');
  const saved = await billfold.paymentMethods.create({ id, user });
  assert.deepEqual([saved.id, saved.brand, saved.last4], [id, 'amex', '0005']);
});

test('a card that asks for a check has a client secret', async () => {
  const saved = await billfold.paymentMethods.create({ id: 'pm_card_authenticationRequired', user: newUser() });
  assert.equal(saved.status, 'requiresConfirmation');
  assert.match(saved.clientSecret ?? '', /^seti_.+_secret_/);
});

test('the audit log tells who saved what', async () => {
  const user = newUser();
  const { id } = await billfold.paymentMethods.create({ id: 'pm_card_visa', user });
  const told = [];
  for await (const { action, outcome, target } of billfold.auditEvents.list({ user, limit: 1 })) {
    told.push([action, outcome, target?.id]);
  }
  assert.deepEqual(told[0], ['paymentMethod.create', 'succeeded', id]);
  assert.deepEqual(told.map(([, outcome]) => outcome), ['succeeded', 'begun']);
});

test('each refusal is an error of its type', async () => {
  const method = { id: 'pm_card_visa', user: newUser() };
  const refusals: [() => Promise<unknown>, Partial<BillfoldApiError>][] = [
    [
      () => project({ token: 'nonsense' }).paymentMethods.create(method),
      { status: 401, type: 'unauthenticated', message: 'Invalid authorization token', hint: null },
    ],
    [() => project({ token: readingToken }).paymentMethods.create(method), { status: 403, type: 'permissionDenied' }],
    [() => project({ project: 'acme' }).paymentMethods.create(method), { status: 404, type: 'notFound' }],
    [() => billfold.paymentMethods.retrieve('pm_unknown'), { status: 404, type: 'notFound' }],
    [() => billfold.setupIntents.retrieve('seti_unknown'), { status: 404, type: 'notFound' }],
    [() => billfold.paymentMethods.page({ limit: 201 }), { status: 422, type: 'invalid', code: 'propertyInvalid' }],
    [
      () => billfold.paymentMethods.create({ ...method, id: 'pm_card_chargeDeclined' }),
      { status: 422, code: 'paymentCardDeclined', hint: 'Ask the user for another card.' },
    ],
    [
      () => billfold.paymentMethods.create({ ...method, id: 'pm_unknown' }),
      { status: 422, type: 'invalid', code: 'paymentMethodNotUsable' },
    ],
  ];
  for (const [call, wanted] of refusals) {
    await assert.rejects(call(), (error: unknown) => {
      assert.ok(error instanceof BillfoldApiError);
      for (const [name, value] of Object.entries(wanted)) assert.equal(error[name as keyof BillfoldApiError], value);
      assert.match(error.requestId ?? '', /^req_/);
      assert.equal(error.attempts, 1);
      return true;
    });
  }
});

test('a key that was used for another request is refused', async () => {
  const user = newUser();
  const options = { idempotencyKey: user };
  await billfold.paymentMethods.create({ id: 'pm_card_visa', user }, options);
  await assert.rejects(billfold.paymentMethods.create({ id: 'pm_card_amex', user }, options), {
    status: 422,
    code: 'idempotencyKeyReused',
    idempotencyKey: user,
  });
});

test('all faults of a body are told', async () => {
  const faulty = billfold.paymentMethods.create({ id: '', user: 'no user' });
  await assert.rejects(faulty, (error: unknown) => {
    assert.ok(error instanceof BillfoldApiError);
    assert.deepEqual(error.details.map(({ property, code }) => [property, code]), [
      ['id', 'propertyInvalid'],
      ['user', 'propertyInvalid'],
    ]);
    return true;
  });
});
