//! The client knows each value that the contract lists, and lists none that the contract has not.

use std::collections::BTreeSet;

use billfold_client::{
    AccountBrand, AccountSetupIntentStatus, AuditAction, AuditCallerType, AuditOutcome, AuditTargetType,
    Brand, ErrorCode, ErrorType, PaymentMethodStatus, PaymentMethodType, Provider, SetupIntentStatus,
};
use serde_json::Value;

use crate::contract::{document, resolve};

/// The values of a schema's property, but for `null`.
fn documented(pointer: &str) -> BTreeSet<String> {
    let schema = document().pointer(&format!("/components/schemas/{pointer}"));
    let schema = resolve(schema.unwrap_or_else(|| panic!("{pointer} is in no contract")));
    let values = schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .chain([&schema["const"]]);
    values.filter_map(Value::as_str).map(str::to_owned).collect()
}

macro_rules! known {
    ($name:ident) => {
        $name::KNOWN
            .iter()
            .map(|value| {
                assert_eq!(
                    $name::from(value.as_str()),
                    *value,
                    "what is written is read again"
                );
                value.to_string()
            })
            .collect::<BTreeSet<String>>()
    };
}

#[test]
fn each_enumeration_has_the_contracts_values() {
    for (known, pointer) in [
        (known!(Brand), "PaymentMethod/properties/brand"),
        (known!(Provider), "PaymentMethod/properties/provider"),
        (known!(PaymentMethodStatus), "PaymentMethod/properties/status"),
        (known!(PaymentMethodType), "PaymentMethodType"),
        (known!(SetupIntentStatus), "SetupIntent/properties/status"),
        (known!(AccountBrand), "AccountPaymentMethod/properties/brand"),
        (
            known!(AccountSetupIntentStatus),
            "AccountSetupIntent/properties/status",
        ),
        (known!(AuditOutcome), "AuditEvent/properties/outcome"),
        (
            known!(AuditCallerType),
            "AuditEvent/properties/caller/properties/type",
        ),
        (
            known!(AuditTargetType),
            "AuditEvent/properties/target/properties/type",
        ),
        (known!(ErrorCode), "ErrorCode"),
    ] {
        assert_eq!(known, documented(pointer), "{pointer}");
    }
    // The account API's 410 has a type of the client's own, and so has what is nobody's.
    let mut types = documented("Error/properties/type");
    types.extend(["gone", "unknown"].map(str::to_owned));
    assert_eq!(known!(ErrorType), types);
}

#[test]
fn actions_are_those_that_the_contract_names() {
    let description = document().pointer("/components/schemas/AuditAction/description");
    let words = description
        .unwrap()
        .as_str()
        .unwrap()
        .split('`')
        .skip(1)
        .step_by(2);
    assert_eq!(known!(AuditAction), words.map(str::to_owned).collect());
}
