"""The image registry at ``/v2/``: OCI Distribution 1.1 for repositories called ``<tenant>/<project>/<name>``."""

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from http_api.registry_answers import told
from http_api.registry_blobs import BlobViews
from http_api.registry_desk import RegistryDesk
from http_api.registry_manifests import ManifestViews
from http_api.registry_uploads import UploadViews
from providers.blobs.store import Blobs
from providers.images.uploads import UploadFolder

_UPLOADS: Final = "/v2/{name:path}/blobs/uploads/"
_UPLOAD: Final = "/v2/{name:path}/blobs/uploads/{upload}"
_BLOB: Final = "/v2/{name:path}/blobs/{digest}"
_MANIFEST: Final = "/v2/{name:path}/manifests/{reference}"


class RegistryServer:
    """Any token that sees a project pulls; devops.packages.publish pushes and deletes."""

    def __init__(self, desk: RegistryDesk, blobs: Blobs, uploads: UploadFolder) -> None:
        self._desk = desk
        self._uploads = UploadViews(desk, blobs, uploads)
        self._blobs = BlobViews(desk, blobs)
        self._manifests = ManifestViews(desk)

    def routes(self) -> list[Route]:
        """What ``main`` mounts."""
        uploads, blobs, manifests = self._uploads, self._blobs, self._manifests
        return [
            Route("/v2/", told(self.ping), methods=["GET"]),
            Route(_UPLOADS, told(uploads.begin), methods=["POST"]),
            Route(_UPLOAD, told(uploads.stand), methods=["GET"]),
            Route(_UPLOAD, told(uploads.append), methods=["PATCH"]),
            Route(_UPLOAD, told(uploads.end), methods=["PUT"]),
            Route(_UPLOAD, told(uploads.cancel), methods=["DELETE"]),
            Route(_BLOB, told(blobs.read), methods=["GET"]),
            Route(_BLOB, told(blobs.delete), methods=["DELETE"]),
            Route(_MANIFEST, told(manifests.read), methods=["GET"]),
            Route(_MANIFEST, told(manifests.write), methods=["PUT"]),
            Route(_MANIFEST, told(manifests.delete), methods=["DELETE"]),
            Route("/v2/{name:path}/tags/list", told(manifests.tags), methods=["GET"]),
            Route("/v2/{name:path}/referrers/{digest}", told(manifests.referrers), methods=["GET"]),
        ]

    async def ping(self, request: Request) -> Response:
        """Where clients find out how to sign in."""
        await self._desk.actor(request)
        return JSONResponse({}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})
