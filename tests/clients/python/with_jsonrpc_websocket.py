"""jsonrpc-websocket: asks for no subprotocol, its ids are strings, a push calls the function registered for it."""

import jsonrpc_base
import jsonrpc_websocket

import conversation


class Connection:
    def __init__(self, url, pushes):
        self._server = jsonrpc_websocket.Server(url, timeout=conversation.DEADLINE_S)

        def keep(name):
            async def arrived(**params):
                await pushes.arrived(name, params)

            return arrived

        self._server.message.created = keep("message.created")
        self._server.typing = keep("typing")

    async def open(self):
        await self._server.ws_connect()
        return self

    async def call(self, method, params):
        noun, verb = method.split(".")
        try:
            return await getattr(getattr(self._server, noun), verb)(**params)
        except jsonrpc_base.ProtocolError as error:
            # The library raises (code, sentence, the whole answer).
            raise conversation.RpcError(error.args[2]["error"]) from error

    async def notify(self, method, params):
        noun, verb = method.split(".")
        await getattr(getattr(self._server, noun), verb)(**params, _notification=True)

    async def close(self):
        await self._server.close()


conversation.run("jsonrpc-websocket", lambda url, pushes: Connection(url, pushes).open())
