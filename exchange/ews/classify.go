package ews

import (
	"net/http"
	"strings"
	"time"
)

// verdict is what a response code or HTTP status means to a caller.
type verdict struct {
	class   Class
	backOff time.Duration // advice when the server gives none
	mayRun  bool          // a writing request may have taken effect all the same
}

// codeVerdicts maps response codes to reactions, after the page "ResponseCode".
// Codes that are missing here are ClassPermanent.
var codeVerdicts = map[string]verdict{
	"ErrorServerBusy":              {class: ClassThrottled},
	"ErrorTooManyObjectsOpened":    {class: ClassThrottled},
	"ErrorExceededConnectionCount": {class: ClassThrottled},
	"ErrorExceededMessageLimit":    {class: ClassTransient, backOff: 5 * time.Minute},
	"ErrorSubmissionQuotaExceeded": {class: ClassTransient, backOff: 5 * time.Minute},

	"ErrorTimeoutExpired":                                {class: ClassTransient, mayRun: true},
	"ErrorInternalServerTransientError":                  {class: ClassTransient, mayRun: true},
	"ErrorInternalServerError":                           {class: ClassTransient, mayRun: true},
	"ErrorClientDisconnected":                            {class: ClassTransient, mayRun: true},
	"ErrorRequestAborted":                                {class: ClassTransient, mayRun: true},
	"ErrorConnectionFailed":                              {class: ClassTransient, mayRun: true},
	"ErrorNoRespondingCASInDestinationSite":              {class: ClassTransient, mayRun: true},
	"ErrorProxyRequestProcessingFailed":                  {class: ClassTransient, mayRun: true},
	"ErrorProxyRequestNotAllowed":                        {class: ClassTransient},
	"ErrorMailboxFailover":                               {class: ClassTransient, mayRun: true},
	"ErrorMailboxStoreUnavailable":                       {class: ClassTransient, backOff: 2 * time.Minute, mayRun: true},
	"ErrorMailboxMoveInProgress":                         {class: ClassTransient, backOff: 5 * time.Minute},
	"ErrorADUnavailable":                                 {class: ClassTransient},
	"ErrorADOperation":                                   {class: ClassTransient},
	"ErrorBatchProcessingStopped":                        {class: ClassTransient},
	"ErrorImpersonationFailed":                           {class: ClassTransient},
	"ErrorItemSave":                                      {class: ClassTransient, mayRun: true},
	"ErrorItemSavePropertyError":                         {class: ClassTransient},
	"ErrorPropertyUpdate":                                {class: ClassTransient},
	"ErrorFreeBusyGenerationFailed":                      {class: ClassTransient},
	"ErrorExceededSubscriptionCount":                     {class: ClassTransient, backOff: time.Minute},
	"ErrorSubscriptionNotFound":                          {class: ClassGone},
	"ErrorInvalidSubscription":                           {class: ClassGone},
	"ErrorExpiredSubscription":                           {class: ClassGone},
	"ErrorReadEventsFailed":                              {class: ClassGone},
	"ErrorEventNotFound":                                 {class: ClassGone},
	"ErrorMissedNotificationEvents":                      {class: ClassGone},
	"ErrorInvalidWatermark":                              {class: ClassGone},
	"ErrorSubscriptionUnsubscribed":                      {class: ClassGone},
	"ErrorSubscriptionAccessDenied":                      {class: ClassGone},
	"ErrorNewEventStreamConnectionOpened":                {class: ClassConflict},
	"ErrorItemNotFound":                                  {class: ClassGone},
	"ErrorInvalidId":                                     {class: ClassGone},
	"ErrorInvalidIdMalformed":                            {class: ClassGone},
	"ErrorInvalidIdEmpty":                                {class: ClassGone},
	"ErrorFolderNotFound":                                {class: ClassGone},
	"ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange": {class: ClassGone},
	"ErrorCalendarOccurrenceIsDeletedFromRecurrence":     {class: ClassGone},
	"ErrorCalendarCannotUpdateDeletedItem":               {class: ClassGone},
	"ErrorCalendarIsCancelledForAccept":                  {class: ClassGone},
	"ErrorCalendarIsCancelledForDecline":                 {class: ClassGone},
	"ErrorCalendarIsCancelledForTentative":               {class: ClassGone},
	"ErrorCalendarIsCancelledForRemove":                  {class: ClassGone},
	"ErrorNameResolutionNoResults":                       {class: ClassGone},
	"ErrorMailRecipientNotFound":                         {class: ClassGone},

	"ErrorInvalidSyncStateData": {class: ClassInvalidSyncState},
	"ErrorSyncFolderNotFound":   {class: ClassInvalidSyncState},

	"ErrorIrresolvableConflict":                    {class: ClassStale},
	"ErrorStaleObject":                             {class: ClassStale},
	"ErrorChangeKeyRequired":                       {class: ClassStale},
	"ErrorChangeKeyRequiredForWriteOperations":     {class: ClassStale},
	"ErrorInvalidChangeKey":                        {class: ClassStale},
	"ErrorCalendarCannotUseIdForOccurrenceId":      {class: ClassStale},
	"ErrorCalendarCannotUseIdForRecurringMasterId": {class: ClassStale},
	"ErrorCalendarMeetingRequestIsOutOfDate":       {class: ClassStale},
	"ErrorDeleteItemsFailed":                       {class: ClassStale, mayRun: true},
	"ErrorCannotDeleteObject":                      {class: ClassStale},

	"ErrorNonExistentMailbox":       {class: ClassNotFoundMailbox},
	"ErrorNonPrimarySmtpAddress":    {class: ClassNotFoundMailbox},
	"ErrorInvalidUserPrincipalName": {class: ClassNotFoundMailbox},
	"ErrorInvalidUserSid":           {class: ClassNotFoundMailbox},
	"ErrorInvalidSmtpAddress":       {class: ClassNotFoundMailbox},
	"ErrorNameResolutionNoMailbox":  {class: ClassNotFoundMailbox},
	"ErrorAccountDisabled":          {class: ClassNotFoundMailbox},
	"ErrorInvalidLicense":           {class: ClassNotFoundMailbox},

	"ErrorImpersonateUserDenied":    {class: ClassDenied},
	"ErrorAccessDenied":             {class: ClassDenied},
	"ErrorCreateItemAccessDenied":   {class: ClassDenied},
	"ErrorNoFreeBusyAccess":         {class: ClassDenied},
	"ErrorSendAsDenied":             {class: ClassDenied},
	"ErrorMessageSubmissionBlocked": {class: ClassDenied},
	"ErrorQuotaExceeded":            {class: ClassDenied},

	"ErrorPasswordExpired":        {class: ClassAuth},
	"ErrorPasswordChangeRequired": {class: ClassAuth},

	"ErrorImpersonationDenied":                   {class: ClassConfig},
	"ErrorOrganizationAccessBlocked":             {class: ClassConfig},
	"ErrorInvalidServerVersion":                  {class: ClassConfig},
	"ErrorIncorrectSchemaVersion":                {class: ClassConfig},
	"ErrorInvalidSchemaVersionForMailboxVersion": {class: ClassConfig},
	"ErrorWrongServerVersion":                    {class: ClassConfig},

	"ErrorCalendarIsNotOrganizer":          {class: ClassConflict},
	"ErrorCalendarIsOrganizerForAccept":    {class: ClassConflict},
	"ErrorCalendarIsOrganizerForDecline":   {class: ClassConflict},
	"ErrorCalendarIsOrganizerForTentative": {class: ClassConflict},
	"ErrorCalendarIsOrganizerForRemove":    {class: ClassConflict},
	"ErrorCalendarIsDelegatedForAccept":    {class: ClassConflict},
	"ErrorCalendarIsDelegatedForDecline":   {class: ClassConflict},
	"ErrorOccurrenceCrossingBoundary":      {class: ClassConflict},
	"ErrorOccurrenceTimeSpanTooBig":        {class: ClassConflict},

	"ErrorExceededFindCountLimit":  {class: ClassTooLarge},
	"ErrorRequestStreamTooBig":     {class: ClassTooLarge},
	"ErrorCalendarViewRangeTooBig": {class: ClassTooLarge},
	"ErrorTimeIntervalTooBig":      {class: ClassTooLarge},
	"ErrorMailboxDataArrayTooBig":  {class: ClassTooLarge},

	"ErrorCalendarEndDateIsEarlierThanStartDate": {class: ClassPermanent},
	"ErrorCalendarDurationIsTooLong":             {class: ClassPermanent},
	"ErrorCalendarInvalidRecurrence":             {class: ClassPermanent},
	"ErrorRecurrenceHasNoOccurrence":             {class: ClassPermanent},
	"ErrorRecurrenceEndDateTooBig":               {class: ClassPermanent},
	"ErrorInvalidRecipients":                     {class: ClassPermanent},
	"ErrorMissingRecipients":                     {class: ClassPermanent},
	"ErrorItemCorrupt":                           {class: ClassPermanent},
	"ErrorCorruptData":                           {class: ClassPermanent},
	"ErrorItemPropertyRequestFailed":             {class: ClassPermanent},
	"ErrorNameResolutionMultipleResults":         {class: ClassPermanent},

	"ErrorInvalidExchangeImpersonationHeaderData":        {class: ClassBug},
	"ErrorSchemaValidation":                              {class: ClassBug},
	"ErrorInvalidRequest":                                {class: ClassBug},
	"ErrorDuplicateSOAPHeader":                           {class: ClassBug},
	"ErrorCalendarFolderIsInvalidForCalendarView":        {class: ClassBug},
	"ErrorCannotCreateCalendarItemInNonCalendarFolder":   {class: ClassBug},
	"ErrorSendMeetingInvitationsRequired":                {class: ClassBug},
	"ErrorSendMeetingInvitationsOrCancellationsRequired": {class: ClassBug},
	"ErrorSendMeetingCancellationsRequired":              {class: ClassBug},
	"ErrorIncorrectUpdatePropertyCount":                  {class: ClassBug},
	"ErrorUpdatePropertyMismatch":                        {class: ClassBug},
	"ErrorInvalidPropertySet":                            {class: ClassBug},
	"ErrorInvalidPropertyRequest":                        {class: ClassBug},
	"ErrorUnsupportedPathForQuery":                       {class: ClassBug},
	"ErrorInvalidRestriction":                            {class: ClassBug},
	"ErrorRestrictionTooComplex":                         {class: ClassBug},
	"ErrorTimeZone":                                      {class: ClassBug},
	"ErrorCalendarInvalidTimeZone":                       {class: ClassBug},
	"ErrorInvalidSubscriptionRequest":                    {class: ClassBug},
}

