package soap

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// simpleTypes are the names that schema.simple knows besides enumerations.
var simpleTypes = []string{"", "string", "nonEmpty", "int", "long", "double", "boolean", "dateTime", "date", "duration", "base64", "guid", "tag", "fieldURI"}

func TestGrammarIsComplete(t *testing.T) {
	known := func(typ string) bool {
		typ = strings.TrimSuffix(strings.TrimPrefix(typ, "list("), ")")
		return slices.Contains(simpleTypes, typ) || strings.HasPrefix(typ, "int(") || grammar.types[typ] != nil || grammar.enums[typ] != nil
	}
	for name, typ := range grammar.types {
		for _, a := range typ.attrs {
			require.True(t, known(a.typ), "%s@%s: %s", name, a.name, a.typ)
		}
		for _, p := range typ.particles {
			for _, o := range p.options {
				require.True(t, known(o.typ), "%s/%s: %s", name, o.name, o.typ)
				require.NotEmpty(t, o.space, "%s/%s", name, o.name)
			}
		}
	}
	for _, typ := range headers {
		require.True(t, known(typ), typ)
	}
}

func parse(t *testing.T, s string) *Element {
	t.Helper()
	s = strings.Replace(s, ">", ` xmlns:m="`+NSMessages+`" xmlns:t="`+NSTypes+`">`, 1)
	e, err := Parse(strings.NewReader(s))
	require.NoError(t, err)
	return e
}

func TestCheckOperation(t *testing.T) {
	tests := []struct{ name, xml, violation string }{
		{"good", `<m:GetRooms><m:RoomList><t:EmailAddress>a@b</t:EmailAddress></m:RoomList></m:GetRooms>`, ""},
		{"missing child", `<m:GetRooms></m:GetRooms>`, "incomplete content"},
		{"child twice", `<m:GetRooms><m:RoomList/><m:RoomList/></m:GetRooms>`, "invalid child element 'RoomList'"},
		{"text", `<m:GetRooms>x</m:GetRooms>`, "cannot contain text"},
		{"empty address", `<m:GetRooms><m:RoomList><t:EmailAddress></t:EmailAddress></m:RoomList></m:GetRooms>`, "is invalid"},
		{"unknown attribute", `<m:GetRooms ><m:RoomList Id="1"/></m:GetRooms>`, "attribute is not declared"},
		{"unknown operation", `<m:Nothing></m:Nothing>`, "is not declared"},
		{"bad date", `<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:CalendarView StartDate="2026-02-30T00:00:00Z" EndDate="2026-12-01T00:00:00Z"/></m:FindItem>`, "dateTime"},
		{"interval", `<m:CreateItem><m:Items><t:CalendarItem><t:Recurrence><t:DailyRecurrence><t:Interval>0</t:Interval></t:DailyRecurrence></t:Recurrence></t:CalendarItem></m:Items></m:CreateItem>`, "between 1 and 999"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckOperation(parse(t, tt.xml))
			if tt.violation == "" {
				require.NoError(t, err)
				return
			}
			var v *Violation
			require.ErrorAs(t, err, &v)
			require.Contains(t, v.Message, tt.violation)
			require.Positive(t, v.Line)
		})
	}
}

func TestMarshalAndParse(t *testing.T) {
	e := NewM("Answer", Text("Subject", "a <b> & \"c\" ü \x01\n"), Bool("Flag", true), nil, Int("Count", 3).With("Id", `x"y`))
	got, err := Parse(strings.NewReader(string(Marshal(e))))
	require.NoError(t, err)
	require.Equal(t, "a <b> & \"c\" ü \uFFFD\n", got.ChildText("Subject"))
	require.Equal(t, `x"y`, got.Child("Count").Attr("Id"))
	require.Equal(t, NSTypes, got.Child("Flag").Space)
	require.Nil(t, got.Child("Missing", "Child"))
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "<a>", "<a/><b/>", `<!DOCTYPE a><a/>`, strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200), "<a>\x01</a>"} {
		_, err := Parse(strings.NewReader(s))
		var p *ParseError
		require.ErrorAs(t, err, &p, "%q", s)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(`<m:GetRooms xmlns:m="` + NSMessages + `"/>`)
	f.Add(`<m:CreateItem xmlns:m="` + NSMessages + `" xmlns:t="` + NSTypes + `"><m:Items><t:CalendarItem/></m:Items></m:CreateItem>`)
	f.Fuzz(func(_ *testing.T, s string) {
		if e, err := Parse(strings.NewReader(s)); err == nil {
			_ = CheckOperation(e)
		}
	})
}
