"""A travel agency: bookings of flights to cancel, to change, to add bags to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rlvr_gym.envs.tools.toolkit import ToolError, tool
from rlvr_gym.envs.worlds.base import Builder, Call, Domain, Row, Wish, WorldKit, call, cents, money

MAX_BAGS = 3
_CITIES = "Arden Belmont Corvo Delta Elgin Faro Graz Halden Izmir Jura Kiruna Lodz Malmo Nantes Oulu Porto".split()


class TravelKit(WorldKit):
    """The tools of a travel agency.

    Example:
        >>> kit = TravelKit({"travellers": {}, "flights": {}, "bookings": {}})
        >>> [tool.name for tool in kit.tools()][-2:]
        ['cancel_booking', 'add_bags']
    """

    people = "travellers"

    @tool()
    def list_bookings(self, customer: str) -> Row:
        """The numbers of a customer's bookings, with their status.

        Args:
            customer: Number of the customer.
        """
        return {key: row["status"] for key, row in self.rows_of("bookings", customer).items()}

    @tool()
    def get_booking(self, booking: str) -> Row:
        """All about a booking.

        Args:
            booking: Number of the booking.
        """
        return self.row("bookings", booking)

    @tool()
    def get_flight(self, flight: str) -> Row:
        """All about a flight.

        Args:
            flight: Number of the flight.
        """
        return self.row("flights", flight)

    @tool()
    def search_flights(self, origin: str, destination: str) -> Row:
        """Flights between two cities: number to date, price and free seats.

        Args:
            origin: From where.
            destination: To where.
        """
        return {
            key: {name: row[name] for name in ("date", "price", "seats", "status")}
            for key, row in self.table("flights").items()
            if (row["origin"].lower(), row["destination"].lower()) == (origin.lower(), destination.lower())
        }

    @tool()
    def change_flight(self, booking: str, flight: str) -> Row:
        """Move a booking to another flight; a difference in price is charged if the new one costs more.

        Args:
            booking: Number of the booking.
            flight: Number of the new flight.
        """
        row, new = self._active(booking), self.row("flights", flight)
        if row["flight"] == flight:
            raise ToolError(f"the booking {booking} is on the flight {flight} already")
        old = self.row("flights", row["flight"])
        charged = difference(old, new)
        old["seats"] += 1
        new["seats"] -= 1
        row |= {"flight": flight, "paid": money(cents(row["paid"]) + charged)}
        return {"booking": booking, "flight": flight, "charged": money(charged)}

    @tool()
    def cancel_booking(self, booking: str) -> Row:
        """Cancel a booking and pay back all that was paid for it.

        Args:
            booking: Number of the booking.
        """
        row = self._active(booking)
        row["status"] = "cancelled"
        self.row("flights", row["flight"])["seats"] += 1
        return {"booking": booking, "refund": row["paid"]}

    @tool()
    def add_bags(self, booking: str, bags: int) -> Row:
        """Add bags to a booking, each at the flight's price for a bag.

        Args:
            booking: Number of the booking.
            bags: How many more, from 1 to 9.
        """
        row = self._active(booking)
        if not 1 <= bags <= 9:
            raise ToolError(f"bags must be from 1 to 9, got {bags}")
        charged = bags * cents(self.row("flights", row["flight"])["bag_price"])
        row |= {"bags": row["bags"] + bags, "paid": money(cents(row["paid"]) + charged)}
        return {"booking": booking, "bags": row["bags"], "charged": money(charged)}

    def _active(self, booking: str) -> Row:
        row = self.row("bookings", booking)
        if row["status"] != "active":
            raise ToolError(f"the booking {booking} is {row['status']}")
        return row


def difference(old: Row, new: Row) -> int:
    """What a change from a flight to another costs, in cents."""
    return max(0, cents(new["price"]) - cents(old["price"]))


def _route(build: Builder) -> Row:
    """Two cities between which no other flight goes."""
    draw = build.rng.choice
    origin, destination = build.unused(lambda: (draw(_CITIES), draw(_CITIES)))
    if origin == destination:
        return _route(build)
    return {"origin": origin, "destination": destination}


def _flight(build: Builder, route: Row, **given: Any) -> str:
    row = {**route, "date": build.day(5, 120), "price": build.amount(60, 700), "bag_price": build.amount(15, 60)}
    return build.add("flights", "F", {**row, "seats": build.rng.between(2, 40), "status": "on time", **given})


def _booking(build: Builder, fare: str, customer: str = "", **flight: Any) -> str:
    key = _flight(build, _route(build), **flight)
    row = {"customer": customer or build.customer, "flight": key, "fare": fare, "status": "active"}
    return build.add("bookings", "B", {**row, "bags": 1, "paid": build.tables["flights"][key]["price"]})


def _looks(build: Builder, booking: str) -> Sequence[Call]:
    return call("get_booking", booking=booking), call("get_flight", flight=build.tables["bookings"][booking]["flight"])


def _cancel(build: Builder, booking: str, refused: str = "") -> Wish:
    return Wish(
        "I cannot travel and want to cancel a booking.",
        {"booking": f"It is the booking {booking}."},
        _looks(build, booking),
        (call("cancel_booking", booking=booking),),
        () if refused else (build.tables["bookings"][booking]["paid"],),
        (booking,),
        refused,
    )


def _change(build: Builder, booking: str, refused: str = "", **flight: Any) -> Wish:
    old = build.tables["flights"][build.tables["bookings"][booking]["flight"]]
    price = money(cents(old["price"]) + build.rng.between(1_111, 19_999))
    route = {"origin": old["origin"], "destination": old["destination"]}
    new = _flight(build, route, **{"price": price, **flight})
    return Wish(
        "I need to travel on another day.",
        {"booking": f"It is the booking {booking}.", "flight": f"I would like to take the flight {new}."},
        (*_looks(build, booking), call("get_flight", flight=new)),
        (call("change_flight", booking=booking, flight=new),),
        () if refused else (money(difference(old, build.tables["flights"][new])),),
        (booking, new),
        refused,
    )


def _bags(build: Builder, refused: str = "") -> Wish:
    booking = _booking(build, build.rng.choice(("basic", "flex")))
    row = build.tables["bookings"][booking]
    more = build.rng.between(1, MAX_BAGS - 1) + (MAX_BAGS - 1 if refused else 0)
    price = cents(build.tables["flights"][row["flight"]]["bag_price"])
    return Wish(
        "I have more luggage than I thought and want to add to a booking.",
        {"booking": f"It is the booking {booking}.", "bags": f"I need {more} more bag{'s' * (more > 1)}."},
        _looks(build, booking),
        (call("add_bags", booking=booking, bags=more),),
        () if refused else (money(more * price),),
        (booking,),
        refused,
    )


def _ask_cheapest(build: Builder) -> Wish:
    route = _route(build)
    flights = [_flight(build, route) for _ in range(build.rng.between(2, 4))]
    best = min(flights, key=lambda key: (cents(build.tables["flights"][key]["price"]), key))
    return Wish(
        "I would like to know the cheapest flight for a journey, its number and its price.",
        {"route": f"From {route['origin']} to {route['destination']}."},
        (call("search_flights", **route),),
        (),
        (best, build.tables["flights"][best]["price"]),
    )


def _not_own(build: Builder) -> Wish:
    return _cancel(build, _booking(build, "flex", build.person()), "it is the booking of somebody else")


def _stranger(build: Builder) -> None:
    person = build.person()
    for _ in range(2):
        _booking(build, build.rng.choice(("basic", "flex")), person)


TRAVEL = Domain(
    TravelKit,
    ("flights", "bookings"),
    "the customer desk of a travel agency",
    (
        "Help customers only with their own bookings.",
        "Cancel a booking only if its fare is flex or its flight was called off. Tell how much is paid back.",
        "Change the flight only of a booking with the fare flex, to a flight between the same cities with a free seat. "
        "Tell how much is charged.",
        f"A booking may have {MAX_BAGS} bags at most. Tell how much is charged for those that you add.",
    ),
    (
        lambda build: _cancel(build, _booking(build, "flex")),
        lambda build: _cancel(build, _booking(build, "basic", status="called off")),
        lambda build: _change(build, _booking(build, "flex")),
        _bags,
        _ask_cheapest,
    ),
    (
        lambda build: _cancel(build, _booking(build, "basic"), "its fare is basic"),
        lambda build: _change(build, _booking(build, "basic"), "its fare is basic"),
        lambda build: _change(build, _booking(build, "flex"), "that flight has no free seat", seats=0),
        lambda build: _bags(build, f"a booking may have {MAX_BAGS} bags"),
        _not_own,
    ),
    _stranger,
    {"cancel_booking": ("booking",), "change_flight": ("booking",), "add_bags": ("booking",)},
)
