//! Customers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Answer, Call};
use crate::errors::ApiError;
use crate::parameters::Parameters;
use crate::payment_methods;
use crate::state::{Record, previous_attributes, stored};

/// Parameters of create and update.
pub(crate) const FIELDS: &[&str] = &[
    "address.*",
    "balance",
    "description",
    "email",
    "expand",
    "invoice_prefix",
    "invoice_settings.default_payment_method",
    "metadata.*",
    "name",
    "next_invoice_sequence",
    "phone",
    "preferred_locales",
    "shipping.*",
    "tax_exempt",
];

/// A customer. A deleted one stays, so that its id is still known.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) sequence: u64,
    pub(crate) created: u64,
    pub(crate) deleted: bool,
    address: Option<Value>,
    balance: i64,
    description: Option<String>,
    pub(crate) email: Option<String>,
    invoice_prefix: String,
    pub(crate) default_payment_method: Option<String>,
    metadata: BTreeMap<String, String>,
    name: Option<String>,
    next_invoice_sequence: i64,
    phone: Option<String>,
    preferred_locales: Vec<String>,
    shipping: Option<Value>,
    tax_exempt: String,
}
stored!(Customer);

impl Customer {
    pub(crate) fn to_json(&self) -> Value {
        if self.deleted {
            return json!({ "id": self.id, "object": "customer", "deleted": true });
        }
        json!({
            "id": self.id,
            "object": "customer",
            "address": self.address,
            "balance": self.balance,
            "created": self.created,
            "currency": null,
            "customer_account": null,
            "default_source": null,
            "delinquent": false,
            "description": self.description,
            "discount": null,
            "email": self.email,
            "invoice_prefix": self.invoice_prefix,
            "invoice_settings": {
                "custom_fields": null,
                "default_payment_method": self.default_payment_method,
                "footer": null,
                "rendering_options": null,
            },
            "livemode": false,
            "metadata": self.metadata,
            "name": self.name,
            "next_invoice_sequence": self.next_invoice_sequence,
            "phone": self.phone,
            "preferred_locales": self.preferred_locales,
            "shipping": self.shipping,
            "tax_exempt": self.tax_exempt,
            "test_clock": null,
        })
    }

    /// Takes over what the parameters say.
    fn update(&mut self, parameters: &Parameters) -> Result<(), ApiError> {
        let texts = [
            ("description", &mut self.description),
            ("email", &mut self.email),
            ("name", &mut self.name),
            ("phone", &mut self.phone),
        ];
        for (name, field) in texts {
            if let Some(text) = parameters.text(name)? {
                *field = (!text.is_empty()).then(|| text.to_owned());
            }
        }
        if let Some(email) = self.email.as_deref().filter(|email| !email.contains('@')) {
            return Err(ApiError::validation(format!("Invalid email address: {email}"))
                .code("email_invalid")
                .param("email"));
        }
        for (name, field) in [("address", &mut self.address), ("shipping", &mut self.shipping)] {
            match parameters.get(name) {
                None => {}
                Some(Value::String(text)) if text.is_empty() => *field = None,
                Some(given) => *field = Some(structured(name, given)?),
            }
        }
        if let Some(balance) = parameters.integer("balance")? {
            self.balance = balance;
        }
        if let Some(next) = parameters.integer("next_invoice_sequence")? {
            self.next_invoice_sequence = next;
        }
        if let Some(prefix) = parameters.filled("invoice_prefix")? {
            prefix.clone_into(&mut self.invoice_prefix);
        }
        if let Some(locales) = parameters.texts("preferred_locales")? {
            self.preferred_locales = locales;
        }
        if let Some(exempt) = parameters.choice("tax_exempt", &["none", "exempt", "reverse"])? {
            exempt.clone_into(&mut self.tax_exempt);
        }
        parameters.merge_metadata("metadata", &mut self.metadata)
    }
}

const ADDRESS: &[&str] = &["city", "country", "line1", "line2", "postal_code", "state"];

/// An address, or a shipping hash, with every member of it present.
fn structured(name: &str, given: &Value) -> Result<Value, ApiError> {
    let complete = |given: &Value, members: &[&str]| -> Value {
        members
            .iter()
            .map(|member| ((*member).to_owned(), given[*member].clone()))
            .collect()
    };
    if !given.is_object() {
        return Err(ApiError::validation("Invalid hash").param(name));
    }
    if name == "address" {
        return Ok(complete(given, ADDRESS));
    }
    let mut shipping = complete(given, &["name", "phone"]);
    shipping["address"] = complete(&given["address"], ADDRESS);
    Ok(shipping)
}

