"""Stripe's stand-in by its wire: forms, errors as Stripe words them, keys, and what outlives `kill -9`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stand_ins import StandIn
from stripe_bench import bench_of, running_stripe

from services.deposits.domain import OperationKind
from services.sandbox.stripe.forms import parse


async def post(stripe: StandIn, path: str, form: dict[str, str], key: str = "") -> tuple[int, Any, str]:
    headers = {"Idempotency-Key": key} if key else {}
    async with stripe.session.post(path, data=form, headers=headers) as response:
        return response.status, await response.json(), response.headers.get("Idempotent-Replayed", "")


async def paying(stripe: StandIn, method: str = "pm_card_visa", **more: str) -> dict[str, str]:
    _, customer, _ = await post(stripe, "/v1/customers", {})
    form = {"amount": "9900", "currency": "cny", "confirm": "true", "off_session": "true", "capture_method": "manual"}
    return form | {"customer": customer["id"], "payment_method": method} | more


def test_brackets_are_read_as_stripes_libraries_write_them() -> None:
    form = parse("metadata[a_b]=1&expand[0]=x&expand[1]=y&list[]=p&list[]=q&deep[a][b][c]=%5B1%5D&empty=")
    assert form == {
        "metadata": {"a_b": "1"},
        "expand": {"0": "x", "1": "y"},
        "list": {"0": "p", "1": "q"},
        "deep": {"a": {"b": {"c": "[1]"}}},
        "empty": "",
    }


async def test_a_key_answers_the_same_again_and_refuses_other_content(stripe: StandIn) -> None:
    form = await paying(stripe)
    first = await post(stripe, "/v1/payment_intents", form, "key-1")
    again = await post(stripe, "/v1/payment_intents", form, "key-1")
    assert (first[0], again) == (200, (200, first[1], "true"))
    status, refused, _ = await post(stripe, "/v1/payment_intents", form | {"amount": "1"}, "key-1")
    assert (status, refused["error"]["type"]) == (400, "idempotency_error")
    assert "can only be used with the same parameters" in refused["error"]["message"]


async def test_a_decline_is_remembered_and_a_mistake_in_form_is_not(stripe: StandIn) -> None:
    form = await paying(stripe, "pm_card_visa_chargeDeclined")
    for replayed in ("", "true"):
        status, refused, header = await post(stripe, "/v1/payment_intents", form, "key-2")
        assert (status, header) == (402, replayed)
        error = refused["error"]
        assert (error["code"], error["decline_code"]) == ("card_declined", "generic_decline")
        assert (error["payment_intent"]["status"], error["type"]) == ("requires_payment_method", "card_error")
    status, refused, _ = await post(stripe, "/v1/payment_intents", form | {"colour": "red"}, "key-3")
    assert (status, refused["error"]["code"], refused["error"]["param"]) == (400, "parameter_unknown", "colour")
    assert (await post(stripe, "/v1/payment_intents", await paying(stripe), "key-3"))[0] == 200


@pytest.mark.parametrize(
    ("path", "form", "status", "code"),
    [
        ("/v1/payment_intents/pi_unknown/capture", {}, 404, "resource_missing"),
        ("/v1/payment_intents", {"amount": "1"}, 400, "parameter_missing"),
        ("/v1/refunds", {"payment_intent": "pi_unknown", "amount": "1"}, 404, "resource_missing"),
        ("/v1/payment_methods/pm_card_visa/attach", {"customer": "cus_unknown"}, 404, "resource_missing"),
    ],
)
async def test_what_is_refused(stripe: StandIn, path: str, form: dict[str, str], status: int, code: str) -> None:
    refused = await post(stripe, path, form)
    assert (refused[0], refused[1]["error"]["code"]) == (status, code)


async def test_the_parts_of_a_hold_add_up_at_every_moment(stripe: StandIn) -> None:
    form = await paying(stripe, **{"payment_method_options[card][request_multicapture]": "if_available"})
    _, intent, _ = await post(stripe, "/v1/payment_intents", form)
    path = f"/v1/payment_intents/{intent['id']}"
    for amount, final, received, capturable, status in (
        ("3000", "false", 3000, 6900, "requires_capture"),
        ("900", "false", 3900, 6000, "requires_capture"),
        ("1000", "true", 4900, 0, "succeeded"),
    ):
        await post(stripe, f"{path}/capture", {"amount_to_capture": amount, "final_capture": final})
        _, intent = await stripe.get(path, **{"expand[0]": "latest_charge"})
        assert (intent["amount_received"], intent["amount_capturable"], intent["status"]) == (
            received,
            capturable,
            status,
        )
    assert (intent["latest_charge"]["amount_captured"], intent["latest_charge"]["amount_refunded"]) == (4900, 5000)
    refused = await post(stripe, f"{path}/cancel", {})
    assert (refused[0], refused[1]["error"]["code"]) == (400, "payment_intent_unexpected_state")


async def test_what_was_acknowledged_outlives_kill_9(tmp_path: Path) -> None:
    async with running_stripe(tmp_path) as process, bench_of(process) as bench:
        authorize, reference = await bench.held()
        await process.kill()
    async with running_stripe(tmp_path) as again, bench_of(again) as after:
        assert (await after.seen(reference)).open_minor == 9900
        assert (await after.done(authorize)).result_ref == reference
        await after.done(after.asked(OperationKind.CAPTURE, reference, 100))
        assert await again.stop() == (0, "")
