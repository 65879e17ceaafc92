package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/e2e/stage"
)

// replicas are processes of the app on one database.
type replicas struct {
	*world
	all []*stage.App
}

// newReplicas starts a second process beside the first.
func newReplicas(t *testing.T, o stage.Options) *replicas {
	t.Helper()
	w := newWorld(t, o, nil)
	second, err := w.Replica(t.Context(), "app-2")
	require.NoError(t, err)
	require.NoError(t, second.Start(t.Context()))
	t.Cleanup(func() {
		if t.Failed() {
			raw, err := os.ReadFile(second.Log)
			t.Logf("the second app's log (%v):\n%s", err, raw)
		}
	})
	return &replicas{world: w, all: []*stage.App{w.App(), second}}
}

// owns tells whether the process works on the configuration.
func (r *replicas) owns(a *stage.App, id int) bool {
	var status struct {
		Owner struct {
			Here bool `json:"here"`
		} `json:"owner"`
	}
	if !a.Running() {
		return false
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
	defer cancel()
	return a.Call(ctx, http.MethodGet, fmt.Sprintf("/configs/%d/status", id), nil, &status) == nil && status.Owner.Here
}

// owner is who works on the configuration, and the other one.
func (r *replicas) owner() (owner, other *stage.App) {
	r.t.Helper()
	r.until("somebody works on the configuration", func() bool {
		return slices.ContainsFunc(r.all, func(a *stage.App) bool { return r.owns(a, 1) })
	})
	if r.owns(r.all[0], 1) {
		return r.all[0], r.all[1]
	}
	return r.all[1], r.all[0]
}

// handedOver waits until a process works on the configuration, and carries
// bookings over, and returns how long each took.
func (r *replicas) handedOver(to *stage.App, since time.Time, hour int) (owned, carried time.Duration) {
	r.t.Helper()
	r.eliona(alice, r.at(hour), room1)
	r.until("the other one takes over", func() bool { return r.owns(to, 1) })
	owned = time.Since(since)
	r.until("what was booked meanwhile is carried over", func() bool { return r.acceptedAt(alice, r.at(hour), room1) })
	carried = time.Since(since)
	r.t.Logf("owned after %v, a booking made meanwhile was carried over after %v",
		owned.Round(10*time.Millisecond), carried.Round(10*time.Millisecond))
	r.until("the configuration is active", func() bool { return r.activeAt(to) })
	return owned, carried
}

func (r *replicas) activeAt(a *stage.App) bool {
	r.t.Helper()
	var configuration struct{ Active bool }
	require.NoError(r.t, a.Call(r.t.Context(), http.MethodGet, "/configs/1", nil, &configuration))
	return configuration.Active
}

// TestReplicasHandOver: two processes share the work of one database, and
// both serve its API.
func TestReplicasHandOver(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	owner, other := r.owner()

	t.Run("both serve the API, and changes through either take effect", func(t *testing.T) {
		for i, a := range r.all {
			var configuration map[string]any
			require.NoError(t, a.Call(t.Context(), http.MethodGet, "/configs/1", nil, &configuration))
			require.Equal(t, true, configuration["active"])
			configuration["requestTimeout"] = 30 + i
			var stored map[string]any
			require.NoError(t, a.Call(t.Context(), http.MethodPut, "/configs/1", configuration, &stored))
			require.InDelta(t, 30+i, stored["requestTimeout"], 0)
			r.until("the change was taken up", func() bool {
				return r.sql(`select count(*) from ews.leader where since > now() - interval '10 seconds'`) == 1 && r.active("/configs/1")
			})
			id := r.eliona(alice, r.at(6+i), room2)
			r.until("the work goes on", func() bool { return r.acceptedAt(alice, r.at(6+i), room2) })
			require.False(t, r.booking(id).Cancelled)
			require.NoError(t, a.Call(t.Context(), http.MethodGet, "/health/ready", nil, nil))
		}
		owner, other = r.owner()
		require.False(t, r.owns(other, 1), "one works on it, not both")
	})

	t.Run("killing the owner hands its configuration over", func(t *testing.T) {
		began := time.Now()
		require.NoError(t, owner.Kill())
		owned, _ := r.handedOver(other, began, 8)
		require.Less(t, owned, 15*time.Second)
		require.NoError(t, owner.Start(t.Context()))
	})

	t.Run("stopping the owner hands it over at once", func(t *testing.T) {
		owner, other = r.owner()
		_, err := owner.Stop()
		require.NoError(t, err)
		owned, _ := r.handedOver(other, time.Now(), 9)
		require.Less(t, owned, 3*time.Second)
		require.NoError(t, owner.Start(t.Context()))
	})

	t.Run("an owner that stands still loses it, and is none when it goes on", func(t *testing.T) {
		owner, other = r.owner()
		began := time.Now()
		require.NoError(t, owner.Pause())
		owned, _ := r.handedOver(other, began, 10)
		require.Less(t, owned, 15*time.Second)
		owner.Resume()
		r.until("it knows", func() bool { return strings.Contains(r.logOf(owner), "configuration stopped") })
		require.True(t, r.owns(other, 1))
		r.always(2*time.Second, "the configuration stays active", func() bool { return r.activeAt(other) })
	})
	require.Len(t, r.bookings(), 5, "nothing was made twice")
}

func (r *replicas) logOf(a *stage.App) string {
	r.t.Helper()
	raw, err := os.ReadFile(a.Log)
	require.NoError(r.t, err)
	return string(raw)
}

// cutLock ends the connection that holds the lock of the configuration.
func (r *replicas) cutLock() {
	r.t.Helper()
	r.exec(`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and objid <> 0`)
}

// TestAPausedOwnerSendsNothingASecondTime: a process stands still after it
// recorded that it is about to make a meeting, and before it sent the request.
// Another one takes over and makes the meeting. Then the first goes on.
func TestAPausedOwnerSendsNothingASecondTime(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}})
	owner, other := r.owner()
	old := sockets(t, owner)

	r.until("all bookings are known", r.linked)
	// A new access token takes a while: that is between recording and sending.
	require.NoError(t, r.Control.RevokeTokens(t.Context()))
	r.fault(map[string]any{
		"service": "entra", "operation": "POST /{tenant}/oauth2/v2.0/token", "kind": "delay", "delayMilliseconds": 2500, "count": 1,
	})
	r.eliona(alice, r.at(6), room1)
	r.until("the intent is recorded", func() bool {
		return r.sql(`select count(*) from ews.operation where kind = 'create_meeting' and status = 'sending'`) == 1
	})
	require.NoError(t, owner.Pause())
	r.cutLock()
	r.until("the other one takes over and makes the meeting", func() bool {
		return r.owns(other, 1) && r.acceptedAt(alice, r.at(6), room1)
	})
	resumed := time.Now()
	owner.Resume()
	r.until("the first knows that it was replaced", func() bool {
		return strings.Contains(r.logOf(owner), "configuration stopped")
	})
	r.settles(2*time.Second, "the meeting is there once", func() bool {
		return len(r.metAt(alice, r.at(6))) == 1 && len(r.bookings()) == 1
	})
	for port := range sockets(t, owner) {
		old[port] = true
	}
	made := 0
	for _, c := range r.ledger() {
		if c.Kind == "created" && c.Service == "exchange" {
			made++
		}
		if c.Kind == "request" && c.Service != "eliona" && c.Time.After(resumed) {
			_, port, _ := strings.Cut(c.Client, ":")
			require.False(t, old[port], "the former owner sent %+v", c)
		}
	}
	require.Equal(t, 1, made, "the meeting was made once")
}

