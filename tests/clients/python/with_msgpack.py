"""websockets and msgpack: MessagePack-RPC in binary frames, written down from the contract."""

import asyncio

import msgpack
import websockets

import conversation

RESPONSE, NOTIFICATION = 1, 2


class Connection:
    def __init__(self, socket, pushes):
        assert socket.subprotocol == "deskwire.v1.msgpack", socket.subprotocol
        self._socket, self._pushes = socket, pushes
        self._pending, self._last_id = {}, 0
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        async for frame in self._socket:
            assert isinstance(frame, bytes), frame
            kind, *rest = msgpack.unpackb(frame)
            if kind == RESPONSE:
                request_id, error, result = rest
                answer = self._pending.pop(request_id)
                if error is None:
                    answer.set_result(result)
                else:
                    answer.set_exception(conversation.RpcError(error))
            else:
                assert kind == NOTIFICATION, kind
                await self._pushes.arrived(*rest)

    async def call(self, method, params):
        self._last_id += 1
        answer = self._pending[self._last_id] = asyncio.get_running_loop().create_future()
        await self._socket.send(msgpack.packb([0, self._last_id, method, params]))
        # A reader that fails takes its reason along, instead of leaving this to the deadline.
        await asyncio.wait([answer, self._reading], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            await self._reading
            raise ConnectionError("the server closed the socket")
        return answer.result()

    async def notify(self, method, params):
        await self._socket.send(msgpack.packb([2, method, [params]]))

    async def close(self):
        await self._socket.close()
        await self._reading


async def connect(url, pushes):
    socket = await websockets.connect(url, subprotocols=["deskwire.v1.msgpack"])
    return Connection(socket, pushes)


conversation.run("websockets and msgpack", connect)
