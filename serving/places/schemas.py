"""Bodies of the routes of places, as the OpenAPI document shows them."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from features.sealing import Seal
from features.sql.place_store import Placed
from recommender.ids import BeaconId, StoreId, ZoneId
from recommender.places.beacons import eddystone_uid_key, ibeacon_key
from recommender.places.ephemeral import LEAST_EXPONENT, MOST_EXPONENT, Enrolment, identity_of, read_identity_key
from recommender.places.manifest import MOST_REGIONS
from recommender.places.store import Store, check_store
from recommender.places.zone import CategoryWeight, Zone, ZoneKind

NO_NUL = r"^[^\x00]*$"  # PostgreSQL stores no NUL
PlaceName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_NUL)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=NO_NUL)]
Clock = Annotated[str, StringConstraints(pattern=r"^\d\d:\d\d$")]
Hours = dict[str, list[Annotated[list[Clock], Field(min_length=2, max_length=2)]]]


class Strict(BaseModel):
    """A body that refuses fields that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreBody(Strict):
    """All facts of one store."""

    name: Text = Field(examples=["Berlin Alexanderplatz"])
    timezone: Word = Field(description="A name of the tz database.", examples=["Europe/Berlin"])
    market: Word = Field(default="default", examples=["default"])
    latitude: float | None = Field(default=None, description="Degrees; with `longitude`, or not.", examples=[52.52])
    longitude: float | None = Field(default=None, examples=[13.41])
    opening_hours: Hours | None = Field(
        default=None,
        max_length=400,
        description="[from, until] in local time, by weekday (`mon` to `sun`) or by date, which takes the place of its "
        "weekday; a day that is not named is closed. Left out: not known.",
        examples=[{"mon": [["08:00", "20:00"]], "2026-12-25": []}],
    )

    def to_domain(self, store_id: str) -> Store:
        """The store; raises InvalidInput."""
        return check_store(Store(store_id=StoreId(store_id), **self.model_dump()))


class CategoryBody(Strict):
    """A category of items, and how much of the zone it takes compared with the others there."""

    category: Text = Field(description="As `item.category`.", examples=["FLUID MILK PRODUCTS"])
    weight: float = Field(default=1.0, gt=0, le=1e6, allow_inf_nan=False)
    valid_from: AwareDatetime | None = Field(default=None, description="Left out: ever since.")
    valid_until: AwareDatetime | None = Field(default=None, description="Not included; left out: on and on.")


class ZoneBody(Strict):
    """All facts of one zone."""

    store_id: PlaceName = Field(examples=["367"])
    kind: ZoneKind = Field(examples=["aisle"])
    name: Text = Field(examples=["Milk and eggs"])
    sensitive: bool = Field(default=False, strict=True, description="Never used for targeting: a pharmacy.")
    neighbours: list[PlaceName] = Field(
        default=[], max_length=100, description="Zones of the store that one can step into from here."
    )
    categories: list[CategoryBody] = Field(default=[], max_length=1_000)

    def to_domain(self, zone_id: str) -> Zone:
        """The zone."""
        return Zone(
            zone_id=ZoneId(zone_id), store_id=StoreId(self.store_id), kind=self.kind, name=self.name,
            sensitive=self.sensitive, neighbours=frozenset(map(ZoneId, self.neighbours)),
            categories=tuple(CategoryWeight(**one.model_dump()) for one in self.categories),
        )  # fmt: skip


class IBeaconFrame(Strict):
    """What an iBeacon sends."""

    type: Literal["ibeacon"]
    uuid: str = Field(examples=["5f0c3a1e-9b7d-4c62-a8e1-f00d2b6c9d13"])
    major: int = Field(strict=True, examples=[367])
    minor: int = Field(strict=True, examples=[4])


class EddystoneUidFrame(Strict):
    """What a beacon sends in an Eddystone-UID frame."""

    type: Literal["eddystone_uid"]
    namespace: str = Field(description="20 hexadecimal digits.", examples=["edd1ebeac04e5defa017"])
    instance: str = Field(description="12 hexadecimal digits.", examples=["0bdb87539b67"])


class RotatingFrame(Strict):
    """What an Eddystone-EID beacon makes its identifiers of."""

    type: Literal["eddystone_eid"]
    rotation_exponent: int = Field(
        strict=True, ge=LEAST_EXPONENT, le=MOST_EXPONENT, description="K: a new one every 2^K seconds."
    )
    counter_began_at: AwareDatetime = Field(description="When its counter of seconds was 0.")


class EddystoneEidFrame(RotatingFrame):
    """The same with its identity key, which is kept sealed and never told."""

    identity_key: SecretStr = Field(description="32 hexadecimal digits.", examples=["0123456789abcdef" * 2])


Frame = Annotated[IBeaconFrame | EddystoneUidFrame | EddystoneEidFrame, Field(discriminator="type")]
ShownFrame = Annotated[IBeaconFrame | EddystoneUidFrame | RotatingFrame, Field(discriminator="type")]


class BeaconBody(Strict):
    """What a beacon sends, and in which zone it is from a moment on."""

    frame: Frame
    zone_id: PlaceName | None = Field(description="Null: in none.", examples=["367-milk"])
    since: AwareDatetime | None = Field(
        default=None, description="Left out: of a new beacon as long as one can think, else from now on."
    )

    def to_domain(self, beacon_id: str, seal: Seal) -> Placed:
        """Where the beacon is to be; raises InvalidInput."""
        enrolment = None
        match self.frame:
            case IBeaconFrame(uuid=uuid, major=major, minor=minor):
                key = ibeacon_key(uuid, major, minor)
            case EddystoneUidFrame(namespace=namespace, instance=instance):
                key = eddystone_uid_key(namespace, instance)
            case EddystoneEidFrame(rotation_exponent=exponent, counter_began_at=began_at, identity_key=secret):
                identity_key = read_identity_key(secret.get_secret_value(), "frame.identity_key")
                key, enrolment = identity_of(identity_key), Enrolment(exponent, began_at, seal(identity_key))
        zone_id = None if self.zone_id is None else ZoneId(self.zone_id)
        return Placed(BeaconId(beacon_id), key, zone_id, self.since, enrolment)


class StoreReply(StoreBody):
    """One store."""

    store_id: str


class ZoneReply(ZoneBody):
    """One zone."""

    zone_id: str


class AssignmentReply(BaseModel):
    """From `since` on, until the next one, the beacon stands for this zone."""

    since: AwareDatetime
    zone_id: str | None


class BeaconReply(BaseModel):
    """One beacon, with all zones that it was in."""

    beacon_id: str
    frame: ShownFrame
    zone_id: str | None = Field(description="Of the latest assignment.")
    assignments: list[AssignmentReply]


class Page(BaseModel):
    """A page of a list."""

    next_after: str | None = Field(description="What to send as `after` for the next page; null: this was the last.")


class StoreList(Page):
    """Stores by id."""

    stores: list[StoreReply]


class ZoneList(Page):
    """Zones by id."""

    zones: list[ZoneReply]


class BeaconList(Page):
    """Beacons by id."""

    beacons: list[BeaconReply]


class RegionReply(BaseModel):
    """What to watch: an iBeacon UUID, whole or with one major; an Eddystone namespace; or every Eddystone-EID."""

    type: Literal["ibeacon", "eddystone_uid", "eddystone_eid"]
    uuid: str | None = None
    major: int | None = None
    namespace: str | None = None


class ManifestReply(BaseModel):
    """The few regions to watch, the most important first."""

    regions: list[RegionReply] = Field(max_length=MOST_REGIONS)
    refresh_after_s: int = Field(examples=[3600])
