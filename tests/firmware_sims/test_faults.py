from firmware_sims.faults import Fault, Faults


def test_a_fault_strikes_as_often_as_it_was_armed() -> None:
    faults = Faults({Fault.SLOW: 1})
    faults.arm(Fault.SLOW)

    strikes = [faults.strikes(Fault.SLOW) for _ in range(3)]

    assert strikes == [True, True, False]


def test_a_fault_that_was_never_armed_never_strikes() -> None:
    assert not Faults().strikes(Fault.REFUSE)
