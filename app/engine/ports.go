package engine

import (
	"context"
	"errors"
	"time"

	"ews/app/meeting"
	"ews/app/plan"
)

// Calendar is the side of Exchange, or of another calendar provider. All
// methods honour the context's deadline and its Urgency, and fail with an
// *Error.
type Calendar interface {
	// Rooms lists the rooms of the configured room list. An error is never an
	// empty list.
	Rooms(ctx context.Context) ([]RoomInfo, error)

	// Changes returns one page of what changed in the room's calendar since
	// token; an empty token starts anew. An unusable token fails with
	// InvalidToken.
	Changes(ctx context.Context, room meeting.Address, token string) (Delta, error)

	// Window returns every item of the room's calendar that overlaps the span:
	// all of them or an error, never a part. known lets the adapter skip
	// details of item versions it has already told.
	Window(ctx context.Context, room meeting.Address, span meeting.Span, known map[meeting.ItemID]Known) ([]meeting.Sighting, error)

	// Create makes the meeting in the organizer's mailbox and invites the
	// rooms, with Draft.UID and Draft.Ref set in the same request. It asks
	// MaySend right before that leaves.
	Create(ctx context.Context, mailbox meeting.Address, d Draft) (meeting.Copy, error)

	// Find looks for a meeting by the reference it was created with, in the
	// mailbox's calendar and among its deleted items. It is immediate.
	Find(ctx context.Context, mailbox meeting.Address, d Draft) (meeting.Copy, bool, error)

	// Copy reads the organizer's copy of an occurrence. A copy that was
	// cancelled or deleted, or never was there, is not Live.
	Copy(ctx context.Context, p Place) (meeting.Copy, error)

	// Update changes an organizer's copy that was just read and informs the
	// rooms. It fails with Stale if the copy changed since.
	Update(ctx context.Context, p Place, from meeting.Copy, c Change) (meeting.Copy, error)

	// Cancel cancels the occurrence for everybody. It reports whether there
	// was a live copy to cancel.
	Cancel(ctx context.Context, p Place) (bool, error)

	// Release frees a room of an occurrence whose organizer cannot: it
	// declines in the room's name. Nothing to free is success.
	Release(ctx context.Context, room meeting.Address, p Place) error

	// UIDFor returns the UID of the meeting to be made with this reference.
	UIDFor(ref string) meeting.UID

	// RefOf returns the reference for which UIDFor returns this UID. It is false
	// for one that no reference leads to.
	RefOf(uid meeting.UID) (string, bool)

	// ServiceUser is the mailbox that books for users without one.
	ServiceUser() meeting.Address
}

// Watcher is a Calendar that can tell at once when something changed. What it
// tells are hints: they make rooms be polled earlier, some may be missing and
// some unfounded.
type Watcher interface {
	// Watch tells l of rooms in whose calendars something may have changed,
	// until ctx ends. It reconnects by itself, and tells of rooms that may have
	// changed unnoticed meanwhile. When Watch returns, nothing of it runs any
	// more; an error means that it could not go on.
	Watch(ctx context.Context, rooms []meeting.Address, l Lookout) error
}

// Lookout hears what a Watcher tells. Its methods are quick and may be called
// concurrently.
type Lookout interface {
	// Changed tells that something may have changed in the room's calendar.
	Changed(room meeting.Address)
	// Watched tells whether changes in these rooms are told from now on.
	Watched(rooms []meeting.Address, on bool)
}

// RoomInfo is a room of the room list.
type RoomInfo struct {
	Address meeting.Address
	Name    string
}

// Delta is one page of a room's change feed.
type Delta struct {
	Token   string
	Changed bool             // at least one item was created, changed or deleted
	Told    []meeting.ItemID // that were created or changed; of a series its master
	Deleted []meeting.ItemID
	More    bool
}

// Known is what was already told of an item version.
type Known struct {
	ChangeKey meeting.ChangeKey
	UID       meeting.UID
	Key       meeting.Key
	Sequence  int
	Organizer meeting.Address
	Private   bool
}

// Draft is a meeting to be made.
type Draft struct {
	UID       meeting.UID
	Ref       string
	Span      meeting.Span
	Rooms     []meeting.Room
	Attendees []meeting.Address // people to invite besides, for example the booker when the service user organizes
}

// Place says where an occurrence's organizer's copy is.
type Place struct {
	Mailbox meeting.Address
	UID     meeting.UID
	Key     meeting.Key
	Item    meeting.ItemID // a hint, may be empty or outdated
	Span    meeting.Span   // when the occurrence is believed to be
}

