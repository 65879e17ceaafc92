package wire

import "encoding/xml"

// CalendarItem is t:CalendarItem as sent, in schema order; nil and empty fields
// are left out.
type CalendarItem struct {
	XMLName             xml.Name           `xml:"t:CalendarItem"`
	Subject             *Text              `xml:"t:Subject"`
	Sensitivity         string             `xml:"t:Sensitivity,omitempty"`
	Body                *BodyText          `xml:"t:Body"`
	ReminderIsSet       *bool              `xml:"t:ReminderIsSet"`
	Extended            []ExtendedValue    `xml:"t:ExtendedProperty"`
	UID                 Text               `xml:"t:UID,omitempty"`
	Start               string             `xml:"t:Start,omitempty"`
	End                 string             `xml:"t:End,omitempty"`
	IsAllDayEvent       *bool              `xml:"t:IsAllDayEvent"`
	FreeBusy            string             `xml:"t:LegacyFreeBusyStatus,omitempty"`
	Location            *Text              `xml:"t:Location"`
	IsResponseRequested *bool              `xml:"t:IsResponseRequested"`
	Required            *AttendeeList      `xml:"t:RequiredAttendees"`
	Optional            *AttendeeList      `xml:"t:OptionalAttendees"`
	Resources           *AttendeeList      `xml:"t:Resources"`
	Recurrence          *RecurrenceRequest `xml:"t:Recurrence"`
	StartTimeZone       *TimeZoneID        `xml:"t:StartTimeZone"`
	EndTimeZone         *TimeZoneID        `xml:"t:EndTimeZone"`
}

// BodyText is t:BodyType with plain text.
type BodyText struct {
	Type string `xml:"BodyType,attr"`
	Text Text   `xml:",chardata"`
}

// NewBodyText returns a plain-text body, or nil for no text.
func NewBodyText(s string) *BodyText {
	if s == "" {
		return nil
	}
	return &BodyText{Type: "Text", Text: Text(s)}
}

// ExtendedValue is t:ExtendedProperty as sent.
type ExtendedValue struct {
	Path  ExtendedPath
	Value Text `xml:"t:Value"`
}

// TimeZoneID names a Windows time zone.
type TimeZoneID struct {
	ID Text `xml:"Id,attr"`
}

// AttendeeList is a collection of attendees as sent.
type AttendeeList struct {
	Attendees []AttendeeRequest `xml:"t:Attendee"`
}

// AttendeeRequest is one invited mailbox.
type AttendeeRequest struct {
	Name    Text `xml:"t:Mailbox>t:Name,omitempty"`
	Address Text `xml:"t:Mailbox>t:EmailAddress"`
}

// RecurrenceRequest is t:Recurrence as sent: one pattern, then one range.
type RecurrenceRequest struct {
	RelativeYearly  *PatternRequest `xml:"t:RelativeYearlyRecurrence"`
	AbsoluteYearly  *PatternRequest `xml:"t:AbsoluteYearlyRecurrence"`
	RelativeMonthly *PatternRequest `xml:"t:RelativeMonthlyRecurrence"`
	AbsoluteMonthly *PatternRequest `xml:"t:AbsoluteMonthlyRecurrence"`
	Weekly          *PatternRequest `xml:"t:WeeklyRecurrence"`
	Daily           *PatternRequest `xml:"t:DailyRecurrence"`
	NoEnd           *RangeRequest   `xml:"t:NoEndRecurrence"`
	EndDate         *RangeRequest   `xml:"t:EndDateRecurrence"`
	Numbered        *RangeRequest   `xml:"t:NumberedRecurrence"`
}

// PatternRequest is the union of the pattern types in an order that fits all
// of them; each pattern fills only its own fields.
type PatternRequest struct {
	Interval       int    `xml:"t:Interval,omitempty"`
	DaysOfWeek     string `xml:"t:DaysOfWeek,omitempty"`
	DayOfWeekIndex string `xml:"t:DayOfWeekIndex,omitempty"`
	DayOfMonth     int    `xml:"t:DayOfMonth,omitempty"`
	Month          string `xml:"t:Month,omitempty"`
	FirstDayOfWeek string `xml:"t:FirstDayOfWeek,omitempty"`
}

// RangeRequest is the union of the range types.
type RangeRequest struct {
	StartDate           string `xml:"t:StartDate"`
	EndDate             string `xml:"t:EndDate,omitempty"`
	NumberOfOccurrences int    `xml:"t:NumberOfOccurrences,omitempty"`
}
