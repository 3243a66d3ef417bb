"""`entry`: creates, changes, shows, counts and deletes registration entries."""

from __future__ import annotations

from finial.cli.command import Command
from finial.cli.entry.change import CreateFlags, UpdateFlags, create, update
from finial.cli.entry.delete import DeleteFlags, delete
from finial.cli.entry.show import CountFlags, ShowFlags, count, show

COMMANDS = (
    Command(
        "entry create",
        "Creates registration entries. With -wait it ends when the agents concerned have them in hand.",
        CreateFlags,
        create,
        examples=(
            "finial entry create -parentID spiffe://example.org/node -spiffeID spiffe://example.org/web -selector unix:uid:1000",
            "finial entry create -node -spiffeID spiffe://example.org/node -selector x509pop:subject:cn:node-1",
            "finial entry create -data entries.json -output json",
        ),
    ),
    Command(
        "entry update",
        "Replaces a registration entry: what is not given is unset.",
        UpdateFlags,
        update,
        examples=("finial entry update -entryID web -parentID ... -spiffeID ... -selector unix:uid:1001",),
    ),
    Command(
        "entry show",
        "Shows registration entries, all or those that match every filter.",
        ShowFlags,
        show,
        examples=("finial entry show", "finial entry show -selector unix:uid:1000 -output json"),
    ),
    Command(
        "entry count",
        "Counts registration entries.",
        CountFlags,
        count,
        examples=("finial entry count -downstream",),
    ),
    Command(
        "entry delete",
        "Deletes registration entries.",
        DeleteFlags,
        delete,
        examples=(
            "finial entry delete -entryID web",
            'echo \'{"ids": ["a", "b"]}\' | finial entry delete -file -',
        ),
    ),
)
