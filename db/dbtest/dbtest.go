// Package dbtest gives every test a PostgreSQL database of its own.
//
// A package that uses it hands its tests over in TestMain:
//
//	func TestMain(m *testing.M) { dbtest.Main(m) }
//
// The tests of one package share one throw-away server, started by the first
// test that asks for a database and stopped by Main. The environment variable
// TEST_DATABASE_URL names an existing server instead (superuser, URL form).
package dbtest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/peterldowns/pgtestdb"

	"ews/db/postgres"
)

// Variable names an existing server in the environment.
const Variable = "TEST_DATABASE_URL"

// process is what the tests of this process share. TestMain has no way to
// hand a value to tests, so it has to be a variable.
var process shared

type shared struct {
	mutex   sync.Mutex
	managed bool // Main or Run watches over the server
	server  *postgres.Server
}

// Main runs the tests, stops the server and ends the process.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a TestMain with more to do: it returns the exit code.
func Run(m *testing.M) int {
	process.manage()
	code := m.Run()
	if err := process.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "dbtest:", err)
		return max(code, 1)
	}
	return code
}

// Suite are tests that somebody else runs: a TestMain that looks for leaks calls
//
//	goleak.VerifyTestMain(dbtest.Suite{M: m})
type Suite struct{ M *testing.M }

// Run runs the tests, stops the server and returns the exit code.
func (s Suite) Run() int { return Run(s.M) }

// New returns the URL of a new database with the schema of the app. The
// database is dropped after the test, unless that failed.
func New(t testing.TB) string {
	t.Helper()
	return database(t, schema{})
}

// Empty returns the URL of a new database without any schema.
func Empty(t testing.TB) string {
	t.Helper()
	return database(t, pgtestdb.NoopMigrator{})
}

// Open returns a pool of connections to the database at url that is closed
// after the test.
func Open(t testing.TB, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatalf("opening the test database: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the test database: %v", err)
		}
	})
	return db
}

func database(t testing.TB, migrator pgtestdb.Migrator) string {
	t.Helper()
	address, err := process.address(t.Context())
	if err != nil {
		t.Fatalf("getting a PostgreSQL server: %v", err)
	}
	config, err := configure(address)
	if err != nil {
		t.Fatalf("reading the address of the PostgreSQL server: %v", err)
	}
	return pgtestdb.Custom(t, config, migrator).URL()
}

func configure(address string) (pgtestdb.Config, error) {
	u, err := url.Parse(address)
	if err != nil {
		return pgtestdb.Config{}, fmt.Errorf("parsing %s: %w", Variable, err)
	}
	// pgtestdb puts the parts together again without escaping them.
	password, _ := u.User.Password()
	password = url.QueryEscape(password)
	return pgtestdb.Config{
		DriverName: "pgx",
		Host:       u.Hostname(),
		Port:       u.Port(),
		User:       u.User.Username(),
		Password:   password,
		Database:   u.Path[min(1, len(u.Path)):],
		Options:    u.RawQuery,
		// The tests work with the same rights as the server's owner.
		TestRole:                  &pgtestdb.Role{Username: u.User.Username(), Password: password, Capabilities: "SUPERUSER"},
		ForceTerminateConnections: true,
	}, nil
}

func (p *shared) manage() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.managed = true
}

func (p *shared) address(ctx context.Context) (string, error) {
	if address := os.Getenv(Variable); address != "" {
		return address, nil
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !p.managed {
		return "", errors.New("this package needs: func TestMain(m *testing.M) { dbtest.Main(m) }")
	}
	if p.server == nil {
		server, err := postgres.Start(ctx, postgres.Options{})
		if err != nil {
			return "", err
		}
		p.server = server
	}
	return p.server.URL("postgres"), nil
}

func (p *shared) stop() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.server == nil {
		return nil
	}
	server := p.server
	p.server = nil
	return server.Stop()
}

// schema applies db/init.sql to the template that test databases are copied of.
type schema struct{}

// Hash names the template after the content of the file.
func (schema) Hash() (string, error) {
	text, err := initSQL()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}

// Migrate runs the file as one batch, as the app does.
func (schema) Migrate(ctx context.Context, db *sql.DB, _ pgtestdb.Config) error {
	text, err := initSQL()
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, string(text)); err != nil {
		return fmt.Errorf("applying the schema: %w", err)
	}
	return nil
}

// initSQL reads the schema from the repository the test runs in.
func initSQL() ([]byte, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the repository: %w", err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "db", "init.sql")) //nolint:gosec // a file of the repository
		if err == nil {
			return text, nil
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, os.ErrNotExist) || parent == dir {
			return nil, fmt.Errorf("reading db/init.sql above the working directory: %w", err)
		}
		dir = parent
	}
}
