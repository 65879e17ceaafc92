package exchangesim

import (
	"encoding/base64"
	"strconv"
	"strings"

	"ews/simulator/exchangesim/soap"
)

// propertyKey identifies an extended property: by tag, or by property set with
// a name or an id.
type propertyKey struct {
	set, name string
	id        int
	tag       string
}

// propertyValue is the content of an extended property with the type that it
// was written with.
type propertyValue struct {
	kind   string
	values []string
	multi  bool
}

// propertySets are the GUIDs of the distinguished property sets
// ("DistinguishedPropertySetId" and [MS-OXPROPS] 1.3.2).
var propertySets = map[string]string{
	"Meeting":           "6ed8da90-450b-101b-98da-00aa003f1305",
	"Appointment":       "00062002-0000-0000-c000-000000000046",
	"Common":            "00062008-0000-0000-c000-000000000046",
	"PublicStrings":     "00020329-0000-0000-c000-000000000046",
	"Address":           "00062004-0000-0000-c000-000000000046",
	"InternetHeaders":   "00020386-0000-0000-c000-000000000046",
	"CalendarAssistant": "11000e07-b51b-40d6-af21-caa85edab1d0",
	"UnifiedMessaging":  "4442858e-a9e3-4e80-b900-317a210cc15b",
	"Task":              "00062003-0000-0000-c000-000000000046",
	"Sharing":           "00062040-0000-0000-c000-000000000046",
}

// readPath turns an ExtendedFieldURI into a key. The combinations that the
// schema allows but the server does not give ErrorInvalidExtendedProperty.
func readPath(uri *soap.Element) (propertyKey, *ewsError) {
	var k propertyKey
	bad := func(text string) (propertyKey, *ewsError) {
		return propertyKey{}, failWith("ErrorInvalidExtendedProperty", text)
	}
	tag, hasTag := uri.LookupAttr("PropertyTag")
	set, hasSet := uri.LookupAttr("PropertySetId")
	distinguished, hasDistinguished := uri.LookupAttr("DistinguishedPropertySetId")
	name, hasName := uri.LookupAttr("PropertyName")
	id, hasID := uri.LookupAttr("PropertyId")
	if hasTag {
		if hasSet || hasDistinguished || hasName || hasID {
			return bad("PropertyTag cannot be combined with other attributes.")
		}
		n, err := strconv.ParseUint(strings.ToLower(tag), 0, 16)
		if err != nil {
			return bad("PropertyTag is not a number.")
		}
		k.tag = strconv.FormatUint(n, 16)
		return k, nil
	}
	if hasSet == hasDistinguished || hasName == hasID {
		return bad("A property set and either PropertyName or PropertyId are needed.")
	}
	k.set = strings.ToLower(set)
	if hasDistinguished {
		k.set = propertySets[distinguished]
	}
	k.name = name
	if hasID {
		k.id, _ = strconv.Atoi(id) // the schema has checked it
	}
	return k, nil
}

// The properties that the server computes.
var (
	globalObjectID      = propertyKey{set: propertySets["Meeting"], id: 3}
	cleanGlobalObjectID = propertyKey{set: propertySets["Meeting"], id: 35}
)

