"""The measuring device as Mon espace santé wants it: a PhdDevice resource with a sound EUI-64.

The Device is created conditionally on its EUI-64, so that identifier decides which devices of which
people become one. An all-zero or placeholder value (common in cheap devices) would merge strangers'
devices; a rotating address would make a new one every quarter of an hour. Such a device gets no
identifier and its readings are not sent.

Spec: HL7 Personal Health Device guide 1.0.0, profile PhdDevice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.domain.device import Device
from gateway.domain.reading import Kind
from gateway.errors import UplinkRejected
from gateway.language.plain import without_steering
from gateway.uplink.mes_terms import MDC

SYSTEM_ID_SYSTEM = "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680"
"""The IEEE EUI-64 as an identifier system."""
_PROFILE = "http://hl7.org/fhir/uv/phd/StructureDefinition/PhdDevice"
_IDENTIFIER_TYPES = "http://hl7.org/fhir/uv/phd/CodeSystem/ContinuaDeviceIdentifiers"

UNKNOWN = "unknown"
"""What stands for a manufacturer or model that the device does not tell.

The profile demands both. The device's advertised name is no substitute: owners rename devices.
"""

_EUI_64 = re.compile(r"[0-9A-F]{2}(-[0-9A-F]{2}){7}")
_MAC = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
_STATIC_RANDOM = 0xC0
"""The first octet of a static random address, at least."""
_PERSONAL_HEALTH_DEVICE = "65573"
_GENERIC = "528457"
_SPECIALIZATION_BY_FAMILY: Mapping[str, str] = {
    "bp_monitor": "528391",
    "cgm": "528409",
    "glucose_meter": "528401",
    "scale": "528399",
}
_SPECIALIZATION_BY_KIND: Mapping[Kind, str] = {
    Kind.BLOOD_PRESSURE: "528391",
    Kind.WEIGHT: "528399",
    Kind.BLOOD_GLUCOSE: "528401",
    Kind.BLOOD_KETONE: "528401",
    Kind.INTERSTITIAL_GLUCOSE: "528409",
    Kind.MEAN_INTERSTITIAL_GLUCOSE: "528409",
    Kind.GLUCOSE_MANAGEMENT_INDICATOR: "528409",
    Kind.BODY_TEMPERATURE: "528392",
    Kind.OXYGEN_SATURATION: "528388",
}
_HARDWARE, _SOFTWARE, _FIRMWARE = "531974", "531975", "531976"


def eui64(device: Device) -> str:
    """Return what identifies this device and no other, as `XX-XX-XX-XX-XX-XX-XX-XX`.

    It is the first of `identities`. Raises UplinkRejected if it has none.
    """
    for best in identities(device):
        return best
    raise UplinkRejected(
        "The device gives neither a System ID, a fixed address nor a serial number, so the health "
        "space could not tell it from others: give its serial number in the configuration, then "
        "try again."
    )


def identities(device: Device) -> Iterator[str]:
    """Yield what may identify the device, the best first: what it told later may precede the rest.

    Its own System ID; its Bluetooth address, if it is certainly the IEEE's; a locally administered
    value of manufacturer, model and serial number; one of an address that may be random. On a cable
    some say neither manufacturer nor model: whose protocol they speak stands for both then.

    A static random address begins with two bits of one and is otherwise drawn, also its U/L bit,
    and a device may draw it anew when its battery is changed (Bluetooth Core 5.4, volume 6, part B,
    1.3.2.1). A public address may begin so too, and no byte of it tells which it is: neither is put
    into an EUI-64 that claims to be of the IEEE's giving.
    """
    system_id, address = device.system_id or "", device.address or ""
    if _tells_apart(system_id, _EUI_64):
        yield system_id
    fixed = _tells_apart(address, _MAC)
    may_be_random = fixed and int(address[:2], 16) >= _STATIC_RANDOM
    if fixed and not may_be_random:
        yield "-".join((*address.split(":")[:3], "FF", "FE", *address.split(":")[3:]))
    serial = (device.serial or "").strip()
    if serial.strip("0"):
        told = f"{device.manufacturer or ''}|{device.model or ''}"
        made = device.driver if told == "|" else told
        yield _locally_administered(f"{made}|{serial}")
    if may_be_random:
        yield _locally_administered(address)


def _tells_apart(told: str, form: re.Pattern[str]) -> bool:
    octets = re.split("[:-]", told)
    well_formed = form.fullmatch(told) is not None
    return well_formed and not _placeholder(octets[:3]) and not _placeholder(octets[3:])


def _placeholder(octets: list[str]) -> bool:
    return set(octets) in ({"00"}, {"FF"})


def _locally_administered(what: str) -> str:
    digest = hashlib.sha256(what.encode()).digest()[:8]
    first = (digest[0] | 0b10) & ~0b01  # locally administered, one device
    return bytes((first, *digest[1:])).hex("-").upper()


def device_resource(device: Device, kind: Kind, resource_id: str) -> dict[str, Any]:
    """Describe the device that took a reading of `kind`. Raises UplinkRejected as `eui64`.

    Of what it says of itself, only maker, model and versions go along: neither serial number nor
    name is needed there.
    """
    versions = [
        {"type": _mdc(code), "value": value}
        for code, told in (
            (_HARDWARE, device.hardware),
            (_SOFTWARE, device.software),
            (_FIRMWARE, device.firmware),
        )
        if (value := _said(told))
    ]
    resource: dict[str, Any] = {
        "resourceType": "Device",
        "id": resource_id,
        "meta": {"profile": [_PROFILE]},
        "identifier": [
            {
                "type": {"coding": [{"system": _IDENTIFIER_TYPES, "code": "SYSID"}]},
                "system": SYSTEM_ID_SYSTEM,
                "value": eui64(device),
            }
        ],
        "manufacturer": _said(device.manufacturer) or UNKNOWN,
        "modelNumber": _said(device.model) or UNKNOWN,
        "type": _mdc(_PERSONAL_HEALTH_DEVICE),
        "specialization": [{"systemType": _mdc(_specialization(device, kind)), "version": "1"}],
    }
    if versions:
        resource["version"] = versions
    return resource


def _said(told: str | None) -> str:
    """Return what a device says of itself without the signs for which a server refuses it all.

    Spec: FHIR R4, "Datatypes", `string`: no character below U+0020 but three.
    """
    return without_steering(told or "").strip()


def _specialization(device: Device, kind: Kind) -> str:
    """Choose by what the device is, so that all its readings describe it alike; else by `kind`."""
    family = device.driver.partition("/")[0]
    by_family = _SPECIALIZATION_BY_FAMILY.get(family)
    return by_family or _SPECIALIZATION_BY_KIND.get(kind, _GENERIC)


def _mdc(code: str) -> dict[str, Any]:
    return {"coding": [{"system": MDC, "code": code}]}
