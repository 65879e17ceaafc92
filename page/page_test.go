package page_test

import (
	"errors"
	"flag"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ews/apiserver"
	"ews/apiservices"
	"ews/conf"
)

// update writes the golden files anew.
var update = flag.Bool("update", false, "write testdata")

func get(t *testing.T, address string, header ...string) (*http.Response, string) {
	t.Helper()
	return send(t, http.MethodGet, address, "", header...)
}

func post(t *testing.T, address, form string, header ...string) (*http.Response, string) {
	t.Helper()
	return send(t, http.MethodPost, address, form, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, header...)...)
}

func send(t *testing.T, method, address, body string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultTransport.RoundTrip(request) // follows no redirect
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(text)
}

// words are what is left of a page without its markup.
func words(page string) string {
	page = regexp.MustCompile(`(?s)<style>.*?</style>|<script>.*?</script>`).ReplaceAllString(page, "")
	return strings.Join(strings.Fields(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " "))), " ")
}

func TestThePageAsItIsWritten(t *testing.T) {
	t.Parallel()
	answer, html := get(t, serve(t, quiet()))
	require.Equal(t, http.StatusOK, answer.StatusCode)
	html = regexp.MustCompile(`(?s)(<style>).*?(</style>)|(<script>).*?(</script>)`).ReplaceAllString(html, "$1$3…$2$4")
	html = regexp.MustCompile(`\n\s*\n+`).ReplaceAllString(html, "\n")
	const golden = "testdata/quiet.html"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(golden, []byte(html), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), html)
}

