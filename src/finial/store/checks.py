"""What a registration entry must be to be stored: SPIRE's rules, in its words. Pure.

SPIRE 1.15 `validateRegistrationEntry` and `validateRegistrationEntryForUpdate` of the SQL datastore.
"""

from __future__ import annotations

from finial.errors import InvalidArgument
from finial.registry.entry import Entry, check_entry_id

PREFIX = "datastore-validation"


def check_entry(entry: Entry) -> None:
    """Raises: InvalidArgument."""
    if not entry.selectors:
        raise _invalid("missing selector list")
    if entry.store_svid:
        _check_storable(entry)
    try:
        check_entry_id(entry.id)
    except InvalidArgument as error:
        raise error.within(PREFIX) from error
    if entry.x509_svid_ttl < 0:
        raise _invalid("X509SvidTtl is not set")
    if entry.jwt_svid_ttl < 0:
        raise _invalid("JwtSvidTtl is not set")


def _check_storable(entry: Entry) -> None:
    if entry.disable_x509_svid_prefetch:
        raise InvalidArgument(f"{PREFIX}: specifying cache behaviour is incompatible with storable SVIDs")
    if len({selector.type for selector in entry.selectors}) > 1:
        raise _invalid("selector types must be the same when store SVID is enabled")


def _invalid(why: str) -> InvalidArgument:
    return InvalidArgument(f"{PREFIX}: invalid registration entry: {why}")
