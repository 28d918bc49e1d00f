//! One user: what is recorded, against what is attached to the user's customer.

use std::collections::{BTreeMap, BTreeSet};

use billfold_domain::{CustomerId, PaymentMethodId, PaymentMethodStatus, UserId};
use billfold_store::MirroredPaymentMethod;
use billfold_stripe::{StripeError, StripePaymentMethod, StripePaymentMethodKind};

use super::{Contradiction, ContradictionKind, Sweep};
use crate::{
    ServiceError,
    engine::Refreshed,
    world::{Mirror as _, Stripe as _},
};

/// A payment method in the list of a customer's.
pub(super) struct Attached {
    pub(super) found: StripePaymentMethod,
    pub(super) customer: CustomerId,
    /// The read that saw it.
    pub(super) read: i64,
}

impl Sweep<'_> {
    /// Compares one user. The lists are read first and the rows after them: a row that comes between is looked at by its
    /// own name, and what is attached without one is looked at again before anything is said of it.
    pub(super) async fn user(
        &mut self,
        user: &UserId,
        current: Option<&CustomerId>,
    ) -> Result<(), ServiceError> {
        let payment_methods = &self.parts.engine.world.payment_methods;
        let before = payment_methods.of_user(&self.tenant.scope, user).await?;
        let of_rows = before.iter().filter_map(|row| row.customer.as_ref());
        let customers: BTreeSet<&CustomerId> = of_rows.chain(current).collect();
        let mut attached = BTreeMap::new();
        for &customer in &customers {
            // Whoever had another customer before: that one is most likely gone.
            let gone = Some(customer) != current && self.is_gone(customer, &before).await?;
            if !gone {
                self.attached_to(customer, &before, &mut attached).await?;
            }
        }
        let rows = payment_methods.of_user(&self.tenant.scope, user).await?;
        self.report.payment_methods += before.len();
        for row in rows {
            let listed = attached.remove(&row.payment_method.id);
            self.row(row, listed, &customers).await?;
        }
        for method in attached.into_values() {
            self.attached_without_row(user, method).await?;
        }
        Ok(())
    }

    /// Adds what is attached to a customer, all pages of it. One that is gone has its methods removed here.
    async fn attached_to(
        &mut self,
        customer: &CustomerId,
        rows: &[MirroredPaymentMethod],
        attached: &mut BTreeMap<PaymentMethodId, Attached>,
    ) -> Result<(), ServiceError> {
        let world = &self.parts.engine.world;
        let mut last: Option<PaymentMethodId> = None;
        loop {
            let read = world.next_read(&self.tenant.scope).await?;
            let listed = world
                .call(self.tenant, |account| async move {
                    account.list_payment_methods(customer, last.as_ref()).await
                })
                .await;
            let page = match listed {
                Ok(page) => page,
                Err(StripeError::ResourceMissing { .. }) => {
                    if self.is_gone(customer, rows).await? {
                        return Ok(());
                    }
                    return Err(ServiceError::unavailable(
                        "a customer is there, and its list is not",
                    ));
                }
                Err(error) => return Err(error.into()),
            };
            last = page.items.last().map(|method| method.id.clone());
            for found in page.items {
                let customer = customer.clone();
                attached.insert(
                    found.id.clone(),
                    Attached {
                        found,
                        customer,
                        read,
                    },
                );
            }
            if !page.has_more || last.is_none() {
                return Ok(());
            }
        }
    }

    /// Whether a customer is gone at Stripe. Then it and its methods are removed here.
    async fn is_gone(
        &mut self,
        customer: &CustomerId,
        rows: &[MirroredPaymentMethod],
    ) -> Result<bool, ServiceError> {
        let engine = &self.parts.engine;
        let refreshed = if self.dry_run {
            engine.would_refresh_customer(self.tenant, customer).await?
        } else {
            engine.refresh_customer(self.tenant, customer).await?
        };
        if refreshed != Refreshed::Removed {
            // One that nobody knows any more was removed by another just now.
            return Ok(refreshed == Refreshed::NotOurs);
        }
        self.report.removed_customers.push(customer.clone());
        let of_customer = rows.iter().filter(|row| row.customer.as_ref() == Some(customer));
        let ids = of_customer.map(|row| row.payment_method.id.clone());
        self.report.removed.extend(ids);
        Ok(true)
    }

    /// Compares one row.
    async fn row(
        &mut self,
        row: MirroredPaymentMethod,
        listed: Option<Attached>,
        customers: &BTreeSet<&CustomerId>,
    ) -> Result<(), ServiceError> {
        let id = &row.payment_method.id;
        if self.report.removed.contains(id) {
            return Ok(());
        }
        let available = row.payment_method.status == PaymentMethodStatus::Available;
        if let (true, Some(listed)) = (available, &listed) {
            return self.card(&row, listed).await;
        }
        let engine = &self.parts.engine;
        let refreshed = if self.dry_run {
            engine.would_refresh_payment_method(self.tenant, id).await?
        } else {
            engine.refresh_payment_method(self.tenant, id).await?
        };
        let id = id.clone();
        match refreshed {
            Refreshed::InOperation => self.report.in_operation.push(id),
            Refreshed::Confirmed => self.report.confirmed.push(id),
            Refreshed::Removed => self.report.removed.push(id),
            Refreshed::UpToDate if available => self.where_is(row, customers).await?,
            Refreshed::UpToDate | Refreshed::NotOurs => {}
            Refreshed::UnknownAtStripe => self.report.contradictions.push(Contradiction {
                payment_method: id,
                user: row.payment_method.user,
                kind: ContradictionKind::UnknownAtStripe,
            }),
        }
        Ok(())
    }

    /// Writes what Stripe says of a card.
    async fn card(&mut self, row: &MirroredPaymentMethod, listed: &Attached) -> Result<(), ServiceError> {
        let StripePaymentMethodKind::Card { card, .. } = &listed.found.kind else {
            return Ok(());
        };
        let id = &row.payment_method.id;
        let changed = row.payment_method.card != *card;
        let written = self.dry_run
            || self
                .parts
                .engine
                .world
                .refresh_card(&self.tenant.scope, id, listed.read, card)
                .await?;
        if changed && written {
            self.report.updated.push(id.clone());
        }
        Ok(())
    }

    /// A method that is attached, and not in the list of the user's customer: it came just now, or is another's.
    async fn where_is(
        &mut self,
        row: MirroredPaymentMethod,
        customers: &BTreeSet<&CustomerId>,
    ) -> Result<(), ServiceError> {
        let world = &self.parts.engine.world;
        let id = row.payment_method.id;
        world.next_read(&self.tenant.scope).await?;
        let customer = match world.retrieve_payment_method(self.tenant, &id).await {
            Ok(found) => found.customer,
            Err(StripeError::ResourceMissing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let current = world
            .customers
            .find(&self.tenant.scope, &row.payment_method.user)
            .await?;
        match customer {
            // Detached since: that is told, or seen the next time.
            None => {}
            Some(customer) if customers.contains(&customer) || current.as_ref() == Some(&customer) => {}
            Some(_) => self.report.contradictions.push(Contradiction {
                payment_method: id,
                user: row.payment_method.user,
                kind: ContradictionKind::AttachedElsewhere,
            }),
        }
        Ok(())
    }
}
