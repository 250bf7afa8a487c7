"""What real devices do beside their specification: the ones that falsify or lose a reading.

Severity A: a wrong value is possible; B: readings are lost. Each has a test named after its number,
`test_quirk_07_...`, in this folder; those that no driver here can meet say why.
"""

from __future__ import annotations

SEVERITY_A = {
    1: "failed measurements sent as NaN everywhere",
    2: "Beurer cuffs with pulse and status in the other byte order",
    3: "SmartGuide's HI and LO beside a malfunction bit",
    4: "meters whose 'no value' is a negative number, and ketone as glucose",
    5: "CareSens' ketone, told by the meal only",
    6: "control solution among a person's values",
    7: "bytes that went through UTF-8",
    8: "units guessed from the country",
    9: "IEEE 754 numbers where SFLOAT is specified",
    10: "zeroed history stubs of Beurer BF788",
    11: "0xFFFF for an unsuccessful measurement",
    12: "Detecto's below-zero bit",
    13: "weights multiplied by the stated resolution",
    14: "Mi scale: objects, removed loads, units",
    15: "Mi scale: sentinels for an impedance",
    16: "clocks in 1970 or 2094",
    17: "meters reset by a change of the battery",
    18: "Accu-Chek's local time in the offset only",
    19: "users 0 and 255",
    20: "Omron's second 63 and empty slots",
    21: "a vendor's frame under 2A35",
    22: "status in the wrong byte order, zones read unsigned",
}
SEVERITY_B = {
    23: "A&D: pair once, subscribe only, seconds to do it",
    24: "A&D: missed bursts, several stored readings at once",
    25: "Omron: service hidden until bonded",
    26: "Omron: unsubscribing drops the bond",
    27: "Omron: one bond only",
    28: "Omron: time write answered with 0x80",
    29: "Omron: clock set on the first notification only",
    30: "Omron: the first pairing fails",
    31: "Omron: one name, two protocols",
    32: "Contour: bond before CCCD, clock written",
    33: "Accu-Chek Instant: hangs up unless subscribed to at once",
    34: "Accu-Chek: two RACPs",
    35: "meters without a stored reading",
    36: "OneTouch Verio's own protocol",
    37: "an operand too many is refused",
    38: "meters without filters",
    39: "history as many indications",
    40: "Silvercrest SBM69",
    41: "Yonker's own service",
    42: "scales that want a consent code",
    43: "BF788: profile to be committed",
    44: "Beurer siblings that need no consent",
    45: "SBF70: acknowledge every frame",
    46: "BlueZ stops scanning",
    47: "notifications before the callback",
    48: "stale bonds",
    49: "scales that are never connected",
    50: "SmartGuide behind Authorization Control",
    51: "session start rewritten or year 0",
    52: "a firmware that changes its payload",
    53: "Dexcom has one place for a telephone",
    54: "clients that only know 2A35",
}
NOT_MET = {
    40: "out of scope: what its octets mean was published nowhere that could be checked; the"
    " standard driver finds them, and numbers in another format are not trusted (row 9)",
}
