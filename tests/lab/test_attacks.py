"""The launcher cannot be fooled: the same user, interpreter and script get "no identity issued"."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from finial.testing import attacks, unprivileged

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=["as it is", "without privileges"])
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each attack of `finial.testing.attacks` got."""
    before = unprivileged.COMMAND if request.param == "without privileges" else ()
    folder = tmp_path_factory.mktemp("attacks") / "lab"
    done = subprocess.run(
        [*before, sys.executable, "-m", "finial.testing.attacks", str(folder)],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    found["privileges"] = request.param
    return found


def test_a_vouched_process_gets_its_identity(outcomes: dict[str, str]) -> None:
    assert outcomes["none"] == "spiffe://example.org/ns/production/sa/user-service"


@pytest.mark.parametrize("attack", [*(one for one in attacks.ATTACKS if one != "none"), "copy by hand"])
def test_whoever_was_not_vouched_for_gets_no_identity(outcomes: dict[str, str], attack: str) -> None:
    assert outcomes[attack] == "no identity issued"


def test_the_hand_over_has_no_path_to_connect_to(outcomes: dict[str, str]) -> None:
    assert outcomes["sockets with a path"] == "agent.sock server.sock"


def test_a_neighbour_of_the_same_user_cannot_reach_into_service_or_agent(outcomes: dict[str, str]) -> None:
    if outcomes["privileges"] != "without privileges":
        pytest.skip("root may do all of this: docs/security.md")
    reached = {what: seen for what, seen in outcomes.items() if what.endswith(("service", "agent"))}
    assert len(reached) == 10
    assert set(reached.values()) == {"refused"}
