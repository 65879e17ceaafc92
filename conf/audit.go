package conf

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/volatiletech/sqlboiler/v4/boil"
	"github.com/volatiletech/sqlboiler/v4/queries/qm"

	"ews/db/generated"
)

// The actions in the audit trail.
const (
	ActionCreate = "create"
	ActionUpdate = "update"
	ActionDelete = "delete"
)

// AuditEntry is a change of a configuration. It holds no values.
type AuditEntry struct {
	At     time.Time
	User   string // id of the Eliona user, empty if unknown
	Action string
	Fields []string // names of the settings that were changed
}

// auditLimit is how many entries are told at once.
const auditLimit = 1000

// Audit returns the latest changes of a configuration, the latest first, also
// of one that was removed. It fails with ErrNotFound if there never was one.
func (r *Repository) Audit(ctx context.Context, id int64) ([]AuditEntry, error) {
	c := generated.APIAuditColumns
	rows, err := generated.APIAudits(
		qm.Select(c.ID, c.At, c.UserID, c.Action, c.ConfigurationID, c.Fields),
		generated.APIAuditWhere.ConfigurationID.EQ(id), qm.OrderBy(c.ID+" desc"), qm.Limit(auditLimit),
	).All(ctx, r.db)
	if err != nil {
		return nil, fmt.Errorf("reading the changes of configuration %d: %w", id, err)
	}
	if len(rows) == 0 { // one of an earlier release has no trail
		if _, err := find(ctx, r.db, id); err != nil {
			return nil, err
		}
	}
	entries := make([]AuditEntry, 0, len(rows))
	for _, row := range rows {
		entries = append(entries, AuditEntry{At: row.At, User: row.UserID, Action: row.Action, Fields: append([]string{}, row.Fields...)})
	}
	return entries, nil
}

func audit(ctx context.Context, tx *sql.Tx, action, caller string, id int64, fields []string) error {
	entry := generated.APIAudit{Action: action, UserID: caller, ConfigurationID: id, Fields: fields}
	c := generated.APIAuditColumns
	if err := entry.Insert(ctx, tx, boil.Whitelist(c.Action, c.UserID, c.ConfigurationID, c.Fields)); err != nil {
		return fmt.Errorf("recording the %s of configuration %d: %w", action, id, err)
	}
	return nil
}