// Change is what to change in an organizer's copy.
type Change struct {
	Span   meeting.Span
	Add    []meeting.Room
	Remove []meeting.Room
}

// Bookings is the side of Eliona's Booking app. All methods honour the
// context's deadline and fail with an *Error.
type Bookings interface {
	// Write creates or changes bookings of one group; group 0 makes one. It asks
	// MaySend right before a request leaves. The ids come back per item; with an
	// error those that were written all the same, and 0 for the others. Unmatched
	// means that it was carried out but the answer does not tell which booking is
	// which.
	Write(ctx context.Context, group meeting.GroupID, organizer meeting.Address, items []plan.Item) (meeting.GroupID, []meeting.BookingID, error)

	// Cancel cancels one booking; one that is gone is success.
	Cancel(ctx context.Context, id meeting.BookingID, reason meeting.Reason) error

	// Get reads one booking. found is false if there is none, or if the
	// Booking app hides it because it is cancelled.
	Get(ctx context.Context, id meeting.BookingID) (b Booking, found bool, err error)

	// List lists the live bookings of an asset that overlap the span.
	List(ctx context.Context, asset meeting.AssetID, span meeting.Span) ([]Booking, error)

	// Listen delivers what happens to bookings of the assets until ctx ends.
	// It reconnects by itself; l.Connected is called after each connect, and
	// what happened before it is not delivered.
	Listen(ctx context.Context, assets <-chan []meeting.AssetID, l Listener) error
}

// Listener hears of bookings. Its methods are called one at a time.
type Listener interface {
	Connected(ctx context.Context)
	Disconnected(err error)
	Changed(ctx context.Context, bookings []Booking)
}

// Booking is a booking as the Booking app tells it.
type Booking struct {
	ID        meeting.BookingID
	Group     meeting.GroupID // 0 if not told
	Assets    []meeting.AssetID
	Organizer string // as entered: may be empty, or no address at all
	Span      meeting.Span
	Cancelled bool
}

// Class says what to do about an error.
type Class string

// The classes of errors of the ports.
const (
	Transient    Class = "transient"     // try again later
	Throttled    Class = "throttled"     // the far side asks for a pause, see Error.Pause
	Stale        Class = "stale"         // read again, then decide again
	InvalidToken Class = "invalid_token" // start the change feed anew
	NoMailbox    Class = "no_mailbox"    // this address has no mailbox we may use
	NotFound     Class = "not_found"
	Refused      Class = "refused"   // the far side will not have it, now or later
	Unmatched    Class = "unmatched" // done, but the answer does not tell what was made
	Broken       Class = "broken"    // credentials, permission, address: only an administrator can help
)

// Error is what the ports fail with.
type Error struct {
	Class     Class
	Code      string        // stable, for logs, metrics and people; never foreign text
	Ambiguous bool          // the request may have been carried out
	Pause     time.Duration // Throttled: how long
	Err       error         // the cause; holds no subject and no secret
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Code
	}
	return e.Code + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// ErrFenced means that another process owns the configuration now. What this
// one still holds in memory must not be stored.
var ErrFenced = errors.New("another process owns this configuration")

// ErrClaimLost means that a meeting is no longer ours to work on.
var ErrClaimLost = errors.New("the claim on this meeting was lost")

