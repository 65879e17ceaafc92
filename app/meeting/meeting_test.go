package meeting_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/app/meeting"
)

func TestAddressOf(t *testing.T) {
	require.Equal(t, meeting.Address("room@example.com"), meeting.AddressOf("  Room@Example.COM\n"))
}

func TestAddressValid(t *testing.T) {
	for address, valid := range map[meeting.Address]bool{
		"room@example.com":          true,
		"room@example":              true, // a local server's domain
		"first.last+tag@sub.ex.com": true,
		"o'brien@example.com":       true,
		"zürich@example.com":        true,
		"":                          false,
		"room":                      false,
		"@example.com":              false,
		"room@":                     false,
		"room@@example.com":         false,
		"room@one@example.com":      false,
		"room@.example.com":         false,
		"room@example.com.":         false,
		"room@example..com":         false,
		"ro om@example.com":         false,
		"room@exam\tple.com":        false,
		"room@example.com\r\nx":     false,
		"room\x00@example.com":      false,
		"room\x7f@example.com":      false,
		"<room@example.com>":        false,
		`"room"@example.com`:        false,
		"a,b@example.com":           false,
		"a;b@example.com":           false,
		"a:b@example.com":           false,
		`a\b@example.com`:           false,
		"room@[10.0.0.1]":           false,
		"(x)room@example.com":       false,
		"/o=org/cn=recipients":      false, // a legacy distinguished name

		meeting.Address(strings.Repeat("a", 242) + "@example.com"): true,
		meeting.Address(strings.Repeat("a", 243) + "@example.com"): false,
	} {
		require.Equal(t, valid, address.Valid(), "%q", address)
	}
}

func TestSpan(t *testing.T) {
	berlin := time.FixedZone("CEST", 2*60*60)
	ten := meeting.SpanOf(at(10), at(11))

	t.Run("is UTC and whole seconds", func(t *testing.T) {
		got := meeting.SpanOf(at(10).In(berlin).Add(999*time.Millisecond), at(11).In(berlin))
		require.Equal(t, ten, got)
	})
	t.Run("is valid if it ends after it starts", func(t *testing.T) {
		require.True(t, ten.Valid())
		require.False(t, meeting.Span{}.Valid())
		require.False(t, meeting.SpanOf(at(10), at(10)).Valid())
		require.False(t, meeting.SpanOf(at(11), at(10)).Valid())
		require.False(t, meeting.SpanOf(at(10), at(10).Add(time.Millisecond)).Valid())
	})
	t.Run("equals the same instants of another zone", func(t *testing.T) {
		require.True(t, ten.Equal(meeting.Span{Start: at(10).In(berlin), End: at(11).In(berlin)}))
		require.False(t, ten.Equal(meeting.SpanOf(at(10), at(12))))
		require.False(t, ten.Equal(meeting.SpanOf(at(9), at(11))))
	})
	t.Run("overlaps, back to back excepted", func(t *testing.T) {
		for _, c := range []struct {
			from, to int
			want     bool
		}{{8, 9, false}, {9, 10, false}, {9, 11, true}, {10, 11, true}, {9, 12, true}, {11, 12, false}} {
			other := meeting.SpanOf(at(c.from), at(c.to))
			require.Equal(t, c.want, ten.Overlaps(other), "%d to %d", c.from, c.to)
			require.Equal(t, c.want, other.Overlaps(ten), "%d to %d, the other way", c.from, c.to)
		}
	})
}

func TestKeyOf(t *testing.T) {
	summer := time.FixedZone("CEST", 2*60*60)
	require.Equal(t, meeting.Key("2026-05-04T10:00:00Z"), meeting.KeyOf(at(10)))
	require.Equal(t, meeting.KeyOf(at(10)), meeting.KeyOf(at(10).In(summer)), "the zone does not matter")
}

func TestLookups(t *testing.T) {
	o := &meeting.Occurrence{ID: 4, Cells: []meeting.Cell{{Room: 1}, {Room: 2}}}
	m := &meeting.Meeting{Occurrences: []*meeting.Occurrence{o}}
	require.Same(t, o, m.Occurrence(4))
	require.Nil(t, m.Occurrence(5))
	require.Same(t, &o.Cells[1], o.CellOf(2))
	require.Nil(t, o.CellOf(3))
}

func at(hour int) time.Time { return time.Date(2026, time.May, 4, hour, 0, 0, 0, time.UTC) }
