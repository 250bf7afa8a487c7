"""What the profiles ask of a collector, row by row: the table behind docs/conformance.md.

The Bluetooth test suites themselves are for members. The numbers of the Glucose and the Blood
Pressure Profile come from a chip vendor's public test applications; those that begin with `R-` are
ours, for rows put together from what the specifications demand of a client. The purposes are in our
own words.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One row; `excluded` says why a row is not offered and needs no test."""

    id: str
    purpose: str
    excluded: str | None = None


@dataclass(frozen=True)
class Section:
    title: str
    rows: tuple[Row, ...]


_NEVER_DELETES = "not offered: the gateway never deletes what a device keeps"

GLUCOSE = Section(
    "Glucose Profile",
    (
        Row("GLP/COL/GLD/BV-01", "Finds the Glucose Service"),
        Row("GLP/COL/GLD/BV-02", "Finds the Device Information Service, if there is one"),
        Row("GLP/COL/GLD/BV-04", "Finds the Glucose Measurement"),
        Row("GLP/COL/GLD/BV-05", "Finds how the Glucose Measurement is subscribed to"),
        Row("GLP/COL/GLD/BV-06", "Finds the Measurement Context, and does without"),
        Row("GLP/COL/GLD/BV-07", "Finds how the Measurement Context is subscribed to"),
        Row("GLP/COL/GLD/BV-08", "Finds the Record Access Control Point of this service"),
        Row("GLP/COL/GLD/BV-09", "Finds how the control point is subscribed to"),
        Row("GLP/COL/GLD/BV-10", "Finds the Glucose Feature"),
        Row("GLP/COL/GLD/BV-11", "Finds the values of the Device Information"),
        Row("GLP/COL/GLD/BV-12", "Reads the values of the Device Information"),
        Row("GLP/COL/GLF/BV-09", "Subscribes to measurements"),
        Row("GLP/COL/GLF/BV-10", "Receives measurements with any of their fields"),
        Row("GLP/COL/GLF/BV-11", "Subscribes to contexts"),
        Row("GLP/COL/GLF/BV-12", "Receives contexts with any of their fields"),
        Row("GLP/COL/GLF/BV-13", "Understands the Glucose Feature"),
        Row("GLP/COL/GLF/BV-14", "Uses the bond when it meets the meter again"),
        Row("GLP/COL/GLF/BI-01", "Ignores reserved flags of a measurement"),
        Row("GLP/COL/GLF/BI-02", "Ignores reserved types and sample locations"),
        Row("GLP/COL/GLF/BI-03", "Keeps a measurement whose status has reserved bits"),
        Row("GLP/COL/GLF/BI-04", "Ignores octets after a measurement"),
        Row("GLP/COL/GLF/BI-05", "Reads a context with every flag set"),
        Row("GLP/COL/GLF/BI-06", "Ignores the extended flags of a context"),
        Row("GLP/COL/GLF/BI-07", "Ignores a reserved carbohydrate"),
        Row("GLP/COL/GLF/BI-08", "Ignores a reserved meal"),
        Row("GLP/COL/GLF/BI-09", "Ignores a reserved medication"),
        Row("GLP/COL/GLF/BI-10", "Ignores octets after a context"),
        Row("GLP/COL/GLF/BI-11", "Ignores reserved bits of the Glucose Feature"),
        Row("GLP/COL/SPR/BV-01", "Asks for all stored records"),
        Row("GLP/COL/SPR/BV-02", "Knows the request for records up to a number"),
        Row("GLP/COL/SPR/BV-03", "Asks for records from a number on"),
        Row("GLP/COL/SPR/BV-04", "Knows the request for records from a time on"),
        Row("GLP/COL/SPR/BV-05", "Knows the request for a range of records"),
        Row("GLP/COL/SPR/BV-06", "Knows the request for the first record"),
        Row("GLP/COL/SPR/BV-07", "Knows the request for the last record"),
        Row("GLP/COL/SPR/BV-08", "Reads what was added since, and that only once"),
        Row("GLP/COL/SPR/BV-09", "Copes with records that were deleted meanwhile"),
        Row("GLP/COL/SPD/BV-01", "Deletes all records", excluded=_NEVER_DELETES),
        Row("GLP/COL/SPD/BV-02", "Deletes a range of records", excluded=_NEVER_DELETES),
        Row("GLP/COL/SPA/BV-01", "Knows how a request is aborted; it disconnects instead"),
        Row("GLP/COL/SPN/BV-01", "Asks how many records there are"),
        Row("GLP/COL/SPN/BV-02", "Asks how many records there are from a number on"),
        Row("GLP/COL/SPE/BI-01", "Copes with a request the meter does not know"),
        Row("GLP/COL/SPE/BI-02", "Copes with an operator the meter does not know"),
        Row("GLP/COL/SPE/BI-03", "Copes with an operand the meter does not know"),
        Row("GLP/COL/SPE/BI-04", "Asks nothing more of a link on which a request timed out"),
    ),
)

