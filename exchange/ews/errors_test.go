package ews

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/simulator/exchangesim/contract"
)

func create(ctx context.Context, c *Client) error {
	_, err := c.CreateMeeting(ctx, room, NewMeeting{Subject: "top-secret-subject", Body: "private-body", Start: start, End: end})
	return err
}

// TestCodeClasses names the class of every code the product reacts to.
func TestCodeClasses(t *testing.T) {
	classes := map[Class]string{
		ClassThrottled:        "ErrorServerBusy ErrorTooManyObjectsOpened ErrorExceededConnectionCount",
		ClassTransient:        "ErrorTimeoutExpired ErrorInternalServerTransientError ErrorInternalServerError ErrorBatchProcessingStopped ErrorADUnavailable ErrorADOperation ErrorConnectionFailed ErrorMailboxStoreUnavailable ErrorMailboxMoveInProgress ErrorMailboxFailover ErrorNoRespondingCASInDestinationSite ErrorProxyRequestProcessingFailed ErrorImpersonationFailed ErrorClientDisconnected ErrorRequestAborted ErrorItemSave ErrorExceededMessageLimit ErrorSubmissionQuotaExceeded",
		ClassNotFoundMailbox:  "ErrorNonExistentMailbox ErrorNonPrimarySmtpAddress ErrorInvalidUserPrincipalName ErrorInvalidUserSid ErrorInvalidSmtpAddress ErrorAccountDisabled ErrorInvalidLicense ErrorNameResolutionNoMailbox",
		ClassDenied:           "ErrorImpersonateUserDenied ErrorAccessDenied ErrorCreateItemAccessDenied ErrorSendAsDenied ErrorQuotaExceeded ErrorMessageSubmissionBlocked",
		ClassConfig:           "ErrorImpersonationDenied ErrorOrganizationAccessBlocked ErrorInvalidServerVersion ErrorIncorrectSchemaVersion ErrorInvalidSchemaVersionForMailboxVersion ErrorWrongServerVersion",
		ClassAuth:             "ErrorPasswordExpired ErrorPasswordChangeRequired",
		ClassGone:             "ErrorItemNotFound ErrorInvalidId ErrorInvalidIdMalformed ErrorInvalidIdEmpty ErrorFolderNotFound ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange ErrorCalendarOccurrenceIsDeletedFromRecurrence ErrorCalendarIsCancelledForRemove ErrorCalendarCannotUpdateDeletedItem ErrorSubscriptionNotFound",
		ClassInvalidSyncState: "ErrorInvalidSyncStateData ErrorSyncFolderNotFound",
		ClassStale:            "ErrorIrresolvableConflict ErrorStaleObject ErrorChangeKeyRequired ErrorChangeKeyRequiredForWriteOperations ErrorInvalidChangeKey ErrorCalendarCannotUseIdForOccurrenceId ErrorCalendarCannotUseIdForRecurringMasterId ErrorCalendarMeetingRequestIsOutOfDate",
		ClassConflict:         "ErrorCalendarIsNotOrganizer ErrorOccurrenceCrossingBoundary ErrorOccurrenceTimeSpanTooBig",
		ClassTooLarge:         "ErrorExceededFindCountLimit ErrorRequestStreamTooBig ErrorCalendarViewRangeTooBig ErrorTimeIntervalTooBig",
		ClassBug:              "ErrorSchemaValidation ErrorInvalidRequest ErrorDuplicateSOAPHeader ErrorInvalidExchangeImpersonationHeaderData ErrorSendMeetingInvitationsRequired ErrorIncorrectUpdatePropertyCount ErrorUnsupportedPathForQuery ErrorTimeZone",
		ClassPermanent:        "ErrorCalendarEndDateIsEarlierThanStartDate ErrorInvalidRecipients ErrorItemCorrupt ErrorSomethingNobodyKnows",
	}
	for class, codes := range classes {
		for code := range strings.FieldsSeq(codes) {
			require.Equal(t, class, verdictOfCode("CreateItem", code).class, code)
		}
	}
	for class := range classes {
		require.NotEqual(t, "unknown", class.String())
	}
	require.Equal(t, "unknown", Class(99).String())
	require.Equal(t, ClassPermanent, ClassOf(errors.New("other")))
}

// Each code that is known here has a case in the suite that the simulator is
// checked with, so that no client meets it on a real server first.
func TestEveryCodeIsInTheContract(t *testing.T) {
	known := slices.AppendSeq(slices.Collect(maps.Keys(codeVerdicts)), maps.Keys(versionCodes))
	for name := range operationVerdicts {
		_, code, _ := strings.Cut(name, "/")
		known = append(known, code)
	}
	require.Subset(t, contract.Codes(), known)
}

