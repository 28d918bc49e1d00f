//! The parameters of the list.

use billfold_domain::{
    PageLimit, PageRequest, PaymentMethodId, PaymentMethodType, PaymentMethodTypes, Position, UserId,
};
use url::form_urlencoded;

use super::fault::PropertyFault;
use crate::error::ApiError;

const SINGLE: [&str; 4] = ["user", "after", "before", "limit"];

/// Reads the query string of a list. All faults are told at once.
pub(crate) fn parse(query: &str) -> Result<PageRequest, ApiError> {
    let mut faults = Vec::new();
    let parameters = Parameters(form_urlencoded::parse(query.as_bytes()).into_owned().collect());
    parameters.refuse_unknown_and_repeated(&mut faults);
    let user = parameters.take(
        "user",
        |text| UserId::parse(text).map_err(|error| error.to_string()),
        &mut faults,
    );
    let types = types(&parameters, &mut faults);
    let after = parameters.take("after", cursor, &mut faults);
    let before = parameters.take("before", cursor, &mut faults);
    let limit = parameters.take("limit", limit, &mut faults);
    let position = match (after, before) {
        (Some(_), Some(_)) => {
            faults.push(PropertyFault::invalid(
                "before",
                "must not be given together with after",
            ));
            Position::Start
        }
        (Some(id), None) => Position::After(id),
        (None, Some(id)) => Position::Before(id),
        (None, None) => Position::Start,
    };
    if faults.is_empty() {
        Ok(PageRequest {
            user,
            types,
            position,
            limit: limit.unwrap_or(PageLimit::DEFAULT),
        })
    } else {
        Err(ApiError::Invalid(faults))
    }
}

/// The refusal of a cursor that is well formed and no item's.
pub(crate) fn unknown_cursor(request: &PageRequest) -> ApiError {
    let parameter = if matches!(request.position, Position::Before(_)) {
        "before"
    } else {
        "after"
    };
    ApiError::Invalid(vec![PropertyFault::invalid(parameter, NOT_AN_ITEM)])
}

const NOT_AN_ITEM: &str = "must be the id of an item of this project";

fn cursor(text: &str) -> Result<PaymentMethodId, String> {
    PaymentMethodId::parse(text).map_err(|_| NOT_AN_ITEM.to_owned())
}

fn limit(text: &str) -> Result<PageLimit, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .and_then(|items| PageLimit::new(items).ok())
        .ok_or_else(|| "must be an integer from 0 to 200".to_owned())
}

fn types(parameters: &Parameters, faults: &mut Vec<PropertyFault>) -> PaymentMethodTypes {
    let mut members = Vec::new();
    for name in parameters.all("type").flat_map(|text| text.split(',')) {
        let Some(member) = PaymentMethodType::from_name(name) else {
            faults.push(PropertyFault::invalid(
                "type",
                "must be card, applePay, googlePay or several of them",
            ));
            break;
        };
        members.push(member);
    }
    PaymentMethodTypes::of(members).unwrap_or(PaymentMethodTypes::ALL)
}

struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(parameter, _)| parameter == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that is given once, or `None`.
    fn take<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
        faults: &mut Vec<PropertyFault>,
    ) -> Option<T> {
        let mut values = self.all(name);
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        parse(value)
            .map_err(|reason| faults.push(PropertyFault::invalid(name, reason)))
            .ok()
    }

    fn refuse_unknown_and_repeated(&self, faults: &mut Vec<PropertyFault>) {
        for name in SINGLE {
            if self.all(name).count() > 1 {
                faults.push(PropertyFault::invalid(name, "must be given once"));
            }
        }
        for (name, _) in &self.0 {
            if !SINGLE.contains(&name.as_str()) && name != "type" {
                faults.push(PropertyFault::unknown(name));
            }
        }
    }
}
