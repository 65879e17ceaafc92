package exchangesim

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"ews/simulator/entrasim"
	"ews/simulator/exchangesim/soap"
	"ews/simulator/ntlm"
)

// connection is the authentication state of one TCP connection. net/http
// serves the requests of a connection one after the other, so it needs no
// lock.
type connection struct {
	session *ntlm.Session
	account string
}

type connectionKey struct{}

// ConnContext gives every connection its own NTLM state. It belongs into the
// http.Server that serves Handler.
func (s *Server) ConnContext(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{})
}

// identity is who sent a request.
type identity struct {
	account string // primary address, or the client id of an application
	app     bool   // application permissions: no mailbox of its own
}

// authenticate finds out who sends a request. When it returns false it has
// answered already.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) (identity, bool) {
	conn, _ := r.Context().Value(connectionKey{}).(*connection)
	scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "":
		if conn != nil && conn.account != "" {
			return identity{account: conn.account}, true
		}
	case "bearer":
		return s.authenticateBearer(w, credentials)
	case "basic":
		if account, ok := s.checkBasic(r); ok && !s.options.DisableBasic {
			return identity{account: account}, true
		}
	case "ntlm", "negotiate":
		if conn != nil && !s.options.DisableNTLM {
			return s.authenticateNTLM(w, r, conn, scheme, credentials)
		}
	}
	s.challenge(w)
	return identity{}, false
}

// challenge answers 401 with the schemes on offer.
func (s *Server) challenge(w http.ResponseWriter) {
	h := w.Header()
	if !s.options.DisableNTLM {
		h.Add("WWW-Authenticate", "Negotiate")
		h.Add("WWW-Authenticate", "NTLM")
	}
	if !s.options.DisableBasic {
		h.Add("WWW-Authenticate", fmt.Sprintf("Basic realm=%q", s.domain()))
	}
	if s.options.AuthBearer != nil {
		h.Add("WWW-Authenticate", `Bearer client_id="00000002-0000-0ff1-ce00-000000000000", token_types="app_asserted_user_v1 service_asserted_app_v1"`)
	}
	h.Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusUnauthorized)
}

