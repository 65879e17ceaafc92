package exchange_test

import (
	"cmp"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"ews/app/meeting"
	"ews/exchange"
	"ews/simulator/exchangesim"
)

// The conformance suite of engine.Calendar: what the contract promises, played
// over the wire against an Exchange organization. A difference between the
// simulator and a real server is a defect of the simulator.
//
// It always runs against the simulator, with OAuth and with NTLM. To run it
// against a real organization as well, set
//
//	EXCHANGE_TEST_SERVICE_USER   mailbox of the service user
//	EXCHANGE_TEST_ROOM_LIST      list with at least two rooms that accept automatically
//	EXCHANGE_TEST_ORGANIZER      mailbox to book from; may not be the service user
//
// one set of credentials, with impersonation rights for these mailboxes and
// the rooms of the list,
//
//	EXCHANGE_TEST_TENANT_ID, EXCHANGE_TEST_CLIENT_ID, EXCHANGE_TEST_CLIENT_SECRET
//	EXCHANGE_TEST_USERNAME, EXCHANGE_TEST_PASSWORD
//
// and where needed
//
//	EXCHANGE_TEST_URL            default: Exchange Online
//	EXCHANGE_TEST_CA_FILE        PEM file of the server's own authority
//	EXCHANGE_TEST_AUTHORITY_URL, EXCHANGE_TEST_SCOPE    national clouds
//	EXCHANGE_TEST_NOBODY         address without a mailbox; default: one in the organizer's domain
//	EXCHANGE_TEST_PATIENCE       how long rooms may take to answer; default 2m
//
//	go test -run TestConformanceOfRealExchange -timeout 60m ./exchange
//
// The real run needs the first two rooms of the list for some free hours one
// to four months ahead. It touches nothing but what it makes itself, and takes
// that away again; mails of the invitations remain in the mailboxes.

// conformance lists the cases. Each has an organization of its own, as far as
// others can tell.
var conformance = []struct {
	name string
	play func(*world)
}{
	{"Rooms/of the list", roomsOfTheList},
	{"Rooms/unknown list", unknownRoomList},
	{"Changes/life of a meeting", changesOfAMeeting},
	{"Changes/foreign token", foreignToken},
	{"Window/single", windowSingle},
	{"Window/series", windowSeries},
	{"Window/one date of a series", windowOneDate},
	{"Window/moved far", windowMovedFar},
	{"Window/without organizer", windowDirect},
	{"Window/free", windowFree},
	{"Window/all day and private", windowAllDay},
	{"Window/bounds", windowBounds},
	{"Window/known versions", windowKnown},
	{"Create", createMeeting},
	{"Create/no mailbox", createWithoutMailbox},
	{"Find", findMeeting},
	{"Copy/answers", copyAnswers},
	{"Copy/moved, then cancelled", copyMoved},
	{"Copy/never there", copyNeverThere},
	{"Copy/outdated hint", copyOutdatedHint},
	{"Copy/series", copySeries},
	{"Copy/exceptions", copyExceptions},
	{"Copy/attendees", copyAttendees},
	{"Update/time", updateTime},
	{"Update/rooms", updateRooms},
	{"Update/asks again", updateAsksAgain},
	{"Update/others stay", updateKeepsOthers},
	{"Update/stale", updateStale},
	{"Update/occurrence", updateOccurrence},
	{"Cancel", cancelMeeting},
	{"Cancel/occurrence", cancelOccurrence},
	{"Cancel/not organizer", cancelNotOrganizer},
	{"Cancel/without attendees", cancelWithoutAttendees},
	{"Release", releaseRoom},
	{"Release/occurrence", releaseOccurrence},
	{"Release/direct appointment", releaseDirect},
	{"UIDFor", uidFor},
	{"context", endedContext},
}

func TestConformanceOfSimulator(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name string
		ntlm bool
	}{{"OAuth", false}, {"NTLM", true}} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range conformance {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					sim := simulate(t, simulation{ntlm: way.ntlm, Options: exchangesim.Options{PageSize: 3}})
					c.play(newWorld(t, sim.organization()))
				})
			}
		})
	}
}

func TestConformanceOfRealExchange(t *testing.T) {
	o := realOrganization(t)
	for _, c := range conformance {
		t.Run(c.name, func(t *testing.T) { c.play(newWorld(t, o)) })
	}
}

// realOrganization is what the environment names.
func realOrganization(t *testing.T) organization {
	t.Helper()
	env := func(name string) string { return os.Getenv("EXCHANGE_TEST_" + name) }
	for _, name := range []string{"SERVICE_USER", "ROOM_LIST", "ORGANIZER"} {
		if env(name) == "" {
			t.Skipf("EXCHANGE_TEST_%s is not set: no real Exchange to test with", name)
		}
	}
	patience, err := time.ParseDuration(cmp.Or(env("PATIENCE"), "2m"))
	if err != nil {
		t.Fatalf("EXCHANGE_TEST_PATIENCE: %v", err)
	}
	var authorities []byte
	if file := env("CA_FILE"); file != "" {
		if authorities, err = os.ReadFile(file); err != nil {
			t.Fatalf("EXCHANGE_TEST_CA_FILE: %v", err)
		}
	}
	_, domain, _ := strings.Cut(env("ORGANIZER"), "@")
	return organization{
		organizer: meeting.AddressOf(env("ORGANIZER")),
		nobody:    meeting.AddressOf(cmp.Or(env("NOBODY"), "nobody-has-this-mailbox@"+domain)),
		patience:  patience,
		pace:      2 * time.Second,
		Settings: exchange.Settings{
			URL: cmp.Or(env("URL"), exchange.DefaultURL), Timeout: time.Minute,
			TenantID: env("TENANT_ID"), ClientID: env("CLIENT_ID"), ClientSecret: env("CLIENT_SECRET"),
			AuthorityURL: env("AUTHORITY_URL"), Scope: env("SCOPE"),
			Username: env("USERNAME"), Password: env("PASSWORD"),
			CACertificates: string(authorities),
			ServiceUser:    meeting.AddressOf(env("SERVICE_USER")), RoomList: meeting.AddressOf(env("ROOM_LIST")),
			Log: slog.New(slog.DiscardHandler),
		},
	}
}
