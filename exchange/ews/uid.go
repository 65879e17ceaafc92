package ews

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// A global object id identifies a meeting in all calendars. calendar:UID shows
// it in hexadecimal for meetings born in Exchange, and the original text for
// meetings that came in with an iCalendar UID of their own. Layout: MS-OXOCAL
// 2.2.1.27 and MS-OXCICAL 2.1.3.1.1.20.26.
const (
	goidHeader     = "040000008200E00074C5B7101A82E008"
	goidDateOffset = 16 // year, month, day of the instance
	goidTimeOffset = 20 // creation time
	goidSizeOffset = 36
	goidDataOffset = 40
	foreignMark    = "vCal-Uid\x01\x00\x00\x00"
	// fileTimeEpoch is 1601-01-01 in seconds before the Unix epoch.
	fileTimeEpoch = 11644473600
)

// NormaliseUID returns the form of a UID that is equal for all copies and all
// occurrences of a meeting: a global object id in upper case with its instance
// date cleared, any other UID as it is. Surrounding space is removed.
func NormaliseUID(uid string) string {
	uid = strings.TrimSpace(uid)
	raw, ok := decodeGOID(uid)
	if !ok {
		return uid
	}
	clear(raw[goidDateOffset:goidTimeOffset])
	return strings.ToUpper(hex.EncodeToString(raw))
}

// decodeGOID decodes a UID that is a global object id in hexadecimal.
func decodeGOID(uid string) ([]byte, bool) {
	if len(uid) < 2*goidDataOffset || !strings.EqualFold(uid[:len(goidHeader)], goidHeader) {
		return nil, false
	}
	raw, err := hex.DecodeString(uid)
	return raw, err == nil
}

// UIDToGlobalObjectID returns the clean global object id of a UID, to search
// with. A foreign UID is wrapped the way Exchange wraps it on delivery.
func UIDToGlobalObjectID(uid string) []byte {
	uid = NormaliseUID(uid)
	if raw, ok := decodeGOID(uid); ok {
		return raw
	}
	return buildGOID(time.Time{}, []byte(foreignMark+uid+"\x00"))
}

// GlobalObjectIDToUID is the inverse of UIDToGlobalObjectID: the normalised UID
// of a binary global object id.
func GlobalObjectIDToUID(id []byte) (string, error) {
	if len(id) < goidDataOffset || !strings.EqualFold(hex.EncodeToString(id[:goidDateOffset]), goidHeader) {
		return "", errors.New("ews: not a global object id")
	}
	payload := id[goidDataOffset:]
	if size := binary.LittleEndian.Uint32(id[goidSizeOffset:]); uint64(size) < uint64(len(payload)) {
		payload = payload[:size]
	}
	if foreign, ok := strings.CutPrefix(string(payload), foreignMark); ok {
		// Some servers leave the closing zero out.
		return strings.TrimRight(foreign, "\x00"), nil
	}
	return NormaliseUID(hex.EncodeToString(id)), nil
}

// NewGlobalObjectID returns a UID for a new meeting in the form Exchange uses:
// upper-case hexadecimal of a global object id made of 16 bytes, random or
// derived from the caller's key, and the creation time.
func NewGlobalObjectID(content [16]byte, created time.Time) string {
	return strings.ToUpper(hex.EncodeToString(buildGOID(created, content[:])))
}

// GlobalObjectIDContent returns what NewGlobalObjectID made a UID of. It is false
// for a UID of another form.
func GlobalObjectIDContent(uid string) (content [16]byte, ok bool) {
	raw, ok := decodeGOID(uid)
	if !ok || len(raw) != goidDataOffset+len(content) {
		return content, false
	}
	copy(content[:], raw[goidDataOffset:])
	return content, true
}

func buildGOID(created time.Time, content []byte) []byte {
	id := make([]byte, goidDataOffset, goidDataOffset+len(content))
	_, _ = hex.Decode(id, []byte(goidHeader))
	if !created.IsZero() {
		ticks := (created.Unix()+fileTimeEpoch)*10_000_000 + int64(created.Nanosecond())/100
		binary.LittleEndian.PutUint64(id[goidTimeOffset:], uint64(max(ticks, 0))) // not negative
	}
	binary.LittleEndian.PutUint32(id[goidSizeOffset:], uint32(len(content))) // short
	return append(id, content...)
}
