package contract

import (
	"net/http"
	"slices"
	"strings"

	"ews/simulator/fault"
)

// place is where a response code stands.
type place uint8

const (
	inFault place = 1 << iota
	inMessage
	warning // the message is a warning
)

// refusal is a response code with the requests that are answered so.
type refusal struct {
	code      string
	at        place
	operation string                  // one that may be answered so
	provoke   []func(w *world) answer // nil: only a simulator's fault does it
	or        []string                // what else a real server may answer
	shows     func(w *world, n *node) // checks what comes with the code
}

// Codes lists the response codes that the suite has cases for.
func Codes() []string {
	var codes []string
	for _, r := range refusals {
		codes = append(codes, r.code)
	}
	slices.Sort(codes)
	return codes
}

// play provokes the code, and has a simulator answer it wherever it may stand.
func (r refusal) play(w *world) {
	var seen place
	for _, provoke := range r.provoke {
		seen |= r.check(w, provoke(w))
	}
	if !w.simulated() {
		if r.provoke == nil {
			w.needsFaults()
		}
		return
	}
	for at, kind := range map[place]fault.Kind{inFault: fault.SOAPFault, inMessage: fault.ResponseCode} {
		if r.at&at == 0 || seen&at != 0 {
			continue
		}
		w.fail(fault.Rule{Operation: r.operation, Kind: kind, Code: r.code})
		request := requests[r.operation]
		w.NotEmpty(request, "no request for %s", r.operation)
		w.Equal(at, r.check(w, w.as(w.Organizer, request)))
	}
}

// check requires an answer to be that refusal, in the form that refusals have,
// and returns where the code stood.
func (r refusal) check(w *world, got answer) place {
	w.t.Helper()
	allowed := []string{r.code}
	if !w.simulated() {
		allowed = append(allowed, r.or...)
	}
	if f := got.fault(); f != nil {
		w.NotZero(r.at&inFault, "not a fault: %s", got.raw)
		w.Equal(http.StatusInternalServerError, got.status)
		w.Contains(allowed, f.text("detail", "ResponseCode"), got.raw)
		w.True(strings.HasSuffix(f.text("faultcode"), ":"+f.text("detail", "ResponseCode")), f.text("faultcode"))
		w.Empty(f.at("faultcode").XMLName.Space)
		w.Empty(f.at("detail").XMLName.Space)
		w.NotEmpty(f.text("faultstring"))
		for _, name := range []string{"ResponseCode", "Message"} {
			w.Equal(nsErrors, f.at("detail", name).XMLName.Space)
			w.NotEmpty(f.text("detail", name))
		}
		if r.shows != nil {
			r.shows(w, f.at("detail"))
		}
		return inFault
	}
	w.NotZero(r.at&inMessage, "not a message: %s", got.raw)
	w.Equal(http.StatusOK, got.status)
	class := "Error"
	if r.at&warning != 0 {
		class = "Warning"
	}
	refused := 0
	for _, m := range got.messages() {
		if m.attr("ResponseClass") == "Success" {
			continue
		}
		refused++
		w.Equal(class, m.attr("ResponseClass"), got.raw)
		w.Contains(allowed, m.text("ResponseCode"), got.raw)
		w.NotEmpty(m.text("MessageText"), got.raw)
		w.Regexp(`^\d+$`, m.text("DescriptiveLinkKey"), got.raw)
		if r.shows != nil {
			r.shows(w, m)
		}
	}
	w.NotZero(refused, "nothing was refused: %s", got.raw)
	return inMessage
}

// requests are one for each operation, for answers that do not depend on it.
var requests = map[string]string{
	"GetRoomLists": roomListsRequest,
	"GetItem":      getItems(shape(), itemID(id{id: "AAAA"}), itemID(id{id: "AAAB"})),
	"FindItem":     search(`<m:IndexedPageItemView MaxEntriesReturned="2" Offset="0" BasePoint="Beginning"/>`, "", calendarFolder),
	"CreateItem": `<m:CreateItem SendMeetingInvitations="SendToNone"><m:Items><t:CalendarItem><t:Subject>One</t:Subject></t:CalendarItem>` +
		`<t:CalendarItem><t:Subject>Two</t:Subject></t:CalendarItem></m:Items></m:CreateItem>`,
	"UpdateItem":          update("AutoResolve", itemID(id{"AAAA", "AAAA"}), set("calendar:Location", `<t:Location>Lab</t:Location>`)),
	"DeleteItem":          erase("HardDelete", itemID(id{id: "AAAA"})),
	"CancelCalendarItem":  respond("CancelCalendarItem", id{"AAAA", "AAAA"}),
	"AcceptItem":          respond("AcceptItem", id{"AAAA", "AAAA"}),
	"DeclineItem":         respond("DeclineItem", id{"AAAA", "AAAA"}),
	"SyncFolderItems":     syncFolder("", "10"),
	"ResolveNames":        resolveNames("nobody"),
	"GetFolder":           getFolder(calendarFolder),
	"GetUserAvailability": availability(span{}, "one@example.com", "two@example.com"),
	"Subscribe":           subscribeCalendar,
	"Unsubscribe":         unsubscribe("AAAA"),
	"GetStreamingEvents":  getStreamingEvents("AAAA"),
}

