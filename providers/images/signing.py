"""The tenants' signing keys: Ed25519, each in a file of its own, made when it is first needed."""

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from providers.errors import ProviderUnavailable
from providers.images.values import canonical

IN_TOTO: Final = "application/vnd.in-toto+json"


class TenantKeys:
    """Any number of processes may ask at once: a tenant has one key, readable by the installation's owner only."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def sign(self, tenant_id: UUID, payload: bytes) -> bytes:
        """A DSSE envelope of an in-toto statement; the same payload has the same envelope."""
        key = await asyncio.to_thread(self._key, tenant_id)
        envelope = Envelope(payload, IN_TOTO, {})
        envelope.sign(CryptoSigner(key, SSlibKey.from_crypto(key.public_key())))
        return canonical(envelope.to_dict())

    async def opened(self, tenant_id: UUID, envelope: bytes) -> Mapping[str, Any] | None:
        """The statement that this tenant's key signed; None for anything else."""
        key = await asyncio.to_thread(self._key, tenant_id)
        try:
            read = Envelope.from_dict(json.loads(envelope))
            read.verify([SSlibKey.from_crypto(key.public_key())], 1)
            statement = json.loads(read.payload)
        except (VerificationError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return statement if read.payload_type == IN_TOTO and isinstance(statement, dict) else None

    async def public(self, tenant_id: UUID) -> str:
        """In PEM, for whoever verifies elsewhere."""
        key = await asyncio.to_thread(self._key, tenant_id)
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def _key(self, tenant_id: UUID) -> Ed25519PrivateKey:
        try:
            key = load_pem_private_key(self._pem(self._root / f"{tenant_id.hex}.pem"), None)
        except OSError as error:
            raise ProviderUnavailable(f"the signing key cannot be read: {error.strerror}") from error
        assert isinstance(key, Ed25519PrivateKey)
        return key

    def _pem(self, path: Path) -> bytes:
        """Whole or absent, and one, however many are first."""
        if not path.exists():
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside = path.with_name(f".{path.name}.{uuid4().hex}")
            made = Ed25519PrivateKey.generate()
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(aside, path)
            aside.unlink()
        return path.read_bytes()
