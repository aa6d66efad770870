"""A simulated shop with known truths: people who browse, fill carts, buy and come back."""

from data.simulator.shop import Shop
from data.simulator.simulate import Life, Summary, simulate

__all__ = ["Life", "Shop", "Summary", "simulate"]
