"""`python -m recommender`: the same as the command `recommender`."""

from recommender.cli import main

main()
