// Package soak puts the whole product under stress and proves what survives.
//
// The binary that ships, a real PostgreSQL and the simulators run as processes
// of their own. For minutes, people book, move, extend, rename and cancel in
// Outlook and in Eliona, while processes are killed, stopped, paused and doubled,
// PostgreSQL restarts and loses connections, and Exchange, Entra, the Booking app
// and Eliona fail in every way that the simulators know. Then everything is left
// in peace, and the following must hold, in the words of the invariants that the
// product is built for:
//
//	I1  both calendars agree
//	I2  no meeting and no booking is doubled, not even for a moment
//	I3  what people cancelled is gone
//	I4  what nobody cancelled and no room declined is there, as somebody wished it
//	I5  at rest nothing is written
//	I6  every failure has exactly one notice, and nobody is told twice
//	I8  at most one request that writes is in flight per meeting
//	I10 losing all positions and all that was read of the calendars writes nothing
//
// I2 and I8 are read from the simulators' ledger, which has every change and
// every writing request in order, so a violation of a millisecond is seen.
//
// # What is random
//
// All choices follow the seed, separately for people, for what goes wrong and for
// processes. The moments at which they take effect depend on the machine, so two
// runs with one seed are alike, not equal.
//
// # How meetings are told apart
//
// Nothing shown to users names a meeting on both sides. So every wish of a person
// has a start of its own, to the minute, that nobody else ever uses: what stands
// in a calendar belongs to the one who wished for that minute. A doubled booking
// is two at one minute.
//
// # What is left out
//
// Nobody touches, in Eliona, a booking whose number the app has not stored yet.
// Between writing it and storing its number a crash leaves the app without any
// mark by which it could know the booking again (docs/decisions/0004).
//
// No request takes effect more than two seconds after it was sent by a process
// that is gone (docs/decisions/0012): what a service holds up for longer goes with
// its client.
//
// The clocks that are wrong are those of Exchange and Entra. The app and its
// database share the machine's clock; that they differ is tested in memory, by
// app/engine/enginetest.
package soak
