package eliona

import (
	"context"
	"net/http"
)

// Caller is who calls this app, by an API key or by the token of a user.
type Caller struct{ Key, Token string }

// Admits asks whether Eliona lets a caller see this app. It fails with class
// Denied, and status 401 or 403, if it does not.
func (c *Client) Admits(ctx context.Context, caller Caller) error {
	if caller.Key == "" && caller.Token == "" {
		return &Error{Operation: "admit", Status: http.StatusUnauthorized, Class: Denied, Message: "no credential"}
	}
	_, err := c.do(ctx, request{operation: "admit", method: http.MethodGet, path: appPath(AppName), as: &caller})
	return err
}
