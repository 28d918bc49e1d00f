//! Errors in Stripe's shape and wording.

use serde_json::{Map, Value, json};

use crate::cards::Decline;

/// An answer other than 200.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    param: Option<String>,
    extra: Map<String, Value>,
    /// Whether an idempotency key holds this answer for later requests. Failed validation, 401 and 429 are not held.
    pub(crate) kept: bool,
}

impl ApiError {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code: None,
            message: message.into(),
            param: None,
            extra: Map::new(),
            kept: true,
        }
    }

    /// 400: the request cannot be done as things stand.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    /// 400: the request is not well formed. No work began, so nothing is kept for its idempotency key.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self {
            kept: false,
            ..Self::invalid(message)
        }
    }

    /// 401. The answer carries no `Request-Id`.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self {
            kept: false,
            ..Self::new(401, "invalid_request_error", message)
        }
    }

    /// 403: the key is good but may not do this.
    pub(crate) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kept: false,
            ..Self::new(403, "invalid_request_error", message)
        }
        .code(code)
    }

    pub(crate) fn unknown_route(method: &str, path: &str) -> Self {
        let message = format!(
            "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at \
             https://support.stripe.com/."
        );
        Self {
            kept: false,
            ..Self::new(404, "invalid_request_error", message)
        }
    }

    pub(crate) fn rate_limited() -> Self {
        let message = "Request rate limit exceeded. You can learn more about rate limits here \
                       https://stripe.com/docs/rate-limits.";
        Self {
            kept: false,
            ..Self::new(429, "invalid_request_error", message)
        }
        .code("rate_limit")
    }

    pub(crate) fn internal() -> Self {
        Self::new(500, "api_error", "An unknown error occurred")
    }

    /// 400: an idempotency key was used with other parameters, or cannot be used at all.
    pub(crate) fn idempotency(message: impl Into<String>) -> Self {
        Self {
            kept: false,
            ..Self::new(400, "idempotency_error", message)
        }
    }

    /// 409: the first request of an idempotency key is still being worked on.
    pub(crate) fn idempotency_in_progress(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means you \
             submitted twice, and the other request is still going through): {key}. Please try again later."
        );
        Self {
            kept: false,
            ..Self::new(409, "idempotency_error", message)
        }
        .code("idempotency_key_in_use")
    }

    /// The object named by the path does not exist: 404.
    pub(crate) fn no_such(noun: &str, id: &str, param: &str) -> Self {
        Self {
            status: 404,
            ..Self::no_such_reference(noun, id, param)
        }
    }

    /// An object named by a parameter does not exist: 400.
    pub(crate) fn no_such_reference(noun: &str, id: &str, param: &str) -> Self {
        Self::invalid(format!("No such {noun}: '{id}'"))
            .code("resource_missing")
            .param(param)
    }

    /// The payment method named by the path does not exist: 404.
    pub(crate) fn no_such_payment_method(id: &str) -> Self {
        Self {
            status: 404,
            ..Self::no_such_payment_method_reference(id, "payment_method")
        }
    }

    /// The payment method named by a parameter does not exist: 400.
    pub(crate) fn no_such_payment_method_reference(id: &str, param: &str) -> Self {
        Self::invalid(format!(
            "No such PaymentMethod: '{id}'; It's possible this PaymentMethod exists on one of your connected \
             accounts, in which case you should retry this request on that connected account. Learn more at \
             https://stripe.com/docs/connect/authentication"
        ))
        .code("resource_missing")
        .param(param)
    }

    pub(crate) fn missing_parameter(name: &str) -> Self {
        Self::validation(format!("Missing required param: {name}."))
            .code("parameter_missing")
            .param(name)
    }

    pub(crate) fn empty_parameter(name: &str) -> Self {
        Self::validation(format!(
            "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a field; \
             however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty \
             value."
        ))
        .code("parameter_invalid_empty")
        .param(name)
    }

    pub(crate) fn unknown_parameters(names: &[String]) -> Self {
        let noun = if names.len() == 1 {
            "parameter"
        } else {
            "parameters"
        };
        Self::validation(format!("Received unknown {noun}: {}", names.join(", ")))
            .code("parameter_unknown")
            .param(&names[0])
    }

    /// A card error (402) about the data of the card, before any bank was asked.
    pub(crate) fn card(code: &'static str, message: &str, param: &str) -> Self {
        Self::new(402, "card_error", message).code(code).param(param)
    }

    /// A bank's refusal (402) when a method is attached: the recorded answers carry a `param`, be it empty.
    pub(crate) fn attach_declined(decline: Decline) -> Self {
        let mut error = Self::declined(decline, decline.details().decline_code);
        error.param = Some(decline.details().param.unwrap_or_default().to_owned());
        error
    }

    /// A bank's refusal (402) when a setup intent is confirmed: the decline code falls back to the code.
    pub(crate) fn setup_declined(decline: Decline) -> Self {
        let details = decline.details();
        let mut error = Self::declined(decline, Some(details.decline_code.unwrap_or(details.code)));
        error.param = details.param.map(str::to_owned);
        error
    }

    fn declined(decline: Decline, decline_code: Option<&'static str>) -> Self {
        let details = decline.details();
        let mut error = Self::new(402, "card_error", details.message).code(details.code);
        let texts = [
            ("advice_code", details.advice_code),
            ("decline_code", decline_code),
            ("network_decline_code", details.network_decline_code),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                error.extra.insert(name.to_owned(), json!(text));
            }
        }
        error
    }

    /// The failed 3-D Secure challenge, as a setup intent's `last_setup_error` has it.
    pub(crate) fn authentication_failed() -> Self {
        let message = "We are unable to authenticate your payment method. Please choose a different payment \
                       method and try again.";
        Self::new(402, "invalid_request_error", message).code("setup_intent_authentication_failure")
    }

    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(crate) fn param(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    /// Adds an object that Stripe sends along, such as `setup_intent`.
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.extra.insert(name.to_owned(), value);
        self
    }

    /// The error as a setup intent keeps it: without the address of a log.
    pub(crate) fn to_setup_error(&self) -> Value {
        Value::Object(self.fields())
    }

    /// The whole body. The account is `None` where no account was recognised: no log can be named then.
    pub(crate) fn to_body(&self, account: Option<&str>, request_id: &str) -> Value {
        let mut fields = self.fields();
        if let Some(account) = account {
            let url =
                format!("https://dashboard.stripe.com/{account}/test/workbench/logs?object={request_id}");
            fields.insert("request_log_url".to_owned(), json!(url));
        }
        json!({ "error": fields })
    }

    fn fields(&self) -> Map<String, Value> {
        let mut fields = self.extra.clone();
        if let Some(code) = self.code {
            fields.insert("code".to_owned(), json!(code));
            let page = code.replace('_', "-");
            fields.insert(
                "doc_url".to_owned(),
                json!(format!("https://stripe.com/docs/error-codes/{page}")),
            );
        }
        if let Some(param) = &self.param {
            fields.insert("param".to_owned(), json!(param));
        }
        fields.insert("message".to_owned(), json!(self.message));
        fields.insert("type".to_owned(), json!(self.kind));
        fields
    }
}
