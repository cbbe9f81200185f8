"""What texts tell of: scenarios with their fields, and the sentences that tell them and that lead astray."""

from __future__ import annotations

from typing import NamedTuple


class Field(NamedTuple):
    """One fact of a scenario.

    Args:
        name: Its key in the document.
        kind: Its kind, one of `KINDS`, or `"flag"` or `"option"`.
        label: What people call it.
        say: Sentences that tell it, with `{}` for the value; of a flag, one for true and one for false; of an option
            and of what may be missing, see `options` and `none`.
        aside: Sentences with another value of the kind that tell something else.
        options: The values of an option.
        none: The sentence that says that there is no value.
    """

    name: str
    kind: str
    label: str
    say: tuple[str, ...]
    aside: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    none: str = ""


class Rows(NamedTuple):
    """A list in a scenario.

    Args:
        name: Its key in the document.
        key: The field of a row that differs from row to row.
        names: What may stand there.
        fields: Names and kinds of the other fields.
        say: Sentences that tell a row; the key first, then the other fields.
    """

    name: str
    key: str
    names: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    say: tuple[str, ...]


class Scenario(NamedTuple):
    """What a text is about, its facts and its list."""

    title: str
    fields: tuple[Field, ...]
    rows: Rows


_GOODS = tuple(
    "lamp kettle rug mirror shelf stool vase clock basket blanket teapot ladder bucket candle cushion hammer kite "
    "lantern mug notebook paddle quilt ruler saddle tray umbrella wrench apron bell chisel".split()
)

