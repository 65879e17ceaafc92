package exchangesim

import (
	"context"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestExchangelib drives the server with an independent client.
func TestExchangelib(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.CommandContext(t.Context(), python, "-c", "import exchangelib, requests_ntlm").Run(); err != nil {
		t.Skip("the Python package exchangelib is not installed (Debian: python3-exchangelib)")
	}
	for _, auth := range []struct {
		kind, user string
		binding    bool
	}{
		{"NTLM", `EXAMPLE\alice`, false}, {"NTLM", "alice@example.com", true}, {"BASIC", "alice@example.com", false}, {"GUESS", "alice@example.com", false},
	} {
		t.Run(auth.kind+" "+auth.user, func(t *testing.T) {
			f := start(t, Options{DecisionDelay: 30 * time.Millisecond, Clock: time.Now, RequireChannelBinding: auth.binding})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = f.Run(ctx)
			}()
			defer func() { cancel(); <-done }()
			ca := filepath.Join(t.TempDir(), "ca.pem")
			block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.http.Certificate().Raw})
			require.NoError(t, os.WriteFile(ca, block, 0o600))
			url := f.http.URL + "/EWS/Exchange.asmx"
			out, err := exec.CommandContext(ctx, python, "testdata/exchangelib_client.py", url, auth.user, "secret", auth.kind, ca).CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.True(t, strings.HasSuffix(strings.TrimSpace(string(out)), "done"), "%s", out)
		})
	}
}