/// A customer that exists and is not deleted, named by the parameter `param`.
pub(crate) fn referenced<'a>(call: &'a Call<'_>, id: &str, param: &str) -> Result<&'a Customer, ApiError> {
    let customer = call
        .account()
        .customers
        .get(id)
        .filter(|customer| !customer.deleted);
    customer.ok_or_else(|| ApiError::no_such_reference("customer", id, param))
}

/// The customer of the path, not deleted.
fn of_path(call: &Call<'_>) -> Result<Customer, ApiError> {
    let id = &call.path[0];
    let customer = call
        .account()
        .customers
        .get(id)
        .filter(|customer| !customer.deleted);
    customer
        .cloned()
        .ok_or_else(|| ApiError::no_such("customer", id, "id"))
}

/// Takes over the default method, which must be attached to the customer; an empty id unsets it.
fn update_default(call: &Call<'_>, customer: &mut Customer) -> Result<(), ApiError> {
    let Some(id) = call.parameters.text("invoice_settings.default_payment_method")? else {
        return Ok(());
    };
    if id.is_empty() {
        customer.default_payment_method = None;
        return Ok(());
    }
    let method = call.account().payment_methods.get(id);
    if method
        .and_then(|method| method.customer.as_ref())
        .is_some_and(|owner| *owner == customer.id)
    {
        customer.default_payment_method = Some(id.to_owned());
        return Ok(());
    }
    let message = format!(
        "The customer does not have a payment method with the ID {id}. The payment method must be attached to the \
         customer."
    );
    Err(ApiError::invalid(message)
        .code("resource_missing")
        .param("invoice_settings[default_payment_method]"))
}

pub(crate) fn create(call: &mut Call<'_>) -> Answer {
    let mut customer = Customer {
        created: call.now(),
        invoice_prefix: call.world.identifiers.text(8).to_uppercase(),
        next_invoice_sequence: 1,
        tax_exempt: "none".to_owned(),
        ..Customer::default()
    };
    customer.update(call.parameters)?;
    let method = match call.parameters.filled("payment_method")?.map(str::to_owned) {
        None => None,
        Some(id) => Some(payment_methods::attachable(call, &id, "payment_method")?),
    };
    // The method that comes along counts as attached already.
    match (
        call.parameters.text("invoice_settings.default_payment_method")?,
        &method,
    ) {
        (Some(id), Some(method)) if id == method.id => customer.default_payment_method = Some(id.to_owned()),
        _ => update_default(call, &mut customer)?,
    }
    customer.id = call.world.identifiers.short("cus");
    customer.sequence = call.world.next_sequence();
    let rendered = customer.to_json();
    let id = customer.id.clone();
    call.put(Record::Customer(customer));
    call.emit("customer.created", rendered.clone(), None);
    if let Some(method) = method {
        payment_methods::attach_to(call, method, &id);
    }
    Ok(rendered)
}

pub(crate) fn retrieve(call: &mut Call<'_>) -> Answer {
    let id = &call.path[0];
    let customer = call.account().customers.get(id);
    customer
        .map(Customer::to_json)
        .ok_or_else(|| ApiError::no_such("customer", id, "id"))
}

pub(crate) fn update(call: &mut Call<'_>) -> Answer {
    let mut customer = of_path(call)?;
    let before = customer.to_json();
    customer.update(call.parameters)?;
    update_default(call, &mut customer)?;
    Ok(save(call, customer, &before))
}

/// Stores a changed customer and tells of it, unless nothing changed.
pub(crate) fn save(call: &mut Call<'_>, customer: Customer, before: &Value) -> Value {
    let after = customer.to_json();
    if let Some(previous) = previous_attributes(before, &after) {
        call.put(Record::Customer(customer));
        call.emit("customer.updated", after.clone(), Some(previous));
    }
    after
}

/// Deletes. The customer's methods keep it as their owner and can no longer be used.
pub(crate) fn delete(call: &mut Call<'_>) -> Answer {
    let mut customer = of_path(call)?;
    customer.deleted = true;
    let rendered = customer.to_json();
    call.put(Record::Customer(customer));
    call.emit("customer.deleted", rendered.clone(), None);
    Ok(rendered)
}

pub(crate) fn list(call: &mut Call<'_>) -> Answer {
    let email = call.parameters.filled("email")?;
    call.page(
        &call.account().customers,
        |customer| !customer.deleted && email.is_none_or(|email| customer.email.as_deref() == Some(email)),
        Customer::to_json,
    )
}
