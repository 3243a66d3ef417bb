"""`federation list | show | create | update | delete | refresh`: whose bundles the server fetches, and from where."""

from __future__ import annotations

from finial.cli.command import Command
from finial.cli.federation.change import ChangeFlags, UpdateFlags, create, update
from finial.cli.federation.show import IdFlags, ShowFlags, delete, list_all, refresh, show
from finial.cli.server_socket import AnswerFlags

NEW = "-trustDomain other.test -bundleEndpointURL https://other.test/bundle -bundleEndpointProfile https_web"
COMMANDS = (
    Command(
        "federation list",
        "Shows every relationship with another trust domain.",
        AnswerFlags,
        list_all,
        examples=("finial federation list",),
    ),
    Command(
        "federation show",
        "Shows the relationship with one trust domain.",
        ShowFlags,
        show,
        examples=("finial federation show -trustDomain other.test",),
    ),
    Command(
        "federation create",
        "Has the server fetch the bundle of another trust domain from its endpoint, from now on.",
        ChangeFlags,
        create,
        examples=(f"finial federation create {NEW}",),
    ),
    Command(
        "federation update",
        "Changes a relationship: all of it is as given.",
        UpdateFlags,
        update,
        examples=(f"finial federation update {NEW}",),
    ),
    Command(
        "federation delete",
        "Ends a relationship; the bundle that was fetched stays.",
        IdFlags,
        delete,
        examples=("finial federation delete -id other.test",),
    ),
    Command(
        "federation refresh",
        "Has the server fetch the bundle of a trust domain now.",
        IdFlags,
        refresh,
        examples=("finial federation refresh -id other.test",),
    ),
)
