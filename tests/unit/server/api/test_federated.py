"""Bundles of other trust domains: `bundle-federated.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest

from finial.runtime.grpc import GRPCError, unary
from finial.testing.server import Running, play
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2 as api
from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleStub
from finial.wire.pb.spire.api.types import bundle_pb2


def bundle(name: str, hint: int = 0) -> bundle_pb2.Bundle:
    return bundle_pb2.Bundle(trust_domain=name, refresh_hint=hint)


def test_create_answers_item_by_item(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            items = [bundle("one.test"), bundle("one.test"), bundle("example.org"), bundle("")]
            request = api.BatchCreateFederatedBundleRequest(bundle=items)
            answer = await unary(BundleStub(channel).BatchCreateFederatedBundle, request)
        assert [(one.status.code, one.status.message) for one in answer.results] == [
            (0, "OK"),
            (6, "bundle already exists"),
            (3, "creating a federated bundle for the server's own trust domain is not allowed"),
            (3, "trust domain argument is not valid: trust domain is missing"),
        ]

    play(tmp_path, scene)


def test_update_and_set_write_what_is_asked(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            stub = BundleStub(channel)
            await unary(
                stub.BatchSetFederatedBundle,
                api.BatchSetFederatedBundleRequest(bundle=[bundle("one.test", 5)]),
            )
            request = api.BatchUpdateFederatedBundleRequest(
                bundle=[bundle("one.test", 9), bundle("none.test")],
                input_mask=bundle_pb2.BundleMask(refresh_hint=True),
            )
            good, unknown = (await unary(stub.BatchUpdateFederatedBundle, request)).results
            assert good.bundle.refresh_hint == 9
            assert (unknown.status.code, unknown.status.message) == (5, "bundle not found")
            found = await unary(
                stub.GetFederatedBundle, api.GetFederatedBundleRequest(trust_domain="spiffe://one.test")
            )
            assert found.refresh_hint == 9
        assert any("Bundle set successfully" in line for line in running.lines)

    play(tmp_path, scene)


def test_the_own_bundle_takes_a_place_in_a_page_and_is_left_out(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            stub = BundleStub(channel)
            items = [bundle("one.test"), bundle("two.test")]
            await unary(stub.BatchSetFederatedBundle, api.BatchSetFederatedBundleRequest(bundle=items))
            listed = []
            token = ""
            for _ in range(4):
                request = api.ListFederatedBundlesRequest(page_size=1, page_token=token)
                page = await unary(stub.ListFederatedBundles, request)
                listed.append([one.trust_domain for one in page.bundles])
                token = page.next_page_token
            assert listed == [[], ["one.test"], ["two.test"], []]
            assert token == ""
            assert (await unary(stub.CountBundles, api.CountBundlesRequest())).count == 3
            with pytest.raises(GRPCError, match="failed to list bundles: could not parse token 'abc'"):
                await unary(
                    stub.ListFederatedBundles, api.ListFederatedBundlesRequest(page_size=1, page_token="abc")
                )

    play(tmp_path, scene)


def test_deletes_answer_item_by_item(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            stub = BundleStub(channel)
            await unary(
                stub.BatchSetFederatedBundle, api.BatchSetFederatedBundleRequest(bundle=[bundle("one.test")])
            )
            request = api.BatchDeleteFederatedBundleRequest(
                trust_domains=["one.test", "one.test", "example.org"]
            )
            answer = await unary(stub.BatchDeleteFederatedBundle, request)
            assert [(one.status.code, one.status.message, one.trust_domain) for one in answer.results] == [
                (0, "OK", "one.test"),
                (5, "bundle not found", "one.test"),
                (3, "removing the bundle for the server trust domain is not allowed", "example.org"),
            ]
            with pytest.raises(GRPCError, match='unhandled delete mode "9"'):
                wrong = api.BatchDeleteFederatedBundleRequest(trust_domains=["x"], mode=9)  # type: ignore[arg-type]
                await unary(stub.BatchDeleteFederatedBundle, wrong)

    play(tmp_path, scene)
