package check_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/check"
	"ews/app/meeting"
)

const alice meeting.Address = "alice@example.com"

// calendar is a provider that two steps lead to.
type calendar struct {
	broken  string // the name of the step that fails
	rooms   check.Rooms
	listErr error
	agendas map[meeting.Address]check.Agenda
	errs    map[meeting.Address]error
	takes   time.Duration // to look into a room's calendar

	atOnce, most atomic.Int32
	asked        atomic.Int32
}

func (c *calendar) Approach() []check.Look {
	look := func(name string) check.Look {
		return check.Look{Name: name, About: "mail.example.com", Do: func(context.Context) (check.Note, error) {
			if name == c.broken {
				return check.Note{}, &check.Problem{Code: name + "_broken", Detail: "for a reason"}
			}
			return check.Note{Detail: "fine"}, nil
		}}
	}
	return []check.Look{look("door"), look("desk")}
}

func (c *calendar) Rooms(context.Context) (check.Rooms, error) { return c.rooms, c.listErr }

func (c *calendar) Agenda(ctx context.Context, room meeting.Address) (check.Agenda, error) {
	c.asked.Add(1)
	if n := c.atOnce.Add(1); n > c.most.Load() {
		c.most.Store(n)
	}
	defer c.atOnce.Add(-1)
	timer := time.NewTimer(c.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return check.Agenda{}, ctx.Err()
	}
	return c.agendas[room], c.errs[room]
}

func (c *calendar) Person(_ context.Context, mailbox meeting.Address) (check.Note, error) {
	return check.Note{}, c.errs[mailbox]
}

// bookings and eliona fail at the step that is named.
type bookings struct{ broken string }

func (b bookings) fail(at string) error {
	if at == b.broken {
		return &check.Problem{Code: at + "_broken"}
	}
	return nil
}

func (b bookings) Reach(context.Context) error   { return b.fail("reach") }
func (b bookings) Groups(context.Context) error  { return b.fail("groups") }
func (b bookings) Changes(context.Context) error { return b.fail("changes") }

type eliona struct {
	broken   string
	projects []string
}

func (e eliona) Reach(context.Context) error  { return bookings{e.broken}.fail("reach") }
func (e eliona) Assets(context.Context) error { return bookings{e.broken}.fail("assets") }
func (e eliona) Project(_ context.Context, id string) (bool, error) {
	return slices.Contains(e.projects, id), bookings{e.broken}.fail("project " + id)
}

func rooms(n int) check.Rooms {
	var list check.Rooms
	for i := 1; i <= n; i++ {
		list.List = append(list.List, check.Room{Address: meeting.Address(fmt.Sprintf("room-%d@example.com", i)), Name: fmt.Sprintf("Room %d", i)})
	}
	return list
}

// chain is a check in which everything succeeds.
func chain(c *calendar) check.Chain {
	return check.Chain{
		Known: []check.Step{{Name: check.NameConfiguration, Status: check.OK}}, Calendar: c, RoomList: true, Mailbox: alice,
		Bookings: bookings{}, Eliona: eliona{projects: []string{"10", "11"}}, Projects: []string{"10", "11"},
	}
}

