// rpc-websockets: asks for no subprotocol, numbers its requests, emits a notification under its method's name.
"use strict";

const { Client } = require("rpc-websockets");
const { run } = require("./conversation.cjs");

class Listening extends Client {
  constructor(url, pushes) {
    super(url, { reconnect: false });
    this.pushes = pushes;
  }

  emit(name, ...parameters) {
    if (name === "typing" || name.includes(".")) this.pushes.arrived(name, parameters[0]);
    return super.emit(name, ...parameters);
  }
}

run("rpc-websockets", (url, pushes) =>
  new Promise((resolve, reject) => {
    const client = new Listening(url, pushes);
    client.once("error", reject);
    client.once("open", () =>
      resolve({
        call: (method, params) => client.call(method, params),
        notify: (method, params) => client.notify(method, params),
        close: () => client.close(),
      }),
    );
  }),
);
