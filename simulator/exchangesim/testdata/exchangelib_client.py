"""Drives the simulator with exchangelib, an independent EWS client.

usage: exchangelib_client.py URL USER PASSWORD AUTH CA_FILE

Prints one line per step and "done" at the end; any difference raises.
"""

import datetime
import os
import sys
import time

url, user, password, auth, ca_file = sys.argv[1:6]
os.environ["REQUESTS_CA_BUNDLE"] = ca_file

from exchangelib import BASIC, DELEGATE, NTLM, Account, CalendarItem, Configuration, Credentials, EWSTimeZone, FaultTolerance  # noqa: E402
from exchangelib.items import SEND_TO_ALL_AND_SAVE_COPY, SEND_TO_NONE  # noqa: E402
from exchangelib.properties import Attendee, Mailbox  # noqa: E402
from exchangelib.recurrence import Recurrence, WeeklyPattern  # noqa: E402

ROOM = "room-1@example.com"
UTC = EWSTimeZone("UTC")
BERLIN = EWSTimeZone("Europe/Berlin")


def step(text):
    print(text, flush=True)


def until(what, check, tries=200):
    for _ in range(tries):
        value = check()
        if value:
            step(f"{what}: {value}")
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen")


auth_type = {"NTLM": NTLM, "BASIC": BASIC, "GUESS": None}[auth]
config = Configuration(
    service_endpoint=url,
    credentials=Credentials(user, password),
    auth_type=auth_type,
    retry_policy=FaultTolerance(max_wait=5),
    max_connections=1,
)
account = Account("alice@example.com", config=config, autodiscover=False, access_type=DELEGATE, default_timezone=BERLIN)
step(f"version {account.version}")

rooms = {r.email_address for l in account.protocol.get_roomlists() for r in account.protocol.get_rooms(l.email_address)}
assert len(rooms) == 8, rooms
step(f"rooms {sorted(rooms)}")

resolved = account.protocol.resolve_names(["bob@example.com"], return_full_contact_data=True)
assert resolved[0][0].email_address == "bob@example.com", resolved

day = (datetime.datetime.now(tz=UTC) + datetime.timedelta(days=7)).replace(hour=9, minute=0, second=0, microsecond=0)
hour = datetime.timedelta(hours=1)


def room_attendee():
    return Attendee(mailbox=Mailbox(email_address=ROOM), response_type="Unknown")


item = CalendarItem(account=account, folder=account.calendar, subject="A & B <c>", start=day, end=day + hour,
                    body="agenda", resources=[room_attendee()], required_attendees=["bob@example.com"])
item.save(send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)
step("created")


def response():
    item.refresh()
    return item.resources[0].response_type == "Accept" and item.resources[0].last_response_time


until("accepted", response)
assert item.uid and item.organizer.email_address == "alice@example.com", item
assert item.subject == "A & B <c>"

item.start, item.end = day + hour, day + 2 * hour
item.save(update_fields=["start", "end"], send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)
step("moved")
until("accepted again", response)
assert item.start == day + hour, item.start
assert item.appointment_sequence_number == 1

found = list(account.calendar.view(start=day - hour, end=day + 8 * hour))
assert [i.subject for i in found] == ["A & B <c>"], found
found = list(account.calendar.filter(start__gte=day, end__lt=day + 8 * hour, subject__contains="B").only("subject", "start"))
assert len(found) == 1, found

item.subject = "renamed"
item.save(send_meeting_invitations=SEND_TO_NONE)  # sends every field
item.refresh()
assert item.subject == "renamed"

state = None
changes = list(account.calendar.sync_items(only_fields=["subject"]))
assert any(kind == "create" and i.subject == "renamed" for kind, i in changes), changes
state = account.calendar.item_sync_state

item.refresh()
item.cancel()
step("cancelled")
assert list(account.calendar.view(start=day - hour, end=day + 8 * hour)) == []
changes = list(account.calendar.sync_items(sync_state=state, only_fields=["subject"]))
assert [kind for kind, _ in changes] == ["delete"], changes
assert any(i.subject == "renamed" for i in account.trash.all().only("subject"))

start = datetime.datetime(day.year, day.month, day.day, 10, 0, tzinfo=BERLIN)
series = CalendarItem(
    account=account, folder=account.calendar, subject="series", start=start, end=start + hour, resources=[room_attendee()],
    recurrence=Recurrence(pattern=WeeklyPattern(interval=1, weekdays=[start.strftime("%A")]), start=start.date(), number=5),
)
series.save(send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)


def series_response():
    series.refresh()
    return series.resources[0].response_type == "Accept"


until("series accepted", series_response)
assert series.type == "RecurringMaster" and series.recurrence.boundary.number == 5
assert len(list(account.calendar.view(start=start - hour, end=start + datetime.timedelta(days=60)))) == 5

second = series.occurrence(2)
second.refresh()
assert second.type == "Occurrence", second.type
second.start, second.end = second.start + hour, second.end + hour
second.save(update_fields=["start", "end"], send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)
third = series.occurrence(3)
third.refresh()
third.delete(send_meeting_cancellations=SEND_TO_ALL_AND_SAVE_COPY)
series.refresh()
assert len(series.modified_occurrences) == 1 and len(series.deleted_occurrences) == 1, series
assert len(list(account.calendar.view(start=start - hour, end=start + datetime.timedelta(days=60)))) == 4
step("occurrences changed")

busy = list(account.protocol.get_free_busy_info(accounts=[(ROOM, "Room", False)], start=start - hour, end=start + 2 * hour))
assert len(busy[0].calendar_events) == 1, busy
series.refresh()
series.delete(send_meeting_cancellations=SEND_TO_ALL_AND_SAVE_COPY)
step("done")
