"""How a driver is found and chosen."""

from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from gateway.domain.reading import Kind
from gateway.drivers.api import Fit, Frame, Manifest, Reach, Session, Sighting
from gateway.drivers.registry import GROUP, Registry, _load, installed
from gateway.errors import ConfigError


@dataclass
class Knows:
    """A driver that fits every sighting equally well."""

    name: str
    fit: Fit = Fit.PROFILE
    api: int = 1
    manifest: Manifest = field(init=False)

    def __post_init__(self) -> None:
        self.manifest = Manifest(
            self.name, "", Reach.BLE, frozenset({Kind.WEIGHT}), "", (), api=self.api
        )

    def match(self, sighting: Sighting, /) -> Fit:
        return self.fit

    def decode(self, frame: Frame, /) -> object:
        return frame.data

    async def converse(self, session: Session, /) -> None: ...


SEEN = Sighting("C0:FF:EE:00:00:01", Reach.BLE)


def test_the_best_fit_wins() -> None:
    registry = Registry([Knows("scale/any"), Knows("scale/this", Fit.MODEL)])

    best = registry.best(SEEN)

    assert best is not None
    assert best.manifest.name == "scale/this"


def test_nobody_fits_a_stranger() -> None:
    assert Registry([Knows("scale/any", Fit.NONE)]).best(SEEN) is None


def test_a_tie_is_an_error_that_names_both() -> None:
    registry = Registry([Knows("scale/one"), Knows("scale/two")])

    with pytest.raises(ConfigError, match="scale/one and scale/two"):
        registry.best(SEEN)


class Mistaken(Knows):
    """A driver of which every look at a device fails."""

    def match(self, sighting: Sighting, /) -> Fit:
        raise IndexError(sighting.name)


@pytest.mark.parametrize(
    "mistaken",
    [Mistaken("scale/mistaken"), Knows("scale/vague", fit=None)],  # type: ignore[arg-type]
)
def test_a_driver_that_cannot_look_at_a_device_hides_it_from_no_other(
    mistaken: Knows, caplog: pytest.LogCaptureFixture
) -> None:
    registry = Registry([mistaken, Knows("scale/any"), Knows("scale/none", Fit.NONE)])

    best = [registry.best(SEEN) for _ in range(3)]

    assert [each.manifest.name for each in best if each is not None] == ["scale/any"] * 3
    assert [f"driver={mistaken.name} " in line for line in caplog.messages] == [True]


def test_a_configured_driver_is_taken_as_it_is() -> None:
    registry = Registry([Knows("scale/any", Fit.NONE)])

    best = registry.best(Sighting("/dev/ttyUSB0", Reach.SERIAL, driver="scale/any"))

    assert best is not None


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="Installed: scale/any"):
        Registry([Knows("scale/any")]).named("scale/another")
    with pytest.raises(ConfigError, match=r"Did you mean scale/tanita\?"):
        Registry([Knows("scale/tanita"), Knows("cgm/other")]).named("scale/tannita")


def test_two_drivers_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="Two drivers are called scale/any"):
        Registry([Knows("scale/any"), Knows("scale/any")])


def test_a_driver_for_another_interface_is_refused() -> None:
    with pytest.raises(ConfigError, match="speaks interface 2"):
        Registry([Knows("scale/any", api=2)])


def test_the_built_in_drivers_are_entry_points_and_check_out() -> None:
    names = {driver.manifest.name for driver in installed()}

    assert {
        "bp_monitor/bluetooth_sig",
        "bp_monitor/omron_hbp",
        "cgm/bluetooth_sig",
        "scale/bluetooth_sig",
        "scale/tanita",
    } <= names


def test_a_driver_that_was_not_loaded_is_still_named_as_installed() -> None:
    some = installed(only={"scale/tanita"})

    assert [driver.manifest.name for driver in some] == ["scale/tanita"]
    with pytest.raises(ConfigError, match="Did you mean scale/sanitas"):
        some.named("scale/sanita")
    with pytest.raises(ConfigError, match=r"Installed: .*scale/sma.*scale/tanita"):
        some.named("teapot")


@pytest.mark.parametrize("name", sorted(driver.manifest.name for driver in installed()))
def test_a_built_in_driver_is_loaded_by_the_name_it_gives_itself(name: str) -> None:
    assert [driver.manifest.name for driver in installed(only={name})] == [name]


def test_a_guest_must_be_installed() -> None:
    with pytest.raises(ConfigError, match="no-such-package"):
        installed(["no-such-package"])


def test_a_guest_is_named_by_its_package_and_those_that_are_there_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "plume_driver-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plume-driver\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{GROUP}]\nscale/plume = plume:DRIVER\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(ConfigError, match=r"offers a driver: plume\. Installed: plume-driver"):
        installed(["plume"])


@pytest.mark.parametrize("value", ["no_such_package:DRIVER", "gateway.drivers.registry:NOTHING"])
def test_a_driver_that_cannot_be_loaded_is_named_with_what_to_do(value: str) -> None:
    with pytest.raises(ConfigError, match=r"scale/gone of .* cannot be loaded .* guests"):
        _load(EntryPoint("scale/gone", value, GROUP))
