package ews

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// Codes of a logon that does not succeed. Calls report all of them as
// CodeCredentials.
const (
	CodeLogonRefused    = "ClientLogonRefused"
	CodeChannelBinding  = "ClientChannelBinding"  // right credentials, over TLS that ends before the server
	CodeNTLMNotOffered  = "ClientNTLMNotOffered"  // neither NTLM nor NTLM within Negotiate
	CodeAudienceRefused = "ClientAudienceRefused" // the token is for something else than EWS
)

// TryLogon logs on with NTLM and sends no request. When the server refuses over
// TLS, it tries once more without channel bindings: a server that admits that
// has Extended Protection, and TLS does not reach it. So a wrong password costs
// two attempts, as it does in calls. Without NTLM TryLogon does nothing.
func (c *Client) TryLogon(ctx context.Context) error {
	s, ok := c.scheme.(*ntlmScheme)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.options.RequestTimeout, errRequestTimeout)
	defer cancel()
	admitted, err := s.try(ctx, c, false)
	if admitted || err != nil {
		return err
	}
	code := CodeLogonRefused
	if c.Endpoint().Secure() {
		if admitted, err := s.try(ctx, c, true); err == nil && admitted {
			code = CodeChannelBinding
		}
	}
	return &Error{Operation: "Logon", Code: code, HTTPStatus: http.StatusUnauthorized, Class: ClassAuth}
}

// try logs on over a connection of its own.
func (s *ntlmScheme) try(ctx context.Context, c *Client, unbound bool) (admitted bool, _ error) {
	w := newWorker(c.options)
	w.unbound = unbound
	defer w.reset()
	inv := &invocation{operation: "Logon"}
	answer, err := s.logon(ctx, w, &outgoing{url: c.endpoint, header: c.headers(inv)})
	var logon *logonError
	switch {
	case errors.As(err, &logon):
		return false, &Error{
			Operation: "Logon", Code: CodeNTLMNotOffered, Class: ClassConfig, Err: err,
			Detail: map[string]string{DetailOffered: strings.Join(logon.offered, ", ")},
		}
	case err != nil:
		return false, reachError("Logon", ctx, err)
	}
	defer discard(answer)
	return answer.StatusCode != http.StatusUnauthorized, nil
}

// DetailOffered is the key of Error.Detail for the ways to log on that a server
// offers.
const DetailOffered = "Offered"

// EntraCode returns the code with which Microsoft Entra ID refused a token, such
// as AADSTS7000215, or "".
func EntraCode(err error) string {
	if t, ok := errors.AsType[*tokenError](err); ok {
		return t.code
	}
	return ""
}
