package engine

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
)

// about accepts what jitter makes of a time.
func about(t *testing.T, want, got time.Duration, msg ...any) {
	t.Helper()
	require.LessOrEqual(t, got, want, msg...)
	require.GreaterOrEqual(t, got, want*4/5, msg...)
}

func address(room meeting.RoomID) meeting.Address {
	return meeting.Address(fmt.Sprintf("room-%d@example.com", room))
}

func TestActiveRoomsArePolledMoreOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTempo(Settings{RefreshInterval: time.Minute, Requests: 6000})
		p.stir(changedFor, 1)
		p.stir(time.Second, 1) // a shorter reason takes nothing away
		about(t, 10*time.Second, p.next(1, address(1), 100))
		about(t, time.Minute, p.next(2, address(2), 100), "a quiet room")
		elapse(changedFor)
		about(t, time.Minute, p.next(1, address(1), 100), "quiet again")
		require.Empty(t, p.active)
	})
}

func TestNoRoomIsPolledLessOftenThanConfigured(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 4 * time.Second, 10 * time.Second, time.Minute, time.Hour, 24 * time.Hour} {
		for _, requests := range []int{0, 60, 6000} {
			p := newTempo(Settings{RefreshInterval: interval, Requests: requests})
			for room := range meeting.RoomID(2000) {
				p.stir(time.Hour, room)
			}
			for _, rooms := range []int{1, 100, 5000} {
				next := p.next(1, address(1), rooms)
				require.LessOrEqual(t, next, interval)
				require.GreaterOrEqual(t, next, min(interval, quickest)*4/5)
			}
		}
	}
}

// However many rooms are active: what they cost beyond the ordinary polls stays
// within the share of the requests that is meant for polling.
func TestActiveRoomsShareWhatIsLeft(t *testing.T) {
	const requests, rooms = 6000, 600
	for _, active := range []int{1, 100, 300, 600} {
		p := newTempo(Settings{RefreshInterval: time.Minute, Requests: requests})
		for room := range active {
			p.stir(time.Hour, meeting.RoomID(room+1))
		}
		perMinute := 0.0
		for room := range active {
			perMinute += 1 / p.next(meeting.RoomID(room+1), address(1), rooms).Minutes()
		}
		require.Less(t, perMinute+rooms, pollShare*requests*5/4+1, "with the shortening by jitter")
	}
	busy := newTempo(Settings{RefreshInterval: time.Minute, Requests: 60})
	busy.stir(time.Hour, 1)
	about(t, time.Minute, busy.next(1, address(1), rooms), "nothing is left")
}

func TestWatchedRoomsNeedNotBePolledMoreOften(t *testing.T) {
	p := newTempo(Settings{RefreshInterval: time.Minute})
	p.stir(time.Hour, 1, 2)
	p.watch([]meeting.Address{address(1)}, true)
	about(t, time.Minute, p.next(1, address(1), 2))
	about(t, 10*time.Second, p.next(2, address(2), 2))
	p.watch([]meeting.Address{address(1)}, false)
	about(t, 10*time.Second, p.next(1, address(1), 2))
}

func TestAfterAPauseNoRoomIsPolledEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTempo(Settings{RefreshInterval: time.Minute})
		p.stir(24*time.Hour, 1)
		require.Zero(t, p.pausedFor())
		require.True(t, p.pause(time.Minute))
		require.False(t, p.pause(time.Second), "another answer of the same kind is no news")
		require.Equal(t, time.Minute, p.pausedFor())
		elapse(time.Minute)
		require.Zero(t, p.pausedFor())
		about(t, time.Minute, p.next(1, address(1), 1))
		elapse(calmAfter)
		about(t, 10*time.Second, p.next(1, address(1), 1))
	})
}
