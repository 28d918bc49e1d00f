#!/usr/bin/env python3
"""Asks two stand-ins of Stripe the same, and prints a row of a table for each question.

usage: compare.py SANDBOX API TOKEN LOCALSTRIPE API TOKEN    # API: the `billfold dev` that works on it, TOKEN: for its project demo
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request

SECRET, ANOTHER = "sk_test_compared_5678", "sk_test_compared_other"
CARD = {"exp_month": "12", "exp_year": "2034", "cvc": "123"}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers = status, headers
        try:
            self.body = json.loads(body or b"{}")
        except ValueError:
            self.body = {}

    def __getitem__(self, name):
        return self.body.get(name) if isinstance(self.body, dict) else None

    def told(self, *names):
        """The status, and the code of an error or what these fields have."""
        error = self["error"]
        if isinstance(error, dict):
            codes = [error[name] for name in ("code", "decline_code") if error.get(name)]
            return " ".join([str(self.status), *codes])
        return " ".join([str(self.status), *(f"{self[name]}" for name in names)])


def send(request):
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


class Stripe:
    def __init__(self, base):
        self.base = base

    def ask(self, method, path, fields=(), key=SECRET, **headers):
        data = urllib.parse.urlencode(dict(fields)).encode() if fields or method == "POST" else None
        request = urllib.request.Request(self.base + path, data, method=method)
        request.add_header("Authorization", f"Bearer {key}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        return send(request)

    def customer(self):
        return self.ask("POST", "/v1/customers", {"metadata[user]": "usr_alice"})["id"]

    def intent(self, **more):
        fields = {"customer": self.customer(), "usage": "off_session", "payment_method_types[]": "card", **more}
        return self.ask("POST", "/v1/setup_intents", fields)

    def confirm(self, intent, number, **card):
        """As Stripe.js does it, with the client's secret."""
        fields = {"client_secret": intent["client_secret"], "use_stripe_sdk": "true", "payment_method_data[type]": "card"}
        fields |= {f"payment_method_data[card][{name}]": value for name, value in {**CARD, "number": number, **card}.items()}
        # localstripe wants the key in the body for this, which it takes from anyone who has one.
        fields["key"] = SECRET.replace("sk_", "pk_")
        return self.ask("POST", f"/v1/setup_intents/{intent['id']}/confirm", fields, key=SECRET.replace("sk_", "pk_"))

    def method(self, number="4242424242424242"):
        fields = {"type": "card", **{f"card[{name}]": value for name, value in {**CARD, "number": number}.items()}}
        return self.ask("POST", "/v1/payment_methods", fields)["id"]

    def attach(self, method, customer):
        return self.ask("POST", f"/v1/payment_methods/{method}/attach", {"customer": customer})

    def detach(self, method):
        return self.ask("POST", f"/v1/payment_methods/{method}/detach")


QUESTIONS = []


def question(text):
    def keep(function):
        QUESTIONS.append((text, function))
        return function

    return keep


@question("customer, with metadata")
def _(stripe, _):
    return stripe.ask("POST", "/v1/customers", {"metadata[user]": "usr_alice"}).told("metadata")


@question("setup intent for a customer")
def _(stripe, _):
    return stripe.intent().told("status")


@question("… with `payment_method`")
def _(stripe, _):
    return stripe.intent(payment_method="pm_card_visa").told("status")


@question("… with `payment_method` and `confirm`")
def _(stripe, _):
    return stripe.intent(payment_method="pm_card_visa", confirm="true").told("status")


@question("confirmed by the page, 4242…")
def _(stripe, _):
    return stripe.confirm(stripe.intent(), "4242424242424242").told("status")


@question("… then the method's customer is the intent's")
def _(stripe, _):
    intent = stripe.intent()
    confirmed = stripe.confirm(intent, "4242424242424242")
    method = stripe.ask("GET", f"/v1/payment_methods/{confirmed['payment_method']}")
    return str(method["customer"] is not None and method["customer"] == intent["customer"])


@question("… and it is in the customer's list")
def _(stripe, _):
    intent = stripe.intent()
    confirmed = stripe.confirm(intent, "4242424242424242")
    listed = stripe.ask("GET", f"/v1/payment_methods?customer={intent['customer']}&type=card")
    return str(confirmed["payment_method"] in [method["id"] for method in listed["data"]])


@question("brand of 5555 5555 5555 4444")
def _(stripe, _):
    return stripe.ask("GET", f"/v1/payment_methods/{stripe.method('5555555555554444')}")["card"]["brand"]


@question("American Express: 15 digits, a code of 4")
def _(stripe, _):
    return stripe.confirm(stripe.intent(), "378282246310005", cvc="1234").told("status")


@question("a number that no card has (4242…4241)")
def _(stripe, _):
    return stripe.confirm(stripe.intent(), "4242424242424241").told("status")


@question("4000 0025 0000 3155 asks for a check")
def _(stripe, _):
    answer = stripe.confirm(stripe.intent(), "4000002500003155")
    return answer.told("status") + " " + (answer["next_action"] or {}).get("type", "")


@question("… that is passed")
def _(stripe, _):
    intent = stripe.intent()
    stripe.confirm(intent, "4000002500003155")
    fields = {"client_secret": intent["client_secret"], "key": SECRET.replace("sk_", "pk_")}
    return stripe.ask("POST", f"/v1/setup_intents/{intent['id']}/confirm", fields, key=SECRET.replace("sk_", "pk_")).told("status")


