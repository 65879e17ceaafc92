package contract

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"ews/simulator/fault"
)

// The provocations of refusals.go each send what a server refuses with the code
// that the table has them for.

const inbox = `<t:DistinguishedFolderId Id="inbox"/>`

// tooManyAtOnce keeps requests waiting until one is refused.
func tooManyAtOnce(w *world) answer {
	w.needsFaults() // a real server has others to serve
	const many = 32
	request := envelope(version+acting("SmtpAddress", w.ServiceUser), roomListsRequest)
	var accounts []*account
	for range many {
		a := w.connect(w.Service)
		_, err := a.post(w.ctx, request) // from now on it is logged on
		w.NoError(err)
		accounts = append(accounts, a)
	}
	_, err := w.Faults.Add(fault.Rule{Service: "exchange", Operation: "GetRoomLists", Kind: fault.Delay, DelayMilliseconds: 60_000})
	w.NoError(err)
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	refused := make(chan answer, many)
	var all sync.WaitGroup
	for _, a := range accounts {
		all.Go(func() {
			if got, err := a.post(ctx, request); err == nil {
				refused <- got
				cancel()
			}
		})
	}
	all.Wait()
	w.NotEmpty(refused, "all were served")
	return <-refused
}

func showsConcurrency(w *world, detail *node) {
	values := map[string]string{}
	for _, v := range detail.at("MessageXml").all("Value") {
		values[v.attr("Name")] = strings.TrimSpace(v.Text)
	}
	w.Equal("MaxConcurrency", values["Policy"])
	w.Equal("27", values["MaxConcurrencyLimit"])
	w.Contains(values["ErrorMessage"], "Suggested backoff time 0 ms.")
}

// A search with a restriction returns at most 250 items, unless it asks for
// pages.
func tooManyFound(w *world) answer {
	request := w.create(appointment{span: w.slot(), silent: true})
	from, to := strings.Index(request, "<t:CalendarItem>"), strings.Index(request, "</m:Items>")
	for made := 0; made < 255; made += 51 {
		w.ok(w.Organizer, request[:from]+strings.Repeat(request[from:to], 51)+request[to:])
	}
	const page = `<m:IndexedPageItemView MaxEntriesReturned="1000" Offset="0" BasePoint="Beginning"/>`
	root := w.ok(w.Organizer, search(page, equal(bySubject, w.subject), calendarFolder))[0].at("RootFolder")
	w.Equal("false", root.attr("IncludesLastItemInRange"))
	w.Len(root.at("Items").Children, 250)
	return w.as(w.Organizer, search("", equal(bySubject, w.subject), calendarFolder))
}

func tooBig(w *world) answer {
	request := w.create(appointment{span: w.slot(), silent: true})
	return w.as(w.Organizer, strings.Replace(request, "Agenda", strings.Repeat("Agenda ", 100_000), 1))
}

// Who asks, and as whom.

func (w *world) acting(header string) answer {
	return w.post(w.service, header, getFolder(calendarFolder))
}

func actAsNobody(w *world) answer { return w.acting(acting("SmtpAddress", w.Nobody)) }

func openNobody(w *world) answer {
	return w.as(w.Organizer, getFolder(`<t:DistinguishedFolderId Id="calendar"><t:Mailbox><t:EmailAddress>`+text(w.Nobody)+`</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>`))
}

func actAsUnknown(kind, name string) func(*world) answer {
	return func(w *world) answer { return w.acting(acting(kind, name)) }
}

func actAsProxy(w *world) answer {
	if w.Proxy == "" {
		w.without("a mailbox with two addresses")
	}
	return w.acting(acting("PrimarySmtpAddress", w.Proxy))
}

func showsAddress(w *world, detail *node) {
	w.Contains(detail.text("MessageXml", "Value"), "@", "the right address is told")
}

func actBeyondScope(w *world) answer {
	if w.Scoped == nil {
		w.without("an account with limited rights")
	}
	limited := w.connect(*w.Scoped)
	w.succeeded(w.post(limited, acting("SmtpAddress", w.Organizer), getFolder(calendarFolder)))
	return w.post(limited, acting("SmtpAddress", w.rooms[0]), getFolder(calendarFolder))
}

func actWithoutRight(w *world) answer {
	if w.Powerless == nil {
		w.without("an account without rights")
	}
	return w.post(w.connect(*w.Powerless), acting("SmtpAddress", w.Organizer), getFolder(calendarFolder))
}

