//! A payment method as a row.

use billfold_domain::{
    Card, CardBrand, PaymentMethod, PaymentMethodId, PaymentMethodStatus, PaymentMethodType, SetupIntentId,
    UserId,
};
use diesel::{AsChangeset, Insertable, Queryable, Selectable};

use crate::{
    StoreError,
    schema::payment_methods,
    sql_types::{StoredInstant, stored_name},
};

stored_name!(
    /// A type's name as a column.
    StoredType(PaymentMethodType), |name| PaymentMethodType::from_name(name).ok_or("no type of a payment method")
);
stored_name!(
    /// A brand's name as a column.
    StoredBrand(CardBrand), |name| Ok::<_, &str>(CardBrand::from_name(name))
);

/// A payment method's columns, without its project.
#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = payment_methods)]
#[diesel(treat_none_as_null = true)]
#[diesel(check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub(crate) struct PaymentMethodRow {
    id: String,
    pub(crate) user_id: String,
    payment_method_type: StoredType,
    brand: StoredBrand,
    last4: String,
    exp_month: i16,
    exp_year: i16,
    setup_intent_id: Option<String>,
    created_at: StoredInstant,
}

impl PaymentMethodRow {
    pub(crate) fn of(payment_method: &PaymentMethod) -> Self {
        let setup_intent = match &payment_method.status {
            PaymentMethodStatus::Available => None,
            PaymentMethodStatus::RequiresConfirmation { setup_intent } => Some(setup_intent.to_string()),
        };
        Self {
            id: payment_method.id.to_string(),
            user_id: payment_method.user.to_string(),
            payment_method_type: StoredType(payment_method.payment_method_type),
            brand: StoredBrand(payment_method.card.brand),
            last4: payment_method.card.last4.clone(),
            exp_month: payment_method.card.exp_month,
            exp_year: payment_method.card.exp_year,
            setup_intent_id: setup_intent,
            created_at: StoredInstant(payment_method.created_at),
        }
    }
}

impl TryFrom<PaymentMethodRow> for PaymentMethod {
    type Error = StoreError;

    fn try_from(row: PaymentMethodRow) -> Result<Self, StoreError> {
        let unreadable = || StoreError::Internal("a payment method's row cannot be read".to_owned());
        let status = match row.setup_intent_id {
            None => PaymentMethodStatus::Available,
            Some(id) => PaymentMethodStatus::RequiresConfirmation {
                setup_intent: SetupIntentId::parse(id).map_err(|_| unreadable())?,
            },
        };
        Ok(Self {
            id: PaymentMethodId::parse(row.id).map_err(|_| unreadable())?,
            user: UserId::parse(row.user_id).map_err(|_| unreadable())?,
            payment_method_type: row.payment_method_type.0,
            card: Card {
                brand: row.brand.0,
                last4: row.last4,
                exp_month: row.exp_month,
                exp_year: row.exp_year,
            },
            status,
            created_at: row.created_at.0,
        })
    }
}
