"""Rows of the server: signing, minting, attesting."""

from __future__ import annotations

from rows import Measure, Measurement, Row, flatten, per_second, us
from subject import Programs, Site


def server_load(scenario: str, **options: object) -> Measure:
    """A scenario against a fresh server without an agent."""

    def measure(programs: Programs, quick: bool) -> Measurement:
        with Site(programs, quick) as site:
            site.start_server()
            return flatten(site.load(scenario, **options))

    return measure


def _sign(size: int, callers: int, cpu: float, rate: float | None = None, p50: float | None = None) -> Row:
    goals = [us("server_cpu_us", cpu), per_second(rate)]
    if p50 is not None:
        goals.append(us("p50_us", p50))
    return Row(
        f"sign-{size}x{callers}",
        f"BatchNewX509SVID, {size} CSR{'s' * (size > 1)} a call, {callers} stream{'s' * (callers > 1)}",
        tuple(goals),
        server_load("sign", size=size, callers=callers),
    )


def _small(name: str, title: str, scenario: str, cpu: float, cpu_of_four: float | None) -> tuple[Row, ...]:
    return tuple(
        Row(
            f"{name}-{callers}",
            f"{title}, {callers} caller{'s' * (callers > 1)}",
            (us("server_cpu_us", limit), us("p50_us", None), per_second(None)),
            server_load(scenario, callers=callers),
        )
        for callers, limit in ((1, cpu), (4, cpu_of_four))
    )


ROWS = (
    _sign(500, 1, 180, 5000),
    _sign(500, 4, 180, 9000),
    _sign(50, 1, 200),
    _sign(50, 4, 200),
    _sign(1, 1, 690, None, 1000),
    _sign(1, 4, 690),
    *_small("mint-x509", "MintX509SVID, Unix socket", "mint-x509", 480, 480),
    *_small("mint-jwt", "MintJWTSVID, Unix socket", "mint-jwt", 400, 400),
    *_small("new-jwt", "NewJWTSVID", "new-jwt", 400, 400),
    Row(
        "attest",
        "AttestAgent with a join token, handshake included",
        (us("p50_us", 5000), us("server_cpu_us", None)),
        server_load("attest", limit=150, seconds=10),
    ),
)
