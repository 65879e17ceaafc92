package page

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"ews/apiserver"
	"ews/apiservices"
	"ews/conf"
)

// The fields of the page's forms.
const (
	fieldDo      = "do"
	fieldConfig  = "config"
	fieldFinding = "finding"
	fieldRoom    = "room"
	fieldMailbox = "mailbox"
)

// What the buttons do.
const (
	doRetry      = "retry"
	doResync     = "resync"
	doResyncRoom = "resync-room"
	doCheck      = "check" // shows what it found instead of the page
)

// What the page says afterwards, beside the names of the deeds.
const (
	doneGone    = "gone"
	doneUseless = "useless"
	doneBusy    = "busy"
)

// maxForm is the size of the largest form.
const maxForm = 16 << 10

// act does what a button asks for and shows the page again.
func (p *Page) act(w http.ResponseWriter, r *http.Request, speech *speech) {
	if err := p.foreign.Check(asSeenByBrowser(r)); err != nil {
		p.refuse(w, r, speech, http.StatusForbidden, speech.say("The request came from another page. Nothing was done."))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		p.refuse(w, r, speech, http.StatusBadRequest, speech.say("The form cannot be read. Nothing was done."))
		return
	}
	config, err := strconv.ParseInt(r.PostForm.Get(fieldConfig), 10, 64)
	if err != nil {
		p.refuse(w, r, speech, http.StatusBadRequest, speech.say("The form cannot be read. Nothing was done."))
		return
	}
	to := placeOf(r.URL.Query())
	to.Done = r.PostForm.Get(fieldDo)
	switch to.Done {
	case doRetry:
		err = p.source.Retry(r.Context(), config, r.PostForm.Get(fieldFinding))
	case doResync:
		err = p.source.Resync(r.Context(), config)
	case doResyncRoom:
		err = p.source.ResyncRoom(r.Context(), config, r.PostForm.Get(fieldRoom))
	case doCheck:
		var report apiserver.CheckReport
		mailbox := strings.TrimSpace(r.PostForm.Get(fieldMailbox))
		if report, err = p.source.Check(r.Context(), config, mailbox); err == nil {
			p.write(w, r, speech, http.StatusOK, "check", checkOf(reader{speech: speech, now: p.now()}, config, mailbox, report, to))
			return
		}
	default:
		p.refuse(w, r, speech, http.StatusBadRequest, speech.say("The form cannot be read. Nothing was done."))
		return
	}
	switch {
	case err == nil:
	case errors.Is(err, apiservices.ErrBusy):
		to.Done = doneBusy
	case errors.Is(err, apiservices.ErrNoRetry):
		to.Done = doneUseless
	case errors.Is(err, apiservices.ErrNoFinding), errors.Is(err, apiservices.ErrNoRoom), errors.Is(err, conf.ErrNotFound):
		to.Done = doneGone
	default:
		p.fail(w, r, speech, err)
		return
	}
	redirect(w, to)
}

// asSeenByBrowser is the request with the host that the browser addressed: a
// proxy may put another one in its place. No page can make a browser send this
// header elsewhere without being asked for permission first.
func asSeenByBrowser(r *http.Request) *http.Request {
	forwarded, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Host"), ",")
	if forwarded = strings.TrimSpace(forwarded); forwarded == "" {
		return r
	}
	seen := *r
	seen.Host = forwarded
	return &seen
}

// feedback is what the page says about what was done.
type feedback struct {
	Text string
	Bad  bool
}

func (s *speech) feedback(done string) *feedback {
	switch done {
	case doRetry:
		return &feedback{Text: s.say("It is tried again now. If the cause is still there, the finding stays or comes back.")}
	case doResync:
		return &feedback{Text: s.say("All calendars are read and all bookings compared as soon as possible.")}
	case doResyncRoom:
		return &feedback{Text: s.say("The room's calendar is read as a whole as soon as possible.")}
	case doneGone:
		return &feedback{Text: s.say("That is not there any more: it was settled meanwhile. Nothing was done."), Bad: true}
	case doneBusy:
		return &feedback{Text: s.say("Several checks are under way already. Try again in a moment."), Bad: true}
	case doneUseless:
		return &feedback{Text: s.say("Trying again would change nothing: the booker was told, and decides."), Bad: true}
	}
	return nil
}