// operationVerdicts are exceptions of single operations, keyed
// "operation/code".
var operationVerdicts = map[string]verdict{
	// The room list does not exist: that is a wrong setting, and above all not an
	// empty list.
	"GetRooms/ErrorNameResolutionNoResults": {class: ClassConfig},
	// Asking a non-calendar item for calendar properties concerns that item only.
	"GetItem/ErrorInvalidPropertyRequest": {class: ClassPermanent},
	// Streaming connections have a budget of their own: to exceed it says nothing
	// about other calls.
	"GetStreamingEvents/ErrorExceededConnectionCount": {class: ClassTransient, backOff: 5 * time.Minute},
}

// statusVerdicts classifies answers that carry no SOAP message.
var statusVerdicts = map[int]verdict{
	http.StatusBadRequest:            {class: ClassBug},
	http.StatusUnauthorized:          {class: ClassAuth},
	http.StatusForbidden:             {class: ClassConfig},
	http.StatusNotFound:              {class: ClassConfig},
	http.StatusMethodNotAllowed:      {class: ClassConfig},
	http.StatusGone:                  {class: ClassConfig},
	http.StatusProxyAuthRequired:     {class: ClassConfig},
	http.StatusRequestTimeout:        {class: ClassTransient, mayRun: true},
	http.StatusRequestEntityTooLarge: {class: ClassTooLarge},
	http.StatusRequestURITooLong:     {class: ClassTooLarge},
	http.StatusTooManyRequests:       {class: ClassThrottled},
	440:                              {class: ClassAuth}, // login expired, Exchange front end
	456:                              {class: ClassAuth},
	457:                              {class: ClassAuth},
	http.StatusServiceUnavailable:    {class: ClassThrottled, mayRun: true},
	http.StatusOK:                    {class: ClassConfig, mayRun: true}, // a web page in place of EWS
}

