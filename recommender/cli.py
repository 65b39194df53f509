"""The command `recommender`."""


def main() -> None: ...
