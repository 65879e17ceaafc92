package exchangesim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"time"
)

// Item ids, folder ids and sync states are opaque to clients. They carry what
// the server needs to find the object again and a code that makes forged,
// truncated or re-cased ones recognisable.
const (
	itemIDKind    = 0
	folderIDKind  = 1
	syncStateKind = 2
	codeSize      = 24
)

// errMalformedID is an id that this server did not make.
var errMalformedID = errors.New("id is malformed")

// idCodec makes and reads opaque ids.
type idCodec struct{ key []byte }

func newIDCodec(rng *rand.Rand) idCodec {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(rng.UintN(256))
	}
	return idCodec{key}
}

// encode packs a mailbox GUID and numbers. The leading bytes make ids start as
// those of Exchange do ("AAMk", "AQMk", "H4sI").
func (c idCodec) encode(kind byte, box string, numbers ...uint64) string {
	b := append([]byte(nil), prefixOf(kind)...)
	b = append(b, box...)
	b = append(b, 0, 0x46, 0, 0, 0, 0)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return base64.StdEncoding.EncodeToString(append(b, c.code(b)...))
}

func prefixOf(kind byte) []byte {
	if kind == syncStateKind {
		return []byte{0x1f, 0x8b, 0x08}
	}
	return []byte{kind, 0x03, 0x24}
}

func (c idCodec) code(b []byte) []byte {
	h := hmac.New(sha256.New, c.key)
	h.Write(b)
	return h.Sum(nil)[:codeSize]
}

// decode reads what encode made with the given count of numbers.
func (c idCodec) decode(kind byte, id string, count int) (box string, numbers []uint64, err error) {
	const guidSize, header = 36, 3 + 36 + 6
	b, err := base64.StdEncoding.DecodeString(id)
	if err != nil || len(b) != header+8*count+codeSize || string(b[:3]) != string(prefixOf(kind)) {
		return "", nil, errMalformedID
	}
	body, code := b[:len(b)-codeSize], b[len(b)-codeSize:]
	if !hmac.Equal(code, c.code(body)) {
		return "", nil, errMalformedID
	}
	for at := header; at < len(body); at += 8 {
		numbers = append(numbers, binary.BigEndian.Uint64(body[at:]))
	}
	return string(b[3 : 3+guidSize]), numbers, nil
}

// changeKey makes the key of one version of an object.
func changeKey(number, version uint64) string {
	b := []byte{0x0f, 0, 0, 0, 0x16, 0, 0, 0}
	b = binary.BigEndian.AppendUint64(b, number)
	b = binary.BigEndian.AppendUint64(b, version)
	return base64.StdEncoding.EncodeToString(b)
}

// readChangeKey returns the number and version in a change key.
func readChangeKey(key string) (number, version uint64, err error) {
	b, err := base64.StdEncoding.DecodeString(key)
	if err != nil || len(b) != 24 {
		return 0, 0, errMalformedID
	}
	return binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:]), nil
}

// goidHeader starts every GlobalObjectId (PidLidGlobalObjectId, [MS-OXOCAL]
// 2.2.1.27).
const goidHeader = "040000008200E00074C5B7101A82E008"

const vcalMarker = "vCal-Uid\x01\x00\x00\x00"

// newUID makes the GlobalObjectId of a meeting born here, as Exchange shows it
// in calendar:UID: upper-case hexadecimal.
func newUID(now time.Time, rng *rand.Rand) string {
	b, _ := hex.DecodeString(goidHeader) // a constant
	b = append(b, make([]byte, 4)...)
	b = binary.LittleEndian.AppendUint64(b, uint64((now.Unix()+11644473600)*1e7)+uint64(now.Nanosecond()/100))
	b = append(b, make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	for range 2 {
		b = binary.LittleEndian.AppendUint64(b, rng.Uint64())
	}
	return strings.ToUpper(hex.EncodeToString(b))
}

// cleanGOID returns the clean GlobalObjectId (PidLidCleanGlobalObjectId) of a
// UID. A UID of another origin than Exchange is wrapped as [MS-OXCICAL]
// 2.1.3.1.1.20.26 says.
func cleanGOID(uid string) string {
	if len(uid) >= 80 && strings.EqualFold(uid[:32], goidHeader) {
		if b, err := hex.DecodeString(uid); err == nil {
			clear(b[16:20])
			return string(b)
		}
	}
	b, _ := hex.DecodeString(goidHeader) // a constant
	b = append(b, make([]byte, 20)...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(vcalMarker)+len(uid)+1))
	return string(b) + vcalMarker + uid + "\x00"
}

// datedGOID puts the day of an occurrence into a clean GlobalObjectId. The
// zero time leaves it as it is.
func datedGOID(clean string, day time.Time) string {
	if day.IsZero() {
		return clean
	}
	b := []byte(clean)
	binary.BigEndian.PutUint16(b[16:], uint16(day.Year()))
	b[18], b[19] = byte(day.Month()), byte(day.Day())
	return string(b)
}
