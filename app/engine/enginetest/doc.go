// Package enginetest is a world in memory for tests of the engine: an Exchange
// organization with organizers and rooms, a Booking app, assets, a database,
// and people who use both sides.
//
// Everything in it behaves; nothing expects. Rooms answer late or never, the
// change feed is paged and may start anew, messages of the Booking app are
// lost, repeated and late, calls fail before or after their effect, and a
// process that runs the engine can be killed, paused or replaced at every one
// of its calls. What must never happen is noticed when it does (see
// World.Broken); what must be true in the end is asked for with
// World.Differences.
//
// A world lives in a bubble of testing/synctest: it waits with timers of the
// fake clock and nothing else.
//
// What it leaves out, because no side of the product can do anything about it:
//   - A request that takes effect more than lateEffect after it was sent by a
//     process that is gone.
//   - People who change or cancel a booking that we made before its number was
//     stored. The Booking app keeps no reference of ours to know our booking by
//     then.
//   - Two writes of unknown end for one organizer, in one room, at one time:
//     nothing else tells whose booking is whose.
//   - Wishes of people who change a meeting one of whose rooms leaves the room
//     list, or returns, at the same time: it may be cancelled.
//   - Projects that are added when there are bookings already.
package enginetest
