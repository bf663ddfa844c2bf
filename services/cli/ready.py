"""The ready file: where everything is and with what to call it, in one JSON object, readable by its owner only.

It stands in the home (ready.json), and where `--ready-file` says, as long as `freehold up` runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from services.cli.clocks import HouseClock
from services.cli.home import STAND_INS, Home, HomeError, write_private
from services.cli.house import House
from services.cli.seeding.city import City


@dataclass(frozen=True, slots=True)
class Ready:
    """What a ready file says. `pids` are those of the start; a process that died has another since.

    `public_authority` is the certificate to trust when the public doors speak TLS, else None.
    """

    home: Home
    services: Mapping[str, Mapping[str, str]]
    sandbox: Mapping[str, str]
    clock: HouseClock
    city: City | None
    pids: Mapping[str, int]
    public_authority: Path | None = None

    @property
    def public(self) -> dict[str, str]:
        """Each service's public door."""
        return {service: doors["public"] for service, doors in self.services.items()}


def write_ready(file: Path, house: House, city: City | None) -> None:
    """Says that the house is up."""
    clock = house.clock
    content: dict[str, Any] = {
        "services": house.addresses(),
        "sandbox": {name: house.ports.stand_in_url(name) for name in STAND_INS},
        "demo": None if city is None else city.credentials(),
        "home": str(house.home.path),
        "clock": {
            "scale": clock.scale,
            "epoch_real": clock.epoch_real.isoformat(),
            "epoch_virtual": clock.epoch_virtual.isoformat(),
        },
        "pids": dict(house.pids()),
        "public_authority": None if house.public_authority is None else str(house.public_authority),
    }
    write_private(file.absolute(), json.dumps(content, indent=2))


def read_ready(file: Path) -> Ready:
    """What a running `freehold up` wrote; raises HomeError when there is none."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HomeError(f"nothing runs here: {file} is missing; start it by `freehold up`") from None
    clock = said["clock"]
    return Ready(
        home=Home(Path(said["home"])),
        services=said["services"],
        sandbox=said["sandbox"],
        clock=HouseClock(
            float(clock["scale"]),
            datetime.fromisoformat(clock["epoch_real"]),
            datetime.fromisoformat(clock["epoch_virtual"]),
        ),
        city=None if said["demo"] is None else City.of(said["demo"]),
        pids=said["pids"],
        public_authority=Path(said["public_authority"]) if said["public_authority"] else None,
    )
