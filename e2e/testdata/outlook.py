"""A user at Outlook: an independent EWS client that does what it is told.

usage: outlook.py URL USER PASSWORD AUTH CA_FILE MAILBOX

Each line of standard input is a JSON object with a "do"; each is answered by
one line with a JSON object. Times are seconds since 1970.
"""

import json
import os
import sys

url, user, password, auth, ca_file, mailbox = sys.argv[1:7]
os.environ["REQUESTS_CA_BUNDLE"] = ca_file

from exchangelib import BASIC, DELEGATE, NTLM, Account, CalendarItem, Configuration, Credentials, EWSDateTime, EWSTimeZone, FaultTolerance  # noqa: E402
from exchangelib.items import SEND_TO_ALL_AND_SAVE_COPY  # noqa: E402
from exchangelib.properties import Attendee, Mailbox  # noqa: E402

ZONE = EWSTimeZone("Europe/Zurich")
ALL = SEND_TO_ALL_AND_SAVE_COPY

account = Account(
    mailbox,
    config=Configuration(
        service_endpoint=url,
        credentials=Credentials(user, password),
        auth_type={"NTLM": NTLM, "BASIC": BASIC}[auth],
        retry_policy=FaultTolerance(max_wait=5),
        max_connections=1,
    ),
    autodiscover=False,
    access_type=DELEGATE,
    default_timezone=ZONE,
)
items = {}


def when(seconds):
    return EWSDateTime.fromtimestamp(seconds, tz=ZONE)


def seconds(at):
    return int(at.timestamp())


def rooms(_):
    return {"rooms": sorted(r.email_address for l in account.protocol.get_roomlists() for r in account.protocol.get_rooms(l.email_address))}


def book(order):
    item = CalendarItem(
        account=account, folder=account.calendar, subject=order["subject"], body="Agenda & <more>",
        start=when(order["start"]), end=when(order["end"]),
        resources=[Attendee(mailbox=Mailbox(email_address=order["room"]), response_type="Unknown")],
    )
    item.save(send_meeting_invitations=ALL)
    item.refresh()
    items[item.uid] = item
    return {"uid": item.uid}


def move(order):
    item = items[order["uid"]]
    item.refresh()
    item.start, item.end = when(order["start"]), when(order["end"])
    item.save(update_fields=["start", "end"], send_meeting_invitations=ALL)
    return {}


def cancel(order):
    item = items.pop(order["uid"])
    item.refresh()
    item.cancel()
    return {}


def calendar(order):
    return {"entries": [
        {
            "uid": i.uid, "subject": i.subject, "start": seconds(i.start), "end": seconds(i.end),
            "organizer": i.organizer.email_address, "location": i.location or "",
            "rooms": {a.mailbox.email_address: a.response_type for a in i.resources or []},
        }
        for i in account.calendar.view(start=when(order["start"]), end=when(order["end"]))
    ]}


orders = {"rooms": rooms, "book": book, "move": move, "cancel": cancel, "calendar": calendar}
print(json.dumps({"version": str(account.version.build)}), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    try:
        answer = orders[order["do"]](order)
    except Exception as e:  # the test decides what it means
        answer = {"error": f"{type(e).__name__}: {e}"}
    print(json.dumps(answer), flush=True)
