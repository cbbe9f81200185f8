"""A shop: orders to cancel, to send elsewhere, to return."""

from __future__ import annotations

from typing import Any, Literal

from rlvr_gym.envs.tools.toolkit import ToolError, tool
from rlvr_gym.envs.worlds.base import Builder, Domain, Row, Wish, WorldKit, call, cents, money

RETURN_DAYS = 30
METHODS = ("card", "gift_card")
_WORDS = {"card": "my card", "gift_card": "my gift card"}
_GOODS = "kettle lamp tent scarf drill globe violin clock carpet mirror bicycle helmet camera chess-set".split()
_STREETS = "Mill Lane,Harbour Road,Station Street,Oak Avenue,Castle Hill,Bridge Street,Church Walk".split(",")
_TOWNS = "Norwood Eastbury Langford Westmere Oldham Redcliff Ashton".split()


class ShopKit(WorldKit):
    """The tools of a shop.

    Example:
        >>> kit = ShopKit({"customers": {}, "orders": {}, "products": {}})
        >>> [tool.name for tool in kit.tools()][:3]
        ['verify_customer', 'list_orders', 'get_order']
    """

    people = "customers"

    @tool()
    def list_orders(self, customer: str) -> Row:
        """The numbers of a customer's orders, with their status.

        Args:
            customer: Number of the customer.
        """
        return {key: row["status"] for key, row in self.rows_of("orders", customer).items()}

    @tool()
    def get_order(self, order: str) -> Row:
        """All about an order.

        Args:
            order: Number of the order.
        """
        return self.row("orders", order)

    @tool()
    def get_product(self, product: str) -> Row:
        """Name, price and stock of a product.

        Args:
            product: Number of the product.
        """
        return self.row("products", product)

    @tool()
    def search_products(self, name: str) -> Row:
        """Products by name: number to name.

        Args:
            name: The name or a part of it, of 3 letters or more.
        """
        return self.search("products", "name", name)

    @tool()
    def get_gift_card(self, customer: str) -> str:
        """What is left on a customer's gift card.

        Args:
            customer: Number of the customer.
        """
        return str(self._balance(customer))

    @tool()
    def cancel_order(self, order: str, reason: Literal["not needed", "by mistake"]) -> Row:
        """Cancel an order; all that was paid goes back to where it came from.

        Args:
            order: Number of the order.
            reason: Why.
        """
        row = self.row("orders", order)
        if row["status"] == "cancelled":
            raise ToolError(f"the order {order} is cancelled already")
        amount = total(row)
        row |= {"status": "cancelled", "reason": reason}
        self._pay_back(row["customer"], amount, row["paid_with"])
        return {"order": order, "refund": money(amount), "to": row["paid_with"]}

    @tool()
    def return_item(self, order: str, product: str, refund_to: Literal["card", "gift_card"]) -> Row:
        """Take back all pieces of a product from an order and pay the money back.

        Args:
            order: Number of the order.
            product: Number of the product.
            refund_to: Where the money goes.
        """
        row = self.row("orders", order)
        if product not in row["items"]:
            raise ToolError(f"the order {order} has no such product")
        line = row["items"][product]
        if "returned_to" in line or row["status"] == "cancelled":
            raise ToolError("that is paid back already")
        line["returned_to"] = refund_to
        self._pay_back(row["customer"], line_total(line), refund_to)
        return {"order": order, "product": product, "refund": money(line_total(line)), "to": refund_to}

    @tool()
    def change_address(self, order: str, address: str) -> Row:
        """Send an order to another address.

        Args:
            order: Number of the order.
            address: Street with number, comma, town.
        """
        row = self.row("orders", order)
        if not address.isprintable() or address != " ".join(address.split()) or not address:
            raise ToolError("an address is one line, with single blanks between its words and none around them")
        row["address"] = address
        return {"order": order, "address": row["address"]}

    def _balance(self, customer: str) -> str:
        balance: str = self.row("customers", customer)["gift_card"]
        return balance

    def _pay_back(self, customer: str, amount: int, method: str) -> None:
        if method == "gift_card":
            self.row("customers", customer)["gift_card"] = money(cents(self._balance(customer)) + amount)


def line_total(line: Row) -> int:
    """What a line of an order cost, in cents."""
    quantity: int = line["quantity"]
    return quantity * cents(line["price"])


def total(order: Row) -> int:
    """What an order cost, in cents, less what was paid back."""
    return sum(line_total(line) for line in order["items"].values() if "returned_to" not in line)


def _order(build: Builder, status: str, customer: str = "", **given: Any) -> str:
    rng, person = build.rng, customer or build.customer
    items = {_product(build): {"quantity": rng.between(1, 4)} for _ in range(rng.between(1, 3))}
    for key, line in items.items():
        line["price"] = build.tables["products"][key]["price"]
    row = {"customer": person, "status": status, "items": items, "address": _address(build)}
    row["paid_with"] = rng.choice(METHODS)
    if status == "delivered":
        row["delivered"] = build.day(-RETURN_DAYS + 2, -2)
    return build.add("orders", "O", {**row, **given})


