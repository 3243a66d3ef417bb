"""`api fetch x509 | fetch jwt | validate jwt | watch`: the Workload API as the calling process sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from finial.cli.agent_socket import AgentFlags, workload_api
from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.output import messages_json, read_format
from finial.cli.rpc_errors import as_rpc_error
from finial.cli.svid_text import jwt_text, write_x509, x509_text
from finial.client.workload import WorkloadApi
from finial.errors import DeadlineExceeded, FinialError, InvalidArgument, PermissionDenied
from finial.wire.pb.spiffe.workload.workload_pb2 import (
    JWTBundlesResponse,
    X509SVIDResponse,
)

Answer = TypeVar("Answer")


def read_timeout(text: str) -> float:
    """Seconds; an error is the whole reason, as Go's own duration type gives it."""
    from finial.config import durations

    return durations.parse_duration(text).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFlags(AgentFlags):
    timeout: float = flag(5.0, "How long to wait for an answer, for example 10s", read=read_timeout)
    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchFlags(AgentFlags):
    output: str = flag("pretty", "Desired output format (pretty, json: one object a line)", read=read_format)


@dataclass(frozen=True, slots=True, kw_only=True)
class X509Flags(FetchFlags):
    silent: bool = flag(False, "If set, says nothing of what was received")
    write: str = flag("", "A folder to write SVIDs, keys and bundles into")


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtFlags(FetchFlags):
    audience: tuple[str, ...] = flag(
        (), "Who the token is for; separated by commas, or repeated", separator=","
    )
    format: str = flag("", "The old name of -output", read=read_format)
    spiffe_id: str = flag(
        "", "The SPIFFE ID of the wanted token; all of this workload if not given", name="spiffeID"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateFlags(FetchFlags):
    audience: str = flag("", "Who the token must be for")
    svid: str = flag("", "The JWT-SVID")


async def fetch_x509(flags: X509Flags, console: Console) -> int:
    started = time.monotonic()
    async with workload_api(flags) as api:
        answer = await within(flags.timeout, _first_x509(api))
    if flags.output == "json":
        console.out(messages_json([answer]))
        return 0
    if not flags.silent:
        console.out(x509_text(answer, time.monotonic() - started))
    if flags.write:
        write_x509(answer, Path(flags.write), console)
    return 0


async def watch(flags: WatchFlags, console: Console) -> int:
    """Until it is interrupted; a broken stream is opened again."""
    from finial.client.backoff import Backoff

    backoff = Backoff()
    while True:
        started = time.monotonic()
        try:
            async with workload_api(flags) as api, aclosing(api.x509_messages()) as answers:
                async for answer in answers:
                    backoff.reset()
                    seconds = time.monotonic() - started
                    as_json = flags.output == "json"
                    text = messages_json([answer]) if as_json else x509_text(answer, seconds, watching=True)
                    console.out(text)
                    console.stdout.flush()
                    started = time.monotonic()
        except InvalidArgument:
            raise
        except FinialError as error:
            told = as_rpc_error(error, peer="agent")
            console.err(told.message)
            console.hint(told.hint)
        await asyncio.sleep(backoff.next())


async def fetch_jwt(flags: JwtFlags, console: Console) -> int:
    if not flags.audience:
        raise InvalidArgument("audience must be specified", hint="for example -audience api")
    async with workload_api(flags) as api:
        try:
            bundles = await within(flags.timeout, _first_jwt_bundles(api))
        except PermissionDenied:
            raise
        except FinialError as error:
            raise error.within("failed to receive JWT bundles") from error
        tokens = await within(flags.timeout, api.jwt_message(flags.audience, flags.spiffe_id))
    if (flags.format or flags.output) == "json":
        console.out(messages_json([tokens, bundles]))
    else:
        console.out(jwt_text(tokens, bundles), end="")
    return 0


async def validate_jwt(flags: ValidateFlags, console: Console) -> int:
    if not flags.audience:
        raise InvalidArgument("audience must be specified", hint="for example -audience api")
    if not flags.svid:
        raise InvalidArgument("svid must be specified")
    async with workload_api(flags) as api:
        try:
            answer = await within(flags.timeout, api.validation_message(flags.svid, flags.audience))
        except InvalidArgument as why:
            raise InvalidArgument(f"SVID is not valid: {reason(why)}") from why
        except FinialError as error:
            raise error.within("unable to validate JWT SVID") from error
    if flags.output == "json":
        console.out(messages_json([answer]))
        return 0
    console.out("SVID is valid.")
    console.out(f"SPIFFE ID : {answer.spiffe_id}")
    console.out(f"Claims    : {messages_json([answer.claims])}")
    return 0


async def within(seconds: float, call: Awaitable[Answer]) -> Answer:
    """Raises: DeadlineExceeded, or the error of the call as grpc-go prints it."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError:
        raise as_rpc_error(DeadlineExceeded("context deadline exceeded")) from None
    except FinialError as error:
        raise as_rpc_error(error, peer="agent") from error


def reason(error: FinialError) -> str:
    """What the agent said, without the code."""
    return error.__cause__.message if isinstance(error.__cause__, FinialError) else error.message


async def _first_x509(api: WorkloadApi) -> X509SVIDResponse:
    async with aclosing(api.x509_messages()) as answers:
        async for answer in answers:
            return answer
    raise InvalidArgument("the stream ended without an answer")


async def _first_jwt_bundles(api: WorkloadApi) -> JWTBundlesResponse:
    async with aclosing(api.jwt_bundle_messages()) as answers:
        async for answer in answers:
            return answer
    raise InvalidArgument("the stream ended without an answer")


COMMANDS = (
    Command(
        "agent api fetch x509",
        "Fetches this process's X509-SVIDs.",
        X509Flags,
        fetch_x509,
        examples=("finial agent api fetch x509", "finial agent api fetch x509 -write ."),
        usage_name="fetch x509",
    ),
    Command(
        "agent api fetch jwt",
        "Fetches JWT-SVIDs for an audience, and the keys that verify them.",
        JwtFlags,
        fetch_jwt,
        examples=("finial agent api fetch jwt -audience api",),
        usage_name="fetch jwt",
    ),
    Command(
        "agent api validate jwt",
        "Has the agent check a JWT-SVID.",
        ValidateFlags,
        validate_jwt,
        examples=("finial agent api validate jwt -audience api -svid TOKEN",),
        usage_name="validate jwt",
    ),
    Command(
        "agent api watch",
        "Prints this process's X509-SVIDs now and after each change.",
        WatchFlags,
        watch,
        examples=("finial agent api watch", "finial agent api watch -output json"),
        usage_name="watch",
    ),
)
