package upgrade

import (
	"encoding/hex"
	"strings"
)

// normaliseUID is the form in which the calendars' side knows a UID: a global
// object id in upper case with its instance date cleared, any other text as it
// is. It does what ews.NormaliseUID does, as it was when this patch was
// published; a patch must not change with the code around it.
func normaliseUID(uid string) string {
	const (
		header    = "040000008200E00074C5B7101A82E008"
		dateFrom  = 16
		dateUntil = 20
		dataFrom  = 40
	)
	uid = strings.TrimSpace(uid)
	if len(uid) < 2*dataFrom || !strings.EqualFold(uid[:len(header)], header) {
		return uid
	}
	raw, err := hex.DecodeString(uid)
	if err != nil {
		return uid
	}
	clear(raw[dateFrom:dateUntil])
	return strings.ToUpper(hex.EncodeToString(raw))
}
