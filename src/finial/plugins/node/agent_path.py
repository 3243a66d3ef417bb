"""The ID of an agent by a template over what its node proved.

A name in the proof must not add segments to the path: a common name `a/b` would take an agent to where the
operator meant another. So the template is also rendered with slashes of names replaced, and both must have as
many segments. SPIRE 1.15 accepts such names; nothing it issues to a sane name differs.
"""

from __future__ import annotations

from collections.abc import Callable

from finial.errors import FinialError, Internal, PermissionDenied
from finial.spiffe.id import SpiffeId, agent_id
from finial.spiffe.trust_domain import TrustDomain
from finial.template import Template
from finial.template.values import Value

Names = Callable[[str], str]  # what becomes of a name of the proof


def parse_template(text: str) -> Template:
    """Raises: InvalidArgument, "failed to parse agent svid template: why"."""
    try:
        return Template.parse(text)
    except FinialError as why:
        raise why.within(f'failed to parse agent svid template: "{text}"') from why


def templated_id(trust_domain: TrustDomain, template: Template, data: Callable[[Names], Value]) -> SpiffeId:
    """`data` makes the template's data, with each name of the proof passed through its argument.

    Raises: PermissionDenied for a name that adds segments, Internal for a path that is none.
    """
    try:
        path = template.render(data(lambda name: name))
        plain = template.render(data(lambda name: name.replace("/", "_")))
    except FinialError as why:
        raise Internal(why.message, hint=why.hint) from why
    if path.count("/") != plain.count("/"):
        raise PermissionDenied(
            f'a name in the proof adds segments to the agent path "{path}"',
            hint="issue the node a name without slashes, or replace them in agent_path_template",
        )
    if not path.startswith("/"):
        raise Internal(
            f'invalid agent path suffix "{path}": path must have a leading slash',
            hint="begin agent_path_template with a slash",
        )
    try:
        return agent_id(trust_domain, path)
    except FinialError as why:
        raise Internal(f'invalid agent path suffix "{path}": {why.message}') from why
