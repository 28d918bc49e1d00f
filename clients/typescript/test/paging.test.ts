import assert from 'node:assert/strict';
import { test } from 'node:test';

import { answer, refusal, Stub } from './support/stub.js';

const first = answer(200, { items: [{ id: 'pm_4' }, { id: 'pm_3' }], moreItemsAfter: 'pm_3', moreItemsBefore: null });
const second = answer(200, { items: [{ id: 'pm_2' }, { id: 'pm_1' }], moreItemsAfter: null, moreItemsBefore: 'pm_2' });

/** What the pages were asked for with. */
function queries(stub: Stub): string[] {
  return stub.seen.map(({ url }) => url.search);
}

test('a walk goes through all pages and keeps its filters', async () => {
  const stub = new Stub([first, second]);
  const ids = [];
  const list = stub.project.paymentMethods.list({ user: 'usr_1', type: ['card', 'googlePay'], limit: 2 });
  for await (const { id } of list) ids.push(id);
  assert.deepEqual(ids, ['pm_4', 'pm_3', 'pm_2', 'pm_1']);
  assert.deepEqual(queries(stub), [
    '?limit=2&user=usr_1&type=card%2CgooglePay',
    '?limit=2&user=usr_1&type=card%2CgooglePay&after=pm_3',
  ]);
});

test('pages are fetched when they are needed, and large ones unless told otherwise', async () => {
  const stub = new Stub([first, second]);
  const list = stub.project.auditEvents.list();
  assert.equal(stub.seen.length, 0);
  for await (const { id } of list) {
    if (id === 'pm_3') break;
  }
  assert.deepEqual(queries(stub), ['?limit=100']);
});

test('each walk begins anew, from where it was told', async () => {
  const stub = new Stub([first, second, second]);
  const list = stub.project.paymentMethods.list({ after: 'pm_5' });
  const pages = [];
  for await (const page of list.pages()) pages.push(page.items.length);
  for await (const page of list.pages()) pages.push(page.items.length);
  assert.deepEqual(pages, [2, 2, 2]);
  assert.deepEqual(queries(stub), ['?limit=100&after=pm_5', '?limit=100&after=pm_3', '?limit=100&after=pm_5']);
});

test('an error in the middle of a walk ends it', async () => {
  const stub = new Stub([first, refusal(422, 'invalid')]);
  const walk = async (): Promise<void> => {
    for await (const _ of stub.project.paymentMethods.list()) assert.ok(_);
  };
  await assert.rejects(walk(), { type: 'invalid' });
});

test('an empty filter is not left out, which would mean all', async () => {
  const stub = new Stub([first]);
  await stub.project.paymentMethods.page({ type: [], user: '' });
  assert.deepEqual(queries(stub), ['?type=&user=']);
});