// Store keeps the state of one configuration for the term of one owner: every
// method fails with ErrFenced once another process took over.
type Store interface {
	// Tick returns the next point of the logical clock.
	Tick(ctx context.Context) (meeting.Tick, error)

	// SyncRooms stores the room list: new rooms are added, missing ones
	// retired, returning ones begin anew. It reports whether anything changed.
	SyncRooms(ctx context.Context, list []RoomInfo) (changed bool, err error)
	// Inherit takes over what another configuration knew of rooms that it worked
	// on until now and that are this one's. waiting are rooms that cannot be
	// taken over yet, because work on them is still under way there.
	Inherit(ctx context.Context) (taken, waiting []meeting.RoomID, err error)
	// Rooms returns all rooms with their assets, retired ones included.
	Rooms(ctx context.Context) (map[meeting.RoomID]meeting.Room, error)
	// DueRooms returns rooms to poll or read, most overdue first.
	DueRooms(ctx context.Context, limit int) ([]DueRoom, error)
	// PollRooms makes rooms due now.
	PollRooms(ctx context.Context, rooms []meeting.RoomID) error
	// SaveDelta stores a page of the change feed with its token and returns the
	// room as it is then. It fails with ErrClaimLost if the token was replaced
	// meanwhile.
	SaveDelta(ctx context.Context, room DueRoom, d Delta, baseline bool, next time.Time) (DueRoom, error)
	// Known returns the item versions of a room's calendar already told.
	Known(ctx context.Context, room meeting.RoomID) (map[meeting.ItemID]Known, error)
	// SaveWindow stores a complete read of a room's calendar and makes due
	// the meetings it changes.
	SaveWindow(ctx context.Context, w WindowRead) (WindowResult, error)
	// RoomFailed records a failed poll or read and when to try again.
	RoomFailed(ctx context.Context, room meeting.RoomID, code string, retry time.Time) error

	// Fresh tells whether the configuration does not know yet which bookings
	// belong to its meetings: it is new, what it knew was lost, or another one
	// worked on its rooms since it did.
	Fresh(ctx context.Context) (bool, error)
	// Linked records that it knows.
	Linked(ctx context.Context) error
	// Shown returns the meetings that one of the rooms shows at exactly this
	// time by an occurrence without a booking, and the one with this UID if any
	// room shows it at any time. unread tells that one of the rooms was never
	// read yet and can be.
	Shown(ctx context.Context, rooms []meeting.RoomID, span meeting.Span, uid meeting.UID) (by []Known, unread bool, err error)
	// Unbooked returns the UIDs of meetings to come that do not recur, that a room
	// shows, and that have no booking.
	Unbooked(ctx context.Context) ([]meeting.UID, error)

	// ObserveBooking stores what the Booking app says of a booking.
	ObserveBooking(ctx context.Context, o BookingObservation) (Observed, error)
	// BookingsOf returns the live bookings known for an asset that overlap the
	// span: their numbers, assets and times. While an operation of the meeting is
	// under way only the number is told: what is known may be outdated.
	BookingsOf(ctx context.Context, asset meeting.AssetID, span meeting.Span) ([]Booking, error)

	// Claim claims due meetings, most urgent first. Among them are those of again:
	// claims that were not begun and will not be.
	Claim(ctx context.Context, limit int, again []Claim) ([]Claim, error)
	// ClaimUrgent claims only those of no import, and so of those claims the ones
	// about whose meetings something became known since.
	ClaimUrgent(ctx context.Context, limit int, again []Claim) ([]Claim, error)
	// Load returns a claimed meeting.
	Load(ctx context.Context, c Claim) (Loaded, error)
	// Unknown returns those bookings that belong to no meeting and were not
	// cancelled by us.
	Unknown(ctx context.Context, ids []meeting.BookingID) ([]meeting.BookingID, error)
	// Begin records an operation before it is sent. The attempt is above 1 if
	// an earlier one ended unknown.
	Begin(ctx context.Context, c Claim, i Intent) (Operation, error)
	// Decided records the reason of a cancellation that began without one: until
	// then it is not sent.
	Decided(ctx context.Context, c Claim, op Operation) error
	// Apply changes a claimed meeting: f gets its present state and the
	// moment, and what it leaves is stored together with the operation's end
	// and the notices. f may run again. Rooms of cells with Reread become due
	// to be read.
	Apply(ctx context.Context, c Claim, op *Operation, f func(*meeting.Meeting, meeting.Moment) ([]Notice, error)) error
	// Conclude does what Apply does, and gives the claim back with it if f asks
	// for that: then nothing lies between the end of the last operation and that
	// of the work. f gets what Load returns, but no Takeover, and no operation
	// that op ends; and so is what Conclude returns.
	Conclude(ctx context.Context, c Claim, op *Operation, f func(Loaded, meeting.Moment) (Outcome, error)) (Loaded, error)
	// Fail ends an operation that had no effect.
	Fail(ctx context.Context, c Claim, op Operation, code string) error
	// Release gives the claim back. Unless something changed since gen, the
	// meeting is next due at r.Due.
	Release(ctx context.Context, c Claim, gen int64, r Release) error

	// Assets returns what is known of the rooms' assets.
	Assets(ctx context.Context) ([]Asset, error)
	// SaveAssets stores assets; those of a known project and GAI are updated.
	SaveAssets(ctx context.Context, assets []Asset) error

	// Notify records notices; one with an open episode is not repeated.
	Notify(ctx context.Context, notices []Notice) error
	// Resolve closes the open episode of a subject and code, if there is one,
	// and tells whether people were told of it. An empty code means every one
	// but CodeRecovered.
	Resolve(ctx context.Context, subject, code string) (bool, error)
	// SetStatus records the state of the configuration for people.
	SetStatus(ctx context.Context, code, text string) error
}

// Asset is an Eliona asset that stands for a room, or for the root, in one project.
type Asset struct {
	Project   string
	GAI       string
	Room      meeting.Address // empty for the root
	ID        meeting.AssetID
	Described bool // its attributes were written
}

