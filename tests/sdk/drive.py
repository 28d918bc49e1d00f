"""Drives a running sandbox through every endpoint with Stripe's official Python SDK.

Usage: drive.py http://127.0.0.1:8090

Each run uses account keys of its own, so that it can be repeated on one sandbox. Any parse error, unexpected error or
wrong answer ends it with a non-zero status.
"""

import http.server
import json
import queue
import secrets
import sys
import threading
import urllib.request

import stripe

VERSION = "2026-06-24.dahlia"
WAIT_SECONDS = 20


def control(base, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{base}/_sandbox/{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as response:
        return json.load(response)


def expect(error_type, call, **members):
    """The call must fail with that error, which must have those members."""
    try:
        answer = call()
    except error_type as error:
        for name, wanted in members.items():
            found = getattr(error, name)
            assert found == wanted, f"{name} is {found!r}, not {wanted!r}: {error}"
        return error
    raise AssertionError(f"expected {error_type.__name__}, got {answer}")


class Receiver:
    """A webhook endpoint on a free port."""

    def __init__(self):
        received = self.received = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.put((body, self.headers["Stripe-Signature"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def customers(client):
    customer = client.v1.customers.create(
        {"email": "jenny@example.com", "name": "Jenny", "metadata": {"user": "u1"}, "address": {"city": "Berlin"}}
    )
    assert customer.id.startswith("cus_") and customer.metadata["user"] == "u1" and customer.address.city == "Berlin"
    assert client.v1.customers.retrieve(customer.id).email == "jenny@example.com"
    updated = client.v1.customers.update(customer.id, {"name": "Jenny Rosen", "metadata": {"user": "", "x": "y"}})
    assert updated.name == "Jenny Rosen" and updated.metadata.to_dict() == {"x": "y"}
    found = client.v1.customers.list({"email": "jenny@example.com"})
    assert [each.id for each in found.data] == [customer.id]
    for number in range(5):
        client.v1.customers.create({"description": str(number)})
    pages = client.v1.customers.list({"limit": 2})
    assert pages.has_more and len(list(pages.auto_paging_iter())) == 6
    with_card = client.v1.customers.create({"payment_method": "pm_card_visa"})
    assert len(client.v1.customers.payment_methods.list(with_card.id).data) == 1
    expect(stripe.CardError, lambda: client.v1.customers.create({"payment_method": "pm_card_chargeDeclined"}),
           code="card_declined", http_status=402)
    expect(stripe.InvalidRequestError, lambda: client.v1.customers.retrieve("cus_missing"),
           code="resource_missing", param="id", http_status=404)
    expect(stripe.InvalidRequestError, lambda: client.v1.customers.create({"colour": "red"}),
           code="parameter_unknown", http_status=400)
    assert client.v1.customers.delete(with_card.id).deleted
    assert client.v1.customers.retrieve(with_card.id).deleted
    return customer


def payment_methods(client, browser, customer):
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "314"}
    method = browser.v1.payment_methods.create({"type": "card", "card": card})
    assert method.card.brand == "visa" and method.card.last4 == "4242" and method.customer is None
    token = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_mastercard"}})
    assert token.card.brand == "mastercard"
    wallet = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_applePay_visa"}})
    assert wallet.card.wallet.type == "apple_pay" and wallet.type == "card"
    wallet = client.v1.payment_methods.retrieve("pm_card_googlePay_mastercard")
    assert wallet.card.wallet.type == "google_pay" and wallet.card.brand == "mastercard"
    attached = client.v1.payment_methods.attach(method.id, {"customer": customer.id})
    assert attached.customer == customer.id and attached.card.checks.cvc_check == "pass"
    expect(stripe.InvalidRequestError, lambda: client.v1.payment_methods.attach(method.id, {"customer": customer.id}),
           code=None, param=None, http_status=400)
    client.v1.payment_methods.attach(token.id, {"customer": customer.id})
    updated = client.v1.payment_methods.update(
        method.id, {"billing_details": {"name": "Jenny"}, "card": {"exp_year": 2041}, "metadata": {"a": "b"}}
    )
    assert updated.billing_details.name == "Jenny" and updated.card.exp_year == 2041
    listed = client.v1.payment_methods.list({"customer": customer.id, "type": "card"})
    assert [each.id for each in listed.data] == [token.id, method.id]
    listed = client.v1.customers.payment_methods.list(customer.id, {"limit": 1})
    assert listed.has_more and [each.id for each in listed.auto_paging_iter()] == [token.id, method.id]
    one = client.v1.customers.payment_methods.retrieve(customer.id, method.id, {"expand": ["customer"]})
    assert one.customer.id == customer.id
    client.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": token.id}})
    assert client.v1.payment_methods.detach(token.id).customer is None
    assert client.v1.customers.retrieve(customer.id).invoice_settings.default_payment_method is None
    expect(stripe.InvalidRequestError, lambda: client.v1.payment_methods.detach(token.id), http_status=400)
    expect(stripe.InvalidRequestError, lambda: client.v1.payment_methods.attach(token.id, {"customer": customer.id}),
           http_status=400)
    bad = {**card, "number": "4242424242424241"}
    expect(stripe.CardError, lambda: browser.v1.payment_methods.create({"type": "card", "card": bad}),
           code="incorrect_number", param="number", http_status=402)


def setup_intents(base, client, browser, customer):
    create = client.v1.setup_intents.create
    types = {"payment_method_types": ["card"], "usage": "off_session", "customer": customer.id}
    intent = create(types)
    assert intent.status == "requires_payment_method"
    seen = browser.v1.setup_intents.retrieve(intent.id, {"client_secret": intent.client_secret})
    assert seen.id == intent.id
    expect(stripe.InvalidRequestError, lambda: browser.v1.setup_intents.retrieve(intent.id, {"client_secret": "wrong"}))
    expect(stripe.PermissionError, lambda: browser.v1.customers.list())
    updated = client.v1.setup_intents.update(intent.id, {"description": "first", "metadata": {"a": "b"}})
    assert updated.description == "first"
    expect(stripe.InvalidRequestError, lambda: client.v1.setup_intents.confirm(intent.id),
           code="setup_intent_unexpected_state")
    done = browser.v1.setup_intents.confirm(intent.id, {
        "client_secret": intent.client_secret, "use_stripe_sdk": True,
        "payment_method_data": {"type": "card", "card": {
            "number": "4242424242424242", "exp_month": 1, "exp_year": 2040, "cvc": "123"}},
    })
    assert done.status == "succeeded"
    expanded = client.v1.setup_intents.retrieve(intent.id, {"expand": ["payment_method", "customer", "latest_attempt"]})
    assert expanded.payment_method.customer == customer.id and expanded.customer.id == customer.id
    error = expect(stripe.InvalidRequestError, lambda: client.v1.setup_intents.cancel(intent.id),
                   code="setup_intent_unexpected_state", http_status=400)
    assert error.error.setup_intent.id == intent.id

    challenge = create({**types, "payment_method": "pm_card_authenticationRequiredOnSetup", "confirm": True})
    assert challenge.status == "requires_action" and challenge.next_action.type == "use_stripe_sdk"
    passed = browser.v1.setup_intents.confirm(challenge.id, {"client_secret": challenge.client_secret})
    assert passed.status == "succeeded"
    challenge = create({**types, "payment_method": "pm_card_authenticationRequired", "confirm": True})
    control(base, "POST", f"setup_intents/{challenge.id}/fail")
    failed = client.v1.setup_intents.retrieve(challenge.id)
    assert failed.status == "requires_payment_method"
    assert failed.last_setup_error.code == "setup_intent_authentication_failure"
    assert client.v1.setup_intents.cancel(challenge.id, {"cancellation_reason": "abandoned"}).status == "canceled"

    error = expect(
        stripe.CardError,
        lambda: create({**types, "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds", "confirm": True}),
        code="card_declined", http_status=402)
    assert error.error.setup_intent.last_setup_error.decline_code == "insufficient_funds"
    listed = client.v1.setup_intents.list({"customer": customer.id, "limit": 2, "expand": ["data.payment_method"]})
    assert listed.has_more and len(list(listed.auto_paging_iter())) == 4
    automatic = create({"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}})
    assert automatic.automatic_payment_methods.allow_redirects == "never"
    newest = {"stripe_version": "2026-09-30.endive"}
    expect(stripe.InvalidRequestError, lambda: create(types, newest), code="parameter_unknown")


def connected(client, key):
    options = {"stripe_account": f"acct_{secrets.token_hex(8)}"}
    own = client.v1.accounts.retrieve_current()
    assert own.id.startswith("acct_") and own.charges_enabled
    assert client.v1.accounts.retrieve(own.id).id == own.id
    there = client.v1.customers.create({"email": "there@example.com"}, options)
    expect(stripe.InvalidRequestError, lambda: client.v1.customers.retrieve(there.id), http_status=404)
    method = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    clone = client.v1.payment_methods.create({"payment_method": method.id}, options)
    assert clone.id != method.id and clone.card.fingerprint == method.card.fingerprint
    other = stripe.StripeClient(key + "x", stripe_version=VERSION, base_addresses=client._requestor._options.base_addresses)
    expect(stripe.PermissionError, lambda: other.v1.customers.list({}, options))


def idempotency(client):
    options = {"idempotency_key": secrets.token_hex(16)}
    first = client.v1.customers.create({"name": "once"}, options)
    again = client.v1.customers.create({"name": "once"}, options)
    assert first.id == again.id and again.last_response.headers["idempotent-replayed"] == "true"
    expect(stripe.IdempotencyError, lambda: client.v1.customers.create({"name": "twice"}, options), http_status=400)


def webhooks(client):
    receiver = Receiver()
    endpoint = client.v1.webhook_endpoints.create(
        {"url": receiver.url, "enabled_events": ["customer.created", "setup_intent.*"], "api_version": VERSION})
    assert endpoint.secret.startswith("whsec_")
    assert getattr(client.v1.webhook_endpoints.retrieve(endpoint.id), "secret", None) is None
    assert endpoint.id in [each.id for each in client.v1.webhook_endpoints.list().auto_paging_iter()]
    customer = client.v1.customers.create({"email": "hook@example.com"})
    client.v1.customers.update(customer.id, {"name": "not listened to"})
    body, signature = receiver.received.get(timeout=WAIT_SECONDS)
    event = stripe.Webhook.construct_event(body, signature, endpoint.secret)
    assert event.type == "customer.created" and event.data.object.id == customer.id
    try:
        stripe.Webhook.construct_event(body, signature, "whsec_wrong")
        raise AssertionError("a wrong secret verified a webhook")
    except stripe.SignatureVerificationError:
        pass
    assert client.v1.events.retrieve(event.id).request.id
    created = client.v1.events.list({"type": "customer.created", "limit": 1})
    assert created.data[0].id == event.id
    assert client.v1.events.list({"types": ["customer.updated", "customer.deleted"]}).data[0].type == "customer.updated"
    client.v1.events.list({"delivery_success": False})
    client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    assert client.v1.webhook_endpoints.delete(endpoint.id).deleted


def main():
    base = sys.argv[1].rstrip("/")
    ending = secrets.token_hex(8)
    addresses = {"api": base}
    client = stripe.StripeClient(f"sk_test_{ending}", stripe_version=VERSION, base_addresses=addresses,
                                 max_network_retries=0)
    browser = stripe.StripeClient(f"pk_test_{ending}", stripe_version=VERSION, base_addresses=addresses,
                                  max_network_retries=0)
    customer = customers(client)
    payment_methods(client, browser, customer)
    setup_intents(base, client, browser, customer)
    connected(client, f"sk_test_{ending}")
    idempotency(client)
    webhooks(client)
    refused = stripe.StripeClient("sk_live_0123456789", stripe_version=VERSION, base_addresses=addresses)
    expect(stripe.AuthenticationError, lambda: refused.v1.customers.list(), http_status=401)
    # Objects parse under the SDK's own version too.
    plain = stripe.StripeClient(f"sk_test_{ending}", base_addresses=addresses)
    assert plain.v1.setup_intents.create({}).automatic_payment_methods.enabled
    print(f"stripe-python {stripe.VERSION}: every endpoint answered as expected")


if __name__ == "__main__":
    main()
