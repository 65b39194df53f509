"""Routes of places: stores, zones, beacons; and what an app has to watch."""

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Header, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from features.sql.place_rows import BEACONS, STORES, ZONES, Kind
from recommender.errors import InvalidInput, UnknownPlace
from recommender.ids import StoreId
from recommender.places.manifest import Near, regions_near
from recommender.places.places import Places
from serving.access import OFFERS_REQUEST, PLACES_READ, PLACES_WRITE, ScopedRoute, author_of, needs
from serving.encoding import JsonBytes, json_response
from serving.places.replies import Reply, beacon_reply, region_reply, store_reply, zone_reply
from serving.places.schemas import (
    BeaconBody,
    BeaconList,
    BeaconReply,
    ManifestReply,
    PlaceName,
    StoreBody,
    StoreList,
    StoreReply,
    ZoneBody,
    ZoneList,
    ZoneReply,
)
from serving.places.use_cases import PlaceDesk
from serving.problem_document import documented

P = TypeVar("P")

REFRESH_SECONDS = 3_600
After = Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$", description="`next_after` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=1_000)]
InStore = Annotated[PlaceName | None, Query(description="Only those of this store.", examples=["367"])]
StoreName = Annotated[PlaceName, Path(examples=["367"])]
ZoneName = Annotated[PlaceName, Path(examples=["367-milk"])]
BeaconName = Annotated[PlaceName, Path(examples=["367-milk-1"])]
AtStore = Annotated[PlaceName | None, Query(description="Around this store.", examples=["367"])]
AtPoint = Annotated[
    str | None,
    Query(max_length=60, description="Or around a point, `latitude,longitude`; not kept.", examples=["52.52,13.41"]),
]
IfNoneMatch = Annotated[str | None, Header(max_length=200, description="The ETag of the manifest that the app has.")]
CHANGES = documented(400, 409, 413, 415, 422, 503)


def place_routes(desk: PlaceDesk, places: Callable[[], Places]) -> APIRouter:
    """The routes; `places` gives this worker's snapshot."""
    router = APIRouter(prefix="/v1", tags=["places"], route_class=ScopedRoute)
    reads, writes = needs(PLACES_READ), needs(PLACES_WRITE)

    def common(kind: Kind[P], reply: Callable[[P], Reply], one: type[BaseModel], many: type[BaseModel]) -> None:
        """List, read and delete: the same of every kind."""
        path, name = f"/{kind.area}/{{{kind.key}}}", Path(alias=kind.key, examples=["367"])

        async def list_(after: After = "", limit: Limit = 100, store_id: InStore = None) -> Response:
            page = await desk.read_page(kind, after, limit, store_id)
            last = kind.id_of(page[-1]) if len(page) == limit else None
            return json_response({kind.area: [reply(place) for place in page], "next_after": last})

        async def read(place_id: Annotated[PlaceName, name]) -> Response:
            return json_response(reply(await desk.read(kind, place_id)))

        async def delete(place_id: Annotated[PlaceName, name], request: Request) -> Response:
            await desk.delete(kind, place_id, author_of(request))
            return Response(status_code=204)

        list_.__name__, list_.__doc__ = f"list_{kind.area}", f"List {kind.area} by id."
        read.__name__, read.__doc__ = f"read_{kind.noun}", f"Read one {kind.noun}."
        delete.__name__, delete.__doc__ = f"delete_{kind.noun}", f"Delete a {kind.noun} that nothing is in."
        answers, gone = documented(422, 503), documented(404, 409, 422, 503)
        listed: dict[str, Any] = {"response_model": many, "responses": answers, "openapi_extra": reads}
        shown: dict[str, Any] = {"response_model": one, "responses": documented(404, 422, 503), "openapi_extra": reads}
        router.get(f"/{kind.area}", **listed)(list_)
        router.get(path, **shown)(read)
        router.delete(path, status_code=204, responses=gone, openapi_extra=writes)(delete)

    common(STORES, store_reply, StoreReply, StoreList)
    common(ZONES, zone_reply, ZoneReply, ZoneList)
    common(BEACONS, beacon_reply, BeaconReply, BeaconList)

    @router.put("/stores/{store_id}", response_model=StoreReply, responses=CHANGES, openapi_extra=writes)
    async def put_store(store_id: StoreName, body: StoreBody, request: Request) -> Response:
        """State all facts of a store; they hold on every worker within a tenth of a second."""
        return json_response(store_reply(await desk.put_store(body.to_domain(store_id), author_of(request))))

    @router.put("/zones/{zone_id}", response_model=ZoneReply, responses=CHANGES, openapi_extra=writes)
    async def put_zone(zone_id: ZoneName, body: ZoneBody, request: Request) -> Response:
        """State all facts of a zone: what is sold there, and where one can go from it."""
        return json_response(zone_reply(await desk.put_zone(body.to_domain(zone_id), author_of(request))))

    @router.put("/beacons/{beacon_id}", response_model=BeaconReply, responses=CHANGES, openapi_extra=writes)
    async def put_beacon(beacon_id: BeaconName, body: BeaconBody, request: Request) -> Response:
        """Say what a beacon sends and in which zone it is, from `since` or now on; where it was stays on record."""
        return json_response(
            beacon_reply(await desk.put_beacon(body.to_domain(beacon_id, desk.seal), author_of(request)))
        )

    @router.get(
        "/places/manifest",
        response_model=ManifestReply,
        responses={304: {"description": "The manifest that the app has is the newest."}} | documented(404, 422),
        openapi_extra=needs(OFFERS_REQUEST),
    )
    async def read_manifest(
        store_id: AtStore = None, near: AtPoint = None, if_none_match: IfNoneMatch = None
    ) -> Response:
        """List the few regions that an app should watch: the chain, then the stores around, 20 at most.

        It is no map: which beacon stands where is not said. Say `store_id` or `near`.
        """
        regions = [region_reply(one) for one in regions_near(places(), _where(places(), store_id, near))]
        body = orjson.dumps({"regions": regions, "refresh_after_s": REFRESH_SECONDS})
        etag = f'"{sha256(body).hexdigest()[:32]}"'
        headers = {"etag": etag, "cache-control": f"private, max-age={REFRESH_SECONDS}"}
        if if_none_match is not None and etag in if_none_match:
            return Response(status_code=304, headers=headers)
        return JsonBytes(body, headers=headers)

    return router


def _where(places: Places, store_id: str | None, near: str | None) -> StoreId | Near:
    if (store_id is None) == (near is None):
        raise InvalidInput(
            "Say where: by store_id, or by near.", field="store_id", remedy="Send one of the two: near=52.52,13.41."
        )
    if store_id is not None:
        if StoreId(store_id) not in places.stores:
            raise UnknownPlace(
                f"There is no store {store_id!r}.", field="store_id", remedy="Send the id of a store, or near."
            )
        return StoreId(store_id)
    found = re.fullmatch(r"(-?\d{1,2}(?:\.\d{1,12})?),(-?\d{1,3}(?:\.\d{1,12})?)", near or "")
    if found is None or abs(float(found[1])) > 90 or abs(float(found[2])) > 180:
        raise InvalidInput("near is no point.", field="near", remedy="Send latitude,longitude: near=52.52,13.41.")
    return Near(float(found[1]), float(found[2]))
