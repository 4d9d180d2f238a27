"""One conversation between a buyer and an agent, over whichever client library `connect` brings.

It says each claim that held on a line of its own; the first that does not hold ends the process with status 1.
"""

import asyncio
import os
import uuid

DEADLINE_S = 10


class RpcError(Exception):
    """An error answer, with the JSON-RPC `code` and `data`."""

    def __init__(self, error):
        super().__init__(error)
        self.code, self.data = error["code"], error["data"]


class Pushes:
    """Pushes as they come, kept until someone asks for them."""

    def __init__(self):
        self._kept = []
        self._came = asyncio.Condition()

    async def arrived(self, name, params):
        async with self._came:
            self._kept.append((name, params))
            self._came.notify_all()

    async def next(self, name, wanted=lambda _: True):
        """The next push of this name for which `wanted` holds."""

        def place():
            found = (at for at, (a_name, params) in enumerate(self._kept) if a_name == name and wanted(params))
            return next(found, None)

        async with asyncio.timeout(DEADLINE_S), self._came:
            await self._came.wait_for(lambda: place() is not None)
            return self._kept.pop(place())[1]


def claim(text):
    print(f"  ok  {text}", flush=True)


async def converse(library, connect):
    """`connect(url, pushes)` gives an object with `call(method, params)`, `notify(method, params)` and `close()`."""
    url, buyer_token, agent_token = (
        os.environ[name] for name in ("CHAT_URL", "CHAT_BUYER_TOKEN", "CHAT_AGENT_TOKEN")
    )

    async def session(token, role):
        pushes = Pushes()
        async with asyncio.timeout(DEADLINE_S):
            connection = await connect(url, pushes)

        async def call(method, **params):
            async with asyncio.timeout(DEADLINE_S):
                return await connection.call(method, params)

        started = await call("session.start", token=token, client={"name": library, "version": "1"})
        assert started["user"]["role"] == role, started
        return connection, call, pushes, started

    buyer_connection, buyer, buyer_pushes, buyer_started = await session(buyer_token, "BUYER")
    here = (await buyer("conversation.open"))["conversation"]["conversation_id"]
    agent_connection, agent, agent_pushes, _ = await session(agent_token, "AGENT")
    attached = await agent("conversation.attach", conversation_id=here)
    assert attached["conversation"]["buyer"]["user_id"] == buyer_started["user"]["user_id"], attached
    claim("a buyer opens the conversation and an agent attaches to it")

    async def send(side, text, client_message_id=None):
        return await side(
            "message.send",
            conversation_id=here,
            client_message_id=client_message_id or str(uuid.uuid4()),
            content={"type": "TEXT", "text": text},
        )

    async def pushed(pushes, sent):
        return await pushes.next("message.created", lambda event: event["message"]["message_id"] == sent["message_id"])

    question, question_id = "¿Dónde está mi pedido?\n\nGracias 🙏🏽", str(uuid.uuid4())
    asked = await send(buyer, question, question_id)
    for pushes in (buyer_pushes, agent_pushes):
        event = await pushed(pushes, asked)
        assert (event["conversation_id"], event["seq"]) == (here, asked["seq"]), event
        assert event["message"]["content"] == {"type": "TEXT", "text": question}, event
        assert event["message"]["sender"]["role"] == "BUYER", event
    claim("what the buyer writes is pushed to both, paragraphs and emoji kept")

    answer = "It is on its way."
    answered = await send(agent, answer)
    assert answered["seq"] > asked["seq"], answered
    for pushes in (buyer_pushes, agent_pushes):
        event = await pushed(pushes, answered)
        assert event["message"]["content"]["text"] == answer, event
        assert event["message"]["sender"]["role"] == "CUSTOMER_SERVICE", event
        assert asked["seq"] <= event["prev_seq"] < event["seq"], event
    claim("what the agent answers is pushed to both, after it")

    assert await send(buyer, question, question_id) == asked
    claim("a message sent again has the first answer")

    of_buyer, of_agent = [await side("conversation.history", conversation_id=here, limit=100) for side in (buyer, agent)]
    assert of_buyer == of_agent, (of_buyer, of_agent)
    texts = [one["content"]["text"] for one in of_buyer["messages"] if one["content"]["type"] == "TEXT"]
    assert texts == [question, answer], texts
    claim("both sides have the same history, each message once")

    await buyer_connection.notify("conversation.typing", {"conversation_id": here, "typing": True})
    typing = await agent_pushes.next("typing")
    assert (typing["conversation_id"], typing["sender"]["role"], typing["typing"]) == (here, "BUYER", True), typing
    claim("a notification without an id takes effect")

    for field, wrong in (
        ("content.text", {"content": {"type": "TEXT", "text": "x" * 2001}}),
        ("typo", {"content": {"type": "TEXT", "text": "x"}, "typo": 1}),
    ):
        try:
            accepted = await buyer("message.send", conversation_id=here, client_message_id=str(uuid.uuid4()), **wrong)
        except RpcError as error:
            assert (error.code, error.data["type"], error.data["field"]) == (-32602, "validation", field), error
            assert error.data["retryable"] is False, error
        else:
            raise AssertionError(f"{field} was accepted: {accepted}")
    claim("an error has its code, its type and the field that is wrong")

    await buyer_connection.close()
    await agent_connection.close()


def run(library, connect):
    asyncio.run(converse(library, connect))
