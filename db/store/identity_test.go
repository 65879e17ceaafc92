package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/app/meeting"
)

// rename gives the booking's meeting the UID that Exchange chose for it.
func (o *office) rename(uid meeting.UID) {
	o.t.Helper()
	id := value[meeting.ID](o, `select id from ews.meeting where configuration_id = $1 and uid = 'uid of 7'`, o.config)
	const token = "00000000-0000-4000-8000-000000000001"
	o.exec(`update ews.meeting set claim_token = $2, claimed_until = now() + interval '1 minute' where id = $1`, id, token)
	require.NoError(o.t, o.term.Apply(o.t.Context(), engine.Claim{Meeting: id, Token: token}, nil,
		func(m *meeting.Meeting, _ meeting.Moment) ([]engine.Notice, error) {
			m.UID = uid
			return nil, nil
		}))
	o.exec(`update ews.meeting set claim_token = null, claimed_until = null where id = $1`, id)
}

func TestAMeetingThatARoomShowedUnderAnotherUIDBecomesOurs(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	lake := o.room("lake@example.com", 10)
	o.observe(o.booking())
	o.read(lake, entry("chosen by the server", o.hour(9)))
	o.rename("chosen by the server")
	require.Equal(t, 1, value[int](o, `select count(*) from ews.meeting`))
	require.Equal(t, meeting.BookingID(7), o.only("chosen by the server").Booking)
}

func TestAMeetingWithABookingOfItsOwnIsNotReplaced(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.room("lake@example.com", 10)
	o.observe(o.booking())
	other := o.booking()
	other.Booking.ID, other.UID, other.Ref = 8, "chosen by the server", "ref of 8"
	o.observe(other)
	o.rename("chosen by the server")
	require.Equal(t, meeting.BookingID(8), o.only("chosen by the server").Booking)
	require.Equal(t, meeting.BookingID(7), o.only("uid of 7").Booking)
}

func TestCleaningLeavesWhatIsToCome(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	lake := o.room("lake@example.com", 10)
	o.observe(o.booking())
	o.read(lake, entry("past", o.hour(9)), entry("to come", o.hour(11)))
	o.exec(`update ews.meeting set due_at = null, created_at = now() - interval '3 years'`)
	o.exec(`update ews.cell set seen_start = seen_start - interval '2 years', seen_end = seen_end - interval '2 years'
	        where occurrence_id in (select o.id from ews.occurrence o join ews.meeting m on m.id = o.meeting_id where m.uid = 'past')`)
	o.notify(engine.Notice{Subject: "booking 7", Code: "told"})
	require.Len(t, o.take(10), 1)
	o.exec(`update ews.notice set sent_at = $1`, time.Now().AddDate(-1, 0, 0))
	require.NoError(t, o.term.Clean(t.Context()))
	require.Equal(t, "to come,uid of 7", value[string](o, `select string_agg(uid, ',' order by uid) from ews.meeting`))
	require.Zero(t, value[int](o, `select count(*) from ews.notice`))
}
