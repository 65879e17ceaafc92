package contract

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

const roomListsRequest = `<m:GetRoomLists/>`

func versionIsTold(w *world) {
	got := w.as(w.ServiceUser, roomListsRequest)
	info := got.soap.at("Header", "ServerVersionInfo")
	w.NotNil(info, got.raw)
	w.Equal(nsTypes, info.XMLName.Space)
	for _, number := range []string{"MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber"} {
		_, err := strconv.Atoi(info.attr(number))
		w.NoError(err, number)
	}
	w.Equal("15", info.attr("MajorVersion"))
	w.Contains(got.header.Get("Content-Type"), "text/xml")
	w.Equal(nsMessages, got.body().XMLName.Space)
}

func prefixesAreFree(w *world) {
	message := `<Envelope xmlns="` + nsEnvelope + `"><Header><RequestServerVersion xmlns="` + nsTypes + `" Version="Exchange2013_SP1"/>` +
		`<x:ExchangeImpersonation xmlns:x="` + nsTypes + `"><x:ConnectingSID><x:SmtpAddress>` + text(w.ServiceUser) +
		`</x:SmtpAddress></x:ConnectingSID></x:ExchangeImpersonation></Header><Body><GetRooms xmlns="` + nsMessages +
		`"><RoomList><EmailAddress xmlns="` + nsTypes + `">` + text(w.RoomList) + `</EmailAddress></RoomList></GetRooms></Body></Envelope>`
	got, err := w.service.post(w.ctx, message)
	w.NoError(err)
	w.Equal([]string{"NoError"}, got.codes(), got.raw)
}

// Every id has its own message, in the order of the request, and what fails
// spoils nothing else.
func answersInOrder(w *world) {
	s := w.slot()
	first, gone, last := w.book(appointment{span: s}), w.book(appointment{span: s}), w.book(appointment{span: s.later(day)})
	w.ok(w.Organizer, erase("HardDelete", itemID(gone)))
	got := w.as(w.Organizer, getItems(shape(), itemID(first), itemID(gone), itemID(last)))
	w.Equal(http.StatusOK, got.status)
	w.Equal([]string{"NoError", "ErrorItemNotFound", "NoError"}, got.codes())
	messages := got.messages()
	w.Equal(first.id, idOf(messages[0].at("Items", "CalendarItem")).id)
	w.Equal(last.id, idOf(messages[2].at("Items", "CalendarItem")).id)
	w.Equal("Error", messages[1].attr("ResponseClass"))
	w.NotEmpty(messages[1].text("MessageText"))
	w.Equal("0", messages[1].text("DescriptiveLinkKey"))
	w.NotNil(messages[1].at("Items"))
}

func correlation(w *world) {
	for _, wanted := range []bool{true, false} {
		own := uuid.NewString()
		got, err := w.service.post(w.ctx, envelope(version+acting("SmtpAddress", w.ServiceUser), roomListsRequest), func(r *http.Request) {
			r.Header.Set("client-request-id", own)
			r.Header.Set("return-client-request-id", strconv.FormatBool(wanted))
		})
		w.NoError(err)
		w.NotEmpty(got.header.Get("request-id"))
		w.Equal(wanted, got.header.Get("client-request-id") == own)
	}
}

func wrongAddress(w *world) {
	for _, to := range []struct{ method, path, why string }{
		{http.MethodGet, "", "EWS is posted to"},
		{http.MethodPost, "/nothing", "no such page"},
	} {
		r, err := http.NewRequestWithContext(w.ctx, to.method, w.URL+to.path, strings.NewReader(""))
		w.NoError(err)
		w.service.authorize(r)
		got, err := w.service.do(r)
		w.NoError(err)
		w.Nil(got.soap, to.why)
		w.NotEqual(http.StatusInternalServerError, got.status, to.why)
		if to.path != "" {
			w.Equal(http.StatusNotFound, got.status, to.why)
		}
	}
}

func notXML(w *world) {
	for _, message := range []string{"", "no XML", envelope(version, `<m:GetRoomLists>`)} {
		got, err := w.service.post(w.ctx, message)
		w.NoError(err)
		if got.fault() == nil {
			w.Equal(http.StatusBadRequest, got.status, message)
		}
	}
}

func logonNeeded(w *world) {
	anonymous := &account{http: &http.Client{Transport: w.service.transport}, url: w.URL, authorize: func(*http.Request) {}}
	if w.Service.Logon() == Windows { // its connection has logged on
		anonymous.http.Transport = w.connect(w.Service).transport
	}
	got, err := anonymous.post(w.ctx, envelope(version, roomListsRequest))
	w.NoError(err)
	w.Equal(http.StatusUnauthorized, got.status)
	w.Nil(got.soap)
	offered := strings.Join(got.header.Values("WWW-Authenticate"), ", ")
	if w.Service.Logon() == OAuth {
		w.Contains(offered, "Bearer")
	} else {
		w.Contains(offered, "NTLM")
	}
}

func forgedToken(w *world) {
	for _, token := range []string{"forged", "a.b.c"} {
		got, err := w.service.post(w.ctx, envelope(version, roomListsRequest), func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+token)
		})
		w.NoError(err)
		w.Equal(http.StatusUnauthorized, got.status)
		w.Regexp(`^200000\d;`, got.header.Get("x-ms-diagnostics"))
	}
}

func wrongSecret(w *world) {
	wrong := w.Service
	wrong.ClientSecret = "wrong"
	_, err := connect(w.ctx, w.Target, wrong)
	var refused *refusedToken
	w.ErrorAs(err, &refused)
	w.Contains([]int{http.StatusBadRequest, http.StatusUnauthorized}, refused.Status)
	w.Equal("invalid_client", refused.Code)
	w.Contains(refused.Description, "AADSTS7000215")
}

func wrongPassword(w *world) {
	w.needsFaults() // a real server may lock the account
	wrong := w.Service
	wrong.Password = "wrong"
	got, err := w.connect(wrong).post(w.ctx, envelope(version+acting("SmtpAddress", w.ServiceUser), roomListsRequest))
	w.NoError(err)
	w.Equal(http.StatusUnauthorized, got.status)
	w.Nil(got.soap)
}

// Applications have no mailbox of their own. The code of this refusal is not
// documented, its text is.
func applicationOnItsOwn(w *world) {
	got := w.post(w.service, "", roomListsRequest)
	w.Equal(http.StatusInternalServerError, got.status)
	w.NotNil(got.fault())
	w.Contains(got.raw, "ExchangeImpersonation SOAP header must be present for this type of OAuth token.")
}

// NTLM authenticates a connection: what follows on it needs no logon, what
// comes on another does.
func logonIsTheConnections(w *world) {
	w.as(w.ServiceUser, roomListsRequest)
	anonymous := &account{http: &http.Client{Transport: w.service.transport}, url: w.URL, authorize: func(*http.Request) {}}
	got, err := anonymous.post(w.ctx, envelope(version, roomListsRequest))
	w.NoError(err)
	w.Equal([]string{"NoError"}, got.codes(), got.raw)
}

// An address is found without regard to case, and by its kind.
func impersonation(w *world) {
	for _, header := range []string{
		acting("SmtpAddress", strings.ToUpper(w.Organizer)), acting("PrimarySmtpAddress", w.Organizer),
	} {
		w.succeeded(w.post(w.service, header, getFolder(calendarFolder)))
	}
}

func getFolder(folder string) string {
	return `<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds>` + folder + `</m:FolderIds></m:GetFolder>`
}
