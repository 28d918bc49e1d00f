//! Which items of a list, and from where on.

use crate::{AuditAction, Cursor, PaymentMethodType, paging::PAGE_OF_A_WALK};

/// Which items of a list, and from where on. The default is all, from the newest on.
///
/// `Filter` is what only lists of one kind can be narrowed by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query<Filter> {
    user: Option<String>,
    filter: Filter,
    limit: Option<u32>,
    cursor: Option<Cursor>,
}

/// Which payment methods to list.
pub type PaymentMethodQuery = Query<PaymentMethodFilter>;

/// Which audit events to list.
pub type AuditEventQuery = Query<AuditEventFilter>;

/// What lists of payment methods can be narrowed by: [`Query::types`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentMethodFilter(Option<Vec<PaymentMethodType>>);

/// What lists of audit events can be narrowed by: [`Query::action`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditEventFilter(Option<AuditAction>);

/// A filter as the query string has it.
pub(crate) trait FilterParameter {
    fn parameter(&self) -> Option<(&'static str, String)>;
}

impl<Filter: Default> Query<Filter> {
    /// All, from the newest on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only this user's; of audit events, only those about this user's objects.
    pub fn of_user(user: impl Into<String>) -> Self {
        Self::new().user(user)
    }
}

impl<Filter> Query<Filter> {
    /// Only this user's; of audit events, only those about this user's objects.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// How many items a page has at most, 0 to 200. Without it a page of a walk has 100, and a single one 10.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Begins at this place, and goes on in its direction.
    #[must_use]
    pub fn cursor(mut self, cursor: Cursor) -> Self {
        self.cursor = Some(cursor);
        self
    }

    /// Begins after the item with this identifier, and goes on towards older ones.
    #[must_use]
    pub fn after(self, id: impl Into<String>) -> Self {
        self.cursor(Cursor::After(id.into()))
    }

    /// Begins before the item with this identifier, and goes on towards newer ones.
    #[must_use]
    pub fn before(self, id: impl Into<String>) -> Self {
        self.cursor(Cursor::Before(id.into()))
    }

    pub(crate) fn start(&self) -> Option<Cursor> {
        self.cursor.clone()
    }

    /// The same at another place of the walk.
    pub(crate) fn at(&self, cursor: Option<Cursor>) -> Self
    where
        Filter: Clone,
    {
        Self {
            limit: self.limit.or(Some(PAGE_OF_A_WALK)),
            cursor,
            ..self.clone()
        }
    }

    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)>
    where
        Filter: FilterParameter,
    {
        [
            self.user.clone().map(|user| ("user", user)),
            self.filter.parameter(),
            self.limit.map(|limit| ("limit", limit.to_string())),
            self.cursor.as_ref().map(Cursor::parameter),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl PaymentMethodQuery {
    /// Only those of these types. None at all are refused by Billfold: left out, they mean all.
    #[must_use]
    pub fn types(mut self, types: impl IntoIterator<Item = PaymentMethodType>) -> Self {
        self.filter.0 = Some(types.into_iter().collect());
        self
    }
}

impl AuditEventQuery {
    /// Only those of this action.
    #[must_use]
    pub fn action(mut self, action: AuditAction) -> Self {
        self.filter.0 = Some(action);
        self
    }
}

impl FilterParameter for PaymentMethodFilter {
    fn parameter(&self) -> Option<(&'static str, String)> {
        let names: Vec<&str> = self.0.as_ref()?.iter().map(PaymentMethodType::as_str).collect();
        Some(("type", names.join(",")))
    }
}

impl FilterParameter for AuditEventFilter {
    fn parameter(&self) -> Option<(&'static str, String)> {
        Some(("action", self.0.as_ref()?.to_string()))
    }
}
