#!/usr/bin/env python3
"""Callers of the project API: they save cards and list them, without a pause, until they are told to end (SIGTERM).

usage: traffic.py http://HOST:PORT PROJECT PHASE SAVED <API-KEY

Whoever is not answered, or with anything but 2xx, has failed; asks again with the same Idempotency-Key after Retry-After, as clients should; and gives up after
twenty seconds. What was saved goes into the file SAVED, a line each: the user, and the card's name. What is printed is one line of JSON.
"""

import http.client
import json
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from urllib.parse import urlsplit

# A test card of Stripe's for each caller: one name is saved by one of them at a time.
CARDS = ["pm_card_visa", "pm_card_mastercard", "pm_card_amex", "pm_card_discover"]
CARDS_OF_A_USER = 90
# With the save an odd number, so that each caller saves on both instances in turn.
READS_FOR_A_SAVE = 4
REST = 0.01
PATIENCE = 20

base, project, phase, saved_file = sys.argv[1:]
key = sys.stdin.readline().strip()
address = urlsplit(base).netloc
ending = threading.Event()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: ending.set())


class Caller(threading.Thread):
    """One of them, with a connection of its own that it keeps."""

    def __init__(self, number):
        super().__init__()
        self.number = number
        self.connection = None
        self.counts = Counter()
        self.failed = Counter()
        self.saved = []
        self.given_up = []
        self.longest = 0.0

    def send(self, method, path, body, headers):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(address, timeout=PATIENCE)
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.will_close:
            self.connection.close()
        return answer.status, text, float(answer.getheader("Retry-After") or 0)

    def ask(self, method, path, body=None):
        """The answer, after as many repetitions as it takes; `None` if none came."""
        headers = {"Authorization": f"Bearer {key}"}
        if body is not None:
            headers["Idempotency-Key"] = str(uuid.uuid4())
            headers["Content-Type"] = "application/json"
        began = time.monotonic()
        while True:
            self.counts[method] += 1
            try:
                status, text, pause = self.send(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                self.connection.close()
                self.connection = None
                what, pause = type(error).__name__, 0
            else:
                if 200 <= status < 300:
                    self.longest = max(self.longest, time.monotonic() - began)
                    return json.loads(text)
                what = str(status)
            self.failed[f"{method} {what}"] += 1
            if time.monotonic() - began > PATIENCE:
                self.given_up.append(f"{method} {path}: {what}")
                return None
            time.sleep(max(pause, 0.1))

    def run(self):
        collection = f"/projects/{project}/paymentMethods"
        while not ending.is_set():
            user = f"usr_{phase}_{self.number}_{len(self.saved) // CARDS_OF_A_USER}"
            card = self.ask("POST", collection, json.dumps({"id": CARDS[self.number], "user": user}))
            if card is not None:
                self.saved.append((user, card["id"]))
            for _ in range(READS_FOR_A_SAVE):
                if ending.wait(REST):
                    break
                self.ask("GET", f"{collection}?user={user}&limit=10")


callers = [Caller(number) for number in range(len(CARDS))]
for caller in callers:
    caller.start()
# A thread that waits for signals, so that none of the others need.
while not ending.wait(0.05):
    pass
for caller in callers:
    caller.join()
with open(saved_file, "w", encoding="utf-8") as file:
    for caller in callers:
        file.writelines(f"{user} {card}\n" for user, card in caller.saved)
failed = sum((caller.failed for caller in callers), Counter())
print(
    json.dumps(
        {
            "requests": sum(sum(caller.counts.values()) for caller in callers),
            "saved": sum(len(caller.saved) for caller in callers),
            "failed": sum(failed.values()),
            "of": dict(failed),
            "longest_ms": round(1000 * max(caller.longest for caller in callers)),
            "given_up": sum((caller.given_up for caller in callers), []),
        }
    )
)