// told is a report as lines of name, status and code.
func told(r check.Report) string {
	var lines []string
	for _, s := range r.Steps {
		line := s.Name
		if s.About != "" {
			line += " " + s.About
		}
		line += ": " + string(s.Status)
		if s.Code != "" {
			line += " " + s.Code
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestEveryStepIsTakenInOrder(t *testing.T) {
	t.Parallel()
	r := chain(&calendar{rooms: rooms(2)}).Run(t.Context())
	require.Equal(t, `configuration: ok
door mail.example.com: ok
desk mail.example.com: ok
room_list: ok
asset_filter: ok
room room-1@example.com: ok
room room-2@example.com: ok
user_mailbox alice@example.com: ok
booking_app: ok
booking_groups: ok
booking_changes: ok
eliona: ok
project 10: ok
project 11: ok
asset_creation: ok`, told(r))
	require.Equal(t, check.OK, r.Status())
	require.Equal(t, "2 rooms", r.Steps[3].Detail)
}

func TestWhatAFailureMakesPointlessIsSkipped(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*check.Chain, *calendar)
		want   []string // the lines that are not "ok"
	}{
		"the first step to the provider": {
			func(_ *check.Chain, c *calendar) { c.broken = "door" },
			[]string{
				"door mail.example.com: failed door_broken", "desk mail.example.com: skipped earlier_step_failed", "room_list: skipped earlier_step_failed",
				"room: skipped earlier_step_failed", "asset_filter: skipped earlier_step_failed", "user_mailbox: skipped earlier_step_failed",
			},
		},
		"the room list": {
			func(_ *check.Chain, c *calendar) { c.listErr = &check.Problem{Code: "room_list_not_found"} },
			[]string{"room_list: failed room_list_not_found", "room: skipped earlier_step_failed", "asset_filter: skipped earlier_step_failed"},
		},
		"an empty room list": {
			func(_ *check.Chain, c *calendar) { c.rooms = rooms(0) },
			[]string{"room_list: failed room_list_empty", "room: skipped earlier_step_failed", "asset_filter: skipped earlier_step_failed"},
		},
		"one room": {
			func(_ *check.Chain, c *calendar) {
				c.errs = map[meeting.Address]error{"room-1@example.com": &check.Problem{Code: "ErrorAccessDenied"}}
			},
			[]string{"room room-1@example.com: failed ErrorAccessDenied"},
		},
		"a user's mailbox": {
			func(_ *check.Chain, c *calendar) {
				c.errs = map[meeting.Address]error{alice: &check.Problem{Code: "ErrorNonExistentMailbox"}}
			},
			[]string{"user_mailbox alice@example.com: failed ErrorNonExistentMailbox"},
		},
		"the filter": {
			func(chain *check.Chain, _ *calendar) { chain.Wanted = func(check.Room) bool { return false } },
			[]string{"asset_filter: failed filter_takes_none"},
		},
		"the Booking app": {
			func(chain *check.Chain, _ *calendar) { chain.Bookings = bookings{"reach"} },
			[]string{"booking_app: failed reach_broken", "booking_groups: skipped earlier_step_failed", "booking_changes: skipped earlier_step_failed"},
		},
		"an old Booking app": {
			func(chain *check.Chain, _ *calendar) { chain.Bookings = bookings{"groups"} },
			[]string{"booking_groups: failed groups_broken"},
		},
		"Eliona": {
			func(chain *check.Chain, _ *calendar) { chain.Eliona = eliona{broken: "reach"} },
			[]string{"eliona: failed reach_broken", "project: skipped earlier_step_failed", "asset_creation: skipped earlier_step_failed"},
		},
		"a project": {
			func(chain *check.Chain, _ *calendar) { chain.Projects = []string{"10", "99", "11"} },
			[]string{"project 99: failed project_not_found"},
		},
		"a project that cannot be asked for": {
			func(chain *check.Chain, _ *calendar) {
				chain.Eliona = eliona{broken: "project 11", projects: []string{"10"}}
			},
			[]string{"project 11: failed project 11_broken"},
		},
		"the values themselves": {
			func(chain *check.Chain, _ *calendar) {
				chain.Known[0] = check.Step{Name: check.NameConfiguration, Status: check.Failed, Code: "secret_unreadable"}
				chain.Calendar, chain.Bookings = nil, nil
			},
			[]string{
				"configuration: failed secret_unreadable", "exchange: skipped earlier_step_failed", "room_list: skipped earlier_step_failed",
				"room: skipped earlier_step_failed", "asset_filter: skipped earlier_step_failed", "user_mailbox: skipped earlier_step_failed",
				"booking_app: skipped earlier_step_failed", "booking_groups: skipped earlier_step_failed", "booking_changes: skipped earlier_step_failed",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := &calendar{rooms: rooms(1)}
			whole := chain(provider)
			c.change(&whole, provider)
			r := whole.Run(t.Context())
			var notOK []string
			for line := range strings.Lines(told(r)) {
				if line = strings.TrimSpace(line); !strings.HasSuffix(line, ": ok") {
					notOK = append(notOK, line)
				}
			}
			require.Equal(t, c.want, notOK)
			require.Equal(t, check.Failed, r.Status())
		})
	}
}

func TestWhatIsNotAskedForIsSkipped(t *testing.T) {
	t.Parallel()
	whole := chain(&calendar{})
	whole.RoomList, whole.Mailbox, whole.Projects = false, "", nil
	r := whole.Run(t.Context())
	require.Contains(t, told(r), "room_list: skipped no_room_list\nroom: skipped no_room_list\nasset_filter: skipped no_room_list\nuser_mailbox: skipped not_asked_for\n")
	require.Contains(t, told(r), "\nproject: warning no_projects\nasset_creation: ok")
	require.Equal(t, check.Warning, r.Status(), "what is skipped does not count")

	whole = chain(&calendar{broken: "door"})
	whole.Mailbox = ""
	require.Contains(t, told(whole.Run(t.Context())), "user_mailbox: skipped not_asked_for")
}

func TestWarningsHoldNothingUp(t *testing.T) {
	t.Parallel()
	list := rooms(2)
	list.Full = true
	whole := chain(&calendar{rooms: list, agendas: map[meeting.Address]check.Agenda{"room-2@example.com": {Decided: 3, Undecided: 1}}})
	r := whole.Run(t.Context())
	require.Equal(t, check.Warning, r.Status())
	require.Contains(t, told(r), "room_list: warning room_list_full")
	require.Contains(t, told(r), "room room-1@example.com: ok\nroom room-2@example.com: warning room_undecided\nuser_mailbox alice@example.com: ok")
	step, found := r.First(check.Warning)
	require.True(t, found)
	require.Equal(t, check.NameRoomList, step.Name)
	require.Equal(t, "1 of 4 meetings of the next weeks", r.Steps[6].Detail)
}

func TestOnlyRoomsThatPassTheFilterAreLookedAt(t *testing.T) {
	t.Parallel()
	provider := &calendar{rooms: rooms(5)}
	whole := chain(provider)
	whole.Wanted = func(r check.Room) bool { return r.Name == "Room 2" || r.Name == "Room 4" }
	r := whole.Run(t.Context())
	require.EqualValues(t, 2, provider.asked.Load())
	require.Contains(t, told(r), "asset_filter: ok\nroom room-2@example.com: ok\nroom room-4@example.com: ok\n")
	require.Equal(t, "2 of 5 rooms", r.Steps[4].Detail)
}

func TestRoomsAreLookedAtInParallelUpToALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		provider := &calendar{rooms: rooms(20), takes: time.Second}
		whole := chain(provider)
		whole.Parallel = 4
		r := whole.Run(t.Context())
		require.Equal(t, check.OK, r.Status())
		require.EqualValues(t, 4, provider.most.Load())
		require.Equal(t, 5*time.Second, r.Duration)
		require.Equal(t, time.Second, r.Steps[5].Duration)
	})
}

func TestNothingTakesForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		provider := &calendar{rooms: rooms(30), takes: time.Hour}
		whole := chain(provider)
		whole.Total, whole.Step, whole.Parallel = 50*time.Second, 15*time.Second, 5
		r := whole.Run(t.Context())
		require.Equal(t, 50*time.Second, r.Duration)
		failed, skipped := strings.Count(told(r), ": failed check_out_of_time"), strings.Count(told(r), ": skipped check_out_of_time")
		require.Equal(t, 20, failed, "four times five rooms were tried")
		require.Equal(t, 11, skipped, "the other rooms, and the user")
		require.Contains(t, told(r), "booking_changes: ok\neliona: ok", "others are not held up")
	})
}

func TestACheckThatNobodyWaitsForEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	provider := &calendar{rooms: rooms(3)}
	r := chain(provider).Run(ctx)
	require.NotContains(t, told(r), "failed")
	require.Contains(t, told(r), "door mail.example.com: skipped check_out_of_time\ndesk mail.example.com: skipped check_out_of_time")
	require.Zero(t, provider.asked.Load())
}

func TestForeignErrorsAreNotShown(t *testing.T) {
	t.Parallel()
	whole := chain(&calendar{listErr: errors.New("password of 10.1.2.3")})
	r := whole.Run(t.Context())
	require.Contains(t, told(r), "room_list: failed unexpected_error")
	require.NotContains(t, fmt.Sprintf("%+v", r), "10.1.2.3")
	require.ErrorContains(t, &check.Problem{Code: "code", Err: errors.New("cause")}, "code: cause")
}
