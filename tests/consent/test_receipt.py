"""What a person reads on the receipt that they keep."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.consent.grant import ConsentText, Grant, Withdrawal
from gateway.consent.receipt import receipt
from gateway.domain.device_time import EARLIEST
from gateway.domain.reading import Kind
from tests.consent.consents import ADA, grant, withdrawal

PARIS = ZoneInfo("Europe/Paris")
GIVEN = datetime(2026, 3, 1, 9, 5, tzinfo=UTC)
ISO = re.compile(r"\d{4}-\d\d-\d\d")


def received(given: Grant, ended: Withdrawal | None = None) -> str:
    text = receipt(given, ended, "Mon espace santé", PARIS, "Le texte.", "12 ab cd", "█▀")
    return text.replace("\N{NO-BREAK SPACE}", " ")


def in_english(given: Grant) -> Grant:
    text = ConsentText(version="1", language="en", sha256="0" * 64)
    return given.model_copy(update={"text": text})


def test_it_says_what_was_agreed_by_whom_to_whom_how_to_end_it_and_how_to_prove_it() -> None:
    given = grant(ADA, kinds=frozenset({Kind.WEIGHT, Kind.HEIGHT}))

    lines = received(given).split("\n")

    assert lines == [
        "Reçu de l'accord",
        "================",
        "",
        "Numéro : grant",
        "Personne (identifiant interne) : p-ada",
        "Donné par : Ada",
        "En qualité de : la personne elle-même",
        "Le : 12 février 2026 à 10 h 26 (Europe/Paris, UTC+1)",
        "Destination : Mon espace santé",
        "Mesures : Poids, Taille",
        "Mesures prises : à partir du 12 février 2026 à 10 h 26 (Europe/Paris, UTC+1)",
        "En vigueur jusqu'à : son retrait",
        f"Texte présenté : 1 (fr), SHA-256 {'0' * 64}",
        "État du journal : 12 ab cd",
        "",
        "Pour retirer : « Retirer l'accord » sur l'écran du boîtier, ou la commande"
        " « healthspace-gateway consent withdraw ».",
        "À conserver. Une copie peut être redemandée au boîtier à tout moment.",
        "",
        "------------------------",
        "Le texte.",
        "",
        "------------------------",
        "Le même, pour une machine (« audit verify --checkpoint ») :",
        "█▀",
        "",
    ]


def test_moments_are_written_as_people_write_them_with_their_zone() -> None:
    until = datetime(2026, 7, 31, 22, 0, tzinfo=UTC)
    given = grant(ADA, covers_from=GIVEN, covers_until=until, expires=until + timedelta(days=30))
    given = given.model_copy(update={"given_at": GIVEN})

    french, english = received(given, withdrawal(ADA)), received(in_english(given))

    assert "\nLe : 1er mars 2026 à 10 h 05 (Europe/Paris, UTC+1)\n" in french
    assert (
        "\nMesures prises : à partir du 1er mars 2026 à 10 h 05 (Europe/Paris, UTC+1)"
        " et jusqu'au 1er août 2026 à 0 h 00 (Europe/Paris, UTC+2)\n"
    ) in french
    assert "\nRETIRÉ le " in french
    assert "\nOn: 1 March 2026 at 10:05 (Europe/Paris, UTC+1)\n" in english
    assert "\nIn force until: 31 August 2026 at 0:00 (Europe/Paris, UTC+2)\n" in english
    assert not ISO.search(french + english)


def test_consent_to_all_there_is_names_no_day_that_nobody_chose() -> None:
    given = grant(ADA, covers_from=EARLIEST)

    assert "\nMesures prises : à n'importe quelle date\n" in received(given)
    assert "\nReadings taken: at any time\n" in received(in_english(given))


def test_its_rules_fit_a_telephone() -> None:
    rules = [line for line in received(grant(ADA)).split("\n") if line and set(line) <= {"=", "-"}]

    assert len(rules) == 3
    assert max(map(len, rules)) <= 24
