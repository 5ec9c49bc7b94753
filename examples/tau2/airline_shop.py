"""The airline of τ²-bench, as a provider: its records, and what its tools do to them.

SOURCE: the database and the tools' results are those of τ²-bench (Sierra Research, MIT). It checks
nothing that a policy is to check: whoever owns what, and in which state it is, is judged before.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
NOW = "2024-05-15T15:00:00"
"""What time it is in the benchmark."""
NEW_IDS = ("HATHAT", "HATHAU", "HATHAV")
INSURANCE, BAG = 30, 50
_FREE = {"basic_economy": 0, "economy": 1, "business": 2}
_MORE = {"regular": 0, "silver": 1, "gold": 2}


@dataclass(slots=True, kw_only=True)
class Airline:
    """Flights, customers and reservations by id; what was written since `reset` beside them.

    Attributes:
        writes: how many tools have written since.
        done: the effects by our reference.
    """

    flights: Mapping[str, Json]
    first_users: Mapping[str, Json]
    first_reservations: Mapping[str, Json]
    users: dict[str, Json] = field(default_factory=dict[str, Json])
    reservations: dict[str, Json] = field(default_factory=dict[str, Json])
    writes: int = 0
    done: set[str] = field(default_factory=set[str])

    def reset(self) -> None:
        """Back to the first records."""
        self.users.clear()
        self.reservations.clear()
        self.done.clear()
        self.writes = 0

    def user(self, user_id: str) -> Json | None:
        """A customer, as they are now."""
        return self.users.get(user_id) or self.first_users.get(user_id)

    def reservation(self, name: str) -> Json | None:
        """A reservation, as it is now; its id has to be exactly right."""
        return self.reservations.get(name) or self.first_reservations.get(name)

    def on(self, flight: Mapping[str, str]) -> Json:
        """What is known of a flight on its day; nothing where there is none."""
        known = self.flights.get(flight["flight_number"], {"dates": {}})
        found: Json = known["dates"].get(flight["date"], {})
        return found

    def seats(self, flight: Mapping[str, str], cabin: str) -> int:
        """How many seats can be booked; none where it is not available."""
        day = self.on(flight)
        if day.get("status") != "available":
            return 0
        return int(day["available_seats"].get(cabin, 0))

    def price(self, flight: Mapping[str, str], cabin: str) -> int:
        """For one passenger."""
        return int(self.on(flight).get("prices", {}).get(cabin, 0))

    def route(self, flights: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
        """From where to where each flight goes."""
        known = [self.flights.get(one["flight_number"], {}) for one in flights]
        return [(one.get("origin", ""), one.get("destination", "")) for one in known]

    def free_bags(self, user: Json, cabin: str, passengers: int) -> int:
        """How many checked bags cost nothing."""
        return (_FREE.get(cabin, 0) + _MORE[user["membership"]]) * passengers

    def new_prices(self, held: Json, flights: Sequence[Mapping[str, str]], cabin: str) -> list[int]:
        """What each flight costs a passenger: those that are kept cost what they did."""
        prices: list[int] = []
        for one in flights:
            kept = next(
                (
                    old
                    for old in held["flights"]
                    if cabin == held["cabin"]
                    and (old["flight_number"], old["date"]) == (one["flight_number"], one["date"])
                ),
                None,
            )
            prices.append(self.price(one, cabin) if kept is None else int(kept["price"]))
        return prices

    def difference(self, held: Json, flights: Sequence[Mapping[str, str]], cabin: str) -> int:
        """What a change of flights costs all passengers; below zero it is given back."""
        was = sum(int(one["price"]) for one in held["flights"])
        return (sum(self.new_prices(held, flights, cabin)) - was) * len(held["passengers"])

    # ---- the tools ---------------------------------------------------------------------------

    def apply(self, tool: str, user_id: str, given: Mapping[str, Any]) -> None:
        """Do what a tool does; `user_id` is the owner of what it is about."""
        self.writes += 1
        user = self._own(self.users, self.first_users, user_id)
        if tool == "book_reservation":
            self._book(user, given)
            return
        if tool == "send_certificate":
            name = f"certificate_{3221322 + len(user['payment_methods'])}"
            user["payment_methods"][name] = {
                "source": "certificate",
                "id": name,
                "amount": given["amount"],
            }
            return
        held = self._own(self.reservations, self.first_reservations, given["reservation_id"])
        match tool:
            case "cancel_reservation":
                paid = list(held["payment_history"])
                held["payment_history"] += [{**one, "amount": -one["amount"]} for one in paid]
                held["status"] = "cancelled"
            case "update_reservation_flights":
                self._fly_otherwise(user, held, given)
            case "update_reservation_baggages":
                extra = max(0, given["nonfree_baggages"] - held["nonfree_baggages"])
                held["total_baggages"] = given["total_baggages"]
                held["nonfree_baggages"] = given["nonfree_baggages"]
                _pay(user, held, given["payment_id"], BAG * extra)
            case "update_reservation_passengers":
                held["passengers"] = [dict(one) for one in given["passengers"]]
            case _:
                raise KeyError(tool)

    def _book(self, user: Json, given: Mapping[str, Any]) -> None:
        name = next(one for one in NEW_IDS if one not in self.reservations)
        flights = [
            {
                "origin": origin,
                "destination": destination,
                **one,
                "price": self.price(one, given["cabin"]),
            }
            for one, (origin, destination) in zip(
                given["flights"], self.route(given["flights"]), strict=True
            )
        ]
        kept = ("origin", "destination", "flight_type", "cabin", "passengers")
        self.reservations[name] = {
            "reservation_id": name,
            "user_id": user["user_id"],
            **{key: given[key] for key in kept},
            "flights": flights,
            "payment_history": [dict(one) for one in given["payment_methods"]],
            "created_at": NOW,
            "total_baggages": given["total_baggages"],
            "nonfree_baggages": given["nonfree_baggages"],
            "insurance": given["insurance"],
        }
        for one in given["payment_methods"]:
            method = user["payment_methods"][one["payment_id"]]
            if method["source"] == "gift_card":
                method["amount"] -= one["amount"]
            elif method["source"] == "certificate":
                del user["payment_methods"][one["payment_id"]]
        user["reservations"].append(name)

    def _fly_otherwise(self, user: Json, held: Json, given: Mapping[str, Any]) -> None:
        cost = self.difference(held, given["flights"], given["cabin"])
        prices = self.new_prices(held, given["flights"], given["cabin"])
        held["flights"] = [
            {
                "flight_number": one["flight_number"],
                "origin": origin,
                "destination": destination,
                "date": one["date"],
                "price": price,
            }
            for one, (origin, destination), price in zip(
                given["flights"], self.route(given["flights"]), prices, strict=True
            )
        ]
        held["cabin"] = given["cabin"]
        _pay(user, held, given["payment_id"], cost)

    @staticmethod
    def _own(now: dict[str, Json], first: Mapping[str, Json], name: str) -> Json:
        if name not in now:
            now[name] = copy.deepcopy(first[name])
        return now[name]

    def changes(self) -> Json:
        """The reservations that differ from the first records, by the fields that do."""
        return {
            name: {
                key: value
                for key, value in record.items()
                if self.first_reservations.get(name, {}).get(key) != value
            }
            for name, record in self.reservations.items()
        }


def _pay(user: Json, held: Json, name: str, amount: int) -> None:
    if not amount:
        return
    method = user["payment_methods"][name]
    if method["source"] == "gift_card":
        method["amount"] -= amount
    held["payment_history"].append({"payment_id": name, "amount": amount})
