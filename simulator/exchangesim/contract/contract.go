// Package contract is what an Exchange server promises to its clients, as a
// suite of tests that talks HTTP and SOAP itself.
//
// It checks the simulator, and it can be pointed at a real Exchange: what both
// do may be relied on, and where they differ the simulator is wrong. It is
// written from Microsoft's documentation of Exchange Web Services and knows
// neither a client nor the simulator's inside. Where the documentation leaves a
// choice, every choice is accepted.
//
// Some answers cannot be had from a server that is well. Those cases are played
// with the simulator's faults, and skipped elsewhere.
package contract

import (
	"crypto/x509"
	"testing"
	"time"

	"ews/simulator/fault"
)

// Target is an organization to test with. The service account may impersonate
// the organizer and the rooms of the list.
type Target struct {
	URL   string
	Roots *x509.CertPool // nil: those of the system

	Service     Credentials
	ServiceUser string // address of a mailbox
	Organizer   string // address of a mailbox that belongs to none of the accounts
	RoomList    string // address of a list of at least two rooms that accept automatically
	Nobody      string // address without a mailbox

	// What only some cases need; they are skipped without.
	Scoped    *Credentials // an account that may impersonate the organizer, and no room
	Powerless *Credentials // an account that may impersonate nobody
	Proxy     string       // a second address of a mailbox that the service may impersonate
	Disabled  string       // address of a disabled account that the service may impersonate
	Attendee  string       // address of a person whom the service may impersonate, too

	// Faults makes a simulator fail; nil for a real server.
	Faults *fault.Registry

	Patience time.Duration // until rooms have answered
	Pace     time.Duration // between two looks
}

// Credentials are those of an application, or of a user.
type Credentials struct {
	TokenURL, ClientID, ClientSecret, Scope string // OAuth, if ClientID is not empty
	Username, Password                      string // NTLM otherwise
}

// Logon is how an account proves who it is.
type Logon uint8

// The ways to log on.
const (
	OAuth   Logon = iota + 1 // as an application, with a token
	Windows                  // as a user, by NTLM
)

// Logon returns the way that these credentials are for.
func (c Credentials) Logon() Logon {
	if c.ClientID != "" {
		return OAuth
	}
	return Windows
}

// simulated tells whether the server can be told to fail.
func (t Target) simulated() bool { return t.Faults != nil }

// Check plays all cases that there are for a way to log on. open is asked for
// the target once for each of them.
func Check(t *testing.T, logon Logon, open func(*testing.T) Target) {
	t.Helper()
	for _, c := range promises {
		if c.only == 0 || c.only == logon {
			t.Run(c.name, func(t *testing.T) { c.play(newWorld(t, open(t))) })
		}
	}
	for _, r := range refusals {
		t.Run("Code/"+r.code, func(t *testing.T) { r.play(newWorld(t, open(t))) })
	}
}

// promise is a case about what works.
type promise struct {
	name string
	play func(*world)
	only Logon // 0: whatever the way
}

// promises are sorted as a client meets them.
var promises = []promise{
	{name: "Envelope/version", play: versionIsTold},
	{name: "Envelope/prefixes are free", play: prefixesAreFree},
	{name: "Envelope/answers in order", play: answersInOrder},
	{name: "Envelope/correlation", play: correlation},
	{name: "Envelope/wrong address", play: wrongAddress},
	{name: "Envelope/not XML", play: notXML},
	{name: "Logon/needed", play: logonNeeded},
	{name: "Logon/forged token", play: forgedToken, only: OAuth},
	{name: "Logon/wrong secret", play: wrongSecret, only: OAuth},
	{name: "Logon/wrong password", play: wrongPassword, only: Windows},
	{name: "Logon/application on its own", play: applicationOnItsOwn, only: OAuth},
	{name: "Logon/is the connection's", play: logonIsTheConnections, only: Windows},
	{name: "Logon/impersonation", play: impersonation},
	{name: "Directory/room lists", play: roomLists},
	{name: "Directory/names", play: resolvedNames},
	{name: "Directory/members", play: members},
	{name: "Availability/detailed", play: availabilityDetailed},
	{name: "Sync/life of a meeting", play: syncLife},
	{name: "Sync/pages", play: syncPages},
	{name: "Sync/occurrence", play: syncOccurrence},
	{name: "Item/order of properties", play: itemOrder},
	{name: "Item/series", play: itemSeries},
	{name: "Item/attendees", play: itemAttendees},
	{name: "Find/view", play: findView},
	{name: "Find/bounds of the view", play: findBounds},
	{name: "Find/truncated view", play: findTruncated},
	{name: "Find/pages", play: findPages},
	{name: "Find/GlobalObjectId", play: findGOID},
	{name: "Find/own property", play: findProperty},
	{name: "Find/deleted occurrences count", play: findIndex},
	{name: "Write/own UID", play: ownUID},
	{name: "Write/collections", play: writeCollections},
	{name: "Write/change keys", play: changeKeys},
	{name: "Write/cancel", play: cancelMeeting},
	{name: "Write/delete an occurrence", play: deleteOccurrence},
	{name: "Write/tell nobody", play: tellNobody},
	{name: "Room/accepts", play: roomAccepts},
	{name: "Room/declines", play: roomDeclines},
	{name: "Room/follows", play: roomFollows},
	{name: "Room/removed", play: roomRemoved},
	{name: "Room/series", play: roomSeries},
	{name: "Stream/events", play: streamEvents},
	{name: "Time/offsets", play: timeOffsets},
	{name: "Time/daylight saving", play: daylightSaving},
	{name: "Time/all day", play: allDay},
	{name: "Trouble/statuses", play: troubleStatuses},
	{name: "Trouble/back off", play: troubleBackOff},
	{name: "Trouble/lost answers", play: troubleLostAnswers},
}