// computed are the MAPI properties that mirror fields of an appointment.
var computed = map[propertyKey]func(v view) propertyValue{
	globalObjectID: func(v view) propertyValue {
		goid := datedGOID(v.appt.goid, v.appt.original.In(v.appt.zone()))
		if v.appt.original.IsZero() {
			goid = v.appt.goid
		}
		return binaryValue(goid)
	},
	cleanGlobalObjectID: func(v view) propertyValue { return binaryValue(v.appt.goid) },
	{tag: "1a"}:         func(v view) propertyValue { return stringValue(messageClasses[v.item.class]) },
	{tag: "37"}:         func(v view) propertyValue { return stringValue(v.appt.subject) },
	{tag: "5d01"}:       func(v view) propertyValue { return stringValue(v.appt.organizer) },
	{tag: "5d02"}:       func(v view) propertyValue { return stringValue(v.appt.organizer) },
	{set: propertySets["Appointment"], id: 0x8205}: func(v view) propertyValue {
		return intValue(map[string]int{busyFree: 0, busyTentative: 1, busyBusy: 2, "OOF": 3, "WorkingElsewhere": 4}[v.appt.freeBusy])
	},
	{set: propertySets["Appointment"], id: 0x8208}: func(v view) propertyValue { return stringValue(v.appt.location) },
	{set: propertySets["Appointment"], id: 0x820d}: func(v view) propertyValue {
		return propertyValue{kind: "SystemTime", values: []string{v.appt.start.Format(utcLayout)}}
	},
	{set: propertySets["Appointment"], id: 0x820e}: func(v view) propertyValue {
		return propertyValue{kind: "SystemTime", values: []string{v.appt.end.Format(utcLayout)}}
	},
	{set: propertySets["Appointment"], id: 0x8217}: func(v view) propertyValue { return intValue(v.appt.state()) },
}

const utcLayout = "2006-01-02T15:04:05Z"

func stringValue(s string) propertyValue { return propertyValue{kind: "String", values: []string{s}} }
func intValue(n int) propertyValue {
	return propertyValue{kind: "Integer", values: []string{strconv.Itoa(n)}}
}
func binaryValue(b string) propertyValue {
	return propertyValue{kind: "Binary", values: []string{base64.StdEncoding.EncodeToString([]byte(b))}}
}

// property returns an extended property of an item, if it has it in the asked
// type.
func (v view) property(k propertyKey, kind string) (propertyValue, bool) {
	var p propertyValue
	ok := false
	if f := computed[k]; f != nil {
		p, ok = f(v), true
	} else {
		p, ok = v.appt.properties[k]
	}
	return p, ok && p.kind == kind
}

// readProperty reads an ExtendedProperty element.
func readProperty(e *soap.Element) (propertyKey, propertyValue, *ewsError) {
	uri := e.Child("ExtendedFieldURI")
	k, fail := readPath(uri)
	if fail != nil {
		return k, propertyValue{}, fail
	}
	if computed[k] != nil {
		return k, propertyValue{}, failWith("ErrorInvalidPropertySet", "The property is computed and cannot be set.")
	}
	p := propertyValue{kind: uri.Attr("PropertyType")}
	isArray := strings.HasSuffix(p.kind, "Array")
	if values := e.Child("Values"); values != nil {
		if !isArray {
			return k, p, failWith("ErrorInvalidExtendedPropertyValue", "Values needs an array type.")
		}
		p.multi = true
		for _, v := range values.Children {
			p.values = append(p.values, v.Text)
		}
		return k, p, nil
	}
	if isArray {
		return k, p, failWith("ErrorInvalidExtendedPropertyValue", "An array type needs Values.")
	}
	value := e.ChildText("Value")
	if !validValue(p.kind, value) {
		return k, p, failWith("ErrorInvalidExtendedPropertyValue", "The value does not fit the property type.")
	}
	p.values = []string{value}
	return k, p, nil
}

func validValue(kind, value string) bool {
	var err error
	switch kind {
	case "Binary":
		_, err = base64.StdEncoding.DecodeString(value)
	case "Integer", "Short", "Long":
		_, err = strconv.ParseInt(value, 10, 64)
	case "Boolean":
		_, err = strconv.ParseBool(value)
	}
	return err == nil
}

// element shows a property the way it was asked for.
func (p propertyValue) element(uri *soap.Element) *soap.Element {
	path := &soap.Element{Space: soap.NSTypes, Name: "ExtendedFieldURI", Attrs: uri.Attrs}
	out := soap.New("ExtendedProperty", path)
	if p.multi {
		values := soap.New("Values")
		for _, v := range p.values {
			values.Add(soap.Text("Value", v))
		}
		return out.Add(values)
	}
	return out.Add(soap.Text("Value", p.values[0]))
}
