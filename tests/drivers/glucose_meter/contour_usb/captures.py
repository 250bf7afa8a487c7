r"""What public captures of Contour meters have, report by report, and who published them.

bewest/decoding-bayer (out.log): a Contour USB with an empty memory, both ways, from the first
octet to the last. Tests of glucometerutils: headers of a Contour USB, and of its forks: of a
Contour Next One, of a Contour Next of 2021, and a Contour USB with one result. A test of healer:
a Contour Next USB. A thread beside decoding-bayer: a frame that fills its report. glucodump:
results in mmol/L. Glucoduino: carbohydrates and insulin.
"""

from __future__ import annotations


def report(data: bytes) -> bytes:
    return (b"ABC" + bytes((len(data),)) + data).ljust(64, b"\0")


EMPTY = (  # a Contour USB: what the host says, and what comes
    (
        b"\x04",
        (
            b"\x04\x021H|\\^&||FrqvFW|Bayer7390^01.26\\01.05\\02.06.20^7390-2902076",
            b"^7393A|A=1^C=03^G=0^I=0200^R=0^S=1^U=0^V=20600^X=07007007007",
            b"0180130180250^Y=360126090050099050300089^Z=1|0||||||1|201302",
            b"020341\r\x17C0\r\n\x05",
        ),
    ),
    (
        b"\x06",
        (
            b"\x021H|\\^&||Jwi9Rs|Bayer7390^01.26\\01.05\\02.06.20^7390-2902076^",
            b"7393A|A=1^C=03^G=0^I=0200^R=0^S=1^U=0^V=20600^X=070070070070",
            b"180130180250^Y=360126090050099050300089^Z=1|0|||||P|1|201302",
            b"020341\r\x17FC\r\n",
        ),
    ),
    (b"\x06", (b"\x022P|1\r\x1753\r\n",)),
    (b"\x06", (b"\x023L|1||N\r\x0382\r\n",)),
    (b"\x06", (b"\x04",)),
)
ONE_RESULT = (  # a Contour USB, offered before anything was said
    (b"\x04", (b"\x05",)),
    (
        b"\x06",
        (
            b"\x021H|\\^&||NIylNt|Bayer7390^01.26\\01.05\\08.02.20^7390-2408612^",
            b"7397-|A=1^C=62^G=0^I=0200^R=0^S=1^U=1^V=10600^X=070070070070",
            b"180130180250^Y=360126090050099050300089^Z=1|2000|||||P|1|201",
            b"708222058\r\x17AB\r\n",
        ),
    ),
    (b"\x06", (b"\x022P|1\r\x1753\r\n",)),
    (b"\x06", (b"\x023R|1|^^^Glucose|10.9|mmol/L^P||A||201504171154\r\x17EC\r\n",)),
    (b"\x06", (b"\x024L|1||N\r\x0383\r\n",)),
    (b"\x06", (b"\x04",)),
)
HEADERS = {
    "Contour USB": (
        b"\x021H|\\^&||7w3LBL|Bayer7390^01.24\\01.04\\09.02.20^7390-2336773^7403-|A=1^C=63^G=1^I=0200"
        b"^R=0^S=1^U=0^V=10600^X=070070070070180130150250^Y=360126090050099050300089^Z=1|1714||||||1"
        b"|201909221304\r\x17D7\r\n"
    ),
    "Contour Next USB": (
        b"\x021H|\\^&||7EyQm2|Bayer7410^01.10\\01.05\\10.03^7428-4293200^00000|A=1^C=03^G=en,en\\de\\fr"
        b"\\it\\nl\\es\\pt\\sl\\hr\\da\\no\\fi\\sv\\el^I=0200^R=0^S=01^U=303^V=20600^X=05407005405418015"
        b"4154254054154^Y=360126099054120054252099^Z=1|226|||||P|1|20190621125555\r\x17F9\r\n"
    ),
    "Contour Next": (
        b"\x021H|\\^&||0t4cvJ|Contour7900^02.13\\01.00\\02.40^7901H33A1578|A=0^C=6^R=0^S=0^U=0^V=10600"
        b"^X=070070180130^a=0^J=0|25|||||P|1|20260208104218|\r\x171A\r\n"
    ),
}
NEXT_ONE = (
    b"H|\\^&||7yMyBR|Contour7800^01.16\\02.00\\20.35^7801-1417178|A=1^C=7^R=0^S=1^U=0^V=10600"
    b"^X=070070180130^a=1^J=0|2|||||P|1|20191017205106|"
)
"""The text of a Contour Next One's header; something was changed in it, for the sum is wrong."""
RESULTS = {
    "a test": b"\x024R|2|^^^Glucose|102|mg/dL^P||M0/T1||201402052135\r\x1726\r\n",
    "fasting": b"\x024R|234|^^^Glucose|106|mg/dL^P||F/M0/T1||201907111026\r\x170B\r\n",
    "after a meal": b"\x025R|3|^^^Glucose|93|mg/dL^P||A/M0/T1||201505261150\r\x1774\r\n",
    "before a meal": b"\x021R|67|^^^Glucose|7.9|mmol/L^P||B||201011281949\r\x1704\r\n",
}
FULL = b"ABC<\x025R|11|^^^Glucose|10.9|mmol/L^P||F/M0/T1||201302081017\r\x177E\r\n"
"""A report without an octet to spare."""
