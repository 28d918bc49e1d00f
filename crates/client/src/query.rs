//! Which items of a list, and from where on.

use crate::{AuditAction, Cursor, PaymentMethodType, paging::PAGE_OF_A_WALK};

/// Which payment methods to list, and from where on. The default is all, from the newest on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentMethodQuery {
    user: Option<String>,
    types: Option<Vec<PaymentMethodType>>,
    limit: Option<u32>,
    cursor: Option<Cursor>,
}

impl PaymentMethodQuery {
    /// All, from the newest on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only this user's.
    pub fn of_user(user: impl Into<String>) -> Self {
        Self::new().user(user)
    }

    /// Only this user's.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Only those of these types. None at all are refused by Billfold: left out, they mean all.
    #[must_use]
    pub fn types(mut self, types: impl IntoIterator<Item = PaymentMethodType>) -> Self {
        self.types = Some(types.into_iter().collect());
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
    pub(crate) fn at(&self, cursor: Option<Cursor>) -> Self {
        Self {
            limit: self.limit.or(Some(PAGE_OF_A_WALK)),
            cursor,
            ..self.clone()
        }
    }

    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)> {
        let types = self.types.as_ref().map(|types| {
            let names: Vec<&str> = types.iter().map(PaymentMethodType::as_str).collect();
            ("type", names.join(","))
        });
        [self.user.clone().map(|user| ("user", user)), types]
            .into_iter()
            .chain([self.limit.map(|limit| ("limit", limit.to_string()))])
            .chain([self.cursor.as_ref().map(Cursor::parameter)])
            .flatten()
            .collect()
    }
}

/// Which audit events to list, and from where on. The default is all, from the newest on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditEventQuery {
    user: Option<String>,
    action: Option<AuditAction>,
    limit: Option<u32>,
    cursor: Option<Cursor>,
}

impl AuditEventQuery {
    /// All, from the newest on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only those about this user's objects.
    pub fn of_user(user: impl Into<String>) -> Self {
        Self::new().user(user)
    }

    /// Only those about this user's objects.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Only those of this action.
    #[must_use]
    pub fn action(mut self, action: AuditAction) -> Self {
        self.action = Some(action);
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
    pub(crate) fn at(&self, cursor: Option<Cursor>) -> Self {
        Self {
            limit: self.limit.or(Some(PAGE_OF_A_WALK)),
            cursor,
            ..self.clone()
        }
    }

    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)> {
        let action = self.action.as_ref().map(|action| ("action", action.to_string()));
        [self.user.clone().map(|user| ("user", user)), action]
            .into_iter()
            .chain([self.limit.map(|limit| ("limit", limit.to_string()))])
            .chain([self.cursor.as_ref().map(Cursor::parameter)])
            .flatten()
            .collect()
    }
}
