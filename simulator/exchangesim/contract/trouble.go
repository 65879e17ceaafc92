package contract

import (
	"net/http"
	"time"

	"ews/simulator/fault"
)

// fail makes the next request to an operation fail.
func (w *world) fail(rule fault.Rule) {
	w.t.Helper()
	rule.Service, rule.Count = "exchange", 1
	_, err := w.Faults.Add(rule)
	w.NoError(err)
}

// troubleStatuses are answers that carry no SOAP.
func troubleStatuses(w *world) {
	w.needsFaults()
	for _, status := range []int{
		http.StatusFound, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusServiceUnavailable, http.StatusOK,
	} {
		if status == http.StatusUnauthorized && w.Service.Logon() == Windows {
			continue // the client would log on again
		}
		w.fail(fault.Rule{Operation: "GetRoomLists", Kind: fault.Status, Status: status, RetryAfterSeconds: 7})
		got, err := w.service.post(w.ctx, envelope(version+acting("SmtpAddress", w.ServiceUser), roomListsRequest))
		w.NoError(err)
		w.Equal(status, got.status)
		w.Nil(got.soap)
		w.Equal("7", got.header.Get("Retry-After"))
		if status == http.StatusFound {
			w.Contains(got.header.Get("Location"), "/ews/genericerrorpage.htm")
		}
	}
}

// troubleBackOff is how a busy server says how long to wait.
func troubleBackOff(w *world) {
	w.needsFaults()
	w.fail(fault.Rule{Operation: "GetRoomLists", Kind: fault.Throttle, BackOffMilliseconds: 297749})
	got := w.as(w.ServiceUser, roomListsRequest)
	w.Equal(http.StatusInternalServerError, got.status)
	w.Equal([]string{"ErrorServerBusy"}, got.codes())
	details := got.fault().at("detail", "MessageXml")
	w.Equal(nsTypes, details.XMLName.Space)
	w.Equal("BackOffMilliseconds", details.at("Value").attr("Name"))
	w.Equal("297749", details.text("Value"))
}

// troubleLostAnswers are requests that took effect although no answer came, or
// none that can be read.
func troubleLostAnswers(w *world) {
	w.needsFaults()
	s := w.slot()
	for n, cut := range []fault.Kind{fault.ResetAfterBody, fault.Truncate} {
		w.fail(fault.Rule{Operation: "CreateItem", Kind: cut})
		request := envelope(version+acting("SmtpAddress", w.Organizer), w.create(appointment{span: s.later(time.Duration(n) * day)}))
		got, err := w.service.post(w.ctx, request)
		w.True(err != nil || got.soap == nil, "no whole answer")
		w.Len(w.mine(w.view(w.Organizer, span{s.start.Add(time.Duration(n) * day), s.end.Add(time.Duration(n) * day)})), 1)
	}
}
