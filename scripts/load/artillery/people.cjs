"use strict";
// The steps of quiet-shop.yml: one person's socket with its requests by id, and the chain of each conversation.
// Histograms: deskwire.reply, deskwire.delivery, deskwire.rpc (milliseconds). Counters: deskwire.acknowledged, deskwire.lost,
// deskwire.doubled, deskwire.refused.

const PATIENCE = 10_000;

class Session {
  constructor(context, events) {
    this.socket = context.ws;
    this.events = events;
    this.pending = new Map();
    this.last = new Map();
    this.lastId = 0;
    // A counter that nobody has counted cannot be held against a limit.
    for (const name of ["acknowledged", "lost", "doubled", "refused"]) this.count(name, 0);
    this.socket.on("message", (data) => this.hear(JSON.parse(data)));
  }

  count(name, number) {
    this.events.emit("counter", `deskwire.${name}`, number);
  }

  measure(name, since) {
    this.events.emit("histogram", `deskwire.${name}`, Date.now() - since);
  }

  /**
   * Asks; the answer, or an error where it was refused or did not come. `at` is called with the answer before any later
   * frame is looked at, which code after an await is not.
   */
  call(method, params, { measure = "rpc", at } = {}) {
    const id = ++this.lastId;
    const began = Date.now();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.count("lost", 1);
        reject(new Error(`no answer to ${method}`));
      }, PATIENCE);
      this.pending.set(id, (frame) => {
        clearTimeout(timer);
        if (frame.error) {
          this.count("refused", 1);
          return reject(new Error(`${method}: ${frame.error.data.type}`));
        }
        this.measure(measure, began);
        at?.(frame.result);
        resolve(frame.result);
      });
      this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  async send(conversation, who, text) {
    const content = { type: "TEXT", text };
    const params = { conversation_id: conversation, client_message_id: stamp(who), content };
    await this.call("message.send", params, { measure: "reply" });
    this.count("acknowledged", 1);
  }

  hear(frame) {
    if (frame.method === undefined) {
      const answered = this.pending.get(frame.id);
      this.pending.delete(frame.id);
      return answered?.(frame);
    }
    if (frame.method !== "message.created" && frame.method !== "message.revised") return;
    const { conversation_id: conversation, seq, prev_seq: before, message } = frame.params;
    const known = this.last.get(conversation);
    if (known === undefined) return;
    if (seq <= known) this.count("doubled", 1);
    if (before > known) this.count("lost", 1);
    this.last.set(conversation, Math.max(seq, known));
    const stamped = message.client_message_id?.startsWith("artillery.") ? message.client_message_id.split(".") : undefined;
    if (stamped && frame.method === "message.created" && stamped[1] !== this.who) this.measure("delivery", Number(stamped[2]));
    this.happened?.(conversation, message);
  }
}

const stamp = (who) => `artillery.${who}.${Date.now()}.${Math.random().toString(36).slice(2)}`;

let people = 0;

async function begins(context, events, side) {
  const session = new Session(context, events);
  session.who = `${side}${++people}`;
  context.vars.session = session;
  const client = { name: "artillery" };
  await session.call("session.start", { token: context.vars[side], client });
  return session;
}

async function buyerBegins(context, events) {
  await begins(context, events, "buyer");
}

async function opens(context) {
  const { session } = context.vars;
  const at = ({ conversation }) => session.last.set(conversation.conversation_id, conversation.last_seq);
  const { conversation } = await session.call("conversation.open", {}, { at });
  context.vars.conversation = conversation.conversation_id;
}

async function writes(context) {
  const { session, conversation } = context.vars;
  await session.send(conversation, session.who, "Where is my parcel?");
}

async function readsHistory(context) {
  const { session, conversation } = context.vars;
  await session.call("conversation.history", { conversation_id: conversation, limit: 20 });
}

async function agentBegins(context, events) {
  const session = await begins(context, events, "agent");
  context.vars.attended = new Map();
  const { products } = await session.call("workbench.products.list", { in_stock: true });
  context.vars.product = products[0]?.id;
  session.happened = (conversation, message) => {
    if (message.sender.role !== "BUYER" || Math.random() > 0.8) return;
    session.send(conversation, session.who, "Let me look.").catch((error) => events.emit("error", error.message));
  };
}

/** Attaches to conversations that have changed of late. */
async function attends(context) {
  const { session, attended } = context.vars;
  const { conversations } = await session.call("conversation.list", { page_size: 50 });
  for (const { conversation_id: conversation, buyer } of conversations) {
    if (attended.has(conversation)) continue;
    attended.set(conversation, buyer.user_id);
    const at = (attached) => session.last.set(conversation, attached.last_seq);
    await session.call("conversation.attach", { conversation_id: conversation }, { at });
  }
}

const anyOf = (attended) => [...attended][Math.floor(Math.random() * attended.size)];

async function looksUpOrders(context) {
  const { session, attended } = context.vars;
  if (attended.size > 0) await session.call("workbench.orders.list", { buyer_id: anyOf(attended)[1] });
}

async function sendsProduct(context) {
  const { session, attended, product } = context.vars;
  if (attended.size === 0 || product === undefined) return;
  const params = { conversation_id: anyOf(attended)[0], client_message_id: stamp(session.who), product_ids: [product] };
  await session.call("workbench.products.send_card", params);
  session.count("acknowledged", 1);
}

async function leaves(context) {
  const { session } = context.vars;
  session.count("lost", session.pending.size);
}

module.exports = { agentBegins, attends, buyerBegins, leaves, looksUpOrders, opens, readsHistory, sendsProduct, writes };
