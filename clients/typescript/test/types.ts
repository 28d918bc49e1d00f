import type { AccountClient, ProjectClient } from 'billfold-client';

/** What must not compile, since the contract does not have it. A line that does is an error of the compiler's. */
export function mistakes(billfold: ProjectClient, account: AccountClient): void {
  // @ts-expect-error It says not whose the payment method is.
  void billfold.paymentMethods.create({ id: 'pm_1' });
  // @ts-expect-error There is no such property.
  void billfold.paymentMethods.create({ id: 'pm_1', user: 'usr_1', brand: 'visa' });
  // @ts-expect-error There is no such type.
  void billfold.paymentMethods.page({ type: ['cash'] });
  // @ts-expect-error There is no such filter.
  void billfold.paymentMethods.page({ users: 'usr_1' });
  // @ts-expect-error A walk goes onward only.
  void billfold.paymentMethods.list({ before: 'pm_1' });
  // @ts-expect-error The token says whose it is.
  void account.paymentMethods.create({ id: 'pm_1', user: 'usr_1' });
  // @ts-expect-error It may be null.
  void billfold.paymentMethods.retrieve('pm_1').then(({ brand }) => brand.length);
  // @ts-expect-error The account API writes it in another way.
  void account.setupIntents.create().then(({ clientSecret }) => clientSecret);
}
