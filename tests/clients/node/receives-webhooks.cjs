// A receiver of webhooks that verifies them as docs/webhooks.md says, by standardwebhooks.
// It says each claim that held on a line of its own; the first that does not hold ends the process with status 1.
"use strict";

const assert = require("node:assert/strict");
const { once } = require("node:events");
const { createServer } = require("node:http");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");
const { Pushes, claim, within } = require("./conversation.cjs");

/** A call of the REST API, as the shop's system makes it. */
async function call(method, path, body) {
  const response = await within(
    `the answer to ${method} ${path}`,
    fetch(process.env.REST_URL + path, {
      method,
      headers: { Authorization: `Bearer ${process.env.REST_KEY}`, "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    }),
  );
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text && JSON.parse(text);
}

/** Requests as they come, by the type of their event; each is answered 204 at once. */
async function receiver() {
  const came = new Pushes();
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    response.writeHead(204).end();
    const body = Buffer.concat(parts).toString();
    came.arrived(JSON.parse(body).type, { headers: request.headers, body });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { came, url: `http://127.0.0.1:${server.address().port}/deskwire` };
}

async function main() {
  const { came, url } = await receiver();
  const { webhook, secret } = await call("POST", "/webhooks", { url, events: ["order.placed", "product.updated"] });
  const verifier = new Webhook(secret);

  await call("POST", `/webhooks/${webhook.webhook_id}/test`);
  const ping = await came.next("ping");
  const event = verifier.verify(ping.body, ping.headers);
  assert.deepEqual([event.type, event.data.webhook_id], ["ping", webhook.webhook_id]);
  claim("a ping is verified");

  const money = (amount) => ({ amount, currency: "EUR" });
  const now = Date.now();
  const order = {
    id: "webhook-node",
    status: "AWAITING_SHIPMENT",
    user_id: "buyer-of-receives-webhooks",
    create_time: now,
    update_time: now,
    buyer_message: "Obrigada 🙏🏽",
    payment: {
      currency: "EUR",
      sub_total: money("12.50"),
      shipping_fee: money("0.00"),
      tax: money("0.00"),
      total_amount: money("12.50"),
    },
    line_items: [
      { id: "1", product_id: "p-1", product_name: "Linen shirt", sku_id: "p-1-m", sale_price: money("12.50"), quantity: 1 },
    ],
  };
  await call("PUT", `/orders/${order.id}`, order);
  const told = await came.next("order.placed");
  const placed = verifier.verify(told.body, told.headers);
  assert.deepEqual([placed.data.order.id, placed.data.order.buyer_message], [order.id, order.buyer_message]);
  assert.ok(Date.parse(placed.timestamp) >= now && placed.sequence > 0);
  claim("an order that was written arrives, and is verified");

  const refused = (body, headers, secret_, why) =>
    assert.throws(() => new Webhook(secret_).verify(body, headers), WebhookVerificationError, why);
  refused(told.body.replace("12.50", "02.50"), told.headers, secret, "another body");
  refused(told.body, { ...told.headers, "webhook-id": ping.headers["webhook-id"] }, secret, "another id");
  const anEarlierTime = String(Number(told.headers["webhook-timestamp"]) - 1);
  refused(told.body, { ...told.headers, "webhook-timestamp": anEarlierTime }, secret, "another time");
  refused(told.body, told.headers, `whsec_${Buffer.alloc(32).toString("base64")}`, "another secret");
  claim("changed body, id, time or secret: none is verified");

  const later = await call("POST", `/webhooks/${webhook.webhook_id}/rotate_secret`);
  assert.notEqual(later.secret, secret);
  await call("POST", `/webhooks/${webhook.webhook_id}/test`);
  const both = await came.next("ping");
  for (const one of [secret, later.secret]) new Webhook(one).verify(both.body, both.headers);
  refused(told.body, told.headers, later.secret, "signed before there was the secret");
  claim("while its secret is being changed, the one before verifies and so does the new one");

  await call("DELETE", `/webhooks/${webhook.webhook_id}`);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
