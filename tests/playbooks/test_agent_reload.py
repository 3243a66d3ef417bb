"""An agent in a process of its own, whose server is away, told by SIGHUP that its file has changed."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from finial.runtime.sockets import listen_tcp
from finial.testing.configs import agent_conf

LIMIT = 20.0  # seconds for one step


def test_a_changed_file_is_taken_or_refused_also_before_the_server_answers(tmp_path: Path) -> None:
    file = tmp_path / "agent.conf"

    async def scene(port: int) -> None:
        def write(options: str, *, port: int = port) -> None:
            first = "insecure_bootstrap = true", 'join_token = "x"'
            file.write_text(agent_conf(tmp_path, *first, options, port=port))

        async def logs(text: str) -> str:
            assert process.stdout is not None
            async with asyncio.timeout(LIMIT):
                async for line in process.stdout:
                    if text in line.decode():
                        return line.decode()
            raise AssertionError(f"ended without {text!r}")

        write("")
        command = [sys.executable, "-m", "finial", "agent", "run", "-config", str(file)]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            await logs("Insecure bootstrap enabled")
            write('availability_target = "24h"')
            process.send_signal(signal.SIGHUP)
            assert 'new=24h0m0s old="(not set)"' in await logs("option=agent.availability_target")
            write('availability_target = "48h"', port=1)
            process.send_signal(signal.SIGHUP)
            refused = await logs("Configuration not reloaded")
            assert f"agent.conf:5:19: agent.server_port needs a restart: {port} -> 1" in refused
            process.send_signal(signal.SIGTERM)
            await logs("Agent stopped gracefully")
            assert await asyncio.wait_for(process.wait(), LIMIT) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    with listen_tcp("127.0.0.1", 0) as silent:  # takes the call and never answers
        asyncio.run(scene(silent.getsockname()[1]))
