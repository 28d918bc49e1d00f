//! The project API's error object.

use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct ProjectErrorWire {
    pub(crate) object: &'static str,
    #[serde(rename = "type")]
    pub(crate) error_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<&'static str>,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) details: Vec<PropertyErrorDetailWire>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PropertyErrorDetailWire {
    pub(crate) object: &'static str,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) property: String,
}
