"""A Bluetooth controller made of software: bumble's, with what bumble's leaves out.

Advertisements that nobody can connect to, and scan responses of their own, which a passive scan
does not hear (Core, Vol 6 B 4.4.2).
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from bumble import hci, ll
from bumble.controller import Controller, LegacyAdvertiser

RSSI_DBM = -50  # of every device, everywhere
_ACTIVE_SCAN = 1
_Kind = hci.HCI_LE_Set_Advertising_Parameters_Command.AdvertisingType
_Heard = hci.HCI_LE_Advertising_Report_Event.EventType


@dataclass
class ScannableInd(ll.AdvInd):  # type: ignore[misc]  # bumble carries no types
    """A connectable advertisement, and what its sender answers to a scan request."""

    response: bytes = b""


class Advertiser(LegacyAdvertiser):  # type: ignore[misc]  # bumble carries no types
    """Sends what its host asked for, also what cannot be connected to."""

    def send_advertising_data(self) -> None:
        """Send one advertisement, if advertising."""
        if not self.enabled:
            return
        if self.advertising_type == _Kind.ADV_NONCONN_IND:
            self.controller.send_advertising_pdu(
                ll.AdvNonConnInd(self.address, self.advertising_data)
            )
        else:
            self.controller.send_advertising_pdu(
                ScannableInd(self.address, self.advertising_data, self.scan_response_data)
            )


class RadioController(Controller):  # type: ignore[misc]  # bumble carries no types
    """A controller that a Linux kernel can drive too.

    It claims no feature of which bumble implements only the claim (privacy, extended and periodic
    advertising: the kernel stalls 20 s per connection on those), cancels a connection that it was
    told to cancel, and forgets everything on Reset.
    """

    pending_le_connection: Any

    le_features = Controller.le_features & ~(
        hci.LeFeatureMask.LL_PRIVACY
        | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
        | hci.LeFeatureMask.LE_PERIODIC_ADVERTISING
    )

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.le_legacy_advertiser = Advertiser(self)
        self.scan_stops_refused = False
        """Whether the next command to stop scanning fails, as on a controller in trouble."""

    @property
    def accepts_connections(self) -> bool:
        """Whether a connect request would be heard."""
        advertiser = self.le_legacy_advertiser
        return bool(advertiser.enabled) and advertiser.advertising_type == _Kind.ADV_IND

    def on_ll_advertising_pdu(self, packet: ll.AdvertisingPdu) -> None:
        """Report advertisements as what they are."""
        match packet:
            case ll.AdvNonConnInd():
                self._report(_Heard.ADV_NONCONN_IND, packet.advertiser_address, packet.data)
            case ScannableInd():
                self._report(_Heard.ADV_IND, packet.advertiser_address, packet.data)
                if self.le_scan_type == _ACTIVE_SCAN:
                    self._report(_Heard.SCAN_RSP, packet.advertiser_address, packet.response)
                pending = self.pending_le_connection
                if pending and pending.peer_address == packet.advertiser_address:
                    self.create_le_connection(packet.advertiser_address)
            case _:
                super().on_ll_advertising_pdu(packet)

    def _report(self, kind: int, address: Any, data: bytes) -> None:
        if self.le_scan_enable:
            report = hci.HCI_LE_Advertising_Report_Event.Report(
                event_type=kind,
                address_type=address.address_type,
                address=address,
                data=data,
                rssi=RSSI_DBM,
            )
            self.send_hci_packet(hci.HCI_LE_Advertising_Report_Event([report]))

    def create_le_connection(self, peer_address: Any) -> None:
        """Connect, unless the device stopped advertising after the report that we act upon."""
        if self.link.is_advertising(peer_address):
            super().create_le_connection(peer_address)

    def on_hci_le_set_scan_enable_command(self, command: Any) -> Any:
        """Start or stop scanning; or refuse to stop, if that was asked for."""
        if not command.le_scan_enable and self.scan_stops_refused:
            self.scan_stops_refused = False
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.HARDWARE_FAILURE_ERROR)
        return super().on_hci_le_set_scan_enable_command(command)

    def on_hci_le_create_connection_cancel_command(self, command: Any) -> Any:
        """Complete the pending connection with "unknown connection identifier" (Vol 4 E 7.8.13)."""
        pending = self.pending_le_connection
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        self.pending_le_connection = None
        # The event follows the command's own completion, which the caller sends on return.
        asyncio.get_running_loop().call_soon(
            self.send_hci_packet,
            hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=pending.peer_address.address_type,
                peer_address=pending.peer_address,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            ),
        )
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def on_hci_reset_command(self, command: Any) -> Any:
        """Drop every connection, stop scanning and advertising (Vol 4 E 7.3.2)."""
        self.drop_everything(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
        return super().on_hci_reset_command(command)

    def drop_everything(self, reason: int) -> None:
        """Let every peer see a disconnection; say nothing to our own host."""
        for connection in list(self.le_connections.values()):
            connection.send_ll_control_pdu(ll.TerminateInd(reason))
        self.le_connections.clear()
        self.pending_le_connection = None
        self.le_scan_enable = False
        self.le_legacy_advertiser.stop()
