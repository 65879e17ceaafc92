package health

import (
	"slices"
	"strings"
)

// Word explains codes to people: what happened, and what most likely helps.
// Several codes may mean the same to them.
type Word struct {
	Codes []string
	Text  string
	Fix   string
}

// Words returns all explanations, in the order in which a guide shows them.
func Words() []Word {
	return slices.Concat(ownWords(), bookingWords(), accessWords(), wayWords(), logonWords(), checkWords(), mailboxWords(), serverWords(),
		calendarWords(), requestWords())
}

// Explain returns cause and fix for a code. One that is not known gets words
// that are true of any.
func Explain(code string) (text, fix string) {
	if code == "" {
		return "", ""
	}
	for _, name := range []string{code, httpFamily(code)} {
		for _, w := range Words() {
			if slices.Contains(w.Codes, name) {
				return w.Text, w.Fix
			}
		}
	}
	switch {
	case strings.HasPrefix(code, "HTTP"):
		return "The server, or a proxy in front of it, answered with a status that was not expected.",
			"Check the address in the configuration, and what stands between the app and the server."
	case strings.HasPrefix(code, "AADSTS"):
		return "Microsoft Entra issues no token for a reason the app does not know.",
			"Look it up at https://login.microsoftonline.com/error?code=" + strings.TrimPrefix(code, "AADSTS") + "."
	case strings.HasPrefix(code, "Error"):
		return "Exchange refused the request for a reason the app does not know.",
			"Look the code up in Microsoft's documentation of EWS (\"ResponseCode\"); the log has the server's own words."
	}
	return "Something failed for a reason the app does not know.", "The log of the app has the details."
}

// httpFamily turns "HTTP502" into "HTTP5xx".
func httpFamily(code string) string {
	if len(code) == len("HTTP500") && strings.HasPrefix(code, "HTTP") {
		return code[:len("HTTP5")] + "xx"
	}
	return ""
}

const (
	fixWait       = "Nothing, usually: the app tries again by itself. If it lasts, look at the server."
	fixReport     = "This is a mistake of the app: report it with the lines of the log."
	fixNothing    = "Nothing: the app deals with it by itself."
	fixRepeatBook = "Book another room or time."
)

// ownWords explains what the app itself finds.
func ownWords() []Word {
	return []Word{
		{
			Codes: []string{"room_not_answering"},
			Text:  "The room has neither accepted nor declined the invitation within the answer timeout. The booking stays.",
			Fix:   "Let the room answer by itself: Set-CalendarProcessing <room> -AutomateProcessing AutoAccept. If a delegate approves, nothing is wrong.",
		},
		{
			Codes: []string{"room_declined"},
			Text:  "The room declined: it is taken at that time, or its rules do not admit the meeting. The booking was cancelled and the booker told.",
			Fix:   fixRepeatBook + " If the room should have accepted, look at its booking window, its longest meeting and its policies in Exchange.",
		},
		{
			Codes: []string{"booking_failed"},
			Text:  "Exchange did not take the booking. It was cancelled and the booker told.",
			Fix:   "The log has the code of Exchange for the booking; when its cause is mended, book anew.",
		},
		{
			Codes: []string{"change_refused"},
			Text:  "Exchange did not take a change that was made in Eliona to a meeting of Outlook. The booking is again as the meeting is.",
			Fix:   "Have the organizer change the meeting in Outlook.",
		},
		{
			Codes: []string{"entries_vanished"},
			Text:  "More than five entries, and more than half of all, vanished from the room's calendar at once. They are believed gone when a second look two minutes later shows the same.",
			Fix:   "Nothing, if the calendar was cleared on purpose. If not, restore it before the second look, or disable the configuration.",
		},
		{
			Codes: []string{"secret_unreadable"},
			Text:  "The stored client secret or password cannot be opened: it was sealed with another key.",
			Fix:   "Start the app with that key in SECRET_KEY_PREVIOUS, or enter the secret again.",
		},
		{
			Codes: []string{"cannot_start"},
			Text:  "The app could not begin to work with the configuration.",
			Fix:   "The text of statusText at GET /v1/configs and the log name the reason; mostly a value in the configuration, or the database.",
		},
		{
			Codes: []string{"organizer_copy_not_found"},
			Text:  "The meeting is not in its organizer's calendar: somebody else may keep it for the organizer.",
			Fix:   "Have whoever invited the room make the change in Outlook.",
		},
		{
			Codes: []string{"organizer_not_allowed"},
			Text:  "The organizer's address is of a domain that allowedOrganizerDomains does not list: the app does not work in that mailbox.",
			Fix:   "Add the domain to allowedOrganizerDomains if its people book rooms here. Until then the service user books for them.",
		},
		{
			Codes: []string{"organizer_unknown"},
			Text:  "The meeting names no organizer whose mailbox could be looked into.",
			Fix:   "Have whoever invited the room make the change in Outlook.",
		},
		{
			Codes: []string{"rooms_added", "recovered"},
			Text:  "News for the administrator: rooms became assets, or a trouble is over.",
			Fix:   fixNothing,
		},
		{
			Codes: []string{"not_sent_in_time", "ClientNotSent"},
			Text:  "A request that was prepared could not leave within three seconds: Exchange asked for a pause, the process stood still, or a connection took long. It was not sent.",
			Fix:   fixNothing,
		},
		{
			Codes: []string{"end_unknown", "no_effect", "booking_gone", "occurrence_gone", "not_sent"},
			Text:  "An operation whose end was unknown, after a crash or a lost connection, was found to have had no effect, or none that matters any more.",
			Fix:   fixNothing,
		},
		{
			Codes: []string{"unexpected_error"},
			Text:  "Something failed that should not, for example the database.",
			Fix:   "The log has the details. The app tries again.",
		},
	}
}

