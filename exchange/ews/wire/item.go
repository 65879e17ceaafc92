package wire

// ItemID is t:ItemIdType as received.
type ItemID struct {
	ID        string `xml:"Id,attr"`
	ChangeKey string `xml:"ChangeKey,attr"`
}

// Item is any item element as received; calendar fields stay empty on other
// kinds.
type Item struct {
	Kind string `xml:"-"` // element name, such as CalendarItem or Message

	ItemID                ItemID             `xml:"ItemId"`
	Subject               string             `xml:"Subject"`
	Sensitivity           string             `xml:"Sensitivity"`
	Body                  string             `xml:"Body"`
	DateTimeCreated       string             `xml:"DateTimeCreated"`
	LastModifiedTime      string             `xml:"LastModifiedTime"`
	Extended              []ExtendedProperty `xml:"ExtendedProperty"`
	UID                   string             `xml:"UID"`
	RecurrenceID          string             `xml:"RecurrenceId"`
	Start                 string             `xml:"Start"`
	End                   string             `xml:"End"`
	OriginalStart         string             `xml:"OriginalStart"`
	StartTimeZoneID       string             `xml:"StartTimeZoneId"`
	IsAllDayEvent         string             `xml:"IsAllDayEvent"`
	FreeBusy              string             `xml:"LegacyFreeBusyStatus"`
	Location              string             `xml:"Location"`
	IsMeeting             string             `xml:"IsMeeting"`
	IsCancelled           string             `xml:"IsCancelled"`
	IsRecurring           string             `xml:"IsRecurring"`
	CalendarItemType      string             `xml:"CalendarItemType"`
	MyResponseType        string             `xml:"MyResponseType"`
	Organizer             *EmailAddress      `xml:"Organizer>Mailbox"`
	RequiredAttendees     []Attendee         `xml:"RequiredAttendees>Attendee"`
	OptionalAttendees     []Attendee         `xml:"OptionalAttendees>Attendee"`
	Resources             []Attendee         `xml:"Resources>Attendee"`
	SequenceNumber        string             `xml:"AppointmentSequenceNumber"`
	AppointmentState      string             `xml:"AppointmentState"`
	Recurrence            *Recurrence        `xml:"Recurrence"`
	FirstOccurrence       *Occurrence        `xml:"FirstOccurrence"`
	LastOccurrence        *Occurrence        `xml:"LastOccurrence"`
	ModifiedOccurrences   []Occurrence       `xml:"ModifiedOccurrences>Occurrence"`
	DeletedOccurrenceList []struct {
		Start string `xml:"Start"`
	} `xml:"DeletedOccurrences>DeletedOccurrence"`
}

// Attendee is t:AttendeeType as received.
type Attendee struct {
	Mailbox          EmailAddress `xml:"Mailbox"`
	ResponseType     string       `xml:"ResponseType"`
	LastResponseTime string       `xml:"LastResponseTime"`
}

// Occurrence is t:OccurrenceInfoType.
type Occurrence struct {
	ItemID        ItemID `xml:"ItemId"`
	Start         string `xml:"Start"`
	End           string `xml:"End"`
	OriginalStart string `xml:"OriginalStart"`
}

// ExtendedProperty is t:ExtendedPropertyType as received.
type ExtendedProperty struct {
	Path struct {
		DistinguishedPropertySetID string `xml:"DistinguishedPropertySetId,attr"`
		PropertySetID              string `xml:"PropertySetId,attr"`
		PropertyTag                string `xml:"PropertyTag,attr"`
		PropertyName               string `xml:"PropertyName,attr"`
		PropertyID                 string `xml:"PropertyId,attr"`
		PropertyType               string `xml:"PropertyType,attr"`
	} `xml:"ExtendedFieldURI"`
	Value string `xml:"Value"`
}

// Recurrence is t:RecurrenceType as received: one pattern and one range.
type Recurrence struct {
	RelativeYearly  *Pattern `xml:"RelativeYearlyRecurrence"`
	AbsoluteYearly  *Pattern `xml:"AbsoluteYearlyRecurrence"`
	RelativeMonthly *Pattern `xml:"RelativeMonthlyRecurrence"`
	AbsoluteMonthly *Pattern `xml:"AbsoluteMonthlyRecurrence"`
	Weekly          *Pattern `xml:"WeeklyRecurrence"`
	Daily           *Pattern `xml:"DailyRecurrence"`
	NoEnd           *Range   `xml:"NoEndRecurrence"`
	EndDate         *Range   `xml:"EndDateRecurrence"`
	Numbered        *Range   `xml:"NumberedRecurrence"`
}

// Pattern is the union of the pattern types' fields.
type Pattern struct {
	Interval       string `xml:"Interval"`
	DaysOfWeek     string `xml:"DaysOfWeek"`
	DayOfWeekIndex string `xml:"DayOfWeekIndex"`
	DayOfMonth     string `xml:"DayOfMonth"`
	Month          string `xml:"Month"`
	FirstDayOfWeek string `xml:"FirstDayOfWeek"`
}

// Range is the union of the range types' fields.
type Range struct {
	StartDate           string `xml:"StartDate"`
	EndDate             string `xml:"EndDate"`
	NumberOfOccurrences string `xml:"NumberOfOccurrences"`
}