_ORDER = Scenario(
    "An order",
    (
        Field(
            "customer",
            "person",
            "customer",
            ("{} placed this order.", "The order was placed by {}."),
            ("{} took the call.", "{} packs the goods."),
        ),
        Field(
            "order_number",
            "code",
            "order number",
            ("It has the order number {}.", "The number of the order is {}."),
            ("The order before it had the number {}.", "It replaces the cancelled order {}."),
        ),
        Field(
            "ordered_on",
            "date",
            "date of the order",
            ("It came in on {}.", "We received the order on {}."),
            ("The customer has had an account since {}.", "The last order came in on {}."),
        ),
        Field(
            "ship_to",
            "city",
            "city of delivery",
            ("The goods go to {}.", "It is to be delivered to {}."),
            ("The invoice goes to {}.", "The goods are stored in {}."),
        ),
        Field(
            "delivery_fee",
            "money",
            "delivery fee",
            ("Delivery costs {}.", "The fee for delivery is {}."),
            ("A voucher of {} could not be used.", "Last time delivery cost {}."),
        ),
        Field(
            "gift",
            "flag",
            "gift wrapping",
            ("It is a gift and is to be wrapped.", "It is no gift and needs no wrapping."),
        ),
        Field("payment", "option", "way of payment", ("It is paid by {}.",), options=("card", "invoice", "transfer")),
        Field(
            "phone",
            "phone",
            "phone number of the customer",
            ("The customer can be reached at {}.",),
            ("The courier has the number {}.",),
            none="The customer left no phone number.",
        ),
    ),
    Rows(
        "items",
        "product",
        _GOODS,
        (("quantity", "count"), ("unit_price", "money")),
        ("Of the product {0}, {1} were ordered at {2} each.", "The product {0}: {1} pieces, {2} a piece."),
    ),
)
_VISIT = Scenario(
    "A visit",
    (
        Field(
            "patient",
            "person",
            "patient",
            ("The patient is {}.", "{} is the patient."),
            ("{} sat in the waiting room as well.", "{} drove the patient home."),
        ),
        Field(
            "doctor",
            "person",
            "doctor",
            ("Dr. {} saw the patient.", "The doctor was {}."),
            ("Dr. {} was on leave.", "The nurse was {}."),
        ),
        Field(
            "visit_date",
            "date",
            "day of the visit",
            ("The visit was on {}.", "The patient came on {}."),
            ("The next visit will be on {}.", "The patient was born on {}."),
        ),
        Field(
            "start",
            "time",
            "start of the visit",
            ("It began at {}.", "The patient was called in at {}."),
            ("The practice closed at {}.", "The patient had arrived at {}."),
        ),
        Field(
            "duration",
            "minutes",
            "length of the visit",
            ("It took {} minutes.", "The patient stayed with the doctor for {} minutes."),
            ("The patient had waited for {} minutes.",),
        ),
        Field(
            "first_visit",
            "flag",
            "first visit",
            ("The patient had never been there before.", "The patient had been there before."),
        ),
        Field(
            "reason",
            "option",
            "reason of the visit",
            ("The reason was: {}.",),
            options=("check-up", "vaccination", "injury"),
        ),
        Field(
            "phone",
            "phone",
            "phone number of the patient",
            ("The patient can be reached at {}.",),
            ("The practice has the number {}.",),
            none="The patient left no phone number.",
        ),
    ),
    Rows(
        "medicines",
        "medicine",
        tuple("Alvetin Bromal Cedrol Dorvan Esprim Falcor Garmil Hexavin Ivolan Jodrel Kelvax Lorim Mavetil".split()),
        (("tablets_per_day", "count"), ("days", "count")),
        ("{0} is to be taken for {2} days, {1} tablets a day.", "As for {0}, {1} tablets daily, for {2} days."),
    ),
)
_SHIPMENT = Scenario(
    "A shipment",
    (
        Field(
            "tracking_code",
            "code",
            "tracking code",
            ("Its tracking code is {}.", "It can be followed under the code {}."),
            ("The truck is the one with the sign {}.", "The contract has the number {}."),
        ),
        Field(
            "sender",
            "company",
            "sender",
            ("{} sent it.", "The sender is {}."),
            ("{} rents out the containers.", "The insurance of {} had run out."),
        ),
        Field(
            "receiver",
            "company",
            "receiver",
            ("It is for {}.", "The receiver is {}."),
            ("{} had refused the goods.",),
        ),
        Field(
            "shipped_on",
            "date",
            "day of shipping",
            ("It was shipped on {}.", "It left on {}."),
            ("It is expected on {}.", "It had been packed on {}."),
        ),
        Field(
            "destination",
            "city",
            "destination",
            ("It goes to {}.", "Its destination is {}."),
            ("It was checked in {} on the way.", "It comes from {}."),
        ),
        Field("insured", "flag", "insurance", ("It is insured.", "It is not insured.")),
        Field("mode", "option", "way of transport", ("It travels by {}.",), options=("road", "rail", "sea", "air")),
        Field(
            "freight_cost",
            "money",
            "cost of freight",
            ("Freight costs {}.", "For the freight {} is due."),
            ("Customs took {}.", "Storage costs {} a day."),
        ),
    ),
    Rows(
        "parcels",
        "content",
        tuple(f"{name}s" for name in _GOODS if name[-1] not in "fhsx"),
        (("pieces", "count"), ("weight", "weight")),
        ("One parcel holds {1} {0} and weighs {2}.", "With {1} {0} in it, one parcel weighs {2}."),
    ),
)
_MEMBER = Scenario(
    "A member of a club",
    (
        Field(
            "name",
            "person",
            "name of the member",
            ("The member is {}.", "{} is the member."),
            ("{} signed for the club.", "{} had recommended the club."),
        ),
        Field(
            "born_on",
            "date",
            "date of birth",
            ("Born on {}.", "The date of birth is {}."),
            ("The card was printed on {}.",),
        ),
        Field(
            "member_number",
            "code",
            "number of the member",
            ("The member has the number {}.", "The number on the card is {}."),
            ("The locker has the number {}.", "The number of the lost card was {}."),
        ),
        Field(
            "city",
            "city",
            "city where the member lives",
            ("The member lives in {}.", "Home is {}."),
            ("The club is in {}.", "Until last year home was {}."),
        ),
        Field(
            "monthly_fee",
            "money",
            "monthly fee",
            ("The fee is {} a month.", "Each month {} is due."),
            ("To join cost {} once.", "The fee of guests is {} a month."),
        ),
        Field(
            "newsletter",
            "flag",
            "newsletter",
            ("The newsletter is wanted.", "The newsletter is not wanted."),
        ),
        Field(
            "level",
            "option",
            "level of the member",
            ("The level of the member is {}.",),
            options=("bronze", "silver", "gold"),
        ),
        Field(
            "training_time",
            "time",
            "time of training",
            ("Training begins at {}.", "The member trains from {} on."),
            ("The doors open at {}.", "The bus leaves at {}."),
        ),
    ),
    Rows(
        "courses",
        "course",
        tuple("archery boxing chess climbing cycling dancing fencing judo karate rowing running sailing yoga".split()),
        (("sessions", "count"), ("price", "money")),
        ("The course {0} has {1} sessions and costs {2}.", "For {2} there are {1} sessions of {0}."),
    ),
)
SCENARIOS: tuple[Scenario, ...] = (_ORDER, _VISIT, _SHIPMENT, _MEMBER)

TRAPS: tuple[Field, ...] = (
    Field("country", "country", "code of the country", ('The code of the country is "{}".',)),
    Field("reply", "reply", "reply", ('Asked for consent, the reply was the word "{}".',)),
    Field("form_version", "version", "version of the form", ('The form has the version "{}".',)),
    Field("locker", "locker", "number of the locker", ('The locker has the number "{}".',)),
    Field("remark", "remark", "remark", ('The remark reads: "{}".',)),
)
"""Facts whose values are texts that a format may read as something else."""
