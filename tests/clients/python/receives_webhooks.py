"""A receiver of webhooks that verifies them as docs/webhooks.md says, by standardwebhooks.

It says each claim that held on a line of its own; the first that does not hold ends the process with status 1.
"""

import base64
import datetime
import json
import os
import queue
import threading
import time
import types
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

from conversation import DEADLINE_S, claim


def call(method, path, document=None):
    """A call of the REST API, as the shop's system makes it."""
    request = urllib.request.Request(
        os.environ["REST_URL"] + path,
        method=method,
        data=None if document is None else json.dumps(document).encode(),
        headers={"Authorization": f"Bearer {os.environ['REST_KEY']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:
        text = response.read()
    return json.loads(text) if text else None


CAME = queue.Queue()


class Receiver(BaseHTTPRequestHandler):
    """Keeps what comes, and answers 204 at once."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()
        CAME.put(types.SimpleNamespace(body=body, headers=self.headers))

    def log_message(self, *_):
        pass


def next_of(kind):
    """The next event of this type, as it came; others are passed over."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            request = CAME.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            raise AssertionError(f"{kind} did not come within {DEADLINE_S} s") from None
        if json.loads(request.body)["type"] == kind:
            return request


def refused(body, headers, secret, why):
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return
    raise AssertionError(f"{why} was verified")


def money(amount):
    return {"amount": amount, "currency": "EUR"}


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/deskwire"
    made = call("POST", "/webhooks", {"url": url, "events": ["order.placed", "product.updated"]})
    here, secret = f"/webhooks/{made['webhook']['webhook_id']}", made["secret"]

    call("POST", f"{here}/test")
    ping = next_of("ping")
    event = Webhook(secret).verify(ping.body, ping.headers)
    assert (event["type"], event["data"]["webhook_id"]) == ("ping", made["webhook"]["webhook_id"]), event
    claim("a ping is verified")

    now = time.time_ns() // 1_000_000
    order = {
        "id": "webhook-python",
        "status": "AWAITING_SHIPMENT",
        "user_id": "buyer-of-receives_webhooks",
        "create_time": now,
        "update_time": now,
        "buyer_message": "Obrigada 🙏🏽",
        "payment": {
            "currency": "EUR",
            "sub_total": money("12.50"),
            "shipping_fee": money("0.00"),
            "tax": money("0.00"),
            "total_amount": money("12.50"),
        },
        "line_items": [
            {
                "id": "1",
                "product_id": "p-1",
                "product_name": "Linen shirt",
                "sku_id": "p-1-m",
                "sale_price": money("12.50"),
                "quantity": 1,
            }
        ],
    }
    call("PUT", f"/orders/{order['id']}", order)
    told = next_of("order.placed")
    event = Webhook(secret).verify(told.body, told.headers)
    placed = event["data"]["order"]
    assert (placed["id"], placed["buyer_message"]) == (order["id"], order["buyer_message"]), event
    at = datetime.datetime.fromisoformat(event["timestamp"])
    assert at.timestamp() * 1000 >= now and event["sequence"] > 0, event
    claim("an order that was written arrives, and is verified")

    headers = dict(told.headers.items())
    an_earlier_time = str(int(headers["webhook-timestamp"]) - 1)
    zeros = "whsec_" + base64.b64encode(bytes(32)).decode()
    refused(told.body.replace(b"12.50", b"02.50"), headers, secret, "another body")
    refused(told.body, {**headers, "webhook-id": ping.headers["webhook-id"]}, secret, "another id")
    refused(told.body, {**headers, "webhook-timestamp": an_earlier_time}, secret, "another time")
    refused(told.body, headers, zeros, "another secret")
    claim("changed body, id, time or secret: none is verified")

    later = call("POST", f"{here}/rotate_secret")["secret"]
    assert later != secret
    call("POST", f"{here}/test")
    both = next_of("ping")
    for one in (secret, later):
        Webhook(one).verify(both.body, both.headers)
    refused(told.body, headers, later, "what was signed before there was the secret")
    claim("while its secret is being changed, the one before verifies and so does the new one")

    call("DELETE", here)


if __name__ == "__main__":
    main()
