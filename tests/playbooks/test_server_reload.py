"""A running server, in a process of its own, told by SIGHUP or a command that its file has changed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from finial.runtime.grpc import Channel
from finial.testing.commands import Commands
from finial.testing.server import new_key, text_of
from finial.testing.transcripts import Outcome
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub

LIMIT = 20.0  # seconds for one step
HOUR, SLACK = timedelta(hours=1), timedelta(seconds=30)


def write(folder: Path, options: str) -> None:
    (folder / "server.conf").write_text(text_of(folder, options, limited=True))


@dataclass
class Program:
    folder: Path
    process: asyncio.subprocess.Process

    async def logs(self, text: str) -> str:
        """The next line with this text."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LIMIT):
            async for line in self.process.stdout:
                if text in line.decode():
                    return line.decode()
        raise AssertionError(f"ended without {text!r}")

    async def reload(self, *flags: str) -> Outcome:
        """By the command."""
        commands = Commands({"SPIRE_SERVER_PRIVATE_SOCKET": str(self.folder / "api.sock")})
        return await commands.run(["finial", "server", "reload", *flags])

    def hang_up(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    async def lifetime(self) -> timedelta:
        """Of the next X509-SVID."""
        uri = x509.UniformResourceIdentifier("spiffe://example.org/w")
        request = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([]))
            .add_extension(x509.SubjectAlternativeName([uri]), critical=False)
            .sign(new_key(), hashes.SHA256())
        )
        async with Channel(path=str(self.folder / "api.sock")) as channel:
            answer = await SVIDStub(channel).MintX509SVID(
                svid_pb2.MintX509SVIDRequest(csr=request.public_bytes(Encoding.DER))
            )
        certificate = x509.load_der_x509_certificate(answer.svid.cert_chain[0])
        return certificate.not_valid_after_utc - certificate.not_valid_before_utc


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Program]:
    """Its file is there; it ends well at the end."""
    command = [sys.executable, "-m", "finial", "server", "run", "-config", str(folder / "server.conf")]
    pipe, to_pipe = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    process = await asyncio.create_subprocess_exec(
        *command, "-expandEnv", stdout=pipe, stderr=to_pipe, env={**os.environ, "SVID_TTL": "2h"}
    )
    program = Program(folder, process)
    try:
        yield program
        process.terminate()
        await program.logs("Server stopped gracefully")
        assert await asyncio.wait_for(process.wait(), LIMIT) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_a_changed_lifetime_counts_for_the_next_svid(tmp_path: Path) -> None:
    async def scene() -> None:
        write(tmp_path, "")
        async with running(tmp_path) as program:
            await program.logs("Starting Server APIs")
            assert abs(await program.lifetime() - HOUR) < SLACK
            write(tmp_path, 'default_x509_svid_ttl = "$SVID_TTL" log_level = "info"')
            program.hang_up()
            changed = await program.logs("option=server.default_x509_svid_ttl")
            assert "new=2h0m0s old=1h0m0s" in changed
            await program.logs("Configuration reloaded")
            assert abs(await program.lifetime() - 2 * HOUR) < SLACK

    asyncio.run(scene())


def test_a_file_that_is_broken_or_needs_a_restart_is_refused_and_the_server_goes_on(tmp_path: Path) -> None:
    async def scene() -> None:
        write(tmp_path, "")
        async with running(tmp_path) as program:
            await program.logs("Starting Server APIs")
            for options, why in {
                'default_x509_svid_ttl = "2h" bind_prot = 1': "server.conf:10:32",
                'default_x509_svid_ttl = "2h" trust_domain = "other.test"': "server.trust_domain needs a restart",
            }.items():
                write(tmp_path, options)
                program.hang_up()
                assert why in await program.logs("Configuration not reloaded")
                assert abs(await program.lifetime() - HOUR) < SLACK
            (tmp_path / "server.conf").unlink()
            program.hang_up()
            assert "could not find config file" in await program.logs("Configuration not reloaded")

    asyncio.run(scene())


def test_told_while_it_starts_it_reads_the_file_again_once_it_has(tmp_path: Path) -> None:
    async def scene() -> None:
        write(tmp_path, "")
        async with running(tmp_path) as program:
            await program.logs("Opening SQL database")
            write(tmp_path, 'default_x509_svid_ttl = "2h"')
            program.hang_up()
            program.hang_up()
            await program.logs("Starting Server APIs")
            await program.logs("Configuration reloaded")
            assert abs(await program.lifetime() - 2 * HOUR) < SLACK

    asyncio.run(scene())


def test_a_command_has_the_server_take_its_file_or_tells_why_not(tmp_path: Path) -> None:
    async def scene() -> None:
        write(tmp_path, "")
        async with running(tmp_path) as program:
            await program.logs("Starting Server APIs")
            write(tmp_path, 'default_x509_svid_ttl = "$SVID_TTL"')
            dry = await program.reload("-dryRun")
            assert (dry.exit, dry.err) == (0, "")
            assert "at once  server.default_x509_svid_ttl: 1h0m0s -> 2h0m0s" in dry.out
            assert dry.out.endswith("Nothing was changed: a reload would make 1 change.\n")
            assert abs(await program.lifetime() - HOUR) < SLACK
            for options, why in {
                'default_x509_svid_ttl = "2h" bind_prot = 1': "server.conf:10:32",
                'default_x509_svid_ttl = "2h" jwt_issuer = "i"': "nothing was changed: 1 of 2 changes needs a restart",
            }.items():
                write(tmp_path, options)
                refused = await program.reload()
                assert refused.exit == 1
                assert why in refused.err
                assert abs(await program.lifetime() - HOUR) < SLACK
            write(tmp_path, 'default_x509_svid_ttl = "$SVID_TTL"')
            taken = await program.reload()
            assert taken.exit == 0, taken.err
            assert taken.out.endswith("Reloaded: 1 change in force.\n")
            assert abs(await program.lifetime() - 2 * HOUR) < SLACK
            assert f'requested_by="pid {os.getpid()}, uid ' in await program.logs("Option changed")

    asyncio.run(scene())
