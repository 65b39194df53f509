"""Words for people in place of the capitals and abbreviations of a till's product file."""

import re

import polars as pl

# Words of product types and categories, as the till shortens them.
_SHORT = {
    "ADLT": "adult", "BKD": "baked", "BN": "beans", "BRKFST": "breakfast", "BTL": "bottle", "BTR": "butter",
    "CARB": "carbonated", "CATFD": "cat food", "CHOCOCLATE": "chocolate", "CKYS": "cookies", "CLEANG": "cleaning",
    "CNDY": "candy", "CNTRL": "control", "COCO": "cocoa", "CONC": "concentrate", "CRKR": "crackers",
    "CRYSTL": "crystal", "DISPOSIBLE": "disposable", "DNR": "dinner", "DNRS": "dinners",
    "DRNK": "drink", "DRNKS": "drinks", "DRSNG": "dressing", "DSH": "dishes", "FD": "food", "FEM": "feminine",
    "FLVRD": "flavoured", "FLAVORED": "flavoured", "FRZN": "frozen", "FRZ": "frozen", "HBC": "health and beauty",
    "JCE": "juice", "MEMORABLILIA": "memorabilia", "MFG": "manufacturer", "MISC": "miscellaneous",
    "MIXS": "mixes", "MW": "microwave", "MX": "mix", "MXS": "mixes", "NDAIRY": "non-dairy", "PCKGD": "packaged",
    "PK": "pack", "PKG": "packaged", "PKGD": "packaged", "PKLD": "pickled", "PNT": "peanut", "PREM": "premium",
    "PWDR": "powder", "REFRGRATD": "refrigerated", "REFRIG": "refrigerated", "SALD": "salad", "SAUS": "sausage",
    "SFT": "soft", "SGL": "single", "SHERBTS": "sherbets", "SNDWCH": "sandwich", "SNKS": "snacks", "SOD": "soda",
    "SPLY": "supplies", "SPRD": "spread", "SUPPPLIES": "supplies", "SWEETNERS": "sweeteners", "TISS": "tissue",
    "TRSH": "trash", "BG": "bags", "VEG": "vegetable", "WHLSM": "wholesome", "WTR": "water",
    "BEERALEMALT": "beer, ale and malt", "SAUCESSALSAPICANTEE": "sauces, salsa and picante",
}  # fmt: skip
_PARENTHESES = re.compile(r"\([^)]*(\)|$)")  # the till cuts a type after 30 characters, often inside one
_WORD = re.compile(r"[A-Z]+")
_SPACES = re.compile(r"\s+")
_COMMAS = re.compile(r"\s*(?:,\s*)+")


def readable(text: str) -> str:
    """A product type or category for people: "ICE - CRUSHED/CUBED" becomes "Ice, crushed/cubed"."""
    plain = _PARENTHESES.sub(" ", text.upper())
    parted = plain.replace(" - ", ", ").replace("- ", ", ").replace(":", ", ").replace("&", " and ").replace(".", " ")
    words = _WORD.sub(lambda word: _SHORT.get(word[0], word[0].lower()), parted)
    tidy = _COMMAS.sub(", ", _SPACES.sub(" ", words)).strip(" ,-/")
    return tidy[:1].upper() + tidy[1:]


def titles(products: pl.DataFrame) -> pl.Series:
    """A title per item from its type (else its category, its department), its brand and its size.

    In: item_id str; department, category, type, brand, size str, may be null.
    Out: str, never null: "Apple sauce, store brand, 50 oz".
    """
    named = pl.coalesce(
        _readable("type"), _readable("category"), _readable("department"), pl.format("Item {}", "item_id")
    )
    brand = pl.when(pl.col("brand") == "Private").then(pl.lit("store brand"))
    size = pl.col("size").str.to_lowercase()
    return products.select(pl.concat_str(named, brand, size, separator=", ", ignore_nulls=True)).to_series()


def _readable(column: str) -> pl.Expr:
    return pl.col(column).map_batches(_readable_words, return_dtype=pl.String)


def _readable_words(words: pl.Series) -> pl.Series:
    made = {word: readable(word) or None for word in words.drop_nulls().unique()}
    return words.replace_strict(made, default=None, return_dtype=pl.String)
