//! Payment methods on the project API.

use std::fmt::Write as _;

use super::{
    fault::PropertyFault,
    json_object::{JsonBody, JsonObject},
    json_text::{push_optional, push_text},
    time::timestamp,
};
use crate::error::ApiError;
use billfold_domain::{
    CardBrand, Page, PaymentMethod, PaymentMethodId, PaymentMethodStatus, PaymentMethodType, UserId,
};
use billfold_service::ShownPaymentMethod;

/// Room for a payment method, in bytes.
const ROOM: usize = 320;

/// The body of a request to save a payment method.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CreatePaymentMethod {
    pub(crate) id: PaymentMethodId,
    pub(crate) user: UserId,
}

impl CreatePaymentMethod {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let mut faults = Vec::new();
        let mut object = parse_object(body)?;
        let id = object.take("id", PaymentMethodId::parse, &mut faults);
        let user = object.take("user", UserId::parse, &mut faults);
        object.refuse_others("paymentMethod", &mut faults);
        match (id, user) {
            (Some(id), Some(user)) if faults.is_empty() => Ok(Self { id, user }),
            _ => Err(ApiError::Invalid(faults)),
        }
    }
}

/// A body that must be a JSON object.
pub(crate) fn parse_object(body: &[u8]) -> Result<JsonObject, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(ApiError::Malformed(
            "The body is empty. It must be a JSON object.",
        ));
    }
    match JsonBody::parse(body) {
        Some(JsonBody::Object(object)) => Ok(object),
        Some(JsonBody::Other) => Err(ApiError::Invalid(Vec::new())),
        None => Err(ApiError::Malformed("The body is not valid JSON.")),
    }
}

impl JsonObject {
    /// Takes a required text property out of the object, and notes what is wrong with it.
    pub(crate) fn take<T, E: ToString>(
        &mut self,
        name: &str,
        parse: impl Fn(String) -> Result<T, E>,
        faults: &mut Vec<PropertyFault>,
    ) -> Option<T> {
        let mut values = self
            .0
            .extract_if(.., |(member, _)| member == name)
            .map(|(_, value)| value);
        let value = values.next();
        if values.next().is_some() {
            faults.push(PropertyFault::invalid(name, "is given twice"));
            return None;
        }
        let fault = match value {
            None | Some(serde_json::Value::Null) => PropertyFault::required(name),
            Some(serde_json::Value::String(text)) => match parse(text) {
                Ok(value) => return Some(value),
                Err(error) => PropertyFault::invalid(name, error.to_string()),
            },
            Some(_) => PropertyFault::wrong_type(name, "a string"),
        };
        faults.push(fault);
        None
    }

    /// Notes every property that is left, but for the object's own name, which clients may send back.
    pub(crate) fn refuse_others(self, object: &str, faults: &mut Vec<PropertyFault>) {
        for (name, value) in self.0 {
            if name != "object" {
                faults.push(PropertyFault::unknown(&name));
            } else if value != object {
                faults.push(PropertyFault::invalid("object", format!("must be {object}")));
            }
        }
    }
}

/// A payment method as the project API shows it. It writes itself: a list has up to two hundred.
#[derive(Debug)]
#[cfg_attr(test, derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub(crate) struct PaymentMethodWire<'a> {
    object: &'static str,
    id: &'a str,
    brand: Option<&'static str>,
    client_secret: Option<&'a str>,
    last4: Option<&'a str>,
    provider: &'static str,
    status: &'static str,
    #[cfg_attr(test, serde(rename = "type"))]
    payment_method_type: &'static str,
    user: &'a str,
    created_at: jiff::Timestamp,
}

impl<'a> From<&'a PaymentMethod> for PaymentMethodWire<'a> {
    fn from(payment_method: &'a PaymentMethod) -> Self {
        let PaymentMethod {
            id,
            user,
            payment_method_type,
            card,
            status,
            created_at,
        } = payment_method;
        let is_card = *payment_method_type == PaymentMethodType::Card;
        // The project API's document does not list eftpos Australia.
        let brand = match card.brand {
            CardBrand::EftposAu => CardBrand::Unknown,
            brand => brand,
        };
        Self {
            object: "paymentMethod",
            id: id.as_str(),
            brand: is_card.then_some(brand.as_str()),
            client_secret: None,
            last4: is_card.then_some(&card.last4),
            provider: "stripe",
            status: match status {
                PaymentMethodStatus::Available => "available",
                PaymentMethodStatus::RequiresConfirmation { .. } => "requiresConfirmation",
            },
            payment_method_type: payment_method_type.as_str(),
            user: user.as_str(),
            created_at: timestamp(*created_at),
        }
    }
}

