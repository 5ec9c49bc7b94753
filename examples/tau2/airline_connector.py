"""The six writing tools of τ²-bench's airline domain as actions, with the facts that rules read.

Nothing is decided here: what is asked for is read at the airline and told to the policy
(`airline.cedar`) as typed facts. Only what is not there at all, under exactly that id, is refused.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from tau2.airline_shop import BAG, INSURANCE, NOW, Airline, Json

from sayso import Absence, Args, Call, Code, Receipt, RefusedError, Resolved, Subject, verifiable
from sayso.actions.model.definition import Effect, FactValue
from sayso.actions.model.snapshot import Record
from sayso.connectors.define import OwnConnector, action

SURE = verifiable(settle_after_s=0)
Cabin = Literal["basic_economy", "economy", "business"]
_MOST = {"certificate": 1, "credit_card": 1, "gift_card": 3}


class Part(BaseModel):
    """A part of an argument, with nothing beyond it."""

    model_config = ConfigDict(extra="forbid")


class Flight(Part):
    """A flight on a day."""

    flight_number: str
    date: str


class Passenger(Part):
    """Who flies."""

    first_name: str
    last_name: str
    dob: str


class Payment(Part):
    """How much is taken from which method."""

    payment_id: str
    amount: int


class BookArgs(Args):
    """A new reservation."""

    origin: str
    destination: str
    flight_type: Literal["one_way", "round_trip"]
    cabin: Cabin
    flights: list[Flight]
    passengers: list[Passenger]
    payment_methods: list[Payment]
    total_baggages: int
    nonfree_baggages: int
    insurance: Literal["yes", "no"]


class HeldArgs(Args):
    """A reservation of the customer's."""

    reservation_id: str


class CancelArgs(HeldArgs):
    """Why it is cancelled, in the customer's words."""

    reason: str = ""


class FlightsArgs(HeldArgs):
    """Which flights it is to have."""

    cabin: Cabin
    flights: list[Flight]
    payment_id: str


class BagsArgs(HeldArgs):
    """How many bags it is to have."""

    total_baggages: int
    nonfree_baggages: int
    payment_id: str


class PassengersArgs(HeldArgs):
    """Who flies."""

    passengers: list[Passenger]


class CertificateArgs(Args):
    """A gesture, and for which reservation."""

    amount: int
    reservation_id: str = ""