// bookingWords explains what the Booking app and Eliona answer.
func bookingWords() []Word {
	return []Word{
		{
			Codes: []string{"booking_clash"},
			Text:  "The Booking app does not take a meeting of Outlook, mostly because the asset is booked at that time already.",
			Fix:   "Cancel or move one of the two. The app tries again when the time is free, and from time to time.",
		},
		{
			Codes: []string{"booking_app_unreachable"},
			Text:  "The Booking app does not answer, or not as it should.",
			Fix:   "Check that the Booking app runs and that bookingAppURL is right.",
		},
		{
			Codes: []string{"booking_app_too_old"},
			Text:  "The Booking app has no groups of bookings.",
			Fix:   "Update the Booking app to a release of June 2024 or later.",
		},
		{
			Codes: []string{"booking_not_found"},
			Text:  "The Booking app does not know the booking or its group.",
			Fix:   fixNothing,
		},
		{
			Codes: []string{"booking_request_refused"},
			Text:  "The Booking app refuses a request as malformed.",
			Fix:   "Check that bookingAppURL ends in /v1 and that the Booking app is supported; else report it.",
		},
		{
			Codes: []string{"booking_unmatched"},
			Text:  "The Booking app took bookings without telling their numbers.",
			Fix:   "Nothing: the app looks them up.",
		},
		{
			Codes: []string{"eliona_unreachable"},
			Text:  "The Eliona API does not answer, or not as it should.",
			Fix:   "Check that Eliona runs and that API_ENDPOINT is right.",
		},
		{
			Codes: []string{"eliona_refused"},
			Text:  "Eliona does not accept an asset, mostly because a project of projectIDs does not exist.",
			Fix:   "Correct projectIDs. If an asset type is missing, install the app anew.",
		},
		{
			Codes: []string{"eliona_not_found"},
			Text:  "Eliona does not know the asset, project or user.",
			Fix:   "Correct projectIDs, if they are the reason; assets that were deleted on purpose are left alone.",
		},
		{
			Codes: []string{"eliona_token_refused"},
			Text:  "Eliona does not accept the app's token.",
			Fix:   "Check API_TOKEN.",
		},
		{
			Codes: []string{"eliona_request_refused"},
			Text:  "Eliona refuses a request as malformed.",
			Fix:   "Check that API_ENDPOINT ends in /v2; else report it.",
		},
	}
}
