// Package db holds the schema of the app's database.
package db

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed init.sql
var initSQL string

// Executor runs statements, for example a transaction.
type Executor interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
}

// Init creates the schema. On a database that has it, nothing changes.
func Init(ctx context.Context, conn Executor) error {
	if _, err := conn.Exec(ctx, initSQL); err != nil {
		return fmt.Errorf("creating the schema: %w", err)
	}
	return nil
}