// versionCodes are answered when the server does not know the requested schema.
var versionCodes = map[string]bool{
	"ErrorInvalidServerVersion":                  true,
	"ErrorIncorrectSchemaVersion":                true,
	"ErrorInvalidSchemaVersionForMailboxVersion": true,
	"ErrorWrongServerVersion":                    true,
}

func verdictOfCode(operation, code string) verdict {
	if v, ok := operationVerdicts[operation+"/"+code]; ok {
		return v
	}
	return codeVerdicts[code]
}

func verdictOfStatus(status int, location string) verdict {
	if v, ok := statusVerdicts[status]; ok {
		return v
	}
	switch {
	case status >= 300 && status < 400:
		// The front end redirects here during outages; every other redirect is a
		// wrong address, and credentials are not carried along.
		if strings.Contains(strings.ToLower(location), "/ews/genericerrorpage.htm") {
			return verdict{class: ClassTransient, mayRun: true}
		}
		return verdict{class: ClassConfig}
	case status >= 500:
		return verdict{class: ClassTransient, mayRun: true}
	}
	return verdict{class: ClassPermanent, mayRun: status < 300}
}

// missingImpersonation is how Exchange Online words the refusal of an app-only
// token without impersonation header; it comes with varying codes.
const missingImpersonation = "exchangeimpersonation soap header must be present"

// refine corrects a verdict by what only the text or the appendix says.
func refine(v verdict, message string) verdict {
	if strings.Contains(strings.ToLower(message), missingImpersonation) {
		return verdict{class: ClassConfig}
	}
	return v
}
