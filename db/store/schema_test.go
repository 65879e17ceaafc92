package store_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"ews/app/engine"
	"ews/db"
)

const (
	unique  = "23505"
	foreign = "23503"
	check   = "23514"
)

// What must never be, the database refuses, whatever the program does.
func TestTheSchemaRefuses(t *testing.T) {
	t.Parallel()
	o, room := oneMeeting(t)
	o.read(room, entry("a", o.hour(9)), entry("b", o.hour(10)))
	o.exec(`update ews.occurrence set booking_id = 7 where meeting_id = (select id from ews.meeting where uid = 'a')`)
	o.notify(engine.Notice{Subject: "s", Code: "c"})
	other := o.configuration()
	const b = ` where meeting_id = (select id from ews.meeting where uid = 'b')`
	const operation = `insert into ews.operation (meeting_id, side, kind) select id, 'exchange', 'x' from ews.meeting where uid = 'a'`
	o.exec(operation)

	for name, refused := range map[string]struct{ sql, state string }{
		"two occurrences with one booking":            {`update ews.occurrence set booking_id = 7` + b, unique},
		"a booking without a number":                  {`update ews.occurrence set bk_live = true, bk_start = now(), bk_end = now() + interval '1h'` + b, check},
		"a booking numbered zero":                     {`update ews.occurrence set booking_id = 0` + b, check},
		"a booking that ends when it starts":          {`update ews.occurrence set booking_id = 8, bk_live = true, bk_start = now(), bk_end = now()` + b, check},
		"a booking without an end":                    {`update ews.occurrence set booking_id = 8, bk_live = true, bk_start = now()` + b, check},
		"a base that ends before it starts":           {`update ews.occurrence set base_live = true, base_start = now(), base_end = now() - interval '1h'` + b, check},
		"a base without times":                        {`update ews.occurrence set base_live = true` + b, check},
		"a copy without times":                        {`update ews.occurrence set copy_state = 'live'` + b, check},
		"an unknown state of a copy":                  {`update ews.occurrence set copy_state = 'lost'` + b, check},
		"a question of nobody":                        {`update ews.occurrence set asked_at = now()` + b, check},
		"a question without a time":                   {`update ews.occurrence set asked_by = 'us'` + b, check},
		"an unknown refusal":                          {`update ews.occurrence set refusal = 'mood'` + b, check},
		"two occurrences on one date":                 {`insert into ews.occurrence (meeting_id, configuration_id) select meeting_id, configuration_id from ews.occurrence` + b, unique},
		"an occurrence of another configuration":      {`insert into ews.occurrence (meeting_id, configuration_id, recurrence_key) select m.id, (select max(id) from ews.configuration), 'k' from ews.meeting m where uid = 'b'`, foreign},
		"an entry that ends when it starts":           {`update ews.cell set seen_end = seen_start`, check},
		"an entry without times":                      {`update ews.cell set seen_start = null`, check},
		"an unknown answer":                           {`update ews.cell set answer = 'maybe'`, check},
		"two cells of one room":                       {`insert into ews.cell (occurrence_id, room_id) select occurrence_id, room_id from ews.cell`, unique},
		"two meetings with one uid":                   {`update ews.meeting set uid = 'a'`, unique},
		"a meeting without a uid":                     {`update ews.meeting set uid = ''`, check},
		"a meeting from nowhere":                      {`update ews.meeting set origin = ''`, check},
		"two rooms with one mailbox":                  {`insert into ews.room (configuration_id, mailbox) select configuration_id, mailbox from ews.room`, unique},
		"a mailbox in capitals":                       {`update ews.room set mailbox = upper(mailbox)`, check},
		"two operations in flight":                    {operation, unique},
		"two open episodes of one trouble":            {`insert into ews.notice (configuration_id, subject, code, episode) select configuration_id, subject, code, 2 from ews.notice`, unique},
		"a second installation":                       {`insert into ews.installation default values`, unique},
		"a second installation under another pretext": {`insert into ews.installation (only_row) values (false)`, check},
	} {
		_, err := o.db.Pool().Exec(t.Context(), refused.sql)
		var refusal *pgconn.PgError
		require.ErrorAs(t, err, &refusal, name)
		require.Equal(t, refused.state, refusal.Code, name)
	}

	o.exec(`insert into ews.meeting (configuration_id, uid, origin) values ($1, 'a', 'exchange')`, other)
	o.exec(`insert into ews.occurrence (meeting_id, configuration_id, booking_id)
	        select id, configuration_id, 7 from ews.meeting where configuration_id = $1`, other) // numbers are per configuration
}

func TestTheSchemaCanBeAppliedAgain(t *testing.T) {
	t.Parallel()
	o, _ := oneMeeting(t)
	before := value[string](o, dump)
	require.NoError(t, db.Init(t.Context(), o.db.Pool()))
	require.Equal(t, before, value[string](o, dump))
	require.EqualValues(t, "a", o.meeting("a").UID)
}
