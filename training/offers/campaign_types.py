"""What kind of campaign each group of campaigns was, where somebody wrote it down: figures are told apart by it."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import json

from features.settings import Settings

FILE = "campaign_types.json"  # in the folder of facts


@dataclass(frozen=True, slots=True)
class CampaignTypes:
    """The type of each group by its name, and what there is to say of a type."""

    of_group: Mapping[str, str]
    notes: Mapping[str, str]

    def of(self, group: str) -> str:
        """The type of a group; "All campaigns" where nobody wrote one down."""
        return self.of_group.get(group, "All campaigns")


def read_types(settings: Settings) -> CampaignTypes:
    """Read what `write_types` wrote; without it no group has a type."""
    file = settings.facts_dir / FILE
    return json.decode(file.read_bytes(), type=CampaignTypes) if file.exists() else CampaignTypes({}, {})


def write_types(settings: Settings, types: CampaignTypes) -> None:
    """Write the types down."""
    settings.facts_dir.mkdir(parents=True, exist_ok=True)
    (settings.facts_dir / FILE).write_bytes(json.format(json.encode(types)))
