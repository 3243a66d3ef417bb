"""Health: checks that are run in the background, `/live` and `/ready` over HTTP, and the gRPC health answer."""

from finial.runtime.health.checks import Check, Checks, State
from finial.runtime.health.endpoint import Endpoint
from finial.runtime.health.serving import Serving, check_service, of_server, of_workload_api

__all__ = ["Check", "Checks", "Endpoint", "Serving", "State", "check_service", "of_server", "of_workload_api"]
