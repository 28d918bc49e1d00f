//! The parameters of the lists.

use billfold_domain::{
    AuditAction, AuditEventId, AuditPageRequest, PageLimit, PageRequest, PaymentMethodId, PaymentMethodType,
    PaymentMethodTypes, Position, UserId,
};
use url::form_urlencoded;

use super::fault::PropertyFault;
use crate::error::ApiError;

/// Reads the query string of the list of payment methods. All faults are told at once.
pub(crate) fn parse(query: &str) -> Result<PageRequest, ApiError> {
    let mut parameters = Parameters::read(query, &["user", "after", "before", "limit"], &["type"]);
    let user = parameters.user();
    let types = parameters.types();
    let position = parameters.position(|text| PaymentMethodId::parse(text).map_err(|_| NOT_AN_ITEM));
    let limit = parameters.limit();
    parameters.finish(PageRequest {
        user,
        types,
        position,
        limit,
    })
}

/// Reads the query string of the audit log. All faults are told at once.
pub(crate) fn parse_audit_events(query: &str) -> Result<AuditPageRequest, ApiError> {
    let mut parameters = Parameters::read(query, &["user", "action", "after", "before", "limit"], &[]);
    let user = parameters.user();
    let action = parameters.take("action", AuditAction::parse);
    let position = parameters.position(|text| AuditEventId::parse(text).map_err(|_| NOT_AN_ITEM));
    let limit = parameters.limit();
    parameters.finish(AuditPageRequest {
        user,
        action,
        position,
        limit,
    })
}

/// The refusal of a cursor that is well formed and no item's.
pub(crate) fn unknown_cursor<Id>(position: &Position<Id>) -> ApiError {
    let parameter = if matches!(position, Position::Before(_)) {
        "before"
    } else {
        "after"
    };
    ApiError::Invalid(vec![PropertyFault::invalid(parameter, NOT_AN_ITEM)])
}

const NOT_AN_ITEM: &str = "must be the id of an item of this project";

fn limit(text: &str) -> Result<PageLimit, &'static str> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .and_then(|items| PageLimit::new(items).ok())
        .ok_or("must be an integer from 0 to 200")
}

/// The parameters of a query string, and what is found to be wrong with them.
pub(crate) struct Parameters {
    values: Vec<(String, String)>,
    faults: Vec<PropertyFault>,
}

impl Parameters {
    /// Reads a query string that may have these parameters: once at most, or as often as one likes.
    pub(crate) fn read(query: &str, single: &[&str], repeated: &[&str]) -> Self {
        let values: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut faults = Vec::new();
        for name in single {
            if values.iter().filter(|(given, _)| given == name).count() > 1 {
                faults.push(PropertyFault::invalid(name, "must be given once"));
            }
        }
        for (name, _) in &values {
            if !single.contains(&name.as_str()) && !repeated.contains(&name.as_str()) {
                faults.push(PropertyFault::unknown(name));
            }
        }
        Self { values, faults }
    }

    /// What was read, if nothing is wrong with it.
    pub(crate) fn finish<T>(self, read: T) -> Result<T, ApiError> {
        if self.faults.is_empty() {
            Ok(read)
        } else {
            Err(ApiError::Invalid(self.faults))
        }
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values
            .iter()
            .filter(move |(parameter, _)| parameter == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that is given once, or `None`.
    fn take<T, E: ToString>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        let parsed = {
            let mut values = self.all(name);
            let (Some(value), None) = (values.next(), values.next()) else {
                return None;
            };
            parse(value)
        };
        parsed
            .map_err(|reason| {
                self.faults.push(PropertyFault::invalid(name, reason.to_string()));
            })
            .ok()
    }

    fn user(&mut self) -> Option<UserId> {
        self.take("user", |text| UserId::parse(text))
    }

    fn types(&mut self) -> PaymentMethodTypes {
        let members: Option<Vec<_>> = self
            .all("type")
            .flat_map(|text| text.split(','))
            .map(PaymentMethodType::from_name)
            .collect();
        if members.is_none() {
            self.faults.push(PropertyFault::invalid(
                "type",
                "must be card, applePay, googlePay or several of them",
            ));
        }
        members
            .and_then(PaymentMethodTypes::of)
            .unwrap_or(PaymentMethodTypes::ALL)
    }

    pub(crate) fn position<Id, E: ToString>(
        &mut self,
        cursor: impl Fn(&str) -> Result<Id, E>,
    ) -> Position<Id> {
        let after = self.take("after", &cursor);
        let before = self.take("before", cursor);
        match (after, before) {
            (Some(_), Some(_)) => {
                self.faults.push(PropertyFault::invalid(
                    "before",
                    "must not be given together with after",
                ));
                Position::Start
            }
            (Some(id), None) => Position::After(id),
            (None, Some(id)) => Position::Before(id),
            (None, None) => Position::Start,
        }
    }

    pub(crate) fn limit(&mut self) -> PageLimit {
        self.take("limit", limit).unwrap_or(PageLimit::DEFAULT)
    }
}
