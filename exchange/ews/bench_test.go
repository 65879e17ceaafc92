package ews

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// viewed is the answer to a calendar view of n entries.
func viewed(n int) string {
	var items strings.Builder
	for i := range n {
		start := time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Hour)
		fmt.Fprintf(&items, `<t:CalendarItem><t:ItemId Id="AAMkAD%0150d" ChangeKey="DwAAABYAAAB%08d"/>`+
			`<t:Sensitivity>Normal</t:Sensitivity>`+
			`<t:ExtendedProperty><t:ExtendedFieldURI DistinguishedPropertySetId="Meeting" PropertyId="35" PropertyType="Binary"/>`+
			`<t:Value>BAAAAIIA4AB0xbcQGoLgCAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAAAECAwQFBgcICQoLDA0ODxA=</t:Value></t:ExtendedProperty>`+
			`<t:LastModifiedTime>2026-11-22T09:00:00Z</t:LastModifiedTime><t:UID>040000008200E00074C5B7101A82E008%080d</t:UID>`+
			`<t:Start>%s</t:Start><t:End>%s</t:End><t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus>`+
			`<t:IsMeeting>true</t:IsMeeting><t:IsCancelled>false</t:IsCancelled>`+
			`<t:CalendarItemType>Occurrence</t:CalendarItemType><t:MyResponseType>Accept</t:MyResponseType>`+
			`<t:AppointmentState>3</t:AppointmentState></t:CalendarItem>`,
			i, i, i, start.Format(time.RFC3339), start.Add(time.Hour).Format(time.RFC3339))
	}
	return messages("FindItem", success("FindItem",
		fmt.Sprintf(`<m:RootFolder TotalItemsInView="%d" IncludesLastItemInRange="true"><t:Items>%s</t:Items></m:RootFolder>`, n, items.String())))
}

// BenchmarkCalendarView is the whole of reading a busy room's calendar, HTTP
// included.
func BenchmarkCalendarView(b *testing.B) {
	for _, n := range []int{20, 200, 700} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			answer := viewed(n)
			f := newFake(b, func(_ int, _ seen, w http.ResponseWriter) { sendXML(w, 200, answer) })
			c := f.newClient(b)
			b.SetBytes(int64(len(answer)))
			b.ReportAllocs()
			for b.Loop() {
				view, err := c.FindCalendarView(b.Context(), room, Calendar(), time.Now(), time.Now().AddDate(0, 6, 0), 0)
				require.NoError(b, err)
				require.Len(b, view.Items, n)
			}
		})
	}
}
