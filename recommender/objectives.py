"""What a placement orders its candidates for, and how much each of that weighs."""

from dataclasses import dataclass, fields

from recommender.definition import Definition
from recommender.errors import InvalidPlacement


@dataclass(frozen=True, slots=True)
class Objectives:
    """Weights in [0, 1], not all 0; only how they compare matters.

    Attributes:
        purchase: that the shopper buys the item.
        click: that the shopper looks at it or puts it into the cart.
        margin: what stays with the shop if the shopper buys it.
    """

    purchase: float = 1.0
    click: float = 0.0
    margin: float = 0.0

    @property
    def purchase_alone(self) -> bool:
        """Whether the order is that of the ranker."""
        return self.click == 0 and self.margin == 0


PURCHASE_ALONE = Objectives()
NAMES = tuple(field.name for field in fields(Objectives))


def parse_objectives(settings: Definition) -> Objectives:
    """Read the setting `objectives`; raises InvalidPlacement that names the weight."""
    table = settings.table("objectives", NAMES)
    weights = Objectives(
        purchase=table.share("purchase", default=1.0), click=table.share("click"), margin=table.share("margin")
    )
    if weights == Objectives(0.0, 0.0, 0.0):
        raise InvalidPlacement(
            "no objective has a weight", field=f"{settings.prefix}objectives",
            remedy="Give one of them a weight above 0, or leave the setting out.",
        )  # fmt: skip
    return weights