class AirlineTools(OwnConnector):
    """The airline's tools."""

    name = "airline"

    def __init__(self, airline: Airline) -> None:
        super().__init__()
        self.airline = airline
        self.compensated: set[str] = set()

    async def list_records(self, subject: Subject) -> Sequence[Record]:
        """The customer's own profile and reservations, and nobody else's."""
        user = self._user(subject)
        held = [
            Record(kind="reservation", id=name, title=f"reservation {name}")
            for name in user["reservations"]
        ]
        return [Record(kind="profile", id=subject.id, title="your profile"), *held]

    # ---- resolving: what is read for the policy ----------------------------------------------

    @action(
        summary="Book flights",
        guarantee=SURE,
        facts={
            "passengers": "long",
            "few_methods": "bool",
            "own_methods": "bool",
            "covered": "bool",
            "adds_up": "bool",
            "bags_paid": "bool",
            "available": "bool",
            "chained": "bool",
        },
    )
    async def book_reservation(self, args: BookArgs, subject: Subject) -> Resolved:
        """Read the flights and the customer's payment methods."""
        user, many = self._user(subject), len(args.passengers)
        methods = user["payment_methods"]
        flights = [one.model_dump() for one in args.flights]
        known = [methods.get(one.payment_id) for one in args.payment_methods]
        kinds = Counter(method["source"] for method in known if method is not None)
        taken = Counter[str]()
        for one in args.payment_methods:
            taken[one.payment_id] += one.amount
        cost = sum(self.airline.price(one, args.cabin) for one in flights) * many
        cost += INSURANCE * many * (args.insurance == "yes") + BAG * args.nonfree_baggages
        free = self.airline.free_bags(user, args.cabin, many)
        facts: dict[str, FactValue] = {
            "passengers": many,
            "few_methods": all(kinds[kind] <= most for kind, most in _MOST.items()),
            "own_methods": all(method is not None for method in known),
            "covered": all(_covers(methods.get(name), sums) for name, sums in taken.items()),
            "adds_up": sum(one.amount for one in args.payment_methods) == cost,
            "bags_paid": args.nonfree_baggages == max(0, args.total_baggages - free),
            "available": all(self.airline.seats(one, args.cabin) >= many for one in flights),
            "chained": self._leads(args, flights),
        }
        return self.resolved(
            args, subject, kind="profile", account="the airline", payee="the airline", facts=facts
        )

    @action(
        summary="Change the flights or the cabin of a reservation",
        guarantee=SURE,
        facts={
            "cancelled": "bool",
            "basic_economy": "bool",
            "other_flights": "bool",
            "same_route": "bool",
            "own_card": "bool",
            "available": "bool",
            "flown": "bool",
            "other_cabin": "bool",
            "covered": "bool",
        },
    )
    async def update_reservation_flights(self, args: FlightsArgs, subject: Subject) -> Resolved:
        """Read the reservation, the flights and the customer's payment methods."""
        held = self._held(args.reservation_id)
        flights = [one.model_dump() for one in args.flights]
        was = [(one["flight_number"], one["date"]) for one in held["flights"]]
        new = [one for one in flights if (one["flight_number"], one["date"]) not in was]
        other_cabin = args.cabin != held["cabin"]
        many = len(held["passengers"])
        cost = self.airline.difference(held, flights, args.cabin)
        booked = flights if other_cabin else new
        facts: dict[str, FactValue] = {
            "cancelled": _is_cancelled(held),
            "basic_economy": held["cabin"] == "basic_economy",
            "other_flights": [(one["flight_number"], one["date"]) for one in flights] != was,
            "same_route": self._same_route(held, flights),
            "own_card": self._own_card(held, args.payment_id),
            "available": all(self.airline.seats(one, args.cabin) >= many for one in booked),
            "flown": self._flown(held),
            "other_cabin": other_cabin,
            "covered": _covers(self._methods(held).get(args.payment_id), cost),
        }
        return self._resolved(args, held, facts)

    @action(
        summary="Change the bags of a reservation",
        guarantee=SURE,
        facts={
            "cancelled": "bool",
            "removed": "bool",
            "bags_paid": "bool",
            "own_card": "bool",
            "covered": "bool",
        },
    )
    async def update_reservation_baggages(self, args: BagsArgs, subject: Subject) -> Resolved:
        """Read the reservation and the customer's payment methods."""
        held = self._held(args.reservation_id)
        user = self.airline.user(held["user_id"])
        assert user is not None, "each reservation is somebody's"
        free = self.airline.free_bags(user, held["cabin"], len(held["passengers"]))
        extra = max(0, args.nonfree_baggages - held["nonfree_baggages"])
        facts: dict[str, FactValue] = {
            "cancelled": _is_cancelled(held),
            "removed": args.total_baggages < held["total_baggages"],
            "bags_paid": args.nonfree_baggages >= max(0, args.total_baggages - free),
            "own_card": self._own_card(held, args.payment_id),
            "covered": _covers(self._methods(held).get(args.payment_id), BAG * extra),
        }
        return self._resolved(args, held, facts)

    @action(
        summary="Change who flies",
        guarantee=SURE,
        facts={"cancelled": "bool", "same_number": "bool"},
    )
    async def update_reservation_passengers(
        self, args: PassengersArgs, subject: Subject
    ) -> Resolved:
        """Read the reservation."""
        held = self._held(args.reservation_id)
        facts: dict[str, FactValue] = {
            "cancelled": _is_cancelled(held),
            "same_number": len(args.passengers) == len(held["passengers"]),
        }
        return self._resolved(args, held, facts)

    @action(
        summary="Cancel a reservation",
        guarantee=SURE,
        effect=Effect.CANCELLATION,
        facts={
            "cancelled": "bool",
            "flown": "bool",
            "booked_hours_ago": "long",
            "flight_cancelled": "bool",
            "cabin": "string",
            "insured": "bool",
            "reason": "string",
        },
    )
    async def cancel_reservation(self, args: CancelArgs, subject: Subject) -> Resolved:
        """Read the reservation and its flights."""
        held = self._held(args.reservation_id)
        since = datetime.fromisoformat(NOW) - datetime.fromisoformat(held["created_at"])
        facts: dict[str, FactValue] = {
            "cancelled": _is_cancelled(held),
            "flown": self._flown(held),
            "booked_hours_ago": -(-int(since.total_seconds()) // 3600),
            "flight_cancelled": self._has(held, "cancelled"),
            "cabin": held["cabin"],
            "insured": held["insurance"] == "yes",
            "reason": args.reason,
        }
        return self._resolved(args, held, facts)

    @action(
        summary="Send a certificate as a gesture",
        guarantee=SURE,
        facts={
            "eligible": "bool",
            "flight_cancelled": "bool",
            "flight_delayed": "bool",
            "changed": "bool",
            "for_each": "long",
            "compensated": "bool",
        },
    )
    async def send_certificate(self, args: CertificateArgs, subject: Subject) -> Resolved:
        """Read the customer and the reservation that it is about, if any."""
        user = self._user(subject)
        held = self.airline.reservation(args.reservation_id) if args.reservation_id else None
        if held is not None and held["user_id"] != subject.id:
            raise RefusedError(Code.NOT_OWNER, "that reservation is of another customer")
        many = len(held["passengers"]) if held else 1
        member = user["membership"] in ("silver", "gold")
        special = held is not None and (held["insurance"] == "yes" or held["cabin"] == "business")
        facts: dict[str, FactValue] = {
            "eligible": member or special,
            "flight_cancelled": held is not None and self._has(held, "cancelled"),
            "flight_delayed": held is not None and self._has(held, "delayed"),
            "changed": args.reservation_id in self.airline.reservations,
            "for_each": args.amount // many if args.amount % many == 0 else 0,
            "compensated": args.reservation_id in self.compensated,
        }
        return self.resolved(
            args, subject, kind="profile", account="the airline", payee="the customer", facts=facts
        )

    # ---- calling -----------------------------------------------------------------------------

    @book_reservation.calls
    @update_reservation_flights.calls
    @update_reservation_baggages.calls
    @update_reservation_passengers.calls
    @cancel_reservation.calls
    @send_certificate.calls
    async def do(self, call: Call) -> Receipt:
        """Have the airline's tool do it."""
        tool = call.action.partition(".")[2]
        given: Mapping[str, Any] = call.resolved.args
        self.airline.apply(tool, call.resolved.owner, given)
        if tool == "send_certificate":
            self.compensated.add(given["reservation_id"])
        self.airline.done.add(call.action_id)
        return Receipt(id=call.action_id, status="done")

    @book_reservation.looks_up
    @update_reservation_flights.looks_up
    @update_reservation_baggages.looks_up
    @update_reservation_passengers.looks_up
    @cancel_reservation.looks_up
    @send_certificate.looks_up
    async def find(self, call: Call) -> Receipt | Absence:
        """Find it again by our reference."""
        if call.action_id in self.airline.done:
            return Receipt(id=call.action_id, status="done")
        return Absence.ABSENT

    # ---- reading -----------------------------------------------------------------------------

    def _user(self, subject: Subject) -> Json:
        user = self.airline.user(subject.id)
        if user is None:
            raise RefusedError(Code.UNKNOWN_SUBJECT, "there is no such customer")
        return user

    def _held(self, name: str) -> Json:
        held = self.airline.reservation(name)
        if held is None:
            raise RefusedError(Code.UNKNOWN_OBJECT, "there is no such reservation")
        return held

    def _methods(self, held: Json) -> dict[str, Any]:
        user = self.airline.user(held["user_id"])
        return user["payment_methods"] if user is not None else {}

    def _own_card(self, held: Json, name: str) -> bool:
        method = self._methods(held).get(name)
        return method is not None and method["source"] in ("gift_card", "credit_card")

    def _flown(self, held: Json) -> bool:
        return any(
            self.airline.on(one).get("status") in ("landed", "flying") for one in held["flights"]
        )

    def _has(self, held: Json, status: str) -> bool:
        return any(self.airline.on(one).get("status") == status for one in held["flights"])

    def _same_route(self, held: Json, flights: Sequence[Mapping[str, str]]) -> bool:
        """Whether it leads from and to where it did, and back where it did."""
        return _leads(
            self.airline.route(flights), held["origin"], held["destination"], held["flight_type"]
        )

    def _leads(self, args: BookArgs, flights: Sequence[Mapping[str, str]]) -> bool:
        route = self.airline.route(flights)
        return _leads(route, args.origin, args.destination, args.flight_type)

    def _resolved(self, args: HeldArgs, held: Json, facts: Mapping[str, FactValue]) -> Resolved:
        return Resolved(
            args=args.model_dump(mode="json"),
            object_kind="reservation",
            object_id=held["reservation_id"],
            owner=held["user_id"],
            owner_proof="reservation.user_id",
            account="the airline",
            payee="the customer, as they pay",
            preconditions={"reservation.status": held.get("status") or "booked"},
            fields={"reservation": held["reservation_id"]},
            facts=facts,
        )


def _leads(route: Sequence[tuple[str, str]], origin: str, to: str, kind: str) -> bool:
    """Whether flights follow each other from the origin to the destination, and back."""
    if not route or route[0][0] != origin:
        return False
    if any(before[1] != after[0] for before, after in itertools.pairwise(route)):
        return False
    stops = [end for _, end in route]
    return stops[-1] == to if kind == "one_way" else to in stops[:-1] and stops[-1] == origin


def _is_cancelled(held: Json) -> bool:
    return bool(held.get("status") == "cancelled")


def _covers(method: Json | None, amount: int) -> bool:
    """Whether a gift card or certificate holds an amount; other methods hold any."""
    if method is None or method["source"] == "credit_card":
        return True
    return bool(method["amount"] >= amount)
