import numpy as np
import pytest

from recommender.offers.response import response_probability
from training.offers.logistic import fit_response

RNG = np.random.default_rng(3)
FEATURES = RNG.normal(2.0, 3.0, size=(4000, 3)).astype(np.float32)
TRUE = 1 / (1 + np.exp(-(0.4 * FEATURES[:, 0] - 0.2 * FEATURES[:, 1] - 2.0)))
REDEEMED = RNG.random(4000) < TRUE


def test_what_made_the_redemptions_is_found_again() -> None:
    model = fit_response(FEATURES, REDEEMED, ridge=1.0)
    assert model.weights / model.spreads == pytest.approx([0.4, -0.2, 0.0], abs=0.05)
    predicted = response_probability(model, FEATURES)
    assert predicted.mean() == pytest.approx(REDEEMED.mean(), abs=1e-4)  # of a logistic model with an intercept
    assert np.corrcoef(predicted, TRUE)[0, 1] > 0.99


def test_what_separates_all_and_what_never_varies_does_no_harm() -> None:
    features = np.c_[np.arange(20), np.ones(20)].astype(np.float32)
    model = fit_response(features, np.arange(20) >= 10, ridge=1.0)
    assert np.isfinite(model.weights).all()
    assert model.weights[1] == 0.0
    assert (np.diff(response_probability(model, features)) >= 0).all()


@pytest.mark.parametrize(("redeemed", "ridge"), [(np.ones(4000, dtype=bool), 1.0), (REDEEMED, 0.0)])
def test_what_cannot_be_fitted_is_refused(redeemed: np.ndarray, ridge: float) -> None:
    with pytest.raises(ValueError, match="ridge"):
        fit_response(FEATURES, redeemed, ridge)
