// The quiet shop for k6: buyers open their conversation and write, an agent answers, lists orders and sends a product's card.
//
//   scripts/load/tokens 50 5 /tmp/load        (or any JSON of {"buyers": […], "agents": […]})
//   k6 run -e TOKENS=/tmp/load/tokens.json -e URL=ws://127.0.0.1:7420/v1/ws scripts/load/k6/quiet-shop.js
//
// Every message must come to its sender again exactly once, each event right after the one before it (`prev_seq`).

import { SharedArray } from "k6/data";
import exec from "k6/execution";
import { Counter, Trend } from "k6/metrics";
import { setInterval, clearInterval, setTimeout } from "k6/timers";
import { WebSocket } from "k6/websockets";

const url = __ENV.URL || "ws://127.0.0.1:7420/v1/ws";
const seconds = Number(__ENV.SECONDS || 60);
// An absolute path, or one from where this script is.
const file = __ENV.TOKENS || "tokens.json";

/** @type {string[]} */
const buyers = new SharedArray("buyers", () => JSON.parse(open(file)).buyers);
/** @type {string[]} */
const agents = new SharedArray("agents", () => JSON.parse(open(file)).agents);

const reply = new Trend("deskwire_reply", true);
const delivery = new Trend("deskwire_delivery", true);
const rpc = new Trend("deskwire_rpc", true);
const refused = new Counter("deskwire_refused");
const lost = new Counter("deskwire_lost");
const doubled = new Counter("deskwire_doubled");

export const options = {
  scenarios: {
    buyers: { executor: "per-vu-iterations", exec: "buyer", vus: buyers.length, iterations: 1, maxDuration: `${seconds + 30}s` },
    agents: { executor: "per-vu-iterations", exec: "agent", vus: agents.length, iterations: 1, maxDuration: `${seconds + 30}s` },
  },
  thresholds: {
    deskwire_reply: ["p(99)<150"],
    deskwire_delivery: ["p(99)<200"],
    deskwire_rpc: ["p(99)<200"],
    deskwire_lost: ["count==0"],
    deskwire_doubled: ["count==0"],
  },
};

/** One person's socket: requests by id, and the chain of each conversation. */
class Session {
  /**
   * @param {string} token
   * @param {(session: Session) => void} begun called when `session.start` was answered
   */
  constructor(token, begun) {
    /** @type {Map<number, { began: number, trend: Trend, then?: (result: any) => void }>} */
    this.pending = new Map();
    /** @type {Map<string, number>} */
    this.last = new Map();
    this.lastId = 0;
    /** Called for each event in sequence. @type {(event: any) => void} */
    this.happened = () => {};
    this.socket = new WebSocket(url);
    this.socket.onopen = () => this.call("session.start", { token }, rpc, () => begun(this));
    this.socket.onerror = () => refused.add(1);
    this.socket.onmessage = (message) => {
      if (message) this.hear(JSON.parse(String(message.data)));
    };
  }

  /**
   * @param {string} method
   * @param {object} params
   * @param {Trend} trend
   * @param {(result: any) => void} [then]
   */
  call(method, params, trend, then) {
    this.lastId += 1;
    this.pending.set(this.lastId, { began: Date.now(), trend, then });
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", id: this.lastId, method, params }));
  }

  /**
   * Follows a conversation from here on.
   *
   * @param {string} conversation
   * @param {number} seq
   */
  follow(conversation, seq) {
    this.last.set(conversation, seq);
  }

  /** Leaves, and counts what was not answered. */
  leave() {
    lost.add(this.pending.size);
    this.socket.close();
  }

  /** @param {any} frame */
  hear(frame) {
    if (frame.method === undefined) return this.answered(frame);
    if (frame.method !== "message.created" && frame.method !== "message.revised") return;
    const { conversation_id: conversation, seq, prev_seq: before } = frame.params;
    const known = this.last.get(conversation);
    if (known === undefined) return;
    if (seq <= known) doubled.add(1);
    if (before > known) lost.add(1);
    this.last.set(conversation, Math.max(seq, known));
    this.happened(frame.params);
  }

