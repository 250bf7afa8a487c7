"""Body Composition Service 0x181B.

0x2A9C: flags u16 | body fat u16 (0.1 %) | [Date Time] [user u8] [basal metabolism u16 kJ]
        [muscle u16 0.1 %] [muscle mass u16] [fat free mass u16] [soft lean mass u16]
        [body water mass u16] [impedance u16 0.1 ohm] [weight u16] [height u16]
0x2A9B: features u32

flags: b0 imperial, then one bit per optional field in the order above (b1 time ... b11 height),
b12 more than one packet. Masses as in Weight Scale. Body fat FFFF: measurement unsuccessful.
Spec: Body Composition Service 1.0; GATT Specification Supplement, same names.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from firmware_sims.packing.date_time import Stamp, date_time
from firmware_sims.packing.weight_scale import UNSUCCESSFUL, height, in_bits, mass

_TENTH = Decimal("0.1")
_TIME, _USER, _MULTIPLE_PACKETS = 1 << 1, 1 << 2, 1 << 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """One composition, kg and m unless imperial (lb and in); None leaves a field out.

    Without body fat the frame says "measurement unsuccessful".
    """

    body_fat_percent: Decimal | None
    imperial: bool = False
    device_local: Stamp | None = None
    user: int | None = None
    basal_metabolism_kj: int | None = None
    muscle_percent: Decimal | None = None
    muscle_mass: Decimal | None = None
    fat_free_mass: Decimal | None = None
    soft_lean_mass: Decimal | None = None
    body_water_mass: Decimal | None = None
    impedance_ohm: Decimal | None = None
    weight: Decimal | None = None
    height: Decimal | None = None


def measurement(composition: Composition, *, room: int = 512) -> list[bytes]:
    """Return the indications of one composition, each at most `room` octets (ATT_MTU - 3).

    What does not fit one packet goes in more, all flagged b12, each with the fields its own flags
    name. Time, user and body fat stand in every packet: the service makes body fat mandatory in the
    structure and does not say what a later packet should put there, so it is repeated.
    """
    fields = list(_fields(composition))
    packets = _split(fields, room - len(_packet(composition, [], 0)))
    several = _MULTIPLE_PACKETS if len(packets) > 1 else 0
    return [_packet(composition, packet, several) for packet in packets]


def feature(*, time: bool, several_users: bool, fields: int = 0, mass: int = 0) -> bytes:
    """Return a Body Composition Feature; `fields` is b2 basal metabolism ... b10 height."""
    bits = time | several_users << 1 | fields | mass << 11
    return bits.to_bytes(4, "little")


def _fields(composition: Composition) -> Iterator[tuple[int, bytes]]:
    imperial = composition.imperial
    if composition.basal_metabolism_kj is not None:
        yield 1 << 3, composition.basal_metabolism_kj.to_bytes(2, "little")
    if composition.muscle_percent is not None:
        yield 1 << 4, in_bits(composition.muscle_percent, _TENTH)
    masses = (
        composition.muscle_mass,
        composition.fat_free_mass,
        composition.soft_lean_mass,
        composition.body_water_mass,
    )
    for bit, quantity in enumerate(masses, start=5):
        if quantity is not None:
            yield 1 << bit, mass(quantity, imperial=imperial)
    if composition.impedance_ohm is not None:
        yield 1 << 9, in_bits(composition.impedance_ohm, _TENTH)
    if composition.weight is not None:
        yield 1 << 10, mass(composition.weight, imperial=imperial)
    if composition.height is not None:
        yield 1 << 11, height(composition.height, imperial=imperial)


def _split(fields: Sequence[tuple[int, bytes]], room: int) -> list[list[tuple[int, bytes]]]:
    packets: list[list[tuple[int, bytes]]] = [[]]
    for field in fields:
        if sum(len(octets) for _, octets in packets[-1]) + len(field[1]) > room:
            packets.append([])
        packets[-1].append(field)
    return packets


def _packet(composition: Composition, fields: Sequence[tuple[int, bytes]], several: int) -> bytes:
    flags = composition.imperial | several | sum(bit for bit, _ in fields)
    octets = b""
    if composition.device_local is not None:
        flags |= _TIME
        octets += date_time(composition.device_local)
    if composition.user is not None:
        flags |= _USER
        octets += bytes([composition.user])
    octets += b"".join(value for _, value in fields)
    return flags.to_bytes(2, "little") + _body_fat(composition.body_fat_percent) + octets


def _body_fat(percent: Decimal | None) -> bytes:
    return UNSUCCESSFUL.to_bytes(2, "little") if percent is None else in_bits(percent, _TENTH)