impl<'a> From<&'a ShownPaymentMethod> for PaymentMethodWire<'a> {
    fn from(shown: &'a ShownPaymentMethod) -> Self {
        let client_secret = shown
            .client_secret
            .as_ref()
            .map(billfold_domain::ClientSecret::expose);
        Self {
            client_secret,
            ..Self::from(&shown.payment_method)
        }
    }
}

impl PaymentMethodWire<'_> {
    /// It, as JSON.
    pub(crate) fn json(&self) -> String {
        let mut out = String::with_capacity(ROOM);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push_str(r#"{"object":"#);
        push_text(out, self.object);
        out.push_str(r#","id":"#);
        push_text(out, self.id);
        out.push_str(r#","brand":"#);
        push_optional(out, self.brand);
        out.push_str(r#","clientSecret":"#);
        push_optional(out, self.client_secret);
        out.push_str(r#","last4":"#);
        push_optional(out, self.last4);
        out.push_str(r#","provider":"#);
        push_text(out, self.provider);
        out.push_str(r#","status":"#);
        push_text(out, self.status);
        out.push_str(r#","type":"#);
        push_text(out, self.payment_method_type);
        out.push_str(r#","user":"#);
        push_text(out, self.user);
        // Writing to a string cannot fail.
        let _ = write!(out, r#","createdAt":"{}"}}"#, self.created_at);
    }
}

/// A page of payment methods as the project API shows it.
#[derive(Debug)]
#[cfg_attr(test, derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub(crate) struct PaymentMethodListWire<'a> {
    object: &'static str,
    items: Vec<PaymentMethodWire<'a>>,
    more_items_after: Option<&'a str>,
    more_items_before: Option<&'a str>,
}

impl<'a> From<&'a Page<PaymentMethod>> for PaymentMethodListWire<'a> {
    fn from(page: &'a Page<PaymentMethod>) -> Self {
        let last = page.items.last().filter(|_| page.has_more_after);
        let first = page.items.first().filter(|_| page.has_more_before);
        Self {
            object: "list",
            items: page.items.iter().map(PaymentMethodWire::from).collect(),
            more_items_after: last.map(|item| item.id.as_str()),
            more_items_before: first.map(|item| item.id.as_str()),
        }
    }
}

impl PaymentMethodListWire<'_> {
    /// It, as JSON.
    pub(crate) fn json(&self) -> String {
        let mut out = String::with_capacity(ROOM * (self.items.len() + 1));
        out.push_str(r#"{"object":"#);
        push_text(&mut out, self.object);
        out.push_str(r#","items":["#);
        for (place, item) in self.items.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            item.write(&mut out);
        }
        out.push_str(r#"],"moreItemsAfter":"#);
        push_optional(&mut out, self.more_items_after);
        out.push_str(r#","moreItemsBefore":"#);
        push_optional(&mut out, self.more_items_before);
        out.push('}');
        out
    }
}

#[cfg(test)]
mod tests {
    use billfold_domain::{Card, SetupIntentId, UtcTimestamp};
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn payment_method()(
            id in "pm_[A-Za-z0-9]{1,30}",
            user in "[A-Za-z0-9_-]{1,40}",
            payment_method_type in prop::sample::select(&PaymentMethodType::ALL[..]),
            brand in prop::sample::select(&CardBrand::ALL[..]),
            last4 in r#"([0-9]{4}|["\\\x00-~é]{0,4})"#,
            is_available in any::<bool>(),
            seconds in -1_000_000_000_000_i64..1_000_000_000_000,
        ) -> PaymentMethod {
            let setup_intent = SetupIntentId::parse("seti_1").expect("an id");
            PaymentMethod {
                id: PaymentMethodId::parse(id).expect("an id"),
                user: UserId::parse(user).expect("a user"),
                payment_method_type,
                card: Card { brand, last4, exp_month: 12, exp_year: 2034 },
                status: if is_available {
                    PaymentMethodStatus::Available
                } else {
                    PaymentMethodStatus::RequiresConfirmation { setup_intent }
                },
                created_at: UtcTimestamp::from_seconds(seconds),
            }
        }
    }

    proptest! {
        #[test]
        fn a_list_is_written_as_the_library_writes_it(
            items in prop::collection::vec(payment_method(), 0..12),
            has_more_after in any::<bool>(),
            has_more_before in any::<bool>(),
        ) {
            let page = Page { items, has_more_after, has_more_before };
            let list = PaymentMethodListWire::from(&page);
            prop_assert_eq!(list.json(), serde_json::to_string(&list).expect("a list can be written"));
            for item in list.items {
                let item = PaymentMethodWire { client_secret: Some("seti_1_secret_\"x\""), ..item };
                prop_assert_eq!(item.json(), serde_json::to_string(&item).expect("an item can be written"));
            }
        }
    }
}
