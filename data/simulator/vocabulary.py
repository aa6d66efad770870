"""Places, names and goods of the simulated shop; addresses and numbers are ones reserved for fiction."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where people live: country, time zone and language, and how many do so."""

    country: str
    timezone: str
    locale: str
    weight: float


PLACES = (
    Place("GB", "Europe/London", "en-GB", 0.45),
    Place("IE", "Europe/Dublin", "en-IE", 0.05),
    Place("DE", "Europe/Berlin", "de-DE", 0.17),
    Place("FR", "Europe/Paris", "fr-FR", 0.11),
    Place("US", "America/New_York", "en-US", 0.08),
    Place("US", "America/Chicago", "en-US", 0.04),
    Place("US", "America/Denver", "en-US", 0.02),
    Place("US", "America/Los_Angeles", "en-US", 0.04),
    Place("AU", "Australia/Sydney", "en-AU", 0.03),
    Place("AU", "Australia/Brisbane", "en-AU", 0.01),
)

VAT_PERCENT = {"GB": 20, "IE": 23, "DE": 19, "FR": 20, "US": 0, "AU": 10}


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = {
    "en": _words(
        "Olivia Amelia Isla Ava Freya Ivy Florence Willow Poppy Evie George Oliver Arthur Noah Theo Oscar "
        "Harry Jack Leo Alfie Ruth Joan Peter Susan Imogen Callum Niamh Ciarán Siobhán Owen"
    ),
    "de": _words(
        "Emilia Hannah Mia Clara Lina Ella Frieda Ida Käthe Jürgen Jörg Björn Noah Paul Elias Ben Finn "
        "Felix Anton Karl Günther Ursula Heike Sabine Jonas"
    ),
    "fr": _words(
        "Louise Jade Ambre Alba Emma Rose Alice Chloé Zoé Léa Gabriel Raphaël Jules Adam Hugo Maël Noé "
        "Éloi Étienne François Hélène Agnès Benoît Thérèse Luc"
    ),
}
LAST_NAMES = {
    "en": _words(
        "Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Wright Walker White Green Hall "
        "Wood Clarke Hughes Edwards Turner Hill Moore Cooper Ward Byrne Kelly Walsh Doyle Murphy Novak "
        "Okafor"
    ),
    "de": _words(
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer "
        "Richter Klein Wolf Schröder Neumann Schwarz Krüger Vogel Groß Yılmaz Brandt Keller"
    ),
    "fr": _words(
        "Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Lefèvre Leroy Roux "
        "Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Gauthier Faure Benoît Diallo"
    ),
}
PLAIN_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "á": "a", "é": "e", "è": "e", "ê": "e", "ë": "e", "î": "i"}
    | {"ï": "i", "ô": "o", "ç": "c", "ı": "i", "É": "E"}
)

MAIL_DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.example", "inbox.example")
MAIL_DOMAIN_WEIGHTS = (0.45, 0.15, 0.1, 0.15, 0.1, 0.05)
ROLE_NAMES = ("info", "office", "sales", "orders", "hello")

# prefix and how many digits follow; each range is kept free for drama by its regulator
PHONE_RANGES: dict[str, tuple[tuple[str, int], ...]] = {
    "GB": tuple(
        (prefix, 3)
        for prefix in (
            "+442079460",
            "+441134960",
            "+441144960",
            "+441164960",
            "+441174960",
            "+441184960",
            "+441214960",
            "+441314960",
            "+441414960",
            "+441514960",
            "+441614960",
            "+441914980",
            "+442896496",
            "+442920180",
            "+443069990",
        )
    ),
    "IE": (),
    "DE": tuple((prefix, 3) for prefix in ("+493023125", "+496990009", "+494066969", "+492214710", "+498999998")),
    "FR": tuple((prefix, 4) for prefix in ("+3319900", "+3326191", "+3335301", "+3346571", "+3353649")),
    "US": tuple(
        (f"+1{area}55501", 2)
        for area in (
            *(202, 212, 213, 214, 215, 303, 305, 312, 314, 404, 412, 415, 503, 504, 505),
            *(512, 602, 612, 615, 617, 702, 713, 801, 206, 216),
        )
    ),
    "AU": tuple((f"+61{area}5550", 4) for area in (2, 3, 7, 8)),
}
DIAL_CODES = {"GB": "+44", "IE": "+353", "DE": "+49", "FR": "+33", "US": "+1", "AU": "+61"}


@dataclass(frozen=True)
class Category:
    """A shelf of the shop: what its goods are called and what one usually costs."""

    name: str
    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]
    price: float


CATEGORIES = (
    Category("kitchen", ("Enamel", "Oak", "Copper", "Stoneware"), ("Jug", "Bowl", "Teapot", "Board", "Mug"), 18.0),
    Category("garden", ("Galvanised", "Willow", "Clay", "Slate"), ("Planter", "Trug", "Lantern", "Dibber"), 24.0),
    Category("stationery", ("Letterpress", "Linen", "Marbled"), ("Notebook", "Card Set", "Album", "Diary"), 11.0),
    Category("textiles", ("Lambswool", "Striped", "Quilted", "Flax"), ("Throw", "Cushion", "Towel", "Apron"), 36.0),
    Category("toys", ("Wooden", "Felt", "Tin", "Knitted"), ("Train", "Rabbit", "Kite", "Puzzle", "Abacus"), 16.0),
    Category("lighting", ("Brass", "Paper", "Smoked Glass"), ("Pendant", "Candlestick", "Table Lamp"), 62.0),
    Category("bath", ("Olive", "Lavender", "Sea Salt", "Cedar"), ("Soap", "Bath Oil", "Brush", "Candle"), 9.5),
    Category("furniture", ("Beech", "Rattan", "Painted"), ("Stool", "Shelf", "Bench", "Side Table"), 140.0),
)


@dataclass(frozen=True)
class Origin:
    """What brings a visit: a campaign, a search, or nothing known."""

    weight: float
    referrer: str | None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None


ORIGINS = (
    Origin(0.38, None),
    Origin(0.27, "https://search.example/"),
    Origin(0.10, "https://search.example/", "search", "cpc", "brand"),
    Origin(0.07, "https://search.example/", "search", "cpc", "gifts"),
    Origin(0.11, "https://social.example/", "social", "paid_social", "new_season"),
    Origin(0.07, "https://blog.example/", "blog", "affiliate", "makers"),
)

DEVICE_TYPES = ("mobile", "desktop", "tablet")
