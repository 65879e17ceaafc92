package engine

import "context"

// Urgency tells a Calendar how urgent a call is, so that it can let what people
// wait for go first. It travels with the context of the call.
type Urgency int

// Most urgent first; a context that tells nothing is ForPeople.
const (
	ForPeople  Urgency = iota // somebody waits for it
	ForChange                 // something changed, or may have
	ForRecords                // imports, audits, preparations
)

type urgencyKey struct{}

// AtLeisure returns a context for calls to a Calendar that nobody waits for.
func AtLeisure(ctx context.Context) context.Context { return withUrgency(ctx, ForRecords) }

func withUrgency(ctx context.Context, u Urgency) context.Context {
	return context.WithValue(ctx, urgencyKey{}, u)
}

// UrgencyOf returns how urgent a call made with the context is.
func UrgencyOf(ctx context.Context) Urgency {
	u, _ := ctx.Value(urgencyKey{}).(Urgency)
	return u
}
