"""What schemathesis cannot know by itself: whose token goes where, and which ids lead somewhere.

Generated requests name projects and ids that nobody has, and end at the first 404. So well-formed values are mostly
exchanged for real ones, and some are left as they are. Values that are malformed on purpose are never touched.
"""

import json
import os
import re
import urllib.parse
import urllib.request
import uuid
import zlib

import schemathesis
from schemathesis.generation.meta import CONTENT_TYPE_PROBES, TestPhase, coverage_scenario

PROJECT_TOKEN = os.environ["BILLFOLD_PROJECT_TOKEN"]
ACCOUNT_TOKEN = os.environ["BILLFOLD_ACCOUNT_TOKEN"]
SANDBOX_URL = os.environ["BILLFOLD_SANDBOX_URL"].rstrip("/")
SANDBOX_PUBLISHABLE_KEY = os.environ["BILLFOLD_SANDBOX_PUBLISHABLE_KEY"]
PROJECT = os.environ.get("BILLFOLD_PROJECT", "demo")

PROJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
STRIPE_ID = re.compile(r"[A-Za-z0-9_]{1,255}")
USER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
ACCOUNT_PREFIX = "/v1/"

# A card that is fine, one that needs 3-D Secure, two that are declined, and the two wallets; the fine one most often.
CARDS = (
    ("number", "4242424242424242"),
    ("number", "5555555555554444"),
    ("number", "4000002500003155"),
    ("number", "4242424242424242"),
    ("token", "tok_applePay_visa"),
    ("number", "4000000000000002"),
    ("number", "378282246310005"),
    ("token", "tok_googlePay_visa"),
    ("number", "4000000000000069"),
)
# How many payment methods the phases without a memory share at most; spread over the users, they stay below the limit
# of a user's saved methods.
MAXIMUM_METHODS = 160
USERS = tuple(f"usr_contract_{number}" for number in range(4))
# The stateful phase makes one for each create, for more users.
STATEFUL_USERS = tuple(f"usr_contract_stateful_{number}" for number in range(64))