// DueRoom is a room that is to be polled or read.
type DueRoom struct {
	ID           meeting.RoomID
	Address      meeting.Address
	Token        string
	TokenVersion int64
	Fails        int
	Read         bool  // its calendar has to be read even if the feed is quiet
	DeltaGen     int64 // generation that a read starting now covers
	Guarded      bool  // the last read was suspicious, see WindowResult
	Near         bool  // it has a meeting now or soon
}

// WindowRead is a complete read of a room's calendar within a span.
type WindowRead struct {
	Room      DueRoom
	Since     meeting.Tick // before the read began
	Span      meeting.Span
	Sightings []meeting.Sighting
	Ahead     bool      // it shows what the change feed did not tell of: read again after the next poll
	Confirmed bool      // a second look at a suspicious read
	NextAudit time.Time // when to read again even without changes
}

// WindowResult says what a read brought.
type WindowResult struct {
	Changed   int  // occurrences
	Stale     bool // some of it was older than our own writes: read again
	Suspected int  // so many entries vanished without evidence that nothing was stored
}

// BookingObservation is what the Booking app says of a booking, read by a
// call that began at Since.
type BookingObservation struct {
	Booking Booking
	Since   meeting.Tick
	UID     meeting.UID // of the meeting to be made if the booking is new
	Ref     string
}

// Observed is what became of an observation.
type Observed string

// Deferred means that the booking may be one of our own whose creation is
// not confirmed yet, Outdated that we wrote to it after the read began: look
// again.
const (
	Unchanged Observed = "unchanged"
	Changed   Observed = "changed"
	Deferred  Observed = "deferred"
	Outdated  Observed = "outdated"
	Ignored   Observed = "ignored" // not of our rooms, or cancelled and unknown
)

// Claim is the right to work on a meeting for a while.
type Claim struct {
	Meeting  meeting.ID
	Token    string
	Attempts int
	Failing  time.Time     // since when it fails; zero if it does not
	Waited   time.Duration // how long ago the change was seen that it is about
	Import   bool          // it came with so many others that nobody waits for it
}

// Loaded is a claimed meeting.
type Loaded struct {
	Meeting *meeting.Meeting
	Gen     int64      // generation of what is known of it
	Open    *Operation // sent by an attempt whose end is unknown; nil if none
	// Takeover tells how far the bookings of an earlier app are known; nil
	// unless the meeting has such bookings.
	Takeover *Takeover
}

// Takeover is the state of a database taken over from an earlier app.
type Takeover struct {
	ReadAt map[meeting.RoomID]time.Time // when a room's calendar was last read; only those that were
	Unread int                          // rooms whose calendars were never read and can be
	Shown  int                          // meetings with bookings of the earlier app that Exchange shows
	Lost   int                          // meetings with such bookings, not linked, that no room shows
}

// Intent is an effect about to be sent.
type Intent struct {
	Occurrence meeting.OccurrenceID // 0 if it covers several
	Side       meeting.Origin
	Kind       plan.Kind
	Mailbox    meeting.Address
	Assets     []meeting.AssetID // of all rooms there will be
	Span       meeting.Span
	Reason     meeting.Reason // of a cancellation; empty until it is decided that it is sent
	New        []NewBooking   // what was asked for tells bookings of ours from others
}

// NewBooking is a booking to be made.
type NewBooking struct {
	Occurrence meeting.OccurrenceID
	Span       meeting.Span
	Assets     []meeting.AssetID
}

// Operation is a recorded intent.
type Operation struct {
	ID        int64
	Intent    Intent
	Attempt   int
	StartedAt time.Time         // of the latest attempt, by this process's clock
	Floor     meeting.BookingID // the highest booking number known before it was sent
}

// Outcome is what there is to store with a change of a meeting.
type Outcome struct {
	Notices []Notice
	Release *Release // how the work ended; nil if it goes on
}

// Release says how work on a meeting ended.
type Release struct {
	Due    time.Time // zero: when something changes
	Failed bool      // counts as an attempt
	Parked string    // code; parked work waits for a change
	Code   string    // of the error, if any
}

// Notice is something a user or an administrator is to be told once.
type Notice struct {
	Subject   string // what it is about, for example "booking 17"
	Code      string
	Cause     string // code of what lies behind it, if that is known
	Recipient string // Eliona user id or e-mail address; empty: the configuration's user
	Room      meeting.RoomID
	Span      meeting.Span
	Project   string
	Amount    int
	Delay     time.Duration // how long the trouble must last before it is sent
}