@question("… that is failed: what the intent is then")
def _(stripe, _):
    intent = stripe.intent()
    stripe.confirm(intent, "4000002500003155")
    if stripe.ask("POST", f"/_sandbox/setup_intents/{intent['id']}/fail").status == 404:
        # What its own Stripe.js asks for.
        stripe.ask("POST", f"/v1/setup_intents/{intent['id']}/cancel", {"client_secret": intent["client_secret"]})
    after = stripe.ask("GET", f"/v1/setup_intents/{intent['id']}")
    return after.told("status") + " " + str((after["last_setup_error"] or {}).get("code", "no error"))


@question("declined: 4000 0000 0000 0002")
def _(stripe, _):
    return stripe.confirm(stripe.intent(), "4000000000000002").told("status")


@question("… what the intent is then")
def _(stripe, _):
    intent = stripe.intent()
    stripe.confirm(intent, "4000000000000002")
    return stripe.ask("GET", f"/v1/setup_intents/{intent['id']}").told("status")


@question("… and with a second card on it")
def _(stripe, _):
    intent = stripe.intent()
    stripe.confirm(intent, "4000000000000002")
    return stripe.confirm(intent, "4242424242424242").told("status")


@question("expired: 4000 0000 0000 0069")
def _(stripe, _):
    return stripe.confirm(stripe.intent(), "4000000000000069").told("status")


@question("attached to a second customer")
def _(stripe, _):
    method = stripe.method()
    stripe.attach(method, stripe.customer())
    return stripe.attach(method, stripe.customer()).told("object")


@question("detached, and attached again")
def _(stripe, _):
    method, customer = stripe.method(), stripe.customer()
    stripe.attach(method, customer)
    stripe.detach(method)
    return stripe.attach(method, customer).told("object")


@question("detached without being attached")
def _(stripe, _):
    return stripe.detach(stripe.method()).told("object")


@question("an intent that has succeeded is canceled")
def _(stripe, _):
    intent = stripe.intent()
    stripe.confirm(intent, "4242424242424242")
    return stripe.ask("POST", f"/v1/setup_intents/{intent['id']}/cancel").told("status")


@question("the same `Idempotency-Key` twice makes")
def _(stripe, _):
    made = {stripe.ask("POST", "/v1/customers", {"metadata[a]": "b"}, Idempotency_Key="one-key")["id"] for _ in range(2)}
    return f"{len(made)} customers" if len(made) > 1 else "1 customer"


@question("another account's key sees the customer")
def _(stripe, _):
    return stripe.ask("GET", f"/v1/customers/{stripe.customer()}", key=ANOTHER).told("object")


@question("a key that is none")
def _(stripe, _):
    return stripe.ask("GET", "/v1/customers", key="nonsense").told("object")


@question("a customer that is not there")
def _(stripe, _):
    return stripe.ask("GET", "/v1/customers/cus_nobody").told("object")


@question("`Request-Id` and `Stripe-Version` of an answer")
def _(stripe, _):
    headers = stripe.ask("GET", "/v1/customers").headers
    return " ".join("yes" if headers.get(name) else "no" for name in ("Request-Id", "Stripe-Version"))


@question("`GET /v1/account`")
def _(stripe, _):
    return stripe.ask("GET", "/v1/account").told("object")


@question("webhook endpoints by the API")
def _(stripe, _):
    fields = {"url": "http://127.0.0.1:9/never", "enabled_events[]": "*"}
    return stripe.ask("POST", "/v1/webhook_endpoints", fields).told("object")


@question("`GET /v1/events`")
def _(stripe, _):
    return stripe.ask("GET", "/v1/events?limit=1").told("object")


class Billfold:
    def __init__(self, base, token, stripe):
        self.base, self.token, self.stripe = base, token, stripe

    def ask(self, method, path, body=None):
        request = urllib.request.Request(f"{self.base}/projects/demo{path}", body and json.dumps(body).encode(), method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        answer = send(request)
        return f"{answer.status} {answer['code'] or answer['status'] or ''}".strip(), answer

    def collected(self, number):
        """A payment method that a page has collected for a user."""
        _, intent = self.ask("POST", "/setupIntents", {"user": "usr_alice"})
        fields = {"client_secret": intent["clientSecret"], "key": intent["publishableKey"], "payment_method_data[type]": "card"}
        fields |= {f"payment_method_data[card][{name}]": value for name, value in {**CARD, "number": number}.items()}
        return self.stripe.ask("POST", f"/v1/setup_intents/{intent['id']}/confirm", fields, key=intent["publishableKey"])


@question("Billfold: a setup intent")
def _(_, billfold):
    return billfold.ask("POST", "/setupIntents", {"user": "usr_alice"})[0]


@question("Billfold: what the page collected is saved")
def _(_, billfold):
    return billfold.ask("POST", "/paymentMethods", {"id": billfold.collected("4242424242424242")["payment_method"], "user": "usr_alice"})[0]


@question("Billfold: `pm_card_visa` is saved")
def _(_, billfold):
    return billfold.ask("POST", "/paymentMethods", {"id": "pm_card_visa", "user": "usr_bruno"})[0]


first, second = [(Stripe(base), Billfold(api, token, Stripe(base))) for base, api, token in (sys.argv[1:4], sys.argv[4:7])]
same = 0
for text, function in QUESTIONS:
    answers = [str(function(*of)) for of in (first, second)]
    same += answers[0] == answers[1]
    print(f"| {text} | {answers[0]} | {answers[1] if answers[0] != answers[1] else 'the same'} |")
print(f"\n{len(QUESTIONS)} questions, {same} with the same answer")
