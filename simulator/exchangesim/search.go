package exchangesim

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"ews/simulator/exchangesim/soap"
)

// searchable are the properties that restrictions and sort orders may use,
// with how to read them. A nil value means that the item does not have it.
// calendar:UID is not among them: Exchange refuses it.
var searchable = map[string]func(v view) any{
	"item:Subject":                       func(v view) any { return v.appt.subject },
	"item:ItemClass":                     func(v view) any { return messageClasses[v.item.class] },
	"item:Sensitivity":                   func(v view) any { return v.appt.sensitivity },
	"item:Importance":                    func(v view) any { return v.appt.importance },
	"item:DateTimeReceived":              func(v view) any { return v.item.created },
	"item:DateTimeCreated":               func(v view) any { return v.item.created },
	"item:DateTimeSent":                  func(v view) any { return v.item.created },
	"item:LastModifiedTime":              func(v view) any { return v.item.modified },
	"item:LastModifiedName":              func(v view) any { return v.item.author },
	"item:HasAttachments":                func(view) any { return false },
	"item:IsAssociated":                  func(view) any { return false },
	"item:ReminderIsSet":                 func(v view) any { return v.appt.reminderSet },
	"item:Size":                          func(v view) any { return 4000 + len(v.appt.body) },
	"item:Categories":                    func(v view) any { return strings.Join(v.appt.categories, ";") },
	"item:Body":                          func(v view) any { return v.appt.body },
	"calendar:Start":                     func(v view) any { return v.appt.start },
	"calendar:End":                       func(v view) any { return v.appt.end },
	"calendar:Location":                  func(v view) any { return v.appt.location },
	"calendar:IsAllDayEvent":             func(v view) any { return v.appt.allDay },
	"calendar:LegacyFreeBusyStatus":      func(v view) any { return v.appt.freeBusy },
	"calendar:IsMeeting":                 func(v view) any { return v.appt.isMeeting() },
	"calendar:IsCancelled":               func(v view) any { return v.appt.cancelled },
	"calendar:IsRecurring":               func(v view) any { return v.appt.rule != nil },
	"calendar:MeetingRequestWasSent":     func(v view) any { return v.appt.sent },
	"calendar:CalendarItemType":          func(v view) any { return v.kind() },
	"calendar:MyResponseType":            func(v view) any { return v.appt.myResponse },
	"calendar:AppointmentSequenceNumber": func(v view) any { return v.appt.sequence },
	"calendar:AppointmentState":          func(v view) any { return v.appt.state() },
	"calendar:AppointmentReplyTime":      func(v view) any { return v.appt.replied },
	"message:IsRead":                     func(v view) any { return v.item.read },
	"message:From":                       func(v view) any { return v.item.from },
}

// checkPath refuses properties that cannot be searched.
func checkPath(path *soap.Element) *ewsError {
	switch path.Name {
	case "ExtendedFieldURI":
		_, err := readPath(path)
		return err
	case "FieldURI":
		if uri := path.Attr("FieldURI"); searchable[uri] == nil {
			return failAt("ErrorUnsupportedPathForQuery", texts["ErrorUnsupportedPathForQuery"], uri)
		}
		return nil
	}
	return fail("ErrorUnsupportedPathForQuery")
}

