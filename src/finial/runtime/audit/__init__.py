"""The audit stream of one process: records in a hash chain, written in batches, sealed, and verified by anybody."""

from finial.runtime.audit.chain import FIRST, Link, Record, parse
from finial.runtime.audit.file import AuditFile
from finial.runtime.audit.layout import HEAD, VERIFICATION_KEY, files_in
from finial.runtime.audit.query import Wanted, records
from finial.runtime.audit.stream import AuditStream
from finial.runtime.audit.verify import Verdict, verify

__all__ = [
    "FIRST",
    "HEAD",
    "VERIFICATION_KEY",
    "AuditFile",
    "AuditStream",
    "Link",
    "Record",
    "Verdict",
    "Wanted",
    "files_in",
    "parse",
    "records",
    "verify",
]
