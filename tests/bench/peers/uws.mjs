// uWebSockets.js: one process, its own publish and subscribe. Keeps nothing. The frames are those of the bare fan-out server.
import uws from "@trufflesuite/uws-js-unofficial";

const app = uws.App();
app.ws("/*", {
  maxPayloadLength: 64 * 1024,
  maxBackpressure: 16 * 1024 * 1024,
  idleTimeout: 120,
  message(socket, bytes) {
    const text = Buffer.from(bytes).toString();
    const room = text.slice(1, text.indexOf(" ", 1));
    if (text[0] === "j") {
      socket.subscribe(room);
      socket.send("j");
    } else {
      // Everyone in the room has it, its sender too.
      app.publish(room, "m" + text.slice(1));
    }
  },
});
app.listen("127.0.0.1", 0, (listening) => {
  if (!listening) process.exit(1);
  console.log(`listening on http://127.0.0.1:${uws.us_socket_local_port(listening)}`);
});
