package health

// calendarWords explains what the state of a calendar does not admit.
func calendarWords() []Word {
	return []Word{
		{
			Codes: []string{"ErrorItemNotFound", "ErrorCalendarCannotUpdateDeletedItem", "ErrorDeleteItemsFailed", "ErrorCannotDeleteObject"},
			Text:  "The item was moved or deleted meanwhile.",
			Fix:   fixNothing,
		},
		{
			Codes: []string{
				"ErrorCalendarIsCancelledForAccept", "ErrorCalendarIsCancelledForDecline", "ErrorCalendarIsCancelledForTentative",
				"ErrorCalendarIsCancelledForRemove",
			},
			Text: "The meeting is cancelled already.",
			Fix:  fixNothing,
		},
		{
			Codes: []string{
				"ErrorIrresolvableConflict", "ErrorStaleObject", "ErrorChangeKeyRequired", "ErrorChangeKeyRequiredForWriteOperations",
				"ErrorInvalidChangeKey", "ErrorCalendarMeetingRequestIsOutOfDate", "ErrorCalendarCannotUseIdForOccurrenceId",
				"ErrorCalendarCannotUseIdForRecurringMasterId",
			},
			Text: "Somebody changed the item at the same moment; it is read again.",
			Fix:  fixNothing,
		},
		{
			Codes: []string{"ErrorInvalidSyncStateData", "ErrorSyncFolderNotFound"},
			Text:  "Exchange no longer knows the position in the room's change feed; it starts anew.",
			Fix:   fixNothing,
		},
		{
			Codes: []string{
				"ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange", "ErrorCalendarOccurrenceIsDeletedFromRecurrence",
			},
			Text: "The date is no longer part of its series.",
			Fix:  fixNothing,
		},
		{
			Codes: []string{"ErrorOccurrenceCrossingBoundary", "ErrorOccurrenceTimeSpanTooBig"},
			Text:  "A date of a series cannot be moved past, or onto the day of, its neighbour.",
			Fix:   "Move it less far, or take it out of the series in Outlook.",
		},
		{
			Codes: []string{
				"ErrorCalendarIsNotOrganizer", "ErrorCalendarIsOrganizerForAccept", "ErrorCalendarIsOrganizerForDecline",
				"ErrorCalendarIsOrganizerForTentative", "ErrorCalendarIsOrganizerForRemove", "ErrorCalendarIsDelegatedForAccept",
				"ErrorCalendarIsDelegatedForDecline",
			},
			Text: "The mailbox has another part in the meeting than the request needs: only its organizer can change or cancel it.",
			Fix:  "Have the organizer do it in Outlook.",
		},
		{
			Codes: []string{"ErrorCalendarEndDateIsEarlierThanStartDate", "ErrorCalendarDurationIsTooLong"},
			Text:  "Exchange does not take a meeting of this length.",
			Fix:   "Correct start and end of the booking.",
		},
		{
			Codes: []string{"ErrorCalendarInvalidRecurrence", "ErrorRecurrenceHasNoOccurrence", "ErrorRecurrenceEndDateTooBig"},
			Text:  "The series is one that Exchange does not take.",
			Fix:   "Correct the series in Outlook.",
		},
		{
			Codes: []string{"ErrorItemCorrupt", "ErrorCorruptData", "ErrorItemPropertyRequestFailed", "ErrorInvalidPropertyRequest"},
			Text:  "An item of the calendar is damaged or of another kind.",
			Fix:   "Find and remove the item; New-MailboxRepairRequest helps on Exchange Server.",
		},
	}
}

// requestWords explains requests that are not right in themselves.
func requestWords() []Word {
	return []Word{
		{
			Codes: []string{
				"ErrorExceededFindCountLimit", "ErrorRequestStreamTooBig", "ErrorCalendarViewRangeTooBig", "ErrorTimeIntervalTooBig",
				"ErrorMailboxDataArrayTooBig", "ClientAnswerTooLarge", "HTTP413", "HTTP414",
			},
			Text: "A request or its answer is larger than the server, or the app, takes.",
			Fix:  "Lower horizonDays; if that does not help, report it with the lines of the log.",
		},
		{
			Codes: []string{
				"ErrorInvalidId", "ErrorInvalidIdMalformed", "ErrorInvalidIdEmpty", "ErrorSchemaValidation", "ErrorInvalidRequest",
				"ErrorDuplicateSOAPHeader", "ErrorCalendarFolderIsInvalidForCalendarView", "ErrorCannotCreateCalendarItemInNonCalendarFolder",
				"ErrorSendMeetingInvitationsRequired", "ErrorSendMeetingInvitationsOrCancellationsRequired",
				"ErrorSendMeetingCancellationsRequired", "ErrorIncorrectUpdatePropertyCount", "ErrorUpdatePropertyMismatch",
				"ErrorInvalidPropertySet", "ErrorUnsupportedPathForQuery", "ErrorInvalidRestriction", "ErrorRestrictionTooComplex",
				"ErrorTimeZone", "ErrorCalendarInvalidTimeZone", "HTTP400", "ClientInvalidRequest",
			},
			Text: "The request is not one that Exchange understands.",
			Fix:  fixReport,
		},
		{
			Codes: []string{"ClientRepeatedAnswer", "ClientIncompleteAnswer"},
			Text:  "Exchange answered a part of what it was asked for, or the same again and again.",
			Fix:   "The app tries again. If it lasts, look at proxies in between; else report it with the lines of the log.",
		},
	}
}
