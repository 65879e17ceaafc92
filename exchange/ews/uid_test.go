package ews

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGlobalObjectIDs(t *testing.T) {
	created := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	uid := NewGlobalObjectID([16]byte{0xAB, 15: 0xCD}, created)
	require.Len(t, uid, 112)
	require.Equal(t, goidHeader+"00000000", uid[:40])
	require.Equal(t, "0000000000000000"+"10000000", uid[56:80])
	require.Equal(t, uid, NormaliseUID(" "+strings.ToLower(uid)+"\n"))

	content, ok := GlobalObjectIDContent(strings.ToLower(uid))
	require.True(t, ok)
	require.Equal(t, [16]byte{0xAB, 15: 0xCD}, content)
	for _, other := range []string{"", uid[:len(uid)-2], uid + "00", "x@example.com"} {
		_, ok = GlobalObjectIDContent(other)
		require.False(t, ok, other)
	}

	dated := uid[:32] + "07EA0C01" + uid[40:]
	require.Equal(t, uid, NormaliseUID(dated), "the date of an instance is dropped")
	raw := UIDToGlobalObjectID(dated)
	require.Equal(t, strings.ToLower(uid), hex.EncodeToString(raw))
	back, err := GlobalObjectIDToUID(raw)
	require.NoError(t, err)
	require.Equal(t, uid, back)
}

func TestForeignUIDs(t *testing.T) {
	const uid = "7kukuqrfedlm2f9t@google.com"
	require.Equal(t, uid, NormaliseUID(uid))
	raw := UIDToGlobalObjectID(uid)
	require.Equal(t, "040000008200e00074c5b7101a82e008"+strings.Repeat("00", 20)+"28000000"+hex.EncodeToString([]byte("vCal-Uid\x01\x00\x00\x00"+uid+"\x00")), hex.EncodeToString(raw))
	for _, form := range [][]byte{raw, raw[:len(raw)-1]} { // some servers omit the closing zero
		back, err := GlobalObjectIDToUID(form)
		require.NoError(t, err)
		require.Equal(t, uid, back)
	}
	for _, bad := range [][]byte{nil, {1, 2}, make([]byte, 60)} {
		_, err := GlobalObjectIDToUID(bad)
		require.Error(t, err)
	}
	short := goidHeader + "00"
	require.Equal(t, short, NormaliseUID(short), "a header alone is no global object id")
}