func TestFaults(t *testing.T) {
	qname := envelope(`<s:Fault><faultcode>soap:Client</faultcode><faultstring>bad</faultstring></s:Fault>`)
	bare := envelope(`<s:Fault><faultcode>ErrorNonExistentMailbox</faultcode><faultstring>no</faultstring></s:Fault>`)
	for _, test := range []struct {
		name   string
		status int
		body   string
		code   string
		class  Class
	}{
		{"detail", 500, fault("ErrorImpersonateUserDenied", ""), "ErrorImpersonateUserDenied", ClassDenied},
		{"detail at 200", 200, fault("ErrorNonExistentMailbox", ""), "ErrorNonExistentMailbox", ClassNotFoundMailbox},
		{"bare name at 200", 200, bare, "ErrorNonExistentMailbox", ClassNotFoundMailbox},
		{"SOAP's own code", 500, qname, "Client", ClassPermanent},
		{"fault behind 403", 403, fault("ErrorAccessDenied", ""), "ErrorAccessDenied", ClassDenied},
		{"hidden cause", 500, fault("ErrorInternalServerError", `<t:Value Name="InnerErrorResponseCode">ErrorServerBusy</t:Value>`), "ErrorServerBusy", ClassThrottled},
		{"schema", 500, fault("ErrorSchemaValidation", `<t:LineNumber>1</t:LineNumber><t:Violation>The element is invalid.</t:Violation>`), "ErrorSchemaValidation", ClassBug},
		{"app-only token without mailbox", 500, strings.ReplaceAll(fault("ErrorAccessDenied", ""), "It failed.", "ExchangeImpersonation SOAP header must be present for this type of OAuth token."), "ErrorAccessDenied", ClassConfig},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t, func(_ int, _ seen, w http.ResponseWriter) { sendXML(w, test.status, test.body) })
			_, err := f.newClient(t).GetRooms(t.Context(), room, "l@contoso.test")
			e := asError(t, err)
			require.Equal(t, test.code, e.Code)
			require.Equal(t, test.class, e.Class)
			require.Equal(t, test.status, e.HTTPStatus)
			require.Equal(t, "server-id-1", e.RequestID)
		})
	}
}

func TestHTTPStatuses(t *testing.T) {
	for _, test := range []struct {
		status    int
		location  string
		class     Class
		ambiguous bool
	}{
		{400, "", ClassBug, false},
		{401, "", ClassAuth, false},
		{403, "", ClassConfig, false},
		{404, "", ClassConfig, false},
		{405, "", ClassConfig, false},
		{413, "", ClassTooLarge, false},
		{418, "", ClassPermanent, false},
		{429, "", ClassThrottled, false},
		{440, "", ClassAuth, false},
		{302, "https://sso.contoso.test/login", ClassConfig, false},
		{302, "/ews/genericerrorpage.htm?aspxerrorpath=/ews/exchange.asmx", ClassTransient, true},
		{500, "", ClassTransient, true},
		{502, "", ClassTransient, true},
		{503, "", ClassThrottled, true},
		{504, "", ClassTransient, true},
		{200, "", ClassConfig, true},
	} {
		t.Run(fmt.Sprint(test.status, test.location), func(t *testing.T) {
			f := newFake(t, func(_ int, _ seen, w http.ResponseWriter) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				w.Header().Set("X-DiagInfo", "EX1")
				if test.location != "" {
					w.Header().Set("Location", test.location)
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, "<html><body>Server Error in '/EWS' Application</body></html>")
			})
			err := create(t.Context(), f.newClient(t))
			e := asError(t, err)
			require.Equal(t, test.class, e.Class)
			require.Equal(t, test.status, e.HTTPStatus)
			require.Equal(t, test.ambiguous, e.Ambiguous)
			require.Equal(t, "EX1", e.Detail["X-DiagInfo"])
			require.Len(t, f.requests(), 1, "redirects are not followed, nothing is retried")

			_, err = f.newClient(t).GetRooms(t.Context(), room, "l@contoso.test")
			require.False(t, IsAmbiguous(err), "reading never is")
		})
	}
}

