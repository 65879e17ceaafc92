package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkDecode decodes the answer to a GetItem of 100 entries.
func BenchmarkDecode(b *testing.B) {
	var list strings.Builder
	for i := range 100 {
		fmt.Fprintf(&list, `<m:GetItemResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Items><t:CalendarItem>`+
			`<t:ItemId Id="AAMkAD%0150d" ChangeKey="DwAAABYAAAB%08d"/><t:Sensitivity>Normal</t:Sensitivity>`+
			`<t:UID>040000008200E00074C5B7101A82E008%080d</t:UID><t:Start>2026-12-01T09:00:00Z</t:Start><t:End>2026-12-01T10:00:00Z</t:End>`+
			`<t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus><t:IsMeeting>true</t:IsMeeting><t:IsCancelled>false</t:IsCancelled>`+
			`<t:CalendarItemType>Single</t:CalendarItemType><t:MyResponseType>Accept</t:MyResponseType>`+
			`<t:Organizer><t:Mailbox><t:Name>P</t:Name><t:EmailAddress>p@example.com</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType></t:Mailbox></t:Organizer>`+
			`<t:AppointmentSequenceNumber>0</t:AppointmentSequenceNumber><t:AppointmentState>3</t:AppointmentState></t:CalendarItem></m:Items></m:GetItemResponseMessage>`,
			i, i, i)
	}
	answer := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" ` +
		`xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Body><m:GetItemResponse><m:ResponseMessages>` + list.String() +
		`</m:ResponseMessages></m:GetItemResponse></s:Body></s:Envelope>`
	b.SetBytes(int64(len(answer)))
	b.ReportAllocs()
	for b.Loop() {
		envelope, err := DecodeEnvelope(strings.NewReader(answer))
		require.NoError(b, err)
		require.Len(b, envelope.Body.GetItem.List.Messages, 100)
	}
}
