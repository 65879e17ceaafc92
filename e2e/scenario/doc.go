// Package scenario reads and plays acceptance scenarios: texts that tell what
// people do in Outlook and in Eliona, and what both calendars show in the end.
//
//	scenario P40 P51: A meeting is moved on either side
//	bob books room-1 in outlook tue 10:00-11:00 "Review" as m
//	until eliona: tue 10:00-11:00 room-1 bob as b
//	alice moves b in eliona to tue 14:00-15:00
//	calendars:
//	  outlook bob: tue 14:00-15:00 room-1 accepted m
//	  outlook room-1: tue 14:00-15:00 bob accepted
//	  eliona: tue 14:00-15:00 room-1 bob b
//
// A line is a step; what follows # is a comment. A scenario has rooms (names
// that begin with "room") and people of its own, so scenarios play side by
// side. "service" is the service user, a name with @ somebody without mailbox.
//
// # The end
//
// "calendars:" compares everything: the calendars of all rooms and people of
// the scenario, and all bookings that its rooms ever had. What is not listed
// must not be there; cancelled bookings are listed with their reason. It must
// hold for two seconds without break. Because a booking that was made anew
// leaves a cancelled one behind, this also proves that bookings keep their ids.
// All the while no booking and no meeting may stand in a calendar twice.
//
//	outlook PERSON: DAYS TIME ROOM ANSWER, ROOM ANSWER ...    of their own
//	outlook PERSON: DAYS TIME invited by PERSON
//	outlook ROOM: DAYS TIME ORGANIZER ANSWER
//	eliona: DAYS TIME ROOM, ROOM PERSON
//	eliona: DAYS TIME ROOM, ROOM PERSON cancelled REASON
//	eliona: NAME cancelled REASON    where the last time and rooms depend on chance
//
// ANSWER is accepted, tentative, declined, unanswered, organizer or canceled
// (what remains of a cancelled meeting). PERSON may be nobody in eliona. A
// "subject" may follow the time, and a name at the end of a line demands that
// very meeting or booking, "in group NAME" a booking of that group.
//
// # Days and times
//
//	mon ... sun, tue+2   in the reference week, which begins in two to three weeks; weeks later
//	day+30               from today on
//	dst, dst2            the next change of clocks and the one after it; dst-1, dst+7 days
//	15/m1, 2tue/m2, last-fri/m1   in a month; m1 is the next that begins after two weeks
//	a..b                 a range: of weeks, if both are the same day of the week; of months; else of days
//	a, b..c except d     several
//	a..b every 2         every second of a range
//	10:00-11:00          a time, or
//	all day, all day for 2 days
//
// Times are those of the zone W. Europe Standard Time, or of the one that a
// line 'zone "Eastern Standard Time"' names.
//
// # Steps
//
//	WHO books ROOMS in outlook DAYS TIME ["subject"] [SERIES] [privately] [as free time] [uid "x"] [with PEOPLE] as M
//	ROOM books itself in outlook DAYS TIME as M
//	WHO moves M [on DAY] in outlook to DAY TIME
//	WHO changes rooms of M [on DAY] in outlook to ROOMS
//	WHO repeats M in outlook SERIES                  changes the pattern
//	WHO renames M in outlook "subject"
//	WHO cancels M [on DAY] in outlook
//	WHO leaves the company                           the mailbox is no longer there
//	WHO books ROOMS in eliona DAYS TIME [SERIES] as B
//	WHO moves B in eliona to DAY TIME
//	WHO changes rooms of B in eliona to ROOMS
//	WHO cancels B in eliona, WHO cancels group B in eliona
//	nobody comes to B                                a no-show
//	somebody takes ROOMS on DAY TIME as B            an ad-hoc booking
//
// "on DAY" means the occurrence that stands on that day in the pattern. SERIES
// is "every 2 weeks on mon, wed 10 times": every [N] day, week, month [on day
// 15, on the second tue] or year; N times, until DAY or without end. Several
// days without a series are as many meetings or bookings. Of several, the
// first is B.1, and so on.
//
//	until outlook WHO: ENTRY [as M]     until eliona: ENTRY [as B] [as group B]
//	until outlook WHO: nothing          until eliona: nothing
//	until calendars:                    within 5s calendars:     within 5s eliona: ...
//	until WHO is told                   WHO is told nothing
//	nothing changes for 3s              no writes for 3s         wait 1s
//
// An entry of "until" must be there once, whatever else there is. Times count as
// on a machine with time for it: what the product cannot help while something
// waits for a processor counts by half. With accidents, "within" is only patient.
//
//	ROOM is set automate=tentative horizonDays=30    see the simulators' README
//	ROOM joins the room list, ROOM leaves the room list
//	fault service=exchange operation=CreateItem mailbox=bob kind=status status=503
//	faults end
//	switch booking overlapPolicy="409"
//	sockets drop, tokens are revoked
//	the app is stopped, the app is killed, the app is started
//
// # Header
//
// Lines before the first step: "zone", "alone" (it does something that others
// would feel), "friendly only" (it counts what accidents would add to), "long"
// (with accidents it is played only where time is not short), and "patience 60s"
// (how long "until" waits).
package scenario
