// @msgpack/msgpack over ws: MessagePack-RPC in binary frames, written down from the contract.
"use strict";

const { decode, encode } = require("@msgpack/msgpack");
const WebSocket = require("ws");
const { run } = require("./conversation.cjs");

run("msgpack", (url, pushes) =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url, "deskwire.v1.msgpack");
    const pending = new Map();
    let lastId = 0;
    socket.on("message", (data, isBinary) => {
      const [kind, ...rest] = isBinary ? decode(data) : [];
      if (kind === 1) {
        const [id, error, result] = rest;
        const { resolve, reject } = pending.get(id);
        pending.delete(id);
        if (error === null) resolve(result);
        else reject(error);
      } else if (kind === 2) {
        pushes.arrived(rest[0], rest[1]);
      } else {
        throw new Error(`neither a response nor a notification: ${data}`);
      }
    });
    socket.once("error", reject);
    socket.once("open", () =>
      resolve({
        call: (method, params) =>
          new Promise((resolve, reject) => {
            lastId += 1;
            pending.set(lastId, { resolve, reject });
            socket.send(encode([0, lastId, method, params]));
          }),
        // MessagePack-RPC libraries send params as an array: here of the one object.
        notify: async (method, params) => socket.send(encode([2, method, [params]])),
        close: () => socket.close(),
        more: async ({ buyer, claim, assert }) => {
          assert.equal(socket.protocol, "deskwire.v1.msgpack");
          assert.ok(Number.isSafeInteger((await buyer.call("session.ping")).server_time));
          claim("the subprotocol is the one that was asked for");
        },
      }),
    );
  }),
);
