//! A tenant, and what its users do.

use std::sync::atomic::{AtomicU64, Ordering};

use billfold_domain::{CustomerId, PaymentMethod, PaymentMethodId, ProjectId, ProjectScope};
use billfold_store::{
    Alongside, BeginCreate, BeginDelete, Claim, Customers, Database, Deletable, IdempotencyKeys,
    NewOperation, Operation, OperationKind, Operations, PaymentMethods, SetupIntents, Subject,
};

use super::{at, customer_id, method_id, user};

/// A tenant and everything that can be done under its scope.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) scope: ProjectScope,
    pub(crate) operations: Operations,
    pub(crate) payment_methods: PaymentMethods,
    pub(crate) customers: Customers,
    pub(crate) setup_intents: SetupIntents,
    pub(crate) idempotency_keys: IdempotencyKeys,
}

impl Tenant {
    pub(crate) fn of(database: &Database, project: &str) -> Self {
        Self {
            scope: ProjectScope::authorized(ProjectId::parse(project).unwrap()),
            operations: Operations::new(database.clone()),
            payment_methods: PaymentMethods::new(database.clone()),
            customers: Customers::new(database.clone()),
            setup_intents: SetupIntents::new(database.clone()),
            idempotency_keys: IdempotencyKeys::new(database.clone()),
        }
    }

    /// Begins an operation that nothing stands in the way of.
    pub(crate) async fn hold(&self, new: &NewOperation) -> Operation {
        held(self.operations.begin(&self.scope, new, at(0)).await.unwrap())
    }

    /// Saves a payment method as an operation does.
    pub(crate) async fn save(&self, payment_method: &PaymentMethod) {
        let operation = self
            .hold(&creation(
                payment_method.id.as_str(),
                payment_method.user.as_str(),
            ))
            .await;
        self.operations
            .finish_payment_method(&self.scope, &operation, payment_method, Alongside::nothing())
            .await
            .unwrap();
    }

    /// Deletes a payment method, to the end.
    pub(crate) async fn delete(&self, id: &PaymentMethodId) {
        match self.begin_delete(id, None).await {
            BeginDelete::Held(operation, _) => self.operations.end(&self.scope, &operation).await.unwrap(),
            other => panic!("{id} cannot be deleted: {other:?}"),
        }
    }

    pub(crate) async fn begin_delete(&self, id: &PaymentMethodId, owner: Option<&str>) -> BeginDelete {
        let owner = owner.map(user);
        self.payment_methods
            .begin_delete(
                &self.scope,
                operation_id(),
                id,
                Deletable::owned_by(owner.as_ref()),
                at(1_000),
                Alongside::nothing(),
            )
            .await
            .unwrap()
    }

    pub(crate) async fn begin_create(&self, id: &str, user: &str, maximum: i64) -> BeginCreate {
        self.payment_methods
            .begin_create(
                &self.scope,
                &creation(id, user),
                &method_id(id),
                maximum,
                at(0),
                Alongside::nothing(),
            )
            .await
            .unwrap()
    }

    pub(crate) async fn find(&self, id: &str) -> Option<PaymentMethod> {
        self.payment_methods
            .find(&self.scope, &method_id(id))
            .await
            .unwrap()
    }

    /// The payment method, or `None` also where there is no answer.
    pub(crate) async fn find_or_none(&self, id: &str) -> Option<PaymentMethod> {
        self.payment_methods
            .find(&self.scope, &method_id(id))
            .await
            .ok()
            .flatten()
    }

    /// Makes a customer as an operation does.
    pub(crate) async fn save_customer(&self, user_name: &str, id: &str) {
        let operation = self.hold(&customer_creation(user_name)).await;
        self.operations
            .finish_customer(&self.scope, &operation, &customer_id(id), at(0))
            .await
            .unwrap();
    }

    pub(crate) async fn customer_of(&self, user_name: &str) -> Option<CustomerId> {
        self.customers.find(&self.scope, &user(user_name)).await.unwrap()
    }
}

/// The operation of a claim that must have been granted.
pub(crate) fn held(claim: Claim) -> Operation {
    match claim {
        Claim::Held(operation) => operation,
        Claim::Busy => panic!("another holds the operation"),
    }
}

/// A name that no other operation has.
pub(crate) fn operation_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("operation-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The operation that saves a payment method.
pub(crate) fn creation(id: &str, user_name: &str) -> NewOperation {
    NewOperation {
        id: operation_id(),
        kind: OperationKind::CreatePaymentMethod,
        subject: Subject::PaymentMethod(method_id(id)),
        user: user(user_name),
    }
}

/// The operation that makes a customer.
pub(crate) fn customer_creation(user_name: &str) -> NewOperation {
    NewOperation {
        id: operation_id(),
        kind: OperationKind::CreateCustomer,
        subject: Subject::Customer(user(user_name)),
        user: user(user_name),
    }
}

/// The operation that makes a setup intent.
pub(crate) fn setup_intent_creation(user_name: &str) -> NewOperation {
    let id = operation_id();
    NewOperation {
        kind: OperationKind::CreateSetupIntent,
        subject: Subject::SetupIntent(id.clone()),
        user: user(user_name),
        id,
    }
}