func (s *Server) checkBasic(r *http.Request) (string, bool) {
	user, password, ok := r.BasicAuth()
	if !ok {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.account(user, "")
	if b == nil || b.Password == "" || b.Disabled || subtle.ConstantTimeCompare([]byte(password), []byte(b.Password)) == 0 {
		return "", false
	}
	return b.Address, true
}

func (s *Server) authenticateNTLM(w http.ResponseWriter, r *http.Request, conn *connection, scheme, credentials string) (identity, bool) {
	message, err := base64.StdEncoding.DecodeString(strings.TrimSpace(credentials))
	if err != nil {
		s.challenge(w)
		return identity{}, false
	}
	if conn.session == nil {
		conn.session = ntlm.NewSession(ntlm.Config{
			Domain: s.netBIOS(), DNSDomain: s.domain(), Clock: s.options.Clock, Password: s.passwordOf,
			ChannelBindings: s.bindingsFor(r), RequireChannelBindings: s.options.RequireChannelBinding,
		})
	}
	conn.account = ""
	reply, account, err := conn.session.Step(message)
	switch {
	case err != nil:
		s.log.Info("NTLM logon failed", "reason", err)
		s.challenge(w)
		return identity{}, false
	case reply != nil:
		w.Header().Set("WWW-Authenticate", scheme+" "+base64.StdEncoding.EncodeToString(reply))
		w.WriteHeader(http.StatusUnauthorized)
		return identity{}, false
	}
	conn.account = account
	return identity{account: account}, true
}

// bindingsFor returns the channel bindings of the request's connection; a
// connection without TLS has none.
func (s *Server) bindingsFor(r *http.Request) []byte {
	if r.TLS == nil {
		return nil
	}
	return s.bindings
}

func (s *Server) passwordOf(user, domain string) (account, password string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.account(user, domain)
	if b == nil || b.Password == "" || b.Disabled {
		return "", "", false
	}
	return b.Address, b.Password, true
}

// diagnostics are the values of x-ms-diagnostics for refused tokens
// ("Instrumenting client requests" on Microsoft Learn).
const (
	diagnosticInvalid  = `2000001;reason="The token is malformed or its signature is invalid.";error_category="invalid_token"`
	diagnosticExpired  = `2000002;reason="The token has expired.";error_category="token_expired"`
	diagnosticResource = `2000003;reason="The audience claim value is invalid.";error_category="invalid_resource"`
	diagnosticGrant    = `2000008;reason="The token contains not enough scope to make this call.";error_category="invalid_grant"`
)

func (s *Server) authenticateBearer(w http.ResponseWriter, token string) (identity, bool) {
	refuse := func(diagnostic string) (identity, bool) {
		w.Header().Set("x-ms-diagnostics", diagnostic)
		s.challenge(w)
		return identity{}, false
	}
	if s.options.AuthBearer == nil {
		return refuse(diagnosticInvalid)
	}
	claims, err := s.options.AuthBearer.Verify(strings.TrimSpace(token))
	switch {
	case errors.Is(err, entrasim.ErrExpiredToken):
		return refuse(diagnosticExpired)
	case err != nil:
		return refuse(diagnosticInvalid)
	case !slices.ContainsFunc(claims.Audience, func(a string) bool { return slices.Contains(s.options.Audiences, strings.TrimSuffix(a, "/")) }):
		return refuse(diagnosticResource)
	}
	if !slices.Contains(claims.Roles, "full_access_as_app") {
		w.Header().Set("x-ms-diagnostics", diagnosticGrant)
		w.WriteHeader(http.StatusForbidden)
		return identity{}, false
	}
	return identity{account: claims.AppID, app: true}, true
}

// actAs applies ExchangeImpersonation; it returns the mailbox that the call is
// made as.
func (s *Server) actAs(who identity, header *soap.Element) (*mailbox, *ewsError) {
	if header == nil {
		if who.app {
			return nil, failWith("ErrorAccessDenied", "ExchangeImpersonation SOAP header must be present for this type of OAuth token.")
		}
		return s.boxes[who.account], nil
	}
	sid := header.Child("ConnectingSID")
	if sid == nil || len(sid.Children) != 1 || strings.TrimSpace(sid.Children[0].Text) == "" {
		return nil, failWith("ErrorInvalidExchangeImpersonationHeaderData", "The impersonation header does not name a mailbox.")
	}
	chosen := sid.Children[0]
	name := normalize(chosen.Text)
	b := s.lookup(name)
	switch chosen.Name {
	case "SID":
		return nil, failWith("ErrorInvalidUserSid", "The SID does not belong to a user.")
	case "PrincipalName":
		if b == nil {
			return nil, failWith("ErrorInvalidUserPrincipalName", "The user principal name is not known.")
		}
	default:
		if !strings.Contains(name, "@") {
			return nil, failWith("ErrorInvalidSmtpAddress", "The SMTP address format is invalid.")
		}
		if b == nil {
			return nil, fail("ErrorNonExistentMailbox")
		}
		if chosen.Name == "PrimarySmtpAddress" && b.Address != name {
			e := failWith("ErrorNonPrimarySmtpAddress", "The primary SMTP address must be specified when referencing a mailbox.")
			e.details = []*soap.Element{value("Primary", b.Address)}
			return nil, e
		}
	}
	if allowed, some := s.mayImpersonate(who.account, b.Address); !allowed {
		if some {
			return nil, fail("ErrorImpersonateUserDenied")
		}
		return nil, fail("ErrorImpersonationDenied")
	}
	if b.Disabled {
		return nil, fail("ErrorAccountDisabled")
	}
	return b, nil
}
