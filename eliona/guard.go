package eliona

import (
	"context"
	"errors"
	"fmt"

	"github.com/eliona-smart-building-assistant/go-utils/db"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Connection is what a [Step] may do with the database.
type Connection interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
	Begin(ctx context.Context) (pgx.Tx, error)
}

// session is a connection of our own that lives as long as one attempt.
type session interface {
	Connection
	Close(ctx context.Context) error
}

// connector makes connections as one role. Its errors hold no password.
func connector(connectionString, name string) (func(context.Context) (session, error), error) {
	config, err := pgx.ParseConfig(connectionString)
	if err != nil {
		return nil, errors.New("the init connection string is no PostgreSQL URL")
	}
	config.RuntimeParams["application_name"] = name
	return func(ctx context.Context) (session, error) {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}, nil
}

// aborted is the panic that carries an error past the library, which would end
// the process if it saw it.
type aborted struct{ err error }

func abortOn(err error) {
	if err != nil {
		panic(aborted{err})
	}
}

// caught runs do and returns what it was aborted with.
func caught(do func()) (err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case aborted:
			err = cause.err
		default:
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	do()
	return nil
}

// guard is the connection given to the library. It has the context that the
// library does not pass on, and aborts instead of returning an error that ends
// the process. The library uses Exec for one statement only, outside and after
// the transaction: that is the moment to confirm.
type guard struct {
	session
	ctx     context.Context // the library passes its own background context
	confirm func(context.Context) error
}

func (g *guard) step(step Step) func(db.Connection) error {
	return func(conn db.Connection) error {
		abortOn(step(g.ctx, conn))
		return nil
	}
}

//nolint:contextcheck // the library passes its background context, see guard
func (g *guard) Begin(context.Context) (pgx.Tx, error) {
	tx, err := g.session.Begin(g.ctx)
	if err != nil {
		abortOn(fmt.Errorf("beginning: %w", err))
	}
	return &guardedTx{Tx: tx, ctx: g.ctx}, nil
}

// Exec grants the schema to the role the app runs as. Where the function does
// not exist, or refuses, the library only warns.
//
//nolint:contextcheck // the library passes its background context, see guard
func (g *guard) Exec(_ context.Context, sql string, arguments ...any) (pgconn.CommandTag, error) {
	tag, err := g.session.Exec(g.ctx, sql, arguments...)
	var refused *pgconn.PgError
	if err != nil && !errors.As(err, &refused) {
		abortOn(fmt.Errorf("granting the schema: %w", err))
	}
	abortOn(g.confirm(g.ctx))
	return tag, err
}

type guardedTx struct {
	pgx.Tx
	ctx context.Context // as above
}

//nolint:contextcheck // the library passes its background context, see guard
func (t *guardedTx) Commit(context.Context) error {
	if err := t.Tx.Commit(t.ctx); err != nil {
		abortOn(fmt.Errorf("committing: %w", err))
	}
	return nil
}