func (w *world) ledger() []stage.Change {
	w.t.Helper()
	all, err := w.Control.Ledger(w.t.Context(), 0)
	require.NoError(w.t, err)
	return all
}

// sockets returns the local ports of a process's TCP connections.
func sockets(t *testing.T, a *stage.App) map[string]bool {
	t.Helper()
	own := map[string]bool{}
	dir := fmt.Sprintf("/proc/%d/fd", a.PID())
	handles, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, h := range handles {
		if target, err := os.Readlink(dir + "/" + h.Name()); err == nil {
			own[target] = true
		}
	}
	ports := map[string]bool{}
	for _, family := range []string{"tcp", "tcp6"} {
		table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", a.PID(), family))
		require.NoError(t, err)
		for line := range strings.Lines(string(table)) {
			fields := strings.Fields(line)
			if len(fields) < 10 || !own["socket:["+fields[9]+"]"] {
				continue
			}
			_, hex, _ := strings.Cut(fields[1], ":")
			port, err := strconv.ParseUint(hex, 16, 16)
			require.NoError(t, err)
			ports[strconv.FormatUint(port, 10)] = true
		}
	}
	return ports
}

// TestReplicasShareConfigurations: each of two processes takes its part, and what
// one leaves behind is taken by the other.
func TestReplicasShareConfigurations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, stage.Options{Simulator: []string{"-decision-delay", "300ms"}}, nil)
	second := w.Configuration()
	second["roomListUPN"] = "second.floor@example.com"
	_, err := w.Configure(t.Context(), second)
	require.NoError(t, err)
	another, err := w.Replica(t.Context(), "app-2")
	require.NoError(t, err)
	r := &replicas{world: w, all: []*stage.App{w.App(), another}}
	parts := func() (parts [2]int) {
		for i, a := range r.all {
			for id := range 2 {
				if r.owns(a, id+1) {
					parts[i]++
				}
			}
		}
		return parts
	}
	r.until("one process alone works on both", func() bool { return parts() == [2]int{2, 0} })
	r.until("all rooms are assets", func() bool { return len(r.rooms("10")) == 8 })
	both := func(hour int) {
		for _, room := range []string{room1, "room-6@example.com"} {
			r.eliona(alice, r.at(hour), room)
		}
		r.until("both configurations work", func() bool {
			met := r.metAt(alice, r.at(hour))
			return len(met) == 2 && accepted(met) == 2
		})
	}
	both(6)
	began := time.Now()
	require.NoError(t, another.Start(t.Context()))
	r.until("the second one gets its part", func() bool { return parts() == [2]int{1, 1} })
	t.Logf("shared after %v", time.Since(began).Round(10*time.Millisecond))
	both(7)
	began = time.Now()
	require.NoError(t, w.KillApp())
	r.until("the other takes both", func() bool { return parts() == [2]int{0, 2} })
	t.Logf("taken after %v", time.Since(began).Round(10*time.Millisecond))
	require.Less(t, time.Since(began), 15*time.Second)
	both(8)
	require.Len(t, r.bookings(), 6)
	require.EqualValues(t, 6, r.requests("exchange", "CreateItem"))
	require.Equal(t, 1, r.sql(`select count(distinct pid) from pg_locks where locktype = 'advisory'`), "one connection holds all locks")
}
