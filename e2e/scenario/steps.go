package scenario

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"ews/e2e/stage"
)

// event is something that needs no more words.
type event struct{ what string }

func (e *event) play(ctx context.Context, p *Play) error {
	switch e.what {
	case "the app is stopped":
		err := p.hesitate(ctx)
		if err != nil {
			return err
		}
		_, err = p.world.StopApp()
		return err
	case "the app is killed":
		return p.world.KillApp()
	case "the app is started":
		return p.world.StartApp(ctx)
	case "sockets drop":
		return p.world.Control.Do(ctx, http.MethodPost, "/sockets/drop", nil, nil)
	case "tokens are revoked":
		return p.world.Control.RevokeTokens(ctx)
	}
	return fmt.Errorf("%q is nothing that happens", e.what)
}

// setting changes how a room answers.
type setting struct {
	room   string
	values map[string]any
}

func (s *setting) play(ctx context.Context, p *Play) error {
	change := maps.Clone(s.values)
	change["room"] = p.address(s.room)
	return p.world.Control.SetRoom(ctx, change)
}

// listing puts a room on the room list, or takes it off.
type listing struct {
	room  string
	joins bool
}

func (l *listing) play(ctx context.Context, p *Play) error {
	change := map[string]any{"room": p.address(l.room), "removeFrom": list}
	if l.joins {
		change = map[string]any{"room": p.address(l.room), "name": l.room + " " + p.suffix[1:], "addTo": list}
	}
	return p.world.Control.SetRoom(ctx, change)
}

// leaving ends somebody's mailbox.
type leaving struct{ who string }

func (l *leaving) play(ctx context.Context, p *Play) error {
	if err := p.hesitate(ctx); err != nil {
		return err
	}
	change := map[string]any{"address": p.address(l.who), "disabled": true}
	return p.world.Control.Do(ctx, http.MethodPost, "/mailboxes", change, nil)
}

// fault makes something go wrong until the scenario ends or says "faults end".
type fault struct{ values map[string]any }

func (f *fault) play(ctx context.Context, p *Play) error {
	rule := maps.Clone(f.values)
	if name, ok := rule["mailbox"].(string); ok {
		rule["mailbox"] = p.address(name)
	}
	var made struct {
		ID string `json:"id"`
	}
	err := p.world.Control.Do(ctx, http.MethodPost, "/faults", rule, &made)
	p.faults = append(p.faults, made.ID)
	return err
}

type faultsEnd struct{}

func (*faultsEnd) play(ctx context.Context, p *Play) error {
	for _, id := range p.faults {
		if err := p.world.Control.Do(ctx, http.MethodDelete, "/faults/"+id, nil, nil); err != nil {
			return err
		}
	}
	p.faults = nil
	return nil
}

// switching changes how Eliona or the Booking app behaves.
type switching struct {
	service string
	values  map[string]any
}

func (s *switching) play(ctx context.Context, p *Play) error {
	return p.world.Control.Switch(ctx, map[string]any{s.service: s.values})
}

// told waits until somebody got a notification, or checks that nobody did.
type told struct {
	who     string
	nothing bool
	limit   time.Duration
}

func (t *told) play(ctx context.Context, p *Play) error {
	address := p.address(t.who)
	heard := func() (bool, error) {
		all, err := p.world.Control.Notifications(ctx)
		return slices.ContainsFunc(all, func(n stage.Notification) bool { return n.User == address || n.Email == address }), err
	}
	if !t.nothing {
		return stage.Until(ctx, p.limit(t.limit), t.who+" is told", heard)
	}
	heardIt, err := heard()
	if err == nil && heardIt {
		return fmt.Errorf("%s was told something", t.who)
	}
	return err
}

// pause lets time pass.
type pause struct{ d time.Duration }

func (s *pause) play(ctx context.Context, _ *Play) error {
	rest(ctx, s.d)
	return ctx.Err()
}

// stillness checks that nothing changes on either side.
type stillness struct{ d time.Duration }

func (s *stillness) play(ctx context.Context, p *Play) error {
	lines := func() ([]string, error) {
		sights, err := p.everything(ctx)
		var texts []string
		for _, s := range sights {
			texts = append(texts, s.text+p.called(s))
		}
		slices.Sort(texts)
		return texts, err
	}
	before, err := lines()
	for end := time.Now().Add(s.d); err == nil && time.Now().Before(end); rest(ctx, 2*lookEvery) {
		var now []string
		if now, err = lines(); err == nil && !slices.Equal(before, now) {
			return fmt.Errorf("before:\n  %s\nnow:\n  %s", strings.Join(before, "\n  "), strings.Join(now, "\n  "))
		}
	}
	return err
}

// silence checks that the app writes nothing anywhere.
type silence struct{ d time.Duration }

// writing are the requests that change something.
var writing = regexp.MustCompile(`^(Create|Update|Delete|Move|Send|Accept|Decline|Tentatively|Cancel|Remove)|^(POST|PUT|PATCH|DELETE) `)

func (s *silence) play(ctx context.Context, p *Play) error {
	writes := func() (map[string]int64, error) {
		stats, err := p.world.Control.Stats(ctx)
		counts := map[string]int64{}
		delete(stats, "entra") // asking for a token changes nothing
		for service, operations := range stats {
			for operation, count := range operations {
				if writing.MatchString(operation) {
					counts[service+" "+operation] = count.Requests
				}
			}
		}
		return counts, err
	}
	before, err := writes()
	if err != nil {
		return err
	}
	rest(ctx, s.d)
	now, err := writes()
	if err == nil && !maps.Equal(before, now) {
		return fmt.Errorf("before: %v\nnow:    %v", before, now)
	}
	return err
}