func TestBrokenAnswers(t *testing.T) {
	whole := messages("CreateItem", success("CreateItem", calendarItem("1", "")))
	for _, test := range []struct {
		name        string
		contentType string
		body        string
		class       Class
		code        string
	}{
		{"truncated", "text/xml", whole[:len(whole)-20], ClassTransient, CodeInvalidAnswer},
		{"empty", "text/xml", "", ClassTransient, CodeInvalidAnswer},
		{"HTML called XML", "text/xml", "<html><body/></html>", ClassConfig, CodeInvalidAnswer},
		{"HTML without type", "", "<!DOCTYPE html><html><head><meta></head></html>", ClassConfig, CodeInvalidAnswer},
		{"other operation", "text/xml", messages("GetItem", success("GetItem", calendarItem("1", ""))), ClassTransient, CodeInvalidAnswer},
		{"empty body", "text/xml", envelope(""), ClassTransient, CodeInvalidAnswer},
		{"no messages", "text/xml", messages("CreateItem"), ClassTransient, CodeInvalidAnswer},
		{"not well-formed", "text/xml", strings.Replace(whole, "<m:Items>", "<m:Items", 1), ClassTransient, CodeInvalidAnswer},
		{"too many entries", "text/xml", strings.Replace(whole, "<m:Items>", "<m:Items>"+strings.Repeat("<a/>", 20_001), 1), ClassTooLarge, CodeAnswerTooLarge},
		{"too large", "text/xml", strings.Replace(whole, "<m:Items>", "<m:Items>"+strings.Repeat(" ", 140<<10), 1), ClassTooLarge, CodeAnswerTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t, func(_ int, _ seen, w http.ResponseWriter) {
				w.Header()["Content-Type"] = nil
				if test.contentType != "" {
					w.Header().Set("Content-Type", test.contentType)
				}
				_, _ = io.WriteString(w, test.body)
			})
			err := create(t.Context(), f.newClient(t, func(o *Options) { o.MaxResponseBytes = 128 << 10 }))
			e := asError(t, err)
			require.Equal(t, test.code, e.Code)
			require.Equal(t, test.class, e.Class)
			require.True(t, e.Ambiguous)
		})
	}
	f := newFake(t, func(_ int, _ seen, w http.ResponseWriter) {
		sendXML(w, 200, "\xEF\xBB\xBF"+strings.Replace(whole, `Id="1"`, "Id=\"1\x0B&#11;\"", 1))
	})
	c := f.newClient(t)
	id, err := c.CreateMeeting(t.Context(), room, NewMeeting{Start: start, End: end})
	require.NoError(t, err, "a byte order mark and control characters are harmless")
	require.Equal(t, "1", id.ID)
}

func TestAmbiguity(t *testing.T) {
	t.Run("connection cut after the request", func(t *testing.T) {
		f := newFake(t, func(int, seen, http.ResponseWriter) { panic(http.ErrAbortHandler) })
		e := asError(t, create(t.Context(), f.newClient(t)))
		require.Equal(t, ClassTransient, e.Class)
		require.Equal(t, CodeNoAnswer, e.Code)
		require.True(t, e.Ambiguous)
	})
	t.Run("answer cut", func(t *testing.T) {
		f := newFake(t, func(_ int, _ seen, w http.ResponseWriter) {
			sendXML(w, 200, envelope("")[:100])
			panic(http.ErrAbortHandler)
		})
		require.True(t, IsAmbiguous(create(t.Context(), f.newClient(t))))
	})
	t.Run("timeout", func(t *testing.T) {
		free := make(chan struct{})
		f := newFake(t, func(int, seen, http.ResponseWriter) { <-free })
		defer close(free)
		err := create(t.Context(), f.newClient(t, func(o *Options) { o.RequestTimeout = 50 * time.Millisecond }))
		e := asError(t, err)
		require.Equal(t, ClassTransient, e.Class)
		require.True(t, e.Ambiguous)
		require.ErrorIs(t, err, errRequestTimeout)
		require.NotErrorIs(t, err, context.Canceled)
	})
	t.Run("cancelled by the caller", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		free := make(chan struct{})
		f := newFake(t, func(int, seen, http.ResponseWriter) { cancel(); <-free })
		defer close(free)
		err := create(ctx, f.newClient(t))
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, IsAmbiguous(err))
	})
	t.Run("cancelled before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f := newFake(t, answers(""))
		err := create(ctx, f.newClient(t))
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, IsAmbiguous(err))
		require.Empty(t, f.requests())
	})
	t.Run("nobody listens", func(t *testing.T) {
		f := newFake(t, answers(""))
		c := f.newClient(t)
		f.Close()
		e := asError(t, create(t.Context(), c))
		require.Equal(t, ClassTransient, e.Class)
		require.False(t, e.Ambiguous)
	})
	t.Run("server-side timeout of a write", func(t *testing.T) {
		f := newFake(t, answers(fault("ErrorTimeoutExpired", ""), fault("ErrorSchemaValidation", "")))
		c := f.newClient(t)
		require.True(t, IsAmbiguous(create(t.Context(), c)))
		require.False(t, IsAmbiguous(create(t.Context(), c)))
	})
	t.Run("untrusted certificate", func(t *testing.T) {
		f := newFake(t, answers(""))
		e := asError(t, create(t.Context(), f.newClient(t, func(o *Options) { o.RootCAs = nil })))
		require.Equal(t, ClassConfig, e.Class)
		require.Equal(t, CodeUntrustedServer, e.Code)
		require.False(t, e.Ambiguous)
	})
}