// checkSearch checks all paths of a search expression.
func checkSearch(e *soap.Element) *ewsError {
	for _, c := range e.Children {
		var err *ewsError
		switch c.Name {
		case "FieldURI", "ExtendedFieldURI", "IndexedFieldURI":
			err = checkPath(c)
		case "Constant", "Bitmask":
		default:
			err = checkSearch(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// valueAt reads a property as string, bool, int, time.Time or []byte; nil when
// the item does not have it.
func valueAt(v view, path *soap.Element) any {
	if path.Name == "FieldURI" {
		return searchable[path.Attr("FieldURI")](v)
	}
	k, err := readPath(path)
	if err != nil {
		return nil
	}
	p, ok := v.property(k, path.Attr("PropertyType"))
	if !ok || p.multi {
		return nil
	}
	return typed(p.kind, p.values[0])
}

func typed(kind, s string) any {
	switch kind {
	case "Binary":
		b, _ := base64.StdEncoding.DecodeString(s)
		return b
	case "Integer", "Short", "Long":
		n, _ := strconv.Atoi(s)
		return n
	case "Boolean":
		return isTrue(s)
	case "SystemTime":
		t, _ := parseTime(s, time.UTC)
		return t
	}
	return s
}

// like reads a constant as the type of the property that it is compared with.
func like(sample any, s string) any {
	switch sample.(type) {
	case time.Time:
		t, err := parseTime(s, time.UTC)
		if err != nil {
			return nil
		}
		return t
	case bool:
		return isTrue(s)
	case int:
		n, err := strconv.Atoi(s)
		if err != nil {
			return nil
		}
		return n
	case []byte:
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil
		}
		return b
	}
	return s
}

// compare orders two values of the same type; nil comes first. Texts are
// compared without regard to case, as the store does.
func compare(a, b any) int {
	switch x := a.(type) {
	case nil:
		if b == nil {
			return 0
		}
		return -1
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return x.Compare(y)
		}
	case int:
		if y, ok := b.(int); ok {
			return cmp.Compare(x, y)
		}
	case bool:
		if y, ok := b.(bool); ok && x != y {
			if y {
				return -1
			}
			return 1
		} else if ok {
			return 0
		}
	case []byte:
		if y, ok := b.([]byte); ok {
			return bytes.Compare(x, y)
		}
	case string:
		if y, ok := b.(string); ok {
			return strings.Compare(strings.ToLower(x), strings.ToLower(y))
		}
	}
	return 1
}

// verdicts are the comparisons of two operands.
var verdicts = map[string]func(n int) bool{
	"IsEqualTo":              func(n int) bool { return n == 0 },
	"IsNotEqualTo":           func(n int) bool { return n != 0 },
	"IsGreaterThan":          func(n int) bool { return n > 0 },
	"IsGreaterThanOrEqualTo": func(n int) bool { return n >= 0 },
	"IsLessThan":             func(n int) bool { return n < 0 },
	"IsLessThanOrEqualTo":    func(n int) bool { return n <= 0 },
}

// matches evaluates a search expression that checkSearch has accepted.
func matches(v view, e *soap.Element) bool {
	switch e.Name {
	case "And":
		for _, c := range e.Children {
			if !matches(v, c) {
				return false
			}
		}
		return true
	case "Or":
		for _, c := range e.Children {
			if matches(v, c) {
				return true
			}
		}
		return false
	case "Not":
		return !matches(v, e.Children[0])
	}
	value := valueAt(v, e.Children[0])
	switch e.Name {
	case "Exists":
		return value != nil
	case "Contains":
		s, ok := value.(string)
		return ok && contains(s, e.Child("Constant").Attr("Value"), e.Attr("ContainmentMode"), e.Attr("ContainmentComparison"))
	case "Excludes":
		n, ok := value.(int)
		mask, err := strconv.ParseInt(e.Child("Bitmask").Attr("Value"), 0, 64)
		return !ok || err != nil || int64(n)&mask == 0
	}
	if value == nil {
		return e.Name == "IsNotEqualTo"
	}
	operand := e.Child("FieldURIOrConstant").Children[0]
	other := valueOrConstant(v, operand, value)
	return other != nil && verdicts[e.Name](compare(value, other))
}

func valueOrConstant(v view, operand *soap.Element, sample any) any {
	if operand.Name == "Constant" {
		return like(sample, operand.Attr("Value"))
	}
	return valueAt(v, operand)
}

// contains evaluates a Contains expression.
func contains(s, part, mode, comparison string) bool {
	if comparison != "" && comparison != "Exact" {
		s, part = strings.ToLower(s), strings.ToLower(part)
	}
	switch mode {
	case "Prefixed":
		return strings.HasPrefix(s, part)
	case "FullString", "ExactPhrase":
		if mode == "ExactPhrase" {
			return strings.Contains(s, part)
		}
		return s == part
	case "PrefixOnWords":
		for w := range strings.FieldsSeq(s) {
			if strings.HasPrefix(w, part) {
				return true
			}
		}
		return false
	}
	return strings.Contains(s, part)
}
