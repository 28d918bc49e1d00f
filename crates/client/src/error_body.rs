//! Reads what an answer says of an error: the project API's and the account API's, and what is neither.

use serde_json::{Map, Value};

use crate::{
    answer::Answer,
    error::{ApiError, ErrorCode, ErrorDetail, ErrorType},
};

impl ApiError {
    /// What an answer with an error tells.
    pub(crate) fn of(answer: Answer, attempts: u32, idempotency_key: Option<String>) -> Self {
        let body: Map<String, Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
        let message = text(&body, "message");
        let named = text(&body, "type").filter(|_| text(&body, "object").as_deref() == Some("error"));
        let error_type = match (named, &message) {
            (Some(name), _) => ErrorType::from(name.as_str()),
            (None, Some(_)) => type_of_status(answer.status),
            (None, None) => ErrorType::Unknown,
        };
        Self {
            status: answer.status,
            error_type,
            code: text(&body, "code").map(|code| ErrorCode::from(code.as_str())),
            message: message.unwrap_or_else(|| format!("HTTP status {}", answer.status)),
            hint: text(&body, "hint"),
            details: details(&body),
            request_id: answer.request_id,
            retry_after: answer.retry_after,
            attempts,
            idempotency_key,
        }
    }
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

/// The faults, of the project API (`details`) or of the account API (`errors`: messages by field).
fn details(body: &Map<String, Value>) -> Vec<ErrorDetail> {
    if let Some(Value::Array(details)) = body.get("details") {
        return details.iter().filter_map(Value::as_object).map(detail).collect();
    }
    let Some(Value::Object(fields)) = body.get("errors") else {
        return Vec::new();
    };
    let messages = fields.iter().flat_map(|(property, messages)| {
        let messages = messages.as_array().into_iter().flatten();
        messages
            .filter_map(Value::as_str)
            .map(move |message| (property, message))
    });
    messages
        .map(|(property, message)| ErrorDetail {
            property: property.clone(),
            message: message.to_owned(),
            code: None,
        })
        .collect()
}

fn detail(fault: &Map<String, Value>) -> ErrorDetail {
    ErrorDetail {
        property: text(fault, "property").unwrap_or_default(),
        message: text(fault, "message").unwrap_or_default(),
        code: text(fault, "code").map(|code| ErrorCode::from(code.as_str())),
    }
}

/// The account API's errors name no type. Each goes with a status on the project API, so the status tells it.
fn type_of_status(status: u16) -> ErrorType {
    match status {
        400 | 408 | 413 => ErrorType::Malformed,
        401 => ErrorType::Unauthenticated,
        403 => ErrorType::PermissionDenied,
        404 => ErrorType::NotFound,
        405 => ErrorType::NotImplemented,
        409 => ErrorType::Conflict,
        410 => ErrorType::Gone,
        422 => ErrorType::Invalid,
        429 => ErrorType::TooManyRequests,
        500 => ErrorType::Internal,
        503 => ErrorType::ServiceUnavailable,
        _ => ErrorType::Unknown,
    }
}