func TestVersionFallsBackOnce(t *testing.T) {
	good := messages("ResolveNames", success("ResolveNames", ""))
	f := newFake(t, answers(fault("ErrorInvalidServerVersion", ""), good, good, fault("ErrorInvalidServerVersion", "")))
	c := f.newClient(t)
	for range 2 {
		_, err := c.ResolveNames(t.Context(), room, "x")
		require.NoError(t, err)
	}
	_, err := c.ResolveNames(t.Context(), room, "x")
	require.Equal(t, ClassConfig, ClassOf(err))
	got := f.requests()
	require.Len(t, got, 4)
	for i, version := range []string{`"Exchange2013_SP1"`, `"Exchange2013"`, `"Exchange2013"`, `"Exchange2013"`} {
		require.Contains(t, string(got[i].body), version)
	}
}

func TestErrorsAndLogsKeepSecrets(t *testing.T) {
	var logs bytes.Buffer
	var calls []Call
	f := newFake(t, func(n int, _ seen, w http.ResponseWriter) {
		switch n {
		case 1:
			sendXML(w, 500, fault("ErrorSchemaValidation", ""))
		case 2:
			w.WriteHeader(401)
		case 3:
			sendXML(w, 200, messages("CreateItem", failed("CreateItem", "Error", "ErrorInvalidRecipients")))
		default:
			panic(http.ErrAbortHandler)
		}
	})
	c := f.newClient(t, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Observe = func(c Call) { calls = append(calls, c) }
	})
	text := fmt.Sprintf("%+v %#v %v", c.options.Auth, c.options.Auth, NTLM{Username: "u", Password: "secret-word"})
	for range 4 {
		text += create(t.Context(), c).Error()
	}
	text += logs.String() + fmt.Sprint(calls)
	for _, secret := range []string{"top-secret-subject", "private-body", "secret-word", "room1@contoso.test"} {
		require.NotContains(t, text, secret)
	}
	require.Len(t, calls, 4)
	require.Equal(t, "bug", calls[0].Class)
	require.Equal(t, 401, calls[1].HTTPStatus)
	require.Equal(t, "ErrorInvalidRecipients", calls[2].Code)
	require.Contains(t, logs.String(), "op=CreateItem")
}

func TestMailboxIsValidated(t *testing.T) {
	f := newFake(t, answers(messages("ResolveNames", success("ResolveNames", ""))))
	c := f.newClient(t)
	for _, bad := range []Mailbox{"jane", "a@b\r\nX: y", "<x>@contoso.test", "a b@c", "@c", "a@", Mailbox(strings.Repeat("a", 320) + "@b")} {
		_, err := c.ResolveNames(t.Context(), bad, "x")
		require.Equal(t, ClassBug, ClassOf(err), "%q", bad)
	}
	require.Empty(t, f.requests())
	_, err := c.ResolveNames(t.Context(), "o'neil&co@contoso.test", "x")
	require.NoError(t, err)
}

func TestNewRefusesBadOptions(t *testing.T) {
	auth := Basic{Username: "u", Password: "p"}
	for _, o := range []Options{
		{},
		{URL: "https://mail.contoso.test/x"},
		{URL: "http://mail.contoso.test/x", Auth: auth},
		{URL: "ftp://mail.contoso.test/x", Auth: auth, AllowPlainHTTP: true},
		{URL: "https://u:secret-word@mail.contoso.test/x", Auth: auth},
		{URL: "https://mail .contoso.test/%zzsecret-word", Auth: auth},
		{URL: "https://mail.contoso.test/x", Auth: Basic{}},
		{URL: "https://mail.contoso.test/x", Auth: NTLM{Username: "u"}},
		{URL: "https://mail.contoso.test/x", Auth: OAuth{TenantID: "t"}},
		{URL: "https://mail.contoso.test/x", Auth: OAuth{TenantID: "t", ClientID: "c", ClientSecret: "s", AuthorityHost: "http://x"}},
	} {
		_, err := New(o)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret-word")
	}
	c, err := New(Options{URL: "http://mail.contoso.test/x", Auth: auth, AllowPlainHTTP: true})
	require.NoError(t, err)
	c.Close()
}