def mostly(text, one_in):
    """True for all texts but about one in so many; always the same for the same text, so that a seed replays."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) % one_in != 0


def is_well_formed(value, pattern):
    return isinstance(value, str) and pattern.fullmatch(value) is not None


class Pool:
    """Ids that were seen in answers: those that are there now, and those that were there once."""

    def __init__(self):
        self.present = []
        self.known = set()
        self.turn = 0

    def add(self, identifier):
        if identifier not in self.present:
            self.present.append(identifier)
        self.known.add(identifier)

    def remove(self, identifier):
        if identifier in self.present:
            self.present.remove(identifier)

    def next(self):
        if not self.present:
            return None
        self.turn += 1
        return self.present[self.turn % len(self.present)]


class UnattachedMethods:
    """Payment methods made at the sandbox as a browser makes them, for the operations that save one."""

    def __init__(self):
        self.made = []
        self.turn = 0

    def next(self):
        """A new one for every other call, and one that was used before in between."""
        self.turn += 1
        if len(self.made) < MAXIMUM_METHODS and (self.turn % 2 == 1 or not self.made):
            self.made.append(self.make(CARDS[len(self.made) % len(CARDS)]))
            return self.made[-1]
        return self.made[self.turn * 7 % len(self.made)]

    @staticmethod
    def make(card):
        kind, value = card
        fields = {"key": SANDBOX_PUBLISHABLE_KEY, "type": "card", f"card[{kind}]": value}
        if kind == "number":
            fields |= {"card[exp_month]": "12", "card[exp_year]": "2040", "card[cvc]": "123"}
        request = urllib.request.Request(
            f"{SANDBOX_URL}/v1/payment_methods", data=urllib.parse.urlencode(fields).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)["id"]


project_methods = Pool()
account_methods = Pool()
setup_intents = Pool()
project_unattached = UnattachedMethods()
account_unattached = UnattachedMethods()

# Where the ids of an operation's path, and those of its answers, belong.
POOLS = {
    "createPaymentMethod": project_methods,
    "retrievePaymentMethod": project_methods,
    "deletePaymentMethod": project_methods,
    "createSetupIntent": setup_intents,
    "retrieveSetupIntent": setup_intents,
    "saveAccountPaymentMethod": account_methods,
    "deleteAccountPaymentMethod": account_methods,
}
UNATTACHED = {"createPaymentMethod": project_unattached, "saveAccountPaymentMethod": account_unattached}
CREATES = {"createPaymentMethod", "createSetupIntent", "saveAccountPaymentMethod"}
DELETES = {"deletePaymentMethod", "deleteAccountPaymentMethod"}


def operation_id(case):
    return case.operation.definition.raw["operationId"]


# A token is kept per path, as one operation's is not another's.
@schemathesis.auth(cache_by_key=lambda case, context: case.operation.path)
class Token:
    """The user's token for the account API, the backend's for the project API, and none where none is asked for."""

    def get(self, case, context):
        if case.operation.definition.raw.get("security") == []:
            return None
        return ACCOUNT_TOKEN if case.operation.path.startswith(ACCOUNT_PREFIX) else PROJECT_TOKEN

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


def is_stateful(case):
    return case.meta is not None and case.meta.phase.name == TestPhase.STATEFUL


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = operation_id(case)
    stateful = is_stateful(case)
    exchange_path(operation, case.path_parameters, stateful)
    if operation == "listPaymentMethods" and case.meta and case.meta.generation.mode.is_positive:
        exchange_cursors(case.query, stateful)
    if operation in CREATES and isinstance(case.body, dict):
        exchange_body(operation, case.body, stateful)
    exchange_key(case.headers)


# In the stateful phase a request that is sent again must fare as it did the first time, or the phase takes the server
# for a fickle one and ends early. So there each create saves a payment method of its own, and only links give ids.


def exchange_key(headers):
    """A key of its own for each request: the same for two that differ is refused, as it should be."""
    if is_well_formed((headers or {}).get("Idempotency-Key"), IDEMPOTENCY_KEY):
        headers["Idempotency-Key"] = str(uuid.uuid4())


def exchange_path(operation, parameters, stateful):
    project = parameters.get("project")
    if is_well_formed(project, PROJECT_ID) and mostly(project, 12):
        parameters["project"] = PROJECT
    identifier = parameters.get("id")
    pool = POOLS.get(operation)
    # A known id was put there by a link from the answer that gave it out.
    if not stateful and pool and is_well_formed(identifier, STRIPE_ID) and identifier not in pool.known and mostly(identifier, 4):
        parameters["id"] = pool.next() or identifier


def exchange_cursors(query, stateful):
    """Only one cursor, and one that the project has seen: anything else is rightly refused."""
    if "after" in query and "before" in query:
        del query["after" if mostly(str(query["after"]), 2) else "before"]
    for name in ("after", "before"):
        if name in query:
            cursor = None if stateful else project_methods.next()
            if cursor is None:
                del query[name]
            else:
                query[name] = cursor


def exchange_body(operation, body, stateful):
    user = body.get("user")
    if is_well_formed(user, USER_ID) and mostly(user, 8):
        users = STATEFUL_USERS if stateful else USERS
        body["user"] = users[zlib.crc32(user.encode()) % len(users)]
    identifier = body.get("id")
    methods = UNATTACHED.get(operation)
    if methods and is_well_formed(identifier, STRIPE_ID) and mostly(identifier, 6):
        body["id"] = methods.make(CARDS[0]) if stateful else methods.next()


@schemathesis.hook
def after_call(context, case, response):
    operation = operation_id(case)
    if operation in CREATES and response.status_code == 201:
        POOLS[operation].add(response.json()["id"])
    if operation in DELETES and response.status_code in (200, 204):
        POOLS[operation].remove(case.path_parameters["id"])


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Drops what is no failure here: a body is JSON whatever its content type says, so another type is accepted."""
    is_acceptance = type(failure).__name__ == "AcceptedNegativeData"
    return not (is_acceptance and coverage_scenario(case) in CONTENT_TYPE_PROBES)
