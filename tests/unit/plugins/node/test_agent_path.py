"""Agent paths by template."""

from __future__ import annotations

import pytest

from finial.errors import FinialError, Internal, InvalidArgument, PermissionDenied
from finial.plugins.node.agent_path import Names, parse_template, templated_id
from finial.spiffe.trust_domain import TrustDomain
from finial.template.values import Value


def path_of(text: str, name: str) -> str:
    def data(names: Names) -> Value:
        return {"Name": names(name), "Own": "a/b"}

    return templated_id(TrustDomain("example.org"), parse_template(text), data).path


def test_a_template_gives_the_path_below_agents() -> None:
    assert path_of("/x/{{ .Own }}/{{ .Name }}", "n") == "/spire/agent/x/a/b/n"
    assert path_of('/x/{{ .Name | replace "/" "-" }}', "a/b") == "/spire/agent/x/a-b"


@pytest.mark.parametrize(
    ("text", "name", "kind", "why"),
    [("/{{ .Name }}", "a/b", PermissionDenied, "adds segments"), ("/{{ .Name }}", "..", Internal, "dot segments"),
     ("/{{ .Name }}", "", Internal, "trailing slash"), ("{{ .Name }}", "a", Internal, "leading slash"),
     ("/{{ .Name }}", "a b", Internal, "limited to"), ("/{{ .Nope }}", "a", Internal, "no entry for key"),
     ("/{{ range 1000000000 }}x{{ end }}", "a", Internal, "costs too much"), ("/{{ .Name }}", "a" * 3000, Internal, "2048")],
)  # fmt: skip
def test_what_is_no_path_is_refused(text: str, name: str, kind: type[FinialError], why: str) -> None:
    with pytest.raises(kind, match=why):
        path_of(text, name)


def test_a_template_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidArgument, match='failed to parse agent svid template: "{{": template:1:3: '):
        parse_template("{{")