func TestOtherPagesAreKeptAway(t *testing.T) {
	t.Parallel()
	answer, html := get(t, serve(t, busy()))
	require.Equal(t, "text/html; charset=utf-8", answer.Header.Get("Content-Type"))
	require.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
	require.Equal(t, "SAMEORIGIN", answer.Header.Get("X-Frame-Options"))
	require.Equal(t, "same-origin", answer.Header.Get("Referrer-Policy"))
	require.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"))
	require.Empty(t, answer.Header.Get("Access-Control-Allow-Origin"))
	policy := answer.Header.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.Contains(t, policy, "frame-ancestors 'self'")
	require.Contains(t, policy, "form-action 'self'")
	require.NotContains(t, policy, "unsafe")

	require.NotRegexp(t, `https?://|@import|\burl\(`, html, "nothing comes from elsewhere")
	for _, reference := range regexp.MustCompile(`(?i)\b(?:src|href|action)="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		require.Regexp(t, `^(\?|data:,$)`, reference[1], "links are relative to the page itself")
	}
}

func TestTheLanguageIsThatOfTheReader(t *testing.T) {
	t.Parallel()
	address := serve(t, quiet())
	for _, c := range []struct{ query, accept, want string }{
		{"", "", "en"},
		{"", "de-CH,de;q=0.9,en;q=0.8", "de"},
		{"", "es,fr;q=0.5", "fr"},
		{"", "it", "it"},
		{"", "ja", "en"},
		{"", "not a language", "en"},
		{"?lang=it", "de", "it"},
		{"?lang=xx", "de", "de"},
	} {
		answer, html := get(t, address+c.query, "Accept-Language", c.accept)
		require.Equal(t, c.want, answer.Header.Get("Content-Language"), "%+v", c)
		require.Contains(t, html, `<html lang="`+c.want+`">`)
	}
}

func TestNumbersAndDatesAreWrittenAsInTheLanguage(t *testing.T) {
	t.Parallel()
	address := serve(t, busy()) + "?config=1&lang="
	for language, want := range map[string][]string{
		"en": {"Sunday 22 November 2026", "meetings known: 1,240", "23 Nov 2026 09:00–10:00", "63 min", "booking 4716"},
		"de": {"Sonntag, 22. November 2026", "bekannte Besprechungen: 1.240", "23.11.2026 09:00–10:00", "Buchung 4716"},
		"fr": {"dimanche 22 novembre 2026", "23/11/2026 09:00–10:00", "réservation 4716"},
		"it": {"domenica 22 novembre 2026", "riunioni note: 1.240", "23/11/2026 09:00–10:00", "prenotazione 4716"},
	} {
		_, html := get(t, address+language)
		for _, text := range want {
			require.Contains(t, words(html), text, language)
		}
	}
}

func TestEveryStateHasItsWords(t *testing.T) {
	t.Parallel()
	_, html := get(t, serve(t, busy())+"?config=1")
	text := words(html)
	for _, want := range []string{
		"Configuration 1 does not work", "Configuration 2 works", "Configuration 3 starting", "Configuration 4 switched off",
		"Configuration 5 works, with findings", "waiting: 126 · findings: 7",
		"Exchange does not admit the app", "HTTP403", "since 09:40",
		"meetings on both sides: 1,117 of 1,240", "last change 7 min ago", "waiting: 125", "no change in 30 days", "at most 12 s behind", "pause until 10:04:42", "Booking app connected", "Exchange tells of changes connected since 06:02 5 of 6 rooms rooms are asked at intervals", "failed and tried again: 4",
		"Clash in Eliona: Room 1", "Room cannot be read: room-1@example.com", "Look again and accept it",
		"Room 5 cannot be read", "times in a row: 3", "Room 6 vanished at once: 12", "Room 7 not read yet", "Room 8 no longer in the room list",
		"Room 9 with configuration 2", "room-10@example.com with another configuration",
		"only in Exchange", "only in Eliona", "at different times", "11:30–12:30, booked (number 4714)", "the room has not accepted",
		"declined by the room", "about to be cancelled", "15:00–16:30 private accepted booked (number 4720)",
		"project 10: not made yet", "project 11: asset 99, not bookable yet",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, html, "%!", "every text has its arguments")
}

func TestOneOfSeveralConfigurationsIsChosen(t *testing.T) {
	t.Parallel()
	address := serve(t, busy())
	_, html := get(t, address)
	require.Contains(t, words(html), "Choose a configuration")
	_, html = get(t, address+"?config=2&lang=en")
	require.Contains(t, words(html), "Configuration 2: second.floor@example.com")
	require.Contains(t, html, `href="?config=1&amp;lang=en"`)

	answer, html := get(t, address+"?config=99&lang=de")
	require.Equal(t, http.StatusNotFound, answer.StatusCode)
	require.Contains(t, words(html), "Diese Konfiguration gibt es nicht")
}

func TestWithoutAConfigurationThePageTellsWhatToDo(t *testing.T) {
	t.Parallel()
	_, html := get(t, serve(t, &world{}))
	require.Contains(t, words(html), "There is no configuration yet. Add one in Eliona")
}

func TestTheDayIsThatOfTheConfiguration(t *testing.T) {
	t.Parallel()
	w := quiet()
	address := serve(t, w)
	for _, c := range []struct {
		zone, day string
		from      string
		hours     time.Duration
	}{
		{"", "", "2026-11-22T00:00:00+01:00", 24},
		{"", "2026-11-23", "2026-11-23T00:00:00+01:00", 24},
		{"", "2026-10-25", "2026-10-25T00:00:00+02:00", 25},
		{"", "2027-03-28", "2027-03-28T00:00:00+01:00", 23},
		{"", "tomorrow", "2026-11-22T00:00:00+01:00", 24},
		{"Asia/Tokyo", "", "2026-11-22T00:00:00+09:00", 24},
		{"Pacific/Kiritimati", "", "2026-11-22T00:00:00+14:00", 24},
		{"America/Los_Angeles", "", "2026-11-22T00:00:00-08:00", 24},
	} {
		w.change(func(w *world) { w.summaries[0].TimeZone = c.zone })
		_, html := get(t, address+"?day="+url.QueryEscape(c.day))
		require.Equal(t, c.from, w.from.Format(time.RFC3339), "%+v", c)
		require.Equal(t, c.hours*time.Hour, w.to.Sub(w.from), "%+v", c)
		if c.zone != "" {
			require.Contains(t, words(html), c.zone+", UTC"+c.from[19:])
		}
	}
	_, html := get(t, address+"?day=2026-11-23&lang=de")
	require.Contains(t, html, `href="?lang=de" id="earlier"`, "the day before is today")
	require.Contains(t, html, `href="?day=2026-11-24&amp;lang=de" id="later"`)
	require.Contains(t, html, `href="?lang=de" id="today"`)
}

func TestButtonsDoWhatTheySay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ form, deed, done string }{
		{"do=retry&config=1&finding=meeting-17", "retry 1 meeting-17", "retry"},
		{"do=resync&config=1", "resync 1", "resync"},
		{"do=resync-room&config=1&room=room-1%40example.com", "resync 1 room-1@example.com", "resync-room"},
		{"do=retry&config=1&finding=meeting-99", "", "gone"},
		{"do=retry&config=1&finding=notice-3", "", "useless"},
	} {
		w := busy()
		address := serve(t, w)
		answer, _ := post(t, address+"?config=1&lang=de&done=resync", c.form, "Sec-Fetch-Site", "same-origin")
		require.Equal(t, http.StatusSeeOther, answer.StatusCode, c.form)
		require.Equal(t, "?config=1&done="+c.done+"&lang=de", answer.Header.Get("Location"), "relative, for proxies")
		require.Equal(t, c.deed, strings.Join(w.done(), "\n"))
		_, html := get(t, address+answer.Header.Get("Location"))
		require.Regexp(t, `<p class="feedback( bad)?" role="(status|alert)">[^<]+</p>\s*<p class="feedback bad" id="offline"`, html)
	}
}

func TestACheckTellsWhatItFound(t *testing.T) {
	t.Parallel()
	w := busy()
	address := serve(t, w)
	for language, want := range map[string][]string{
		"en": {
			"Check of configuration 1 does not work", "It took 8 s. Nothing was changed.", "does not work Calendar of a room: room-5@example.com",
			"The address has no mailbox", "What helps:", "ErrorNonExistentMailbox", "certificate valid until", "warning Booking app", "not tried",
		},
		"de": {"Prüfung der Konfiguration 1 funktioniert nicht", "Kalender eines Raums: room-5@example.com"},
		"fr": {"Vérification de la configuration 1", "Calendrier d’une salle"},
		"it": {"Verifica della configurazione 1", "Calendario di una sala"},
	} {
		answer, html := post(t, address+"?config=1&done=retry&lang="+language, "do=check&config=1&mailbox=+alice%40example.com", "Sec-Fetch-Site", "same-origin")
		require.Equal(t, http.StatusOK, answer.StatusCode)
		for _, text := range want {
			require.Contains(t, words(html), text)
		}
		require.Contains(t, html, `href="?config=1&amp;lang=`+language+`"`, "the way back")
	}
	require.Equal(t, "check 1 alice@example.com", w.done()[0])
	w.broken = apiservices.ErrBusy
	answer, _ := post(t, address, "do=check&config=1")
	require.Equal(t, "?done=busy", answer.Header.Get("Location"))
	w.broken = conf.ErrNotFound
	answer, _ = post(t, address, "do=check&config=1")
	require.Equal(t, "?done=gone", answer.Header.Get("Location"))
}

func TestFormsThatAreNone(t *testing.T) {
	t.Parallel()
	w := busy()
	address := serve(t, w)
	for _, form := range []string{"", "do=retry", "do=destroy&config=1", "do=resync&config=one", "%zz", "do=resync&config=1&x=" + strings.Repeat("x", 1<<15)} {
		answer, html := post(t, address, form)
		require.Equal(t, http.StatusBadRequest, answer.StatusCode, form)
		require.Contains(t, words(html), "The form cannot be read")
	}
	answer, _ := send(t, http.MethodPut, address, "")
	require.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode)
	require.Empty(t, w.done())
}

func TestOtherPagesPressNoButtons(t *testing.T) {
	t.Parallel()
	const form = "do=resync&config=1"
	for _, c := range []struct {
		name   string
		header []string
		status int
	}{
		{"the page itself", []string{"Sec-Fetch-Site", "same-origin"}, http.StatusSeeOther},
		{"the page itself, behind a proxy", []string{"Origin", "https://eliona.example.com", "X-Forwarded-Host", "eliona.example.com"}, http.StatusSeeOther},
		{"a program", nil, http.StatusSeeOther},
		{"another site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example.com"}, http.StatusForbidden},
		{"another host of the same site", []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
		{"another site, in an old browser", []string{"Origin", "https://evil.example.com"}, http.StatusForbidden},
		{"another site, behind a proxy", []string{"Origin", "https://evil.example.com", "X-Forwarded-Host", "eliona.example.com"}, http.StatusForbidden},
		{"a frame without an origin", []string{"Origin", "null"}, http.StatusForbidden},
	} {
		w := quiet()
		answer, _ := post(t, serve(t, w), form, c.header...)
		require.Equal(t, c.status, answer.StatusCode, c.name)
		require.Equal(t, c.status == http.StatusSeeOther, len(w.done()) == 1, c.name)
	}
}

func TestTroubleIsAPageToo(t *testing.T) {
	t.Parallel()
	w := quiet()
	w.broken = errors.New("password authentication failed for user ews")
	address := serve(t, w)
	answer, html := get(t, address+"?lang=fr")
	require.Equal(t, http.StatusInternalServerError, answer.StatusCode)
	require.Contains(t, words(html), "Le journal de l’application donne les détails.")
	require.NotContains(t, html, "password")
	answer, _ = post(t, address, "do=resync&config=1")
	require.Equal(t, http.StatusInternalServerError, answer.StatusCode)
}

func TestTextsFromElsewhereAreOnlyTexts(t *testing.T) {
	t.Parallel()
	w := busy()
	w.rooms[0].Name = `<script>alert(1)</script>`
	w.findings[0].RoomName = `"><img src=x>`
	w.rooms[0].Today[0].Organizer = `</text><a href="javascript:x">`
	_, html := get(t, serve(t, w)+"?config=1")
	for _, evil := range []string{"<script>alert", "<img", "<a href=\"javascript"} {
		require.NotContains(t, html, evil)
	}
}

func TestTheTimelineCoversWhatHappens(t *testing.T) {
	t.Parallel()
	hours := func(w *world) (first, last string) {
		_, html := get(t, serve(t, w))
		found := regexp.MustCompile(`<text x="[\d.]+%" y="13"[^>]*>(\d\d)</text>`).FindAllStringSubmatch(html, -1)
		require.NotEmpty(t, found)
		return found[0][1], found[len(found)-1][1]
	}
	first, last := hours(quiet())
	require.Equal(t, "07 18", first+" "+last, "the working day")

	w := quiet()
	w.rooms = []apiserver.RoomStatus{room(1, entry("a@example.com", meets(at(5, 30), at(6, 0), apiserver.Accepted), booked(1, at(19, 30), at(20, 15))))}
	first, last = hours(w)
	require.Equal(t, "05 20", first+" "+last)

	w.rooms = []apiserver.RoomStatus{room(1, entry("a@example.com", meets(at(-20, 0), at(40, 0), apiserver.Accepted), nil))}
	first, last = hours(w)
	require.Equal(t, "00 23", first+" "+last, "no more than the day")
}