BLOOD_PRESSURE = Section(
    "Blood Pressure Profile",
    (
        Row("BLP/COL/BPD/BV-01", "Finds the Blood Pressure Service"),
        Row("BLP/COL/BPD/BV-04", "Finds the Blood Pressure Measurement"),
        Row("BLP/COL/BPD/BV-05", "Finds how the measurement is subscribed to"),
        Row("BLP/COL/BPD/BV-06", "Finds the Intermediate Cuff Pressure, and does without"),
        Row("BLP/COL/BPD/BV-07", "Finds how the intermediate pressure is subscribed to"),
        Row("BLP/COL/BPD/BV-09", "Finds the values of the Device Information"),
        Row("BLP/COL/BPD/BV-10", "Reads the values of the Device Information"),
        Row("BLP/COL/BPF/BV-09", "Subscribes to indications of the measurement"),
        Row("BLP/COL/BPF/BV-10", "Receives a measurement"),
        Row("BLP/COL/BPF/BV-11", "Receives several measurements one after the other"),
        Row("BLP/COL/BPF/BV-12", "Takes any number of intermediate pressures, none for a reading"),
        Row("BLP/COL/BPF/BV-15", "Understands the Blood Pressure Feature"),
        Row("BLP/COL/BPF/BI-*", "Ignores reserved bits and octets after the fields"),
        Row("R-BLP-E1", "Receives the Enhanced Blood Pressure Measurement, and prefers it"),
        Row("R-BLP-E2", "Understands the Enhanced Intermediate Cuff Pressure, and prefers it"),
        Row("R-BLP-E3", "Reads stored records in segments by record access"),
        Row("R-BLP-E4", "Tells users apart; an unknown one is nobody"),
        Row("R-BLP-E5", "Checks the E2E-CRC of a stored record and asks again"),
        Row("R-BLP-E6", "Reads the user-facing time of either epoch"),
    ),
)

CGM = Section(
    "Continuous Glucose Monitoring Profile",
    (
        Row("R-CGMP-D1", "Finds the CGM Service"),
        Row("R-CGMP-D2", "Finds and subscribes to the measurement"),
        Row("R-CGMP-D3", "Finds the feature"),
        Row("R-CGMP-D4", "Finds the status"),
        Row("R-CGMP-D5", "Finds the session start time"),
        Row("R-CGMP-D6", "Finds the session run time"),
        Row("R-CGMP-D7", "Finds and subscribes to the Record Access Control Point"),
        Row("R-CGMP-D8", "Knows the Specific Ops Control Point, and never writes to it"),
        Row("R-CGMP-D9", "Finds Device Information; leaves Bond Management alone"),
        Row(
            "R-CGMP-F1", "Lets the feature decide over the CRC; refuses one that contradicts itself"
        ),
        Row("R-CGMP-F2", "Receives records with any of their fields"),
        Row("R-CGMP-F3", "Takes several records of one notification, and sizes that cannot be"),
        Row("R-CGMP-F4", "Ignores reserved bits and octets in a record; trusts no unknown status"),
        Row("R-CGMP-F5", "Sets a record with a wrong CRC aside and asks for it again"),
        Row("R-CGMP-T1", "Reads the session's start, zone and run time, also a start of year 0"),
        Row("R-CGMP-R1", "Asks for all records"),
        Row("R-CGMP-R2", "Asks for records from a minute on"),
        Row("R-CGMP-R3", "Knows the requests for the first and the last record"),
        Row("R-CGMP-R4", "Asks for the count; knows abort"),
        Row("R-CGMP-R5", "Copes with no records and with a sensor without filters"),
        Row("R-CGMP-O1", "Knows getting and setting the interval"),
        Row("R-CGMP-O2", "Knows getting and setting a calibration"),
        Row("R-CGMP-O3", "Knows getting and setting alert levels"),
        Row("R-CGMP-O4", "Knows resetting an alert, starting and stopping a session"),
        Row("R-CGMP-O5", "Knows how operations end"),
        Row("R-CGMP-O6", "Never sends any of them, whatever a driver asks for"),
        Row("R-CGMP-C1", "Resumes after a lost connection, finds gaps, tells sessions apart"),
    ),
)

WEIGHT = Section(
    "Weight Scale Profile",
    (
        Row("R-WSP-1", "Finds the Weight Scale Service, and what comes with it"),
        Row("R-WSP-2", "Understands the feature, also with reserved resolutions"),
        Row("R-WSP-3", "Receives one measurement and several stored ones"),
        Row("R-WSP-4", "Takes the unit of each frame, no weight, no user, BMI with height"),
        Row("R-WSP-5", "Ignores reserved flags and octets after the fields"),
        Row("R-WSP-6", "Uses the bond when it meets the scale again"),
        Row("R-WSP-7", "Sets the clock where the owner allows; an ignored field is no refusal"),
    ),
)

BODY_COMPOSITION = Section(
    "Body Composition Profile and User Data Service",
    (
        Row("R-BCP-1", "Finds the Body Composition Service"),
        Row("R-BCP-2", "Understands the feature"),
        Row("R-BCP-3", "Receives measurements with any of their fields"),
        Row("R-BCP-4", "Puts a measurement of two packets together"),
        Row("R-BCP-5", "Takes an unsuccessful measurement for none; reads pounds and inches"),
        Row("R-UDS-1", "Gives a consent code once; copes with refusal and with no answer"),
        Row("R-UDS-2", "Registers a user on order only; never deletes one"),
        Row("R-UDS-3", "Hears a user only after consent; counts a change of the database"),
    ),
)

SECTIONS = (GLUCOSE, BLOOD_PRESSURE, CGM, WEIGHT, BODY_COMPOSITION)
ROWS = tuple(row for section in SECTIONS for row in section.rows)