func actAsDisabled(w *world) answer {
	if w.Disabled == "" {
		w.without("a disabled account")
	}
	return w.acting(acting("SmtpAddress", w.Disabled))
}

func openInbox(w *world) answer {
	return w.as(w.rooms[0], getFolder(`<t:DistinguishedFolderId Id="inbox"><t:Mailbox><t:EmailAddress>`+text(w.Organizer)+`</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>`))
}

// The form of the request.

func (w *world) raw(message string) answer {
	w.t.Helper()
	got, err := w.service.post(w.ctx, message)
	w.NoError(err)
	return got
}

func unknownVersion(w *world) answer {
	return w.raw(envelope(`<t:RequestServerVersion Version="Exchange1999"/>`+acting("SmtpAddress", w.Organizer), getFolder(calendarFolder)))
}

func wrongOrder(w *world) answer {
	request := w.create(appointment{span: w.slot(), silent: true})
	const start, end = `<t:Start>`, `<t:End>`
	return w.as(w.Organizer, strings.NewReplacer(start, end, end, start, "</t:Start>", "</t:End>", "</t:End>", "</t:Start>").Replace(request))
}

func wrongValue(w *world) answer {
	return w.as(w.Organizer, strings.Replace(w.create(appointment{span: w.slot(), silent: true}), ">Busy<", ">Engaged<", 1))
}

func beyondRange(w *world) answer { return w.as(w.Organizer, syncFolder("", "513")) }

func showsViolation(w *world, detail *node) {
	x := detail.at("MessageXml")
	for _, number := range []string{"LineNumber", "LinePosition"} {
		_, err := strconv.Atoi(x.text(number))
		w.NoError(err)
	}
	w.NotEmpty(x.text("Violation"))
}

func unknownOperation(w *world) answer { return w.as(w.Organizer, `<m:GetNothing/>`) }

func doubleHeader(w *world) answer {
	return w.acting(acting("SmtpAddress", w.Organizer) + strings.Repeat(`<t:MailboxCulture>en-US</t:MailboxCulture>`, 2))
}

func unknownContext(w *world) answer {
	return w.post(w.service, acting("SmtpAddress", w.Organizer)+`<t:TimeZoneContext><t:TimeZoneDefinition Id="Nowhere Standard Time"/></t:TimeZoneContext>`, getFolder(calendarFolder))
}

func unknownZone(w *world) answer {
	return w.as(w.Organizer, w.create(appointment{span: w.slot(), silent: true, behind: `<t:StartTimeZone Id="Nowhere Standard Time"/>`}))
}

// Names and availability.

func unknownList(w *world) answer {
	return w.as(w.ServiceUser, `<m:GetRooms><m:RoomList><t:EmailAddress>`+text(w.Nobody)+`</t:EmailAddress></m:RoomList></m:GetRooms>`)
}

func unknownName(w *world) answer { return w.as(w.ServiceUser, resolveNames(w.Nobody)) }

func ambiguousName(w *world) answer {
	for letter := 'a'; letter <= 'z'; letter++ {
		got := w.as(w.ServiceUser, resolveNames(string(letter)))
		if slices.Contains(got.codes(), "ErrorNameResolutionMultipleResults") {
			return got
		}
	}
	w.without("names with the same first letter")
	return answer{}
}

// showsCandidates: the only warning that comes with what was asked for.
func showsCandidates(w *world, message *node) {
	set := message.at("ResolutionSet")
	candidates := set.all("Resolution")
	w.Greater(len(candidates), 1)
	w.Equal(strconv.Itoa(len(candidates)), set.attr("TotalItemsInView"))
	for _, c := range candidates {
		w.NotEmpty(c.text("Mailbox", "EmailAddress"))
	}
}

// A mailbox that is not found spoils nothing for the others.
func availabilityOfNobody(w *world) answer {
	s := w.slot()
	got := w.as(w.Organizer, availability(s, w.Organizer, w.Nobody))
	w.Equal([]string{"NoError", "ErrorMailRecipientNotFound"}, got.codes())
	return got
}

func availabilityForLong(w *world) answer {
	s := w.slot()
	return w.as(w.Organizer, availability(span{s.start, s.start.Add(70 * day)}, w.Organizer))
}

func availabilityOfMany(w *world) answer {
	return w.as(w.Organizer, availability(w.slot(), slices.Repeat([]string{w.Organizer}, 101)...))
}
