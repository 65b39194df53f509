"""What all tables share."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table

REVISION = "0018"  # the last of `features/sql/migrations`; a test holds them together

# SQLite numbers rows by itself only where the key's type is INTEGER.
BigKey = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# One row. A writer raises it inside its own transaction, and so holds the row lock until it commits: numbers become
# visible in order, and a reader that has seen n has seen all below n.
change_counter = Table(
    "change_counter",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("change_number", BigInteger, nullable=False),
)
