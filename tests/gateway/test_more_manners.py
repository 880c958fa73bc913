"""TLS, several backends in other orders than listed, and names that are odd."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from gateway_running import HELLO, config_of, read_reply, request, running

from fault_server import FaultServer, answers, chat_body

TLS = Path(__file__).parent.parent / "data" / "tls"


def test_clients_may_speak_tls(tmp_path: Path) -> None:
    server = f'tls_cert = "{TLS / "server.pem"}"\ntls_key = "{TLS / "server.pem"}"'

    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up, running(tmp_path, {"up": up}, server=server) as gate:
            trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            trust.check_hostname = False
            trust.verify_mode = ssl.CERT_NONE
            reader, writer = await asyncio.open_connection("127.0.0.1", gate.port, ssl=trust)
            body = b'{"model":"public","messages":[]}'
            writer.write(request("POST", "/v1/chat/completions", body, gate.key, {}))

            assert (await read_reply(reader)).status == 200
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize("strategy", ["order", "weight", "load", "price", "latency", "affinity"])
def test_every_strategy_answers_and_a_conversation_stays_with_affinity(tmp_path: Path, strategy: str) -> None:
    async def run() -> None:
        async with (
            FaultServer(answers(chat_body())) as one,
            FaultServer(answers(chat_body())) as two,
            running(tmp_path, {"one": one, "two": two}, route=f'strategy = "{strategy}"') as gate,
        ):
            for turn in range(6):
                said = [*HELLO["messages"], *({"role": "user", "content": f"turn {n}"} for n in range(turn))]
                assert (await gate.chat(messages=[{"role": "system", "content": "same"}, *said])).status == 200

            assert len(one.requests) + len(two.requests) == 6
            if strategy == "affinity":
                assert 0 in (len(one.requests), len(two.requests))

    asyncio.run(run())


def test_a_local_engine_is_not_flagged_for_the_name_of_its_file(tmp_path: Path) -> None:
    config = b'[[backend]]\nname="here"\nkind="echo"\n[[route]]\nmodel="public"\nto=[{backend="here", model="other"}]\n'

    async def run() -> None:
        async with running(tmp_path, {}, config=config) as gate:
            await gate.chat()

            assert gate.calls()[0].flags is None

    asyncio.run(run())


def test_names_that_json_escapes_are_routed_and_swapped(tmp_path: Path) -> None:
    async def run() -> None:
        async with FaultServer(answers(chat_body())) as up:
            config = config_of({"up": up}).decode().replace('"public"', '"lab/mödel \\\\ \\"x\\""').encode()
            async with running(tmp_path, {}, config=config) as gate:
                reply = await gate.chat(model='lab/mödel \\ "x"')

                assert reply.status == 200
                assert up.requests[0].json()["model"] == "private"

    asyncio.run(run())
