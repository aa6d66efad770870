"""What the messages of the shop truly bring about, which nothing in the landed files tells."""

from collections.abc import Mapping
from dataclasses import dataclass

# what reading a message adds to the chance that an order follows, before anybody's own taste; below zero it is the
# chance that an order of the week after is not placed
TRUE_EFFECTS: Mapping[str, float] = {
    "anniversary_thanks": 0.01,
    "anniversary_treat": 0.06,
    "birthday_greeting": 0.08,
    "birthday_reminder": 0.05,
    "browse_help": 0.03,
    "browse_reminder": 0.05,
    "cart_reminder": 0.10,
    "cart_reassurance": 0.06,
    "cart_incentive": 0.16,
    "cross_sell_suggestion": 0.05,
    "cross_sell_upgrade": 0.06,
    "event_next_step": 0.05,
    "event_recording": 0.01,
    "event_thanks": 0.02,
    "feedback_review_request": 0.0,
    "feedback_survey": 0.0,
    "lead_basics": 0.01,
    "lead_guide": 0.02,
    "lead_invitation": 0.05,
    "lead_offer": 0.08,
    "lead_proof": 0.03,
    "lead_questions": 0.03,
    "lead_story": 0.02,
    "post_purchase_thanks": 0.0,
    "post_purchase_tips": 0.03,
    "post_purchase_review": 0.02,
    "reengagement_we_miss_you": 0.04,
    "reengagement_offer": 0.09,
    "reengagement_goodbye": -0.05,
    "subscription_last_call": 0.0,
    "subscription_reminder": 0.0,
    "subscription_win_back": 0.04,
    "welcome_hello": 0.05,
    "welcome_story": 0.03,
    "welcome_first_order": 0.12,
}


@dataclass(frozen=True, slots=True)
class VariantEffect:
    """What a variant of a message does beside what its template does."""

    opens: float = 1.0
    """So many times as often it is opened."""
    clicks: float = 1.0
    """So many times as often who has opened it follows its link."""
    buys: float = 0.0
    """Added to the chance that an order follows."""


# by template and variant: the subject of the welcome matters little, the button below the thanks much
TRUE_VARIANTS: Mapping[tuple[str, str], VariantEffect] = {
    ("post_purchase_thanks", "my order"): VariantEffect(),
    ("post_purchase_thanks", "care guide"): VariantEffect(clicks=3.0),
    ("welcome_hello", "short subject"): VariantEffect(),
    ("welcome_hello", "long subject"): VariantEffect(opens=1.15),
}
AS_USUAL = VariantEffect()
