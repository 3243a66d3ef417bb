"""Which plugins there are, by kind: those that work here, and those of SPIRE 1.15 that are refused, with the reason.

Each side also says how many of a kind it needs. The checks add problems in SPIRE's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from finial.config.decode import Decoder
from finial.config.options import WORKS, Standing, Status, refused
from finial.config.plugins import PluginConfig
from finial.config.problems import Fault

CLOUD = refused("plugins for cloud providers are not built in yet")
NODE = refused("this way of proving a node is not built in yet")
WORKLOAD = refused("this way of looking at a workload is not built in yet")
UPSTREAM = refused("of the authorities above a server only disk is built in yet")
PUBLISHING = refused("bundles are not published yet")
REMOTE_KEYS = refused("keys are kept in memory or on disk only")
WINDOWS = refused("it exists on Windows only")


@dataclass(frozen=True, slots=True)
class PluginKind:
    """At least and at most so many; no limit is None."""

    least: int
    most: int | None
    names: Mapping[str, Status]
    absent: str = ""

    @property
    def wanted(self) -> str:
        if self.least == self.most:
            return f"exactly {self.least}"
        return f"at most {self.most}" if self.most is not None else f"at least {self.least}"


def each(status: Status, *names: str) -> dict[str, Status]:
    return dict.fromkeys(names, status)


NODE_NAMES = (
    each(WORKS, "join_token", "x509pop", "sshpop", "http_challenge")
    | each(NODE, "k8s_psat", "tpm_devid")
    | each(CLOUD, "aws_iid", "azure_msi", "azure_imds", "gcp_iit")
)
SERVER_PLUGINS: Mapping[str, PluginKind] = {
    "DataStore": PluginKind(1, 1, each(WORKS, "sql"), "'datastore' must be configured"),
    "KeyManager": PluginKind(
        1,
        1,
        each(WORKS, "memory", "disk")
        | each(REMOTE_KEYS, "hashicorp_vault", "aws_kms", "gcp_kms", "azure_key_vault"),
    ),
    "NodeAttestor": PluginKind(0, None, NODE_NAMES),
    "UpstreamAuthority": PluginKind(
        0,
        1,
        each(WORKS, "disk")
        | each(UPSTREAM, "spire", "vault", "cert-manager", "ejbca")
        | each(CLOUD, "aws_pca", "awssecret", "gcp_cas"),
    ),
    "CredentialComposer": PluginKind(0, None, each(WORKS, "uniqueid")),
    "Notifier": PluginKind(0, None, each(PUBLISHING, "k8sbundle") | each(CLOUD, "gcs_bundle")),
    "BundlePublisher": PluginKind(
        0,
        None,
        each(PUBLISHING, "k8s_configmap")
        | each(CLOUD, "aws_s3", "azure_blob", "gcp_cloudstorage", "aws_rolesanywhere_trustanchor"),
    ),
}
AGENT_PLUGINS: Mapping[str, PluginKind] = {
    "KeyManager": PluginKind(1, 1, each(WORKS, "memory", "disk")),
    "NodeAttestor": PluginKind(1, 1, NODE_NAMES),
    "WorkloadAttestor": PluginKind(
        1,
        None,
        each(WORKS, "unix", "launcher")
        | each(WORKLOAD, "docker", "k8s", "systemd", "slurm")
        | each(WINDOWS, "windows"),
    ),
    "SVIDStore": PluginKind(0, None, each(CLOUD, "aws_secretsmanager", "gcp_secretmanager")),
}


def check_plugins(plugins: Sequence[PluginConfig], kinds: Mapping[str, PluginKind], decoder: Decoder) -> None:
    """Only plugins that are enabled count."""
    enabled = [plugin for plugin in plugins if plugin.enabled]
    for plugin in enabled:
        if f"plugins.{plugin.type}.{plugin.name}.plugin_cmd" not in decoder.places:  # told already
            check_plugin(plugin, kinds, decoder)
    for name, kind in kinds.items():
        found = [plugin for plugin in enabled if plugin.type == name]
        too_many = kind.most is not None and len(found) > kind.most
        if too_many or len(found) < kind.least:
            counted = f"{name}: constraint not satisfied: expected {kind.wanted} but got {len(found)}"
            text = kind.absent if kind.absent and not found else counted
            decoder.problems.add(Fault.VALUE, found[-1].at if found else decoder.whole, text)


def check_plugin(plugin: PluginConfig, kinds: Mapping[str, PluginKind], decoder: Decoder) -> None:
    kind = kinds.get(plugin.type)
    if kind is None:
        text, hint = f'unsupported plugin type "{plugin.type}"', f"one of {', '.join(kinds)}"
        decoder.problems.add(Fault.VALUE, plugin.at, text, hint)
        return
    status = kind.names.get(plugin.name)
    title = f'failed to load plugin "{plugin.name}"'
    if status is None:
        text = f'{title}: no built-in plugin "{plugin.name}" for type "{plugin.type}"'
        usable = [name for name, one in kind.names.items() if one == WORKS]
        hint = f"one of {', '.join(usable)}" if usable else ""
        decoder.problems.add(Fault.VALUE, plugin.at, text, hint)
    elif status.standing is Standing.REFUSED:
        text = f'{title}: {plugin.type} "{plugin.name}" is not supported: {status.reason}'
        decoder.problems.add(Fault.REFUSED, plugin.at, text)
