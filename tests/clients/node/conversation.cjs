// One conversation between a buyer and an agent, over whichever client library `connect` brings.
// It says each claim that held on a line of its own; the first that does not hold ends the process with status 1.
"use strict";

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");

const DEADLINE_MS = 10_000;

/** Pushes as they come, kept until someone asks for them. */
class Pushes {
  #kept = [];
  #waiting = [];

  arrived(name, params) {
    const at = this.#waiting.findIndex((one) => one.wants(name, params));
    if (at >= 0) this.#waiting.splice(at, 1)[0].resolve(params);
    else this.#kept.push({ name, params });
  }

  /** The next push of this name for which `wanted` holds. */
  next(name, wanted = () => true) {
    const wants = (aName, params) => aName === name && wanted(params);
    const at = this.#kept.findIndex((one) => wants(one.name, one.params));
    if (at >= 0) return Promise.resolve(this.#kept.splice(at, 1)[0].params);
    return within(`the push ${name}`, new Promise((resolve) => this.#waiting.push({ wants, resolve })));
  }
}

/** Fails when the promise is not settled by the deadline. */
function within(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${DEADLINE_MS} ms`)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function claim(text) {
  console.log(`  ok  ${text}`);
}

/**
 * `connect(url, pushes)` resolves to `{call(method, params), notify(method, params), close(), more?(session)}`; `call` rejects
 * with an object that has the `code` and `data` of the JSON-RPC error. `more` checks what only this library can do.
 */
async function converse(library, connect) {
  const [url, buyerToken, agentToken] = ["CHAT_URL", "CHAT_BUYER_TOKEN", "CHAT_AGENT_TOKEN"].map((name) => {
    assert.ok(process.env[name], `${name} is not set`);
    return process.env[name];
  });

  const session = async (token, role) => {
    const pushes = new Pushes();
    const connection = await within("the connection", connect(url, pushes));
    const call = (method, params = {}) => within(`the answer to ${method}`, connection.call(method, params));
    const started = await call("session.start", { token, client: { name: library, version: "1" } });
    assert.equal(started.user.role, role);
    return { ...connection, call, pushes, started };
  };

  const buyer = await session(buyerToken, "BUYER");
  const { conversation } = await buyer.call("conversation.open");
  const id = conversation.conversation_id;
  assert.match(id, /^[1-9][0-9]*$/);
  const agent = await session(agentToken, "AGENT");
  const attached = await agent.call("conversation.attach", { conversation_id: id });
  assert.equal(attached.conversation.buyer.user_id, buyer.started.user.user_id);
  claim("a buyer opens the conversation and an agent attaches to it");

  const send = (side, text, client_message_id = randomUUID()) =>
    side.call("message.send", { conversation_id: id, client_message_id, content: { type: "TEXT", text } });
  const message = (side, sent) => side.pushes.next("message.created", (event) => event.message.message_id === sent.message_id);

  const question = "¿Dónde está mi pedido?\n\nGracias 🙏🏽";
  const questionId = randomUUID();
  const asked = await send(buyer, question, questionId);
  for (const side of [buyer, agent]) {
    const event = await message(side, asked);
    assert.deepEqual(
      [event.conversation_id, event.seq, event.message.content.text, event.message.sender.role],
      [id, asked.seq, question, "BUYER"],
    );
  }
  claim("what the buyer writes is pushed to both, paragraphs and emoji kept");

  const answer = "It is on its way.";
  const answered = await send(agent, answer);
  assert.ok(answered.seq > asked.seq);
  for (const side of [buyer, agent]) {
    const event = await message(side, answered);
    assert.deepEqual([event.message.content.text, event.message.sender.role], [answer, "CUSTOMER_SERVICE"]);
    assert.ok(event.prev_seq >= asked.seq && event.prev_seq < event.seq);
  }
  claim("what the agent answers is pushed to both, after it");

  assert.deepEqual(await send(buyer, question, questionId), asked);
  claim("a message sent again has the first answer");

  const histories = [];
  for (const side of [buyer, agent]) {
    const { messages, has_more } = await side.call("conversation.history", { conversation_id: id, limit: 100 });
    assert.equal(has_more, false);
    histories.push(messages);
  }
  assert.deepEqual(histories[0], histories[1]);
  assert.deepEqual(
    histories[0].filter((one) => one.content.type === "TEXT").map((one) => one.content.text),
    [question, answer],
  );
  claim("both sides have the same history, each message once");

  await buyer.notify("conversation.typing", { conversation_id: id, typing: true });
  const typing = await agent.pushes.next("typing");
  assert.deepEqual([typing.conversation_id, typing.sender.role, typing.typing], [id, "BUYER", true]);
  claim("a notification without an id takes effect");

  const refused = async (params, field) => {
    const error = await buyer.call("message.send", params).then(
      () => assert.fail(`${field} was accepted`),
      (error) => error,
    );
    assert.deepEqual([error.code, error.data?.type, error.data?.field, error.data?.retryable], [-32602, "validation", field, false]);
  };
  const content = { type: "TEXT", text: "x".repeat(2001) };
  await refused({ conversation_id: id, client_message_id: randomUUID(), content }, "content.text");
  await refused({ conversation_id: id, client_message_id: randomUUID(), content: { type: "TEXT", text: "x" }, typo: 1 }, "typo");
  claim("an error has its code, its type and the field that is wrong");

  await buyer.more?.({ buyer, id, claim, assert, within });
  buyer.close();
  agent.close();
}

Object.assign(module.exports, { Pushes, claim, within });

/** Runs the conversation and ends the process. */
module.exports.run = (library, connect) =>
  converse(library, connect).then(
    () => process.exit(0),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