// one makes the list of a single provocation.
func one(f ...func(*world) answer) []func(*world) answer { return f }

// refusals are the response codes that a client for meeting rooms meets,
// grouped by what is wrong.
var refusals = []refusal{
	// Load and trouble of the server.
	{code: "ErrorServerBusy", at: inFault | inMessage, operation: "GetItem"},
	{code: "ErrorTooManyObjectsOpened", at: inFault | inMessage, operation: "FindItem"},
	{code: "ErrorExceededConnectionCount", at: inFault, operation: "GetItem", provoke: one(tooManyAtOnce), shows: showsConcurrency},
	{code: "ErrorExceededFindCountLimit", at: inMessage, operation: "FindItem", provoke: one(tooManyFound)},
	{code: "ErrorExceededMessageLimit", at: inMessage, operation: "CreateItem"},
	{code: "ErrorSubmissionQuotaExceeded", at: inMessage, operation: "CreateItem"},
	{code: "ErrorTimeoutExpired", at: inFault | inMessage, operation: "FindItem"},
	{code: "ErrorInternalServerTransientError", at: inFault | inMessage, operation: "GetItem"},
	{code: "ErrorInternalServerError", at: inFault | inMessage, operation: "GetItem"},
	{code: "ErrorClientDisconnected", at: inFault | inMessage, operation: "UpdateItem"},
	{code: "ErrorRequestAborted", at: inFault | inMessage, operation: "UpdateItem"},
	{code: "ErrorConnectionFailed", at: inFault | inMessage, operation: "GetItem"},
	{code: "ErrorNoRespondingCASInDestinationSite", at: inFault | inMessage, operation: "GetItem"},
	{code: "ErrorProxyRequestProcessingFailed", at: inFault | inMessage, operation: "GetUserAvailability"},
	{code: "ErrorProxyRequestNotAllowed", at: inMessage, operation: "Subscribe"},
	{code: "ErrorMailboxFailover", at: inMessage, operation: "GetItem"},
	{code: "ErrorMailboxStoreUnavailable", at: inMessage, operation: "SyncFolderItems"},
	{code: "ErrorMailboxMoveInProgress", at: inMessage, operation: "SyncFolderItems"},
	{code: "ErrorADUnavailable", at: inFault | inMessage, operation: "ResolveNames"},
	{code: "ErrorADOperation", at: inFault | inMessage, operation: "ResolveNames"},
	{code: "ErrorBatchProcessingStopped", at: inMessage | warning, operation: "GetItem"},
	{code: "ErrorItemSave", at: inMessage, operation: "UpdateItem"},
	{code: "ErrorItemSavePropertyError", at: inMessage, operation: "UpdateItem"},
	{code: "ErrorPropertyUpdate", at: inMessage, operation: "UpdateItem"},
	{code: "ErrorRequestStreamTooBig", at: inFault, operation: "CreateItem", provoke: one(tooBig)},

	// Who asks, and as whom.
	{code: "ErrorNonExistentMailbox", at: inFault | inMessage, operation: "GetFolder", provoke: one(actAsNobody, openNobody)},
	{code: "ErrorNonPrimarySmtpAddress", at: inFault, operation: "GetFolder", provoke: one(actAsProxy), shows: showsAddress},
	{code: "ErrorInvalidUserPrincipalName", at: inFault, operation: "GetFolder", provoke: one(actAsUnknown("PrincipalName", "nobody@invalid.example"))},
	{code: "ErrorInvalidUserSid", at: inFault, operation: "GetFolder", provoke: one(actAsUnknown("SID", "S-1-5-21-1-2-3-4"))},
	{code: "ErrorInvalidSmtpAddress", at: inFault, operation: "GetFolder", provoke: one(actAsUnknown("SmtpAddress", "nobody"))},
	{code: "ErrorInvalidExchangeImpersonationHeaderData", at: inFault, operation: "GetFolder", provoke: one(actAsUnknown("SmtpAddress", ""))},
	{code: "ErrorImpersonateUserDenied", at: inFault, operation: "GetFolder", provoke: one(actBeyondScope)},
	{code: "ErrorImpersonationDenied", at: inFault, operation: "GetFolder", provoke: one(actWithoutRight), or: []string{"ErrorImpersonateUserDenied"}},
	{code: "ErrorImpersonationFailed", at: inFault, operation: "GetFolder"},
	{code: "ErrorAccountDisabled", at: inFault | inMessage, operation: "GetFolder", provoke: one(actAsDisabled), or: []string{"ErrorNonExistentMailbox"}},
	{code: "ErrorAccessDenied", at: inFault | inMessage, operation: "GetFolder", provoke: one(openInbox), or: []string{"ErrorFolderNotFound", "ErrorItemNotFound"}},
	{code: "ErrorPasswordExpired", at: inFault, operation: "GetFolder"},
	{code: "ErrorPasswordChangeRequired", at: inFault, operation: "GetFolder"},
	{code: "ErrorOrganizationAccessBlocked", at: inFault, operation: "GetFolder"},
	{code: "ErrorInvalidLicense", at: inFault, operation: "GetFolder"},

	// The form of the request.
	{code: "ErrorInvalidServerVersion", at: inFault, operation: "GetFolder", provoke: one(unknownVersion)},
	{code: "ErrorIncorrectSchemaVersion", at: inFault, operation: "GetFolder"},
	{code: "ErrorInvalidSchemaVersionForMailboxVersion", at: inFault, operation: "GetFolder"},
	{code: "ErrorWrongServerVersion", at: inFault, operation: "GetFolder"},
	{code: "ErrorSchemaValidation", at: inFault, operation: "GetItem", provoke: one(wrongOrder, wrongValue, beyondRange), shows: showsViolation},
	{code: "ErrorInvalidRequest", at: inFault, operation: "GetItem", provoke: one(unknownOperation)},
	{code: "ErrorDuplicateSOAPHeader", at: inFault, operation: "GetItem", provoke: one(doubleHeader)},
	{code: "ErrorTimeZone", at: inFault | inMessage, operation: "GetUserAvailability", provoke: one(unknownContext), or: []string{"ErrorCalendarInvalidTimeZone"}},
	{code: "ErrorCalendarInvalidTimeZone", at: inMessage, operation: "CreateItem", provoke: one(unknownZone), or: []string{"ErrorTimeZone"}},

	// Names and availability.
	{code: "ErrorNameResolutionNoResults", at: inMessage, operation: "ResolveNames", provoke: one(unknownList, unknownName)},
	{code: "ErrorNameResolutionMultipleResults", at: inMessage | warning, operation: "ResolveNames", provoke: one(ambiguousName), shows: showsCandidates},
	{code: "ErrorNameResolutionNoMailbox", at: inMessage, operation: "ResolveNames"},
	{code: "ErrorMailRecipientNotFound", at: inMessage, operation: "GetUserAvailability", provoke: one(availabilityOfNobody)},
	{code: "ErrorNoFreeBusyAccess", at: inMessage, operation: "GetUserAvailability"},
	{code: "ErrorFreeBusyGenerationFailed", at: inMessage, operation: "GetUserAvailability"},
	{code: "ErrorTimeIntervalTooBig", at: inFault | inMessage, operation: "GetUserAvailability", provoke: one(availabilityForLong)},
	{code: "ErrorMailboxDataArrayTooBig", at: inFault | inMessage, operation: "GetUserAvailability", provoke: one(availabilityOfMany)},

	// Items and folders.
	{code: "ErrorItemNotFound", at: inMessage, operation: "GetItem", provoke: one(getDeleted, getForeign)},
	{code: "ErrorInvalidId", at: inMessage, operation: "GetItem"},
	{code: "ErrorInvalidIdMalformed", at: inMessage, operation: "GetItem", provoke: one(getMalformed), or: []string{"ErrorInvalidId"}},
	{code: "ErrorInvalidIdEmpty", at: inMessage, operation: "GetItem", provoke: one(getEmpty), or: []string{"ErrorInvalidIdMalformed"}},
	{code: "ErrorInvalidPropertyRequest", at: inMessage, operation: "GetItem", provoke: one(getWrongProperty)},
	{code: "ErrorItemCorrupt", at: inMessage, operation: "GetItem"},
	{code: "ErrorCorruptData", at: inMessage, operation: "GetItem"},
	{code: "ErrorItemPropertyRequestFailed", at: inMessage, operation: "GetItem"},
	{code: "ErrorFolderNotFound", at: inMessage, operation: "GetFolder", provoke: one(openArchive), or: []string{"ErrorItemNotFound"}},
	{code: "ErrorSyncFolderNotFound", at: inMessage, operation: "SyncFolderItems", provoke: one(syncArchive), or: []string{"ErrorFolderNotFound", "ErrorItemNotFound"}},
	{code: "ErrorInvalidSyncStateData", at: inMessage, operation: "SyncFolderItems", provoke: one(syncMalformed, syncForeign)},

	// Searches.
	{code: "ErrorCalendarViewRangeTooBig", at: inMessage, operation: "FindItem", provoke: one(viewTooLong)},
	{code: "ErrorCalendarFolderIsInvalidForCalendarView", at: inMessage, operation: "FindItem", provoke: one(viewOfInbox)},
	{code: "ErrorUnsupportedPathForQuery", at: inMessage, operation: "FindItem", provoke: one(searchUID)},
	{code: "ErrorInvalidRestriction", at: inMessage, operation: "FindItem"},
	{code: "ErrorRestrictionTooComplex", at: inMessage, operation: "FindItem"},

	// Occurrences.
	{code: "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange", at: inMessage, operation: "GetItem", provoke: one(occurrenceBehindEnd)},
	{code: "ErrorCalendarOccurrenceIsDeletedFromRecurrence", at: inMessage, operation: "GetItem", provoke: one(occurrenceDeleted)},
	{code: "ErrorCalendarCannotUseIdForOccurrenceId", at: inMessage, operation: "GetItem", provoke: one(occurrenceOfSingle)},
	{code: "ErrorCalendarCannotUseIdForRecurringMasterId", at: inMessage, operation: "GetItem", provoke: one(masterOfSingle)},
	{code: "ErrorOccurrenceCrossingBoundary", at: inMessage, operation: "UpdateItem", provoke: one(occurrenceAcross)},
	{code: "ErrorOccurrenceTimeSpanTooBig", at: inMessage, operation: "UpdateItem", provoke: one(occurrenceTooLong), or: []string{"ErrorOccurrenceCrossingBoundary"}},
	{code: "ErrorCalendarInvalidRecurrence", at: inMessage, operation: "CreateItem", provoke: one(recurrenceWithoutDay), or: []string{"ErrorCalendarInvalidDayForWeeklyRecurrence"}},
	{code: "ErrorRecurrenceHasNoOccurrence", at: inMessage, operation: "CreateItem", provoke: one(recurrenceWithoutDate)},
	{code: "ErrorRecurrenceEndDateTooBig", at: inMessage, operation: "CreateItem"},

	// Writing.
	{code: "ErrorCalendarEndDateIsEarlierThanStartDate", at: inMessage, operation: "CreateItem", provoke: one(createBackwards, viewBackwards)},
	{code: "ErrorCalendarDurationIsTooLong", at: inMessage, operation: "CreateItem", provoke: one(createTooLong)},
	{code: "ErrorSendMeetingInvitationsRequired", at: inMessage, operation: "CreateItem", provoke: one(createWithoutMode)},
	{code: "ErrorSendMeetingInvitationsOrCancellationsRequired", at: inMessage, operation: "UpdateItem", provoke: one(updateWithoutMode)},
	{code: "ErrorSendMeetingCancellationsRequired", at: inMessage, operation: "DeleteItem", provoke: one(deleteWithoutMode)},
	{code: "ErrorCannotCreateCalendarItemInNonCalendarFolder", at: inMessage, operation: "CreateItem", provoke: one(createInInbox)},
	{code: "ErrorInvalidRecipients", at: inMessage, operation: "CreateItem", provoke: one(inviteNobody)},
	{code: "ErrorMissingRecipients", at: inMessage, operation: "CreateItem"},
	{code: "ErrorCreateItemAccessDenied", at: inMessage, operation: "CreateItem"},
	{code: "ErrorQuotaExceeded", at: inMessage, operation: "CreateItem"},
	{code: "ErrorSendAsDenied", at: inMessage, operation: "CreateItem"},
	{code: "ErrorMessageSubmissionBlocked", at: inMessage, operation: "CreateItem"},
	{code: "ErrorIncorrectUpdatePropertyCount", at: inMessage, operation: "UpdateItem", provoke: one(updateTwoAtOnce)},
	{code: "ErrorUpdatePropertyMismatch", at: inMessage, operation: "UpdateItem", provoke: one(updateAnother)},
	{code: "ErrorInvalidPropertySet", at: inMessage, operation: "UpdateItem", provoke: one(updateReadOnly)},
	{code: "ErrorChangeKeyRequiredForWriteOperations", at: inMessage, operation: "UpdateItem", provoke: one(updateWithoutKey), or: []string{"ErrorChangeKeyRequired"}},
	{code: "ErrorChangeKeyRequired", at: inMessage, operation: "CancelCalendarItem", provoke: one(cancelWithoutKey), or: []string{"ErrorChangeKeyRequiredForWriteOperations"}},
	{code: "ErrorInvalidChangeKey", at: inMessage, operation: "UpdateItem", provoke: one(updateGarbledKey)},
	{code: "ErrorIrresolvableConflict", at: inMessage, operation: "UpdateItem", provoke: one(updateOldKey)},
	{code: "ErrorStaleObject", at: inMessage, operation: "CancelCalendarItem", provoke: one(cancelOldKey), or: []string{"ErrorIrresolvableConflict"}},
	{code: "ErrorCalendarCannotUpdateDeletedItem", at: inMessage, operation: "UpdateItem", provoke: one(updateDeleted)},
	{code: "ErrorDeleteItemsFailed", at: inMessage, operation: "DeleteItem"},
	{code: "ErrorCannotDeleteObject", at: inMessage, operation: "DeleteItem"},

	// Cancelling and answering.
	{code: "ErrorCalendarIsNotOrganizer", at: inMessage, operation: "CancelCalendarItem", provoke: one(cancelAsRoom)},
	{code: "ErrorCalendarIsCancelledForRemove", at: inMessage, operation: "CancelCalendarItem", provoke: one(cancelTwice), or: []string{"ErrorItemNotFound"}},
	{code: "ErrorCalendarIsCancelledForAccept", at: inMessage, operation: "AcceptItem", provoke: one(answerCancelled("AcceptItem"))},
	{code: "ErrorCalendarIsCancelledForTentative", at: inMessage, operation: "AcceptItem", provoke: one(answerCancelled("TentativelyAcceptItem"))},
	{code: "ErrorCalendarIsCancelledForDecline", at: inMessage, operation: "DeclineItem", provoke: one(answerCancelled("DeclineItem"))},
	{code: "ErrorCalendarIsOrganizerForAccept", at: inMessage, operation: "AcceptItem", provoke: one(answerOwn("AcceptItem"))},
	{code: "ErrorCalendarIsOrganizerForTentative", at: inMessage, operation: "AcceptItem", provoke: one(answerOwn("TentativelyAcceptItem"))},
	{code: "ErrorCalendarIsOrganizerForDecline", at: inMessage, operation: "DeclineItem", provoke: one(answerOwn("DeclineItem"))},
	{code: "ErrorCalendarIsOrganizerForRemove", at: inMessage, operation: "CancelCalendarItem"},
	{code: "ErrorCalendarIsDelegatedForAccept", at: inMessage, operation: "AcceptItem"},
	{code: "ErrorCalendarIsDelegatedForDecline", at: inMessage, operation: "DeclineItem"},
	{code: "ErrorCalendarMeetingRequestIsOutOfDate", at: inMessage, operation: "AcceptItem", provoke: one(answerOutdated)},

	// Subscriptions.
	{code: "ErrorInvalidSubscriptionRequest", at: inMessage, operation: "Subscribe", provoke: one(subscribeToBoth)},
	{code: "ErrorExceededSubscriptionCount", at: inMessage, operation: "Subscribe", provoke: one(subscribeTooOften)},
	{code: "ErrorSubscriptionNotFound", at: inMessage, operation: "Unsubscribe", provoke: one(unsubscribeTwice)},
	{code: "ErrorSubscriptionAccessDenied", at: inMessage, operation: "Unsubscribe", provoke: one(unsubscribeForeign)},
	{code: "ErrorInvalidSubscription", at: inMessage, operation: "GetStreamingEvents", provoke: one(streamUnknown), or: []string{"ErrorSubscriptionNotFound"}, shows: showsSubscriptions},
	{code: "ErrorExpiredSubscription", at: inMessage, operation: "GetStreamingEvents"},
	{code: "ErrorReadEventsFailed", at: inMessage, operation: "GetStreamingEvents"},
	{code: "ErrorEventNotFound", at: inMessage, operation: "GetStreamingEvents"},
	{code: "ErrorMissedNotificationEvents", at: inMessage, operation: "GetStreamingEvents"},
	{code: "ErrorInvalidWatermark", at: inMessage, operation: "GetStreamingEvents"},
	{code: "ErrorSubscriptionUnsubscribed", at: inMessage, operation: "GetStreamingEvents"},
	{code: "ErrorNewEventStreamConnectionOpened", at: inMessage, operation: "GetStreamingEvents"},
}
