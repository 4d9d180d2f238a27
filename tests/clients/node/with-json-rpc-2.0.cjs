// json-rpc-2.0 over ws: a client and a server on one socket, and batches.
"use strict";

const { JSONRPCClient, JSONRPCServer, JSONRPCServerAndClient } = require("json-rpc-2.0");
const WebSocket = require("ws");
const { run } = require("./conversation.cjs");

run("json-rpc-2.0", (url, pushes) =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url, "deskwire.v1.json");
    const transmit = (payload) => socket.send(JSON.stringify(payload));
    const peer = new JSONRPCServerAndClient(new JSONRPCServer(), new JSONRPCClient(transmit));
    for (const event of ["message.created", "typing"]) {
      peer.addMethod(event, (params) => pushes.arrived(event, params));
    }
    // Events that this program does not listen for must not be answered, nor disturb.
    socket.on("message", (data) => peer.receiveAndSend(JSON.parse(data)));
    socket.once("error", reject);
    socket.once("open", () =>
      resolve({
        call: (method, params) => peer.request(method, params),
        notify: async (method, params) => peer.notify(method, params),
        close: () => socket.close(),
        more: async ({ buyer, id, claim, assert, within }) => {
          assert.equal(socket.protocol, "deskwire.v1.json");
          const batch = [
            { jsonrpc: "2.0", id: "first", method: "conversation.get", params: { conversation_id: id } },
            { jsonrpc: "2.0", id: "second", method: "no.such_method", params: {} },
            { jsonrpc: "2.0", id: "third", method: "session.ping" },
          ];
          const replies = await within("the batch", peer.client.requestAdvanced(batch));
          assert.deepEqual(replies.map((reply) => reply.id), ["first", "second", "third"]);
          assert.equal(replies[0].result.conversation.buyer.user_id, buyer.started.user.user_id);
          assert.equal(replies[1].error.code, -32601);
          assert.ok(replies[2].result.server_time > 0);
          claim("a batch is answered by one array, its ids as they were sent");
        },
      }),
    );
  }),
);
