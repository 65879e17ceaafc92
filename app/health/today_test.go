package health_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Half past eleven at night in Zurich is half past six in the evening in New
// York, and half past seven the next morning in Tokyo.
func TestTodayIsTheDayWhereTheRoomsAre(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.now = time.Date(2026, 12, 1, 22, 30, 0, 0, time.UTC)
	d.exec(`insert into ews.meeting (id, configuration_id, uid, origin) select 17, id, 'u', 'exchange' from ews.configuration`)
	d.exec(`insert into ews.occurrence (id, meeting_id, configuration_id) select 1, 17, id from ews.configuration`)
	d.exec(`insert into ews.cell (occurrence_id, room_id, seen, seen_start, seen_end)
		select 1, id, 'booked', '2026-12-02 01:00Z', '2026-12-02 02:00Z' from ews.room`)
	for zone, entries := range map[string]int{"Europe/Zurich": 0, "America/New_York": 1, "Asia/Tokyo": 1} {
		d.exec(`update ews.configuration set time_zone = '` + zone + `'`)
		status, body := d.call(http.MethodGet, "/v1/configs/1/rooms/room-1@example.com")
		require.Equal(t, http.StatusOK, status, body)
		require.Len(t, decode(t, body).(map[string]any)["today"], entries, zone)
	}
}
