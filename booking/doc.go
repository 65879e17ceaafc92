// Package booking is a client of Eliona's Booking app: the app that owns the
// bookings of assets.
//
// A [Client] writes groups of bookings ([Client.UpsertGroup]), cancels, reads
// and lists single ones. A [Listener] keeps one WebSocket open and hands over
// the changes that people make in Eliona.
//
// The contract of the Booking app is known only in part, so the client
// tolerates alternatives: any 2xx is success, answers are matched by identity
// and content before position, keys are read whatever their case, a null list
// is an empty list, a booking that is already gone counts as cancelled. What it
// cannot know for certain it says with a typed error ([Error], [UnmatchedError])
// and never by guessing an id.
//
// Nothing here retries a write: whoever keeps the intention decides when to look
// and when to send again. The package knows neither Exchange nor a database.
package booking