  /** @param {any} frame */
  answered(frame) {
    const request = this.pending.get(frame.id);
    if (!request) return;
    this.pending.delete(frame.id);
    if (frame.error) {
      refused.add(1, { type: frame.error.data.type });
      return;
    }
    request.trend.add(Date.now() - request.began);
    if (request.then) request.then(frame.result);
  }
}

/** @param {string} who */
const stamp = (who) => `k6.${who}.${Date.now()}.${Math.random().toString(36).slice(2)}`;

/** @param {string} id */
const sentAt = (id) => Number(id.split(".")[2]);

/** A buyer writes now and then, and looks at the history. */
export function buyer() {
  const index = exec.scenario.iterationInTest;
  new Session(buyers[index], (session) => {
    session.call("conversation.open", {}, rpc, (/** @type {any} */ { conversation }) => {
      const id = conversation.conversation_id;
      session.follow(id, conversation.last_seq);
      session.happened = ({ message }) => {
        if (message.sender.role === "CUSTOMER_SERVICE" && message.client_message_id?.startsWith("k6.")) {
          delivery.add(Date.now() - sentAt(message.client_message_id));
        }
      };
      const acting = setInterval(() => {
        const text = "Where is my parcel?";
        session.call(
          "message.send",
          { conversation_id: id, client_message_id: stamp(`b${index}`), content: { type: "TEXT", text } },
          reply,
        );
        if (Math.random() < 0.2) session.call("conversation.history", { conversation_id: id }, rpc);
      }, 6000 + Math.random() * 4000);
      setTimeout(() => clearInterval(acting), seconds * 1000);
      setTimeout(() => session.leave(), (seconds + 5) * 1000);
    });
  });
}

/** An agent attends the conversations that have most recently changed, answers, and sends cards. */
export function agent() {
  const index = exec.scenario.iterationInTest;
  new Session(agents[index], (session) => {
    /** @type {Map<string, string>} */
    const attended = new Map();
    /** @type {string | undefined} */
    let product;
    session.call("workbench.products.list", { in_stock: true }, rpc, (/** @type {any} */ { products }) => {
      product = products[0]?.id;
    });
    session.happened = ({ conversation_id: id, message }) => {
      if (message.sender.role !== "BUYER" || !message.client_message_id?.startsWith("k6.")) return;
      delivery.add(Date.now() - sentAt(message.client_message_id));
      if (Math.random() > 0.8) return;
      const content = { type: "TEXT", text: "Let me look." };
      const answer = { conversation_id: id, client_message_id: stamp(`a${index}`), content };
      setTimeout(() => session.call("message.send", answer, reply), 1000 + Math.random() * 2000);
    };
    const acting = setInterval(() => {
      session.call("conversation.list", { page_size: 100 }, rpc, (/** @type {any} */ { conversations }) => {
        for (const { conversation_id: id, buyer: who } of conversations) {
          // Agents share the conversations among them.
          if (attended.has(id) || Number(id.slice(-6)) % agents.length !== index) continue;
          attended.set(id, who.user_id);
          session.call("conversation.attach", { conversation_id: id }, rpc, (/** @type {any} */ { last_seq: seq }) => session.follow(id, seq));
        }
      });
      const all = [...attended];
      if (all.length === 0) return;
      const [id, who] = all[Math.floor(Math.random() * all.length)];
      session.call("workbench.orders.list", { buyer_id: who }, rpc);
      if (product && Math.random() < 0.3) {
        const card = { conversation_id: id, client_message_id: stamp(`a${index}`), product_ids: [product] };
        session.call("workbench.products.send_card", card, rpc);
      }
    }, 3000);
    setTimeout(() => clearInterval(acting), seconds * 1000);
    setTimeout(() => session.leave(), (seconds + 5) * 1000);
  });
}
