"""The owner's page: where is my reading, what may leave, what is wrong and what to do."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from gateway.api.hub import PairsBy, Part, ShutOut, Status
from gateway.consent.grant import BY_RESTORING, Grant, living
from gateway.domain.device import DeviceId
from gateway.domain.identity import ReadingId
from gateway.domain.reading import Kind
from gateway.domain.subject import SubjectId
from gateway.glucose.computed import report_reading
from gateway.journal.states import State
from gateway.journal.views import Salvage
from gateway.transport.pairing import BOND_LOST
from tests.journal.making import weight, withdrawal
from tests.uplink.documents import PAGE
from tests.web.measuring import SCALE, owned, use_a_ketone_strip, wear_a_sensor, weigh
from tests.web.window import Window


@pytest.fixture(autouse=True)
async def cables(window: Window) -> None:
    await window.plug_in()


@pytest.fixture
async def window(window: Window) -> Window:
    return await owned(window, SCALE)


async def odile(window: Window) -> SubjectId:
    subject = await window.hub.journal.add_subject("Odile")
    since = window.hub.clock.now().utc
    await window.hub.journal.assign(SCALE.id, None, subject.id, since)
    window.hub.clock.advance(60)
    return subject.id


async def agree(window: Window, subject: SubjectId, **more: str) -> None:
    asked = await window.send("/consent", subject=subject, destination="mes")
    record = {name: asked.field(name) for name in ("language", "version", "destination", "subject")}
    await window.send("/consent/give", kind="weight", **record, **more)


async def test_the_last_readings_say_where_they_are(window: Window) -> None:
    subject = await odile(window)
    await weigh(window, "72.4")
    await window.hub.journal.claim("mes", 10, window.hub.clock.now().utc)
    kept = (await window.get("/")).text

    await agree(window, subject, earlier="yes")
    waits = (await window.get("/")).text

    assert "72,4 kg aujourd'hui à 10 h 27" in kept
    assert "Gardée ici : pas d'accord pour Mon espace santé" in kept
    assert "Attend de partir vers Mon espace santé" in waits


async def test_what_a_destination_has_no_place_for_says_so_to_who_sends_readings_there(
    window: Window,
) -> None:
    subject = await odile(window)
    entry = await use_a_ketone_strip(window, "1.4")
    before = (await window.get("/")).text

    await agree(window, subject)
    page = (await window.get("/")).text
    story = (await window.send("/story", reading=entry.id)).text

    assert "Cétones dans le sang 1,4 mmol/L" in page
    never = "Gardée ici : Mon espace santé ne prend pas ce type de mesure"
    assert [never in text for text in (before, page, story)] == [False, True, True]
    assert "Rapport de glucose" not in page


async def test_who_consented_is_asked_for_the_rest_alone_and_keeps_what_was_given(
    window: Window,
) -> None:
    subject = await odile(window)
    await agree(window, subject)
    asked = await window.send("/consent", subject=subject, destination="mes")
    record = {name: asked.field(name) for name in ("language", "version", "destination", "subject")}
    await window.send("/consent/give", kind="blood_pressure", **record)
    after = (await window.get("/")).text

    assert re.findall(r'name="kind" value="(\w+)"', asked.html) == ["blood_pressure"]
    assert "Envoyer aussi d'autres mesures" not in after
    grants = living(window.hub.reader.ledger(subject))
    page = (await window.get("/")).html
    assert re.findall(r'name="grant" value="([^"]+)"', page) == [grant.id for grant in grants]
    assert [set(grant.kinds) for grant in grants] == [{Kind.WEIGHT}, {Kind.BLOOD_PRESSURE}]


async def test_it_is_said_what_to_do_first_and_that_somebody_is_asked_something(
    window: Window,
) -> None:
    window.hub.counter = None
    nobody = (await window.get("/")).text
    await weigh(window, "72.4")
    asked = (await window.get("/")).text
    await window.hub.journal.add_subject("Odile")
    page = await window.get("/")
    told = page.text

    for asked_by in ("select", "button"):
        assert re.search(f'<{asked_by}[^>]* aria-describedby="reading-1"', page.html)
    assert '<p id="reading-1"><strong>Poids 72,4' in page.html
    assert "Pour commencer, ajoutez un appareil" in nobody
    assert "À qui sont ces mesures" in asked
    assert "Dites seulement, plus bas, à qui sont" in told
    assert not any("rien n'attend de vous" in text for text in (nobody, asked, told))


async def test_a_reading_tells_its_story(window: Window) -> None:
    await agree(window, await odile(window))
    window.hub.clock.advance(600)
    entry = await weigh(window, "72.4")

    told = (await window.send("/story", reading=entry.id)).text

    assert "Enregistrée durablement sur le boîtier." in told
    assert "Attend d'être envoyée à Mon espace santé." in told


async def test_consent_is_given_in_two_taps_and_taken_back_in_one(window: Window) -> None:
    subject = await odile(window)
    await agree(window, subject)
    given = (await window.get("/")).text
    await weigh(window, "72.4")

    done = (await window.send("/consent/withdraw", subject=subject, destination="mes")).text

    assert "Accord donné aujourd'hui à 10 h 27" in given
    assert "Plus rien ne part vers Mon espace santé" in done
    assert "Une mesure qui attendait de partir ne partira pas" in done
    assert window.hub.reader.entries()[0].deliveries[0].state is State.DROPPED


async def test_the_receipt_of_a_consent_is_there_to_keep(window: Window) -> None:
    subject = await odile(window)
    await agree(window, subject)
    grant = (await window.get("/")).field("grant")

    shown = (await window.send("/consent/receipt", subject=subject, grant=grant)).text

    assert "Reçu de l'accord" in shown
    assert grant in shown


async def test_the_glucose_report_is_offered_where_there_is_something_to_report(
    window: Window,
) -> None:
    subject = await odile(window)
    without = (await window.get("/")).text
    await wear_a_sensor(window)

    shown = (await window.get("/")).text
    report = await window.send("/report", subject=subject)

    assert "Rapport de glucose" not in without
    assert "Rapport de glucose" in shown
    assert report.headers["content-type"] == "application/pdf"
    assert report.headers["content-disposition"].startswith("attachment")
    assert report.headers["cache-control"] == "no-store"


async def test_a_person_takes_along_all_that_is_here_of_them(window: Window) -> None:
    subject = await odile(window)
    shown = await window.get("/")

    taken = await window.send("/export", subject=subject)
    nobodys = await window.send("/export", subject="p-00000000")

    assert 'aria-label="Emporter mes données\N{NO-BREAK SPACE}: Odile"' in shown.html
    assert taken.headers["content-type"] == "application/zip"
    assert taken.headers["content-disposition"] == 'attachment; filename="mes-donnees.zip"'
    assert taken.headers["cache-control"] == "no-store"
    assert nobodys.status == 303


async def test_a_reading_of_the_wrong_person_is_given_to_the_right_one_or_to_nobody(
    window: Window,
) -> None:
    wrong = await odile(window)
    right = (await window.hub.journal.add_subject("Marcel")).id
    first = await weigh(window, "72.4")
    window.hub.clock.advance(60)
    second = await weigh(window, "4.1")

    asked = await window.send("/story", reading=first.id)
    await window.send("/reassign", reading=first.id, subject=right)
    await window.send("/reassign", reading=second.id, subject="nobody")
    await window.send("/reassign", reading=second.id, subject="p-00000000")

    assert "À qui est cette mesure" in asked.text
    assert "Marcel À personne d'ici" in asked.text
    owners = {v.entry.id: v.entry.subject for v in window.hub.reader.entries()}
    assert wrong not in owners.values()
    assert owners == {first.id: right, second.id: None}


async def test_what_was_computed_is_not_given_away(window: Window) -> None:
    subject = await odile(window)
    mean = report_reading(
        SCALE.id,
        subject,
        PAGE,
        days=14,
        samples=1,
        end=window.hub.clock.now().utc - timedelta(days=1),
        received=window.hub.clock.now(),
    )
    entry = await window.hub.journal.compute(SCALE, subject, mean)
    assert entry is not None

    asked = await window.send("/story", reading=entry.id)

    assert "À qui est cette mesure" not in asked.text


async def test_a_reading_of_nobody_is_claimed_or_set_apart(window: Window) -> None:
    subject = (await window.hub.journal.add_subject("Odile")).id
    mine = await weigh(window, "72.4")
    window.hub.clock.advance(60)
    the_cats = await weigh(window, "4.1")

    asked = (await window.get("/")).text
    await window.send("/claim", reading=mine.id, subject=subject)
    await window.send("/claim", reading=the_cats.id, subject="")
    undecided = window.hub.reader.entries(limit=5, unclaimed=True)
    await window.send("/claim", reading=the_cats.id, subject="nobody")

    assert "À qui sont ces mesures ?" in asked
    assert [view.entry.id for view in undecided] == [the_cats.id]
    after = (await window.get("/")).text
    assert "À qui sont ces mesures ?" not in after
    assert "72,4" in after
    assert "4,1" not in after


async def test_what_is_wrong_is_said_with_what_to_do(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = Status(
        version="0",
        running=True,
        transports=[
            Part(name="ble", state="unavailable", problem="No adapter.", reason="no_adapter")
        ],
        destinations=[Part(name="mes", state="paused", problem="The server cannot be reached.")],
        problems={
            SCALE.id: "Port /dev/ttyUSB0 cannot be opened: another program has it open; stop that"
            " program.",
            "ble:C0:FF:EE:00:00:01": "The device did not answer in time.",
        },
        outcomes={SCALE.id: "link", "ble:C0:FF:EE:00:00:01": "link"},
    )
    monkeypatch.setattr(window.hub, "status", lambda: status)

    shown = (await window.get("/")).text

    assert "4 choses demandent votre attention" in shown
    assert shown.count("Rapprochez l'appareil") == 1  # and not the one on a cable
    assert "Vérifiez que le câble est bien branché" in shown
    assert "un autre programme l'occupe" in shown
    assert "Aucun adaptateur Bluetooth : branchez-en un au boîtier." in shown
    assert "Rien ne part vers Mon espace santé pour le moment" in shown
    assert "Si elle marche, la panne est là-bas, ou dans le réglage du boîtier" in shown
    assert "La liaison s'est coupée. Rapprochez l'appareil" in shown


async def test_a_disk_that_is_full_is_one_thing_however_many_devices_meet_it(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = [SCALE.id, "ble:C0:FF:EE:00:00:01", "ble:C0:FF:EE:00:00:02"]
    full = "the disk is full: readings wait in the devices until some space is free"
    status = Status(
        version="0",
        running=True,
        problems=dict.fromkeys(devices, full),
        outcomes=dict.fromkeys(devices, "journal"),
    )
    monkeypatch.setattr(window.hub, "status", lambda: status)

    shown = (await window.get("/")).text

    assert "Une chose demande votre attention" in shown
    assert shown.count("Les nouvelles mesures ne peuvent pas être gardées") == 1
    assert "Le boîtier n'a plus de place : demandez à la personne" in shown
    assert "le disque est plein : les mesures" in shown


async def test_what_damage_cost_is_said_for_a_month_and_not_for_ever(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = (ReadingId("0" * 32), ReadingId("1" * 32))
    salvage = Salvage("damaged-1", window.hub.clock.now().utc, saved=7, lost=lost, unsound={})
    monkeypatch.setattr(window.hub.reader, "salvaged", lambda: [salvage])

    shown = []
    for _ in range(3):
        shown.append((await window.get("/")).text)
        window.hub.clock.advance(16 * 86400)

    sentence = "Le journal a été abîmé : 2 mesures n'ont pas pu être sauvées"
    assert [sentence in each for each in shown] == [True, True, False]


async def test_a_device_that_lost_its_bond_is_paired_anew_from_the_page(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = Status(
        version="0",
        running=True,
        transports=[],
        destinations=[],
        problems={SCALE.id: BOND_LOST},
        outcomes={SCALE.id: "pairing"},
    )
    monkeypatch.setattr(window.hub, "status", lambda: status)
    await window.hub.journal.adopt(SCALE.id, SCALE.driver)
    forgotten: list[DeviceId] = []

    async def forget(device: DeviceId) -> bool:
        forgotten.append(device)
        return True

    monkeypatch.setattr(window.hub, "forget", forget)
    shown = await window.get("/")

    answer = await window.send("/device/anew", device=SCALE.id)
    unknown = await window.send("/device/anew", device="ble:C0:00:00:00:00:99")

    assert "L'appareil ne connaît plus le boîtier" in shown.text
    assert shown.field("device") == SCALE.id
    assert (answer.status, forgotten) == (303, [SCALE.id])
    assert unknown.status == 404


async def test_what_has_stopped_coming_is_said_with_what_to_do(window: Window) -> None:
    cuff = SCALE.model_copy(update={"id": DeviceId("ble:C0:FF:EE:00:00:01"), "model": "UC-352"})
    now = window.hub.clock.now().utc
    subject = await window.hub.journal.add_subject("Odile")
    await window.hub.journal.adopt(cuff.id, cuff.driver)
    await window.hub.journal.assign(cuff.id, None, subject.id, now - timedelta(days=30))
    mornings = [now - timedelta(days=n) for n in range(10)]
    await window.hub.journal.record(
        cuff, [weight(n, at=at, device=cuff.id) for n, at in enumerate(mornings)]
    )
    before = (await window.get("/")).text
    window.hub.clock.advance(3 * 86400)
    after = (await window.get("/")).text

    title = "Odile, Poids : dernière mesure le 14 mars à 10 h 26"
    assert [title in page for page in (before, after)] == [False, True]
    assert "vérifiez les piles de l'appareil et approchez-le du boîtier" in after
    assert "UC-352" in after


async def test_when_nothing_is_wrong_it_says_so(window: Window) -> None:
    assert "Tout va bien." in (await window.get("/")).text


async def test_a_name_is_text_and_never_markup(window: Window) -> None:
    await window.hub.journal.add_subject("<script>alert(1)</script>")

    page = await window.get("/")

    assert "<script>alert" not in page.html
    assert "<script>alert(1)</script>" in page.html.replace("&lt;", "<").replace("&gt;", ">")


async def test_what_the_gateway_refuses_is_a_page_with_its_sentence(window: Window) -> None:
    subject = await odile(window)

    answer = await window.send("/consent", subject=subject, destination="nowhere")

    assert answer.status == 422
    assert "Il n'y a pas de destination « nowhere »" in answer.text


@pytest.mark.parametrize("ticked", [{}, {"kind": "height"}], ids=["nothing", "not taken there"])
async def test_consent_to_nothing_is_asked_again_and_says_why(
    ticked: dict[str, str], window: Window
) -> None:
    """The destination may take less than when the page was opened."""
    subject = await odile(window)
    window.hub.routes = {"mes": window.hub.routes["mes"] - {Kind.HEIGHT}}
    page = await window.send("/consent", subject=subject, destination="mes")
    hidden = ("token", "destination", "language", "purpose", "version")

    answer = await window.post(
        "/consent/give", subject=subject, **ticked, **{name: page.field(name) for name in hidden}
    )

    assert answer.status == 400
    assert "Cochez au moins une chose à envoyer" in answer.text
    assert 'aria-describedby="nothing"' in answer.html
    assert window.hub.reader.ledger(subject) == ()


async def test_a_browser_that_restores_the_address_of_a_form_is_shown_where_it_was(
    window: Window,
) -> None:
    await odile(window)

    gone_to = {path: (await window.get(path)) for path in ("/consent", "/kiosk/keep")}

    assert {path: (each.status, each.headers["location"]) for path, each in gone_to.items()} == {
        "/consent": (303, "/"),
        "/kiosk/keep": (303, "/kiosk"),
    }


async def test_who_consented_to_another_address_is_asked_anew(window: Window) -> None:
    subject = await odile(window)
    await agree(window, subject)
    window.hub.addresses = {"mes": ("https://elsewhere.example",)}

    shown = (await window.get("/")).text
    asked = (await window.send("/consent", subject=subject, destination="mes")).text
    await agree(window, subject)
    given = (await window.get("/")).text

    assert "n'est plus à l'adresse pour laquelle l'accord a été donné" in shown
    assert "Donner mon accord" in shown
    assert "Son adresse : https://elsewhere.example" in asked
    assert "n'est plus à l'adresse" not in given


async def test_a_page_of_before_the_address_changed_is_no_consent_to_the_new_one(
    window: Window,
) -> None:
    subject = await odile(window)
    page = await window.send("/consent", subject=subject, destination="mes")
    window.hub.addresses = {"mes": ("https://elsewhere.example",)}
    names = ("language", "version", "destination", "subject", "address")

    record = {name: page.field(name) for name in names}
    await window.send("/consent/give", kind="weight", **record)

    assert window.hub.reader.ledger(subject) == ()


async def test_who_agreed_until_a_date_that_has_passed_is_asked_anew(window: Window) -> None:
    subject = await odile(window)
    await agree(window, subject)
    (given,) = window.hub.reader.ledger(subject)
    assert isinstance(given, Grant)
    await window.hub.journal.record_withdrawal(withdrawal(subject))
    ends = {"id": "until-then", "expires": window.hub.clock.now().utc + timedelta(hours=1)}
    await window.hub.journal.record_grant(given.model_copy(update=ends))

    before = (await window.get("/")).text
    window.hub.clock.advance(3600)
    after = (await window.get("/")).text

    assert "Accord donné" in before
    assert "Il prend fin aujourd'hui à 11 h 27" in before
    assert "Accord terminé aujourd'hui à 11 h 27" in after
    assert "Il prend fin" not in after
    assert "Donner mon accord" in after
    assert "Accord donné" not in after


async def test_whose_consent_ended_as_the_hub_took_over_a_backup_is_told_to_give_it_anew(
    window: Window,
) -> None:
    subject = await odile(window)
    about = {"subject": subject, "destination": "mes"}
    sentence = "Accord à redonner : ce boîtier a repris une sauvegarde"

    async def told(by: str | None) -> list[bool]:
        await agree(window, subject)
        if by is not None:
            ended = withdrawal(subject).model_copy(update={"id": by})
            await window.hub.journal.record_withdrawal(ended)
        shown = (await window.get("/")).text
        return [each in shown for each in (sentence, "attend de vous sous")]

    assert await told("withdrawal-1") == [False, False]
    assert await told(f"{BY_RESTORING}grant-1") == [True, True]
    await window.send("/consent/withdraw", **about)
    assert sentence not in (await window.get("/")).text
    assert await told(f"{BY_RESTORING}grant-2") == [True, True]
    assert await told(None) == [False, True]  # it is not paired


async def test_a_link_that_is_no_longer_accepted_needs_its_person_and_is_made_again_from_the_top(
    window: Window,
) -> None:
    subject = await odile(window)
    await agree(window, subject)
    not_yet = (await window.get("/")).text
    window.hub.shut_out = {(subject, "mes"): ShutOut.PAIRING}
    never = (await window.get("/")).text
    await window.hub.journal.set_pairing(subject, "mes", b"tokens")
    over = await window.get("/")
    again = await window.send("/pairing", subject=subject, destination="mes")
    window.hub.shut_out = {}
    connected = (await window.get("/")).text

    found = [
        [sentence in shown for shown in (not_yet, never, over.text, connected)]
        for sentence in (
            "Tout va bien",
            "Une chose demande votre attention",
            "Pas encore de lien entre Odile et Mon espace santé",
            "Le lien entre Odile et Mon espace santé ne marche plus",
            "Mon espace santé n'accepte plus ce lien",
        )
    ]
    assert found == [
        [True, False, False, True],
        [False, True, True, False],
        [False, True, False, False],
        [False, False, True, False],
        [False, False, True, False],
    ]
    problem = over.html[over.html.index('class="problem"') :]
    form = problem[: problem.index("</form>")]
    assert all(each in form for each in ('action="/pairing"', subject, "Relier de nouveau"))
    assert again.status == 200


@pytest.mark.parametrize("pairs_by", [PairsBy.SIGNING_IN, PairsBy.NOTHING])
async def test_where_the_gateway_itself_is_not_accepted_nobody_is_sent_to_connect_again(
    pairs_by: PairsBy, window: Window
) -> None:
    subject = await odile(window)
    await agree(window, subject)
    window.hub.pairs = pairs_by
    await window.hub.journal.set_pairing(subject, "mes", b"tokens")
    window.hub.shut_out = {(subject, "mes"): ShutOut.GATEWAY}
    why = (
        "The token endpoint does not accept this gateway: check client_id, client_secret, "
        "client_auth and scope."
    )
    mes = Part(name="mes", state="open", held=why)
    window.hub.parts = [mes]

    shown = (await window.get("/")).text

    assert "Une chose demande votre attention" in shown
    assert "Des mesures ne peuvent pas partir vers Mon espace santé" in shown
    assert "Rien n'est perdu" in shown
    assert "Montrez cette page à la personne qui a installé le boîtier" in shown
    assert "ne reconnaît pas ce boîtier : vérifiez client_id" in shown
    assert "le réglage du boîtier est à revoir" in shown
    assert "reliez de nouveau" not in shown.lower()


async def test_who_has_something_left_to_do_before_anything_leaves_is_not_told_that_nothing_awaits(
    window: Window,
) -> None:
    subject = await odile(window)
    about = {"subject": subject, "destination": "mes"}

    async def awaits() -> bool:
        shown = (await window.get("/")).text
        told = [sentence in shown for sentence in ("attend de vous sous", "rien n'attend de vous")]
        assert sorted(told) == [False, True]
        return told[0]

    found = {"no consent": await awaits()}
    await agree(window, subject, expires="2026-03-15")
    found["not paired"] = await awaits()
    await window.hub.journal.set_pairing(subject, "mes", b"tokens")
    found["paired"] = await awaits()
    window.hub.clock.advance(86400)
    found["over"] = await awaits()
    await window.send("/consent/withdraw", **about)
    found["left so"] = await awaits()

    assert found == {
        "no consent": False,
        "not paired": True,
        "paired": False,
        "over": True,
        "left so": False,
    }


async def test_what_is_older_than_a_consent_is_sent_after_all_if_the_person_says_so(
    window: Window,
) -> None:
    subject = await odile(window)
    window.hub.clock.advance(120)
    await agree(window, subject)
    await weigh(window, "72.4", within=timedelta(minutes=2))
    await window.hub.journal.claim("mes", 10, window.hub.clock.now().utc)

    held = (await window.get("/")).text
    asked = await window.send("/consent", subject=subject, destination="mes", earlier="yes")
    await agree(window, subject, earlier="yes")
    after = (await window.get("/")).text

    assert "Gardée ici : peut-être prise avant l'accord" in held
    assert "Envoyer aussi les mesures d'avant" in held
    assert 'name="kind" value="weight"' in asked.html
    assert 'name="earlier" value="yes" checked' in asked.html
    assert "Attend de partir vers Mon espace santé" in after
    assert "Envoyer aussi les mesures d'avant" not in after


async def test_a_hub_that_waits_for_the_time_asks_for_nobodys_name_and_knows_the_phone_later_on(
    window: Window,
) -> None:
    """After a power cut without a network it began at 1970; two days later it hears the time."""
    subject = await odile(window)
    await weigh(window, "72.4")
    clock = window.hub.clock
    right = clock.now().utc + timedelta(days=2)
    clock.boot()
    clock.step(datetime(1970, 1, 1, 0, 1, tzinfo=UTC) - clock.now().utc)
    clock.trusted = False
    clock.advance(60)
    await weigh(window, "73.1")

    waiting = (await window.get("/")).text
    clock.advance(3600)
    clock.step(right - clock.now().utc)
    clock.trusted = True
    await window.hub.journal.hub_time_known(clock.now(), stepped=False)
    known = (await window.get("/")).text

    assert "Le boîtier ne connaît pas l'heure" in waiting
    assert "À qui sont ces mesures ?" not in waiting
    assert "Dès que le boîtier connaîtra l'heure" in waiting
    assert "Poids 73,1 kg" in waiting
    assert "73,1 kg" in known
    assert "À qui sont ces mesures ?" not in known
    assert "Dès que le boîtier" not in known
    assert window.hub.reader.entries(subject=subject, limit=1)[0].entry.timing.sendable
