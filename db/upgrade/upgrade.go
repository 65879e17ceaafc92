// Package upgrade brings databases of earlier releases to the schema of this
// one.
//
// Patches run in the order of the list, each in one transaction, on every
// installation that has not applied them: Eliona keeps that record. All run on
// a fresh installation too, right after db.Init, so each is without effect on a
// database that has its result already. Published names are never changed or
// used again; to add a patch, add a file for it and an entry at the end.
package upgrade

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ews/db"
)

// Connection is the transaction of a patch.
type Connection interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
}

// Patch is one step.
type Patch struct {
	Name string // six digits, two each for major, minor and patch
	Run  func(ctx context.Context, conn Connection) error
}

// newestTables adds to a database of this app what db.Init makes by now: columns
// and tables only, which an earlier release does not miss.
func newestTables(ctx context.Context, conn Connection) error { return db.Init(ctx, conn) }

// Patches returns all patches in order.
func Patches() []Patch {
	return []Patch{
		{Name: "010000", Run: takeOver},     // from releases 0.1 to 0.4
		{Name: "010001", Run: newestTables}, // from an earlier state of this app
		{Name: "010002", Run: newestTables}, // the report on what Exchange tells at once
	}
}
