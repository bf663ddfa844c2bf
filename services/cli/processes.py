"""What every child process is told: its arguments and its environment."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

from services.cli.children import Spec
from services.cli.clocks import HouseClock
from services.cli.home import HOST, SERVICES, Home, Ports
from services.cli.readiness import listens, service_is_ready

DATED = ("processor", "bureau")
"""Stand-ins whose clock is the house's."""


def external_dsn(service: str) -> str:
    """The DSN by which whoever started us points a service at a database of their own; empty for the embedded one."""
    return os.environ.get(f"FREEHOLD_{service.upper()}_DSN", "")


def service_spec(
    service: str, home: Home, ports: Ports, clock: HouseClock, dsn: str, *, public_tls: bool = False
) -> Spec:
    """One of the four services. Settings that we do not decide (pool size, collectors) come from our environment."""
    prefix = f"FREEHOLD_{service.upper()}_"
    settings = {
        "dsn": dsn,
        "tls_dir": str(home.tls),
        **{f"{door}_port": str(port) for door, port in _numbered(ports, service).items()},
        **{f"{peer}_address": ports.doors(peer).addresses()["internal"] for peer in SERVICES if peer != service},
        **clock.settings(),
        **_neighbours_of(service, home, ports),
        **({"public_tls_dir": str(home.public_tls)} if public_tls else {}),
    }
    return Spec(
        name=service,
        arguments=("-m", "services.cli.serve", service),
        log=home.log_of(service),
        is_ready=functools.partial(service_is_ready, ports.doors(service).addresses()["health"]),
        environment={prefix + name.upper(): value for name, value in settings.items()},
    )


def stand_in_spec(name: str, home: Home, ports: Ports, clock: HouseClock) -> Spec:
    """One of the stand-ins."""
    arguments = ["-m", f"services.sandbox.{name}", "--port", str(ports.stand_in(name))]
    arguments += ["--home", str(home.sandbox), "--secret-file", str(home.sandbox_secret)]
    if name == "processor":
        arguments += ["--notify-url", f"http://{HOST}:{ports.notices}/processors/sandbox/notices"]
    if name in DATED:
        for option, value in clock.settings().items():
            arguments += [f"--{option.replace('_', '-')}", value]
    return Spec(
        name=name,
        arguments=tuple(arguments),
        log=home.log_of(name),
        is_ready=functools.partial(listens, HOST, ports.stand_in(name)),
    )


def _numbered(ports: Ports, service: str) -> Mapping[str, int]:
    doors = ports.doors(service)
    return {"public": doors.public, "internal": doors.internal, "health": doors.health, "metrics": doors.metrics}


def _neighbours_of(service: str, home: Home, ports: Ports) -> Mapping[str, str]:
    """What lies outside: registry and carrier for identity, bureaus for scoring, the processor for deposits."""
    secret = home.sandbox_secret.read_text(encoding="utf-8").strip()
    if service == "identity":
        return {
            "keys_dir": str(home.keys),
            "registry_url": ports.stand_in_url("registry"),
            "registry_secret": secret,
            "carrier_url": ports.stand_in_url("carrier"),
            "carrier_secret": secret,
        }
    if service == "scoring":
        return {
            "keys_dir": str(home.scoring_keys),
            "bureau_url": ports.stand_in_url("bureau"),
            "bureau_secret": secret,
        }
    if service == "deposits":
        return {
            "processor_url": ports.stand_in_url("processor"),
            "processor_secret": secret,
            "notices_port": str(ports.notices),
        }
    return {}