def _product(build: Builder) -> str:
    name = f"{build.rng.choice(('blue', 'green', 'red', 'grey', 'white'))} {build.rng.choice(_GOODS)}"
    row = {"name": name, "price": build.amount(8, 300), "stock": build.rng.between(0, 60)}
    return build.add("products", "P", row)


def _address(build: Builder) -> str:
    return f"{build.rng.between(1, 99)} {build.rng.choice(_STREETS)}, {build.rng.choice(_TOWNS)}"


def _cancel(build: Builder, order: str, refused: str = "") -> Wish:
    reason = build.rng.choice(("not needed", "by mistake"))
    why = "I do not need it any more." if reason == "not needed" else "I ordered it by mistake."
    return Wish(
        "I would like to cancel an order.",
        {"order": f"It is the order {order}.", "reason": why},
        (call("get_order", order=order),),
        (call("cancel_order", order=order, reason=reason),),
        () if refused else (money(total(build.tables["orders"][order])),),
        (order,),
        refused,
    )


def _return(build: Builder, order: str, method: str = "", refused: str = "") -> Wish:
    row = build.tables["orders"][order]
    product, line = build.rng.choice(sorted(row["items"].items()))
    to = method or row["paid_with"]
    name = build.tables["products"][product]["name"]
    return Wish(
        "I would like to send something back.",
        {
            "order": f"It came with the order {order}.",
            "item": f"It is the {name}, the product {product}.",
            "method": f"The money should go to {_WORDS[to]}.",
        },
        (call("get_order", order=order),),
        (call("return_item", order=order, product=product, refund_to=to),),
        () if refused else (money(line_total(line)),),
        (order, product),
        refused,
    )


def _send(build: Builder, order: str, refused: str = "") -> Wish:
    address = _address(build)
    return Wish(
        "I have moved, and an order should go to my new address.",
        {"order": f"It is the order {order}.", "address": f'The new address is "{address}".'},
        (call("get_order", order=order),),
        (call("change_address", order=order, address=address),),
        (),
        (order,),
        refused,
    )


def _ask_total(build: Builder) -> Wish:
    order = _order(build, build.rng.choice(("pending", "shipped", "delivered")))
    paid = money(total(build.tables["orders"][order]))
    says = "I would like to know what I paid for an order, all in all."
    return Wish(says, {"order": f"It is the order {order}."}, (call("get_order", order=order),), (), (paid,))


def _ask_price(build: Builder) -> Wish:
    product = _product(build)
    row = build.tables["products"][product]
    says = "I would like to know the price of something that you sell."
    details = {"item": f"It is the {row['name']}, the product {product}."}
    return Wish(says, details, (call("get_product", product=product),), (), (row["price"],))


def _late_return(build: Builder) -> Wish:
    order = _order(build, "delivered", delivered=build.day(-90, -RETURN_DAYS - 1))
    return _return(build, order, refused=f"it was delivered more than {RETURN_DAYS} days ago")


def _other_method(build: Builder) -> Wish:
    order = _order(build, "delivered")
    paid = build.tables["orders"][order]["paid_with"]
    return _return(build, order, METHODS[paid == METHODS[0]], "money goes back only to where it came from")


def _not_own(build: Builder) -> Wish:
    order = _order(build, "pending", build.person())
    return _cancel(build, order, "it is the order of somebody else")


def _stranger(build: Builder) -> None:
    person = build.person()
    for _ in range(2):
        _order(build, build.rng.choice(("pending", "shipped", "delivered")), person)


SHOP = Domain(
    ShopKit,
    ("orders", "products"),
    "the customer desk of a shop",
    (
        "Help customers only with their own orders.",
        "Cancel an order only while it is pending. Tell how much is paid back.",
        f"Take something back only if its order was delivered, at most {RETURN_DAYS} days ago, and pay only to where "
        "the money came from (paid_with). Tell how much is paid back.",
        "Change the address of an order only while it is pending.",
    ),
    (
        lambda build: _cancel(build, _order(build, "pending")),
        lambda build: _return(build, _order(build, "delivered")),
        lambda build: _send(build, _order(build, "pending")),
        _ask_total,
        _ask_price,
    ),
    (
        lambda build: _cancel(build, _order(build, build.rng.choice(("shipped", "delivered"))), "it is on its way"),
        lambda build: _send(build, _order(build, "shipped"), "it has left the warehouse"),
        _late_return,
        _other_method,
        _not_own,
    ),
    _stranger,
    {"cancel_order": ("order",), "return_item": ("order", "product"), "change_address": ("order",)},
    lambda build: {"gift_card": build.amount(5, 90)},
)
